#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/http/client.h"
#include "limequat/http/message.h"

namespace limequat::http {

enum class Parsed {
  kNeedMore,  // everything was used that can be: more bytes are needed
  kHead,      // the head is complete; reported once
  kDone,      // the message is complete; what is left belongs to the next one
  kFailed,
};

// Reads one HTTP/1.x request after another from hostile bytes (RFC 9112), strictly: what two
// servers could understand differently is refused. A body is appended to body().
class RequestParser {
 public:
  RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;
  ~RequestParser();

  // Starts a message whose head, and later each line between chunks, has at most `max_header`
  // bytes.
  void Reset(std::size_t max_header);
  // Goes on as far as `input` allows and removes what was used from its front. While
  // the head is incomplete nothing is removed: call again with the same bytes and more.
  Parsed Feed(std::string_view& input);

  // After kFailed: the status to answer with (400, 431, 501, 505) and why.
  int failure_status() const;
  std::string_view failure() const;

  // After kHead.
  std::optional<Method> method() const;  // nullopt: a method that is not served
  bool is_head() const;
  std::string_view target() const;
  Headers& headers();
  bool http11() const;
  bool keep_alive() const;
  bool expects_continue() const;
  bool unknown_expectation() const;  // RFC 9110, 10.1.1: 417
  bool chunked() const;
  std::uint64_t content_length() const;
  bool complete() const;
  std::string& body();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Reads one HTTP/1.x response after another; informational ones are skipped.
class ResponseParser {
 public:
  explicit ResponseParser(std::size_t max_header);
  ResponseParser(const ResponseParser&) = delete;
  ResponseParser& operator=(const ResponseParser&) = delete;
  ~ResponseParser();

  void Reset(std::size_t max_body);
  Parsed Feed(std::string_view& input);
  // The connection ended in order: completes a body without a length.
  Parsed FeedEnd();

  std::string_view failure() const;
  bool too_long() const;    // after kFailed: the body was longer than max_body
  bool begun() const;       // whether any byte has been fed since Reset
  bool keep_alive() const;  // after kDone
  bool http10() const;      // after the head: an answer of HTTP/1.0
  ClientResponse& response();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace limequat::http
