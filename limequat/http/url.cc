#include "limequat/http/url.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "limequat/base/escape.h"
#include "limequat/http/client.h"

namespace limequat::http {
namespace {

bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::optional<int> HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// A value of a query: percent-encoding and '+' for a blank (application/x-www-form-urlencoded).
std::optional<std::string> DecodeQuery(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      if (text.size() - i < 3) return std::nullopt;
      const std::optional<int> high = HexDigit(text[i + 1]);
      const std::optional<int> low = HexDigit(text[i + 2]);
      if (!high || !low) return std::nullopt;
      decoded += static_cast<char>(*high * 16 + *low);
      i += 2;
    }
  }
  return decoded;
}

Error BadUrl(std::string_view url, std::string_view why) {
  return Malformed("http.url", "\"" + EscapeForDisplay(url, 256) + "\": " + std::string(why));
}

// Letters, digits, '.', '-', '_' (names and IPv4) or, in brackets, an IPv6 address.
bool IsHostCharacter(char c, bool bracketed) {
  if (bracketed) return HexDigit(c).has_value() || c == ':' || c == '.';
  return IsUnreserved(c) && c != '~';
}

// Cuts host and port off the authority of a URL.
std::optional<std::string_view> SplitAuthority(std::string_view authority, Url& url) {
  const bool bracketed = authority.starts_with('[');
  std::string_view rest;
  std::string_view host;
  if (bracketed) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return "the bracket does not close";
    host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
    if (host.find(':') == std::string_view::npos) return "brackets are for IPv6 addresses";
  } else {
    const std::size_t colon = authority.find(':');
    host = authority.substr(0, colon);
    if (colon != std::string_view::npos) rest = authority.substr(colon);
  }
  if (host.empty() || host.size() > 253) return "no host, or one longer than 253 characters";
  if (!std::ranges::all_of(host, [&](char c) { return IsHostCharacter(c, bracketed); })) {
    return "a character that no host has";
  }
  url.host = host;
  if (rest.empty()) return std::nullopt;
  if (rest.front() != ':') return "text behind the bracket";
  rest.remove_prefix(1);
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), url.port);
  if (error != std::errc() || end != rest.data() + rest.size() || url.port == 0) {
    return "a port is a number from 1 to 65535";
  }
  return std::nullopt;
}

}  // namespace

bool IsOriginForm(std::string_view target) {
  return target.starts_with('/') &&
         std::ranges::all_of(target, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
}

Status SplitTarget(std::string_view target, Request& request) {
  if (!IsOriginForm(target)) {
    return Malformed("http.target", "\"" + EscapeForDisplay(target, 128) + "\" is no path");
  }
  request.target = target;
  const std::size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  if (mark == std::string_view::npos) return {};
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (pair.empty()) continue;
    if (request.query.size() == kMaxQueryParameters) {
      return Malformed("http.target", "more than 64 parameters");
    }
    const std::size_t equals = std::min(pair.find('='), pair.size());
    std::optional<std::string> name = DecodeQuery(pair.substr(0, equals));
    std::optional<std::string> value = DecodeQuery(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return Malformed("http.target", "broken percent-encoding in the query");
    request.query.emplace_back(*std::move(name), *std::move(value));
  }
  return {};
}

Result<Url> ParseUrl(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    url.tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return BadUrl(text, "expected http:// or https://");
  }
  url.port = url.tls ? 443 : 80;
  const std::size_t path = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view authority = rest.substr(0, path);
  if (authority.find('@') != std::string_view::npos) {
    // Not even quoted: user information is a password more often than not.
    return Malformed("http.url", "user information in a URL is refused");
  }
  if (const auto why = SplitAuthority(authority, url)) return BadUrl(text, *why);
  rest.remove_prefix(path);
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  if (!IsOriginForm(url.target))
    return BadUrl(text, "fragments and control characters are refused");
  return url;
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kDigits[byte >> 4U];
      encoded += kDigits[byte & 15U];
    }
  }
  return encoded;
}

}  // namespace limequat::http
