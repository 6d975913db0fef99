#include "limequat/wire/envelope.h"

#include <span>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/wire/document.h"
#include "limequat/wire/version.h"

namespace limequat::wire {

namespace {

// An envelope may hold a whole measurement list.
constexpr std::size_t kMaxEnvelope = 64U << 20U;
constexpr int kRegistrarIndent = 4;
constexpr std::size_t kMaxVersions = 64;
constexpr std::size_t kMaxVersionText = 16;
constexpr std::size_t kMaxStatusText = 64U << 10U;

json::Array VersionList(std::span<const ApiVersion> versions) {
  json::Array list;
  for (const ApiVersion& version : versions) list.emplace_back(version.ToString());
  return list;
}

}  // namespace

std::string WriteEnvelope(const Envelope& envelope, bool indented) {
  const json::Value document = json::Object{
      {"code", envelope.code}, {"status", envelope.status}, {"results", envelope.results}};
  return indented ? json::Pretty(document, kRegistrarIndent) : json::Serialize(document);
}

Result<Envelope> ParseEnvelope(std::string_view body) {
  Result<json::Value> document = ParseDocument(body, kMaxEnvelope, "wire.envelope");
  if (!document) return Malformed("wire.envelope", std::move(document).error().message);
  json::ObjectReader in(*document, "envelope");
  Envelope envelope;
  envelope.code = static_cast<int>(in.Int("code", 100, 599));
  envelope.status = in.String("status");
  if (envelope.status.size() > kMaxStatusText) in.Fail("status", "too long");
  if (Status status = in.status(); !status) {
    return Malformed("wire.envelope", std::move(status).error().message);
  }
  if (const json::Value* results = in.Any("results")) envelope.results = *results;
  return envelope;
}

std::string WriteRefusal(int status, std::string_view detail) {
  return json::Serialize(
      json::Object{{"errors", json::Array{json::Object{{"status", std::to_string(status)},
                                                       {"title", ReasonPhrase(status)},
                                                       {"detail", detail}}}}});
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Unknown";
  }
}

json::Object WriteServerVersions() {
  const std::span<const ApiVersion> versions = ServerVersions();
  return {{"current_version", versions.back().ToString()},
          {"supported_versions", VersionList(versions)}};
}

json::Object WriteAgentVersions() {
  const std::span<const ApiVersion> versions = AgentVersions();
  return {{"supported_version", versions.back().ToString()},
          {"supported_versions", VersionList(versions)}};
}

Result<Versions> ParseVersions(const json::Value& results) {
  json::ObjectReader in(results, "versions");
  Versions versions;
  std::optional<std::string> current =
      OptionalBoundedString(in, "current_version", kMaxVersionText);
  // Agents have another name for it.
  if (!current) current = OptionalBoundedString(in, "supported_version", kMaxVersionText);
  const json::Value* list = in.Any("supported_versions");
  if (list != nullptr && list->as_string() != nullptr) {
    versions.supported.push_back(BoundedString(in, "supported_versions", kMaxVersionText));
  } else if (list != nullptr) {
    versions.supported = BoundedStrings(in, "supported_versions", kMaxVersions, kMaxVersionText);
  } else if (current) {
    versions.supported.push_back(*current);
  } else {
    in.Fail("supported_versions", "is absent");
  }
  LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.versions"));
  versions.current = std::move(current).value_or("");
  return versions;
}

}  // namespace limequat::wire
