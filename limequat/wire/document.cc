#include "limequat/wire/document.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace limequat::wire {

namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxHost = 255;

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == ':' || c == '%' || c == '-';
}

std::optional<std::uint16_t> PortFromText(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

}  // namespace

Result<json::Value> ParseDocument(std::string_view text, std::size_t max_bytes,
                                  std::string_view prefix) {
  json::ParseLimits limits;
  limits.max_bytes = max_bytes;
  limits.max_depth = kMaxDepth;
  Result<json::Value> value = json::Parse(text, limits);
  if (!value) return Malformed(fmt::format("{}.json", prefix), std::move(value).error().message);
  return value;
}

Status MemberStatus(const json::ObjectReader& in, std::string_view prefix) {
  if (Status status = in.status(); !status) {
    return Malformed(fmt::format("{}.member", prefix), std::move(status).error().message);
  }
  return {};
}

std::string BoundedString(json::ObjectReader& in, std::string_view name, std::size_t most) {
  std::string text = in.String(name);
  if (text.empty()) {
    in.Fail(name, "is empty");
  } else if (text.size() > most) {
    in.Fail(name, fmt::format("{} bytes, at most {} are allowed", text.size(), most));
  }
  return text;
}

std::optional<std::string> OptionalBoundedString(json::ObjectReader& in, std::string_view name,
                                                 std::size_t most) {
  std::optional<std::string> text = in.OptionalString(name);
  if (text && text->size() > most) {
    in.Fail(name, fmt::format("{} bytes, at most {} are allowed", text->size(), most));
  }
  return text;
}

std::vector<std::string> BoundedStrings(json::ObjectReader& in, std::string_view name,
                                        std::size_t most_items, std::size_t most) {
  std::vector<std::string> texts = in.Strings(name);
  if (texts.size() > most_items) {
    in.Fail(name, fmt::format("{} items, at most {} are allowed", texts.size(), most_items));
  }
  if (std::ranges::any_of(texts, [&](const std::string& text) { return text.size() > most; })) {
    in.Fail(name, fmt::format("an item of more than {} bytes", most));
  }
  return texts;
}

Bytes PublicArea(json::ObjectReader& in, std::string_view name) {
  Bytes bytes = in.Base64(name);
  if (bytes.empty()) {
    in.Fail(name, "is empty");
  } else if (bytes.size() > kMaxPublicArea) {
    in.Fail(name, fmt::format("{} bytes, at most {} are allowed", bytes.size(), kMaxPublicArea));
  }
  return bytes;
}

std::optional<std::uint16_t> OptionalPort(json::ObjectReader& in, std::string_view name) {
  const json::Value* value = in.Any(name);
  if (value != nullptr && value->as_string() != nullptr) {
    const std::optional<std::uint16_t> port = PortFromText(in.String(name));
    if (!port) in.Fail(name, "not a port number");
    return port;
  }
  const std::optional<std::int64_t> port = in.OptionalInt(name, 1, 65535);
  if (!port) return std::nullopt;
  return static_cast<std::uint16_t>(*port);
}

std::optional<std::string> OptionalHost(json::ObjectReader& in, std::string_view name) {
  std::optional<std::string> host = OptionalBoundedString(in, name, kMaxHost);
  if (!host || host->empty()) return std::nullopt;
  if (!std::ranges::all_of(*host, IsHostCharacter)) in.Fail(name, "not a host name or address");
  return host;
}

json::Array ToArray(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

}  // namespace limequat::wire
