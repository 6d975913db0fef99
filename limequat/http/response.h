#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/http/message.h"

namespace limequat::http {

// The standard's name of a status, "" for one it does not know (RFC 9110, 15).
std::string_view ReasonPhrase(int status);

// What the connection adds to a response.
struct Framing {
  bool http11 = true;
  bool keep_alive = true;
  bool chunked = false;
  std::optional<std::size_t> content_length = std::nullopt;
  std::string_view request_id = {};  // echoed, may be empty
};

// Appends the head of `response` to `out`. Headers that belong to the connection
// (Content-Length, Transfer-Encoding, Connection, Date) are set here and dropped from
// the response. kInternal ("http.header") for names or values that would break the
// message; then `out` is as before.
Status AppendHead(const Response& response, const Framing& framing, std::string& out);

// Whether two names of headers are the same.
bool EqualName(std::string_view a, std::string_view b);

// Whether `name` is a token and `value` has no CR, LF or NUL.
bool IsSendable(std::string_view name, std::string_view value);

// Whether a response with this status has a body at all (RFC 9110, 6.4.1).
bool HasBody(int status);

// Appends `piece` as a chunk (RFC 9112, 7.1); it must not be empty.
void AppendChunk(std::string_view piece, std::string& out);

// Appends `event` in the form of a stream; kInternal ("http.event") for line breaks
// in its id or name.
Status AppendEvent(const Event& event, std::string& out);

}  // namespace limequat::http
