#include "limequat/http/response.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <iterator>

#include <fmt/format.h>

#include "limequat/base/escape.h"

namespace limequat::http {
namespace {

bool IsTokenCharacter(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool BelongsToConnection(std::string_view name) {
  return EqualName(name, "Content-Length") || EqualName(name, "Transfer-Encoding") ||
         EqualName(name, "Connection") || EqualName(name, "Date");
}

// The time as RFC 9110, 5.6.7 wants it; made once a second.
std::string_view DateNow() {
  struct Cache {
    std::time_t second = -1;
    std::string text;
  };
  thread_local Cache cache;
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  if (now != cache.second) {
    static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm utc{};
    gmtime_r(&now, &utc);
    cache.text = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                             kDays.at(static_cast<std::size_t>(utc.tm_wday)), utc.tm_mday,
                             kMonths.at(static_cast<std::size_t>(utc.tm_mon)), utc.tm_year + 1900,
                             utc.tm_hour, utc.tm_min, utc.tm_sec);
    cache.second = now;
  }
  return cache.text;
}

bool HasLineBreak(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
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
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
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
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

bool EqualName(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, [&](char x, char y) { return lower(x) == lower(y); });
}

bool IsSendable(std::string_view name, std::string_view value) {
  return !name.empty() && std::ranges::all_of(name, IsTokenCharacter) && !HasLineBreak(value);
}

bool HasBody(int status) { return status / 100 != 1 && status != 204 && status != 304; }

Status AppendHead(const Response& response, const Framing& framing, std::string& out) {
  const std::size_t before = out.size();
  const auto refuse = [&](std::string_view name) {
    out.resize(before);
    return Internal("http.header", "header " + EscapeForDisplay(name, 64) + " cannot be sent");
  };
  const auto add = [&](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status,
                 ReasonPhrase(response.status));
  if (!response.content_type.empty()) {
    if (!IsSendable("Content-Type", response.content_type)) return refuse("Content-Type");
    add("Content-Type", response.content_type);
  }
  bool has_request_id = false;
  for (const auto& [name, value] : response.headers) {
    if (!IsSendable(name, value)) return refuse(name);
    if (BelongsToConnection(name)) continue;
    has_request_id = has_request_id || EqualName(name, "X-Request-ID");
    add(name, value);
  }
  if (!has_request_id) add("X-Request-ID", framing.request_id);
  add("Date", DateNow());
  if (framing.content_length) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", *framing.content_length);
  }
  if (framing.chunked) add("Transfer-Encoding", "chunked");
  if (!framing.keep_alive) {
    add("Connection", "close");
  } else if (!framing.http11) {
    add("Connection", "keep-alive");
  }
  out += "\r\n";
  return {};
}

void AppendChunk(std::string_view piece, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{:x}\r\n", piece.size());
  out.append(piece).append("\r\n");
}

Status AppendEvent(const Event& event, std::string& out) {
  if (HasLineBreak(event.id) || HasLineBreak(event.name)) {
    return Internal("http.event", "an event's id or name has a line break");
  }
  if (!event.id.empty()) out.append("id: ").append(event.id).append("\n");
  if (!event.name.empty()) out.append("event: ").append(event.name).append("\n");
  std::string_view rest = event.data;
  for (;;) {
    const std::size_t end = rest.find_first_of("\r\n");
    out.append("data: ").append(rest.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    rest.remove_prefix(rest.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  out += "\n";
  return {};
}

}  // namespace limequat::http
