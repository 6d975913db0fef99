#include "limequat/http/message.h"

#include <algorithm>

#include "limequat/base/check.h"
#include "limequat/http/response.h"

namespace limequat::http {
namespace {

std::optional<std::string_view> FindPair(
    const std::vector<std::pair<std::string, std::string>>& pairs, std::string_view name) {
  const auto it = std::ranges::find(
      pairs, name, [](const auto& pair) -> std::string_view { return pair.first; });
  if (it == pairs.end()) return std::nullopt;
  return it->second;
}

}  // namespace

std::string_view MethodName(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
  }
  LQ_CHECK(false);
}

Headers& Headers::Set(std::string_view name, std::string_view value) {
  std::erase_if(fields_, [&](const auto& field) { return EqualName(field.first, name); });
  return Add(name, value);
}

Headers& Headers::Add(std::string_view name, std::string_view value) {
  fields_.emplace_back(name, value);
  return *this;
}

std::optional<std::string_view> Headers::Find(std::string_view name) const {
  for (const auto& [field, value] : fields_) {
    if (EqualName(field, name)) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::QueryParameter(std::string_view name) const {
  return FindPair(query, name);
}

std::string_view Request::PathParameter(std::string_view name) const {
  const std::optional<std::string_view> value = FindPair(path_parameters, name);
  LQ_CHECK(value.has_value());
  return *value;
}

Response Reply(int status, std::string body, std::string_view content_type) {
  Response response;
  response.status = status;
  response.content_type = content_type;
  response.body = std::move(body);
  return response;
}

int HttpStatus(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformed:
      return 400;
    case ErrorCode::kUnsupported:
      return 501;
    case ErrorCode::kUntrusted:
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kInternal:
      return 500;
  }
  LQ_CHECK(false);
}

}  // namespace limequat::http
