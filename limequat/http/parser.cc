#include "limequat/http/parser.h"

#include <algorithm>
#include <array>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "limequat/base/check.h"

namespace limequat::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;
using BoostError = boost::system::error_code;

constexpr int kMaxInformational = 8;
constexpr std::size_t kFirstReserve = 64U << 10U;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

std::optional<Method> ToMethod(beast::http::verb verb) {
  switch (verb) {
    case beast::http::verb::get:
      return Method::kGet;
    case beast::http::verb::post:
      return Method::kPost;
    case beast::http::verb::put:
      return Method::kPut;
    case beast::http::verb::patch:
      return Method::kPatch;
    case beast::http::verb::delete_:
      return Method::kDelete;
    default:
      return std::nullopt;
  }
}

void Fail(BoostError& error) { error = beast::http::error::bad_value; }

// Memory follows what has arrived, not what was announced.
void Reserve(std::string& body, const boost::optional<std::uint64_t>& announced) {
  if (announced)
    body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(*announced, kFirstReserve)));
}

// What a parser of Beast calls back into, for requests.
class RequestSink final : public beast::http::basic_parser<true> {
 public:
  std::optional<Method> method;
  bool is_head = false;
  bool http11 = false;
  std::string target;
  Headers headers;
  std::string body;
  bool expects_continue = false;
  bool unknown_expectation = false;
  int hosts = 0;
  int status = 400;
  std::string_view why;

  // RFC 9112: whatever a proxy in front could understand differently is refused.
  bool CheckHead() {
    if (http11 ? hosts != 1 : hosts > 1) return Refuse(400, "exactly one Host is required");
    if (transfer_encodings_ > 0 && !http11) return Refuse(400, "Transfer-Encoding in HTTP/1.0");
    return true;
  }

 private:
  bool Refuse(int refusal, std::string_view reason) {
    status = refusal;
    why = reason;
    return false;
  }

  void on_request_impl(beast::http::verb verb, beast::string_view, beast::string_view path,
                       int version, BoostError&) override {
    method = ToMethod(verb);
    is_head = verb == beast::http::verb::head;
    http11 = version == 11;
    target = View(path);
  }

  void on_field_impl(field name, beast::string_view name_text, beast::string_view value,
                     BoostError& error) override {
    if (in_trailer_) return;  // RFC 9110, 6.5.1: trailers are not headers
    switch (name) {
      case field::host:
        ++hosts;
        break;
      case field::content_length:
        if (++content_lengths_ > 1 || value.find(',') != beast::string_view::npos) {
          Refuse(400, "more than one Content-Length");
          Fail(error);
        }
        break;
      case field::transfer_encoding:
        if (++transfer_encodings_ > 1 || !beast::iequals(value, "chunked")) {
          Refuse(501, "a Transfer-Encoding other than chunked");
          Fail(error);
        }
        break;
      case field::expect:
        (beast::iequals(value, "100-continue") ? expects_continue : unknown_expectation) = true;
        break;
      default:
        break;
    }
    headers.Add(View(name_text), View(value));
  }

  void on_header_impl(BoostError&) override { in_trailer_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, BoostError&) override {
    Reserve(body, length);
  }
  std::size_t on_body_impl(beast::string_view data, BoostError&) override {
    body.append(data.data(), data.size());
    return data.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, BoostError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view data, BoostError&) override {
    body.append(data.data(), data.size());
    return data.size();
  }
  void on_finish_impl(BoostError&) override {}
  void on_response_impl(int, beast::string_view, int, BoostError&) override {}

  bool in_trailer_ = false;
  int content_lengths_ = 0;
  int transfer_encodings_ = 0;
};

class ResponseSink final : public beast::http::basic_parser<false> {
 public:
  ClientResponse response;
  std::size_t max_body = 0;
  bool too_long = false;

  bool informational() const { return response.status / 100 == 1; }

 private:
  void on_response_impl(int status, beast::string_view, int, BoostError&) override {
    response.status = status;
  }

  void on_field_impl(field name, beast::string_view name_text, beast::string_view value,
                     BoostError& error) override {
    if (in_trailer_) return;
    if (name == field::transfer_encoding && !beast::iequals(value, "chunked")) Fail(error);
    response.headers.Add(View(name_text), View(value));
  }

  void on_header_impl(BoostError&) override { in_trailer_ = true; }

  void on_body_init_impl(const boost::optional<std::uint64_t>& length, BoostError& error) override {
    if (length && *length > max_body) {
      too_long = true;
      Fail(error);
      return;
    }
    Reserve(response.body, length);
  }

  std::size_t Add(beast::string_view data, BoostError& error) {
    if (data.size() > max_body - response.body.size()) {
      too_long = true;
      Fail(error);
      return 0;
    }
    response.body.append(data.data(), data.size());
    return data.size();
  }

  std::size_t on_body_impl(beast::string_view data, BoostError& error) override {
    return Add(data, error);
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, BoostError&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view data,
                                 BoostError& error) override {
    return Add(data, error);
  }
  void on_finish_impl(BoostError&) override {}
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                       BoostError&) override {}

  bool in_trailer_ = false;
};

// Finds the end of a head in bytes that come in pieces. Beast by itself would take the
// fields one by one and bound each, not all of them together.
class HeadScanner {
 public:
  void Reset(std::size_t max_header) {
    max_header_ = max_header;
    scanned_ = 0;
  }

  // The size of the head with its empty line; 0: more bytes are needed; nullopt: too long.
  std::optional<std::size_t> Find(std::string_view input) {
    const std::size_t end = input.find("\r\n\r\n", scanned_);
    if (end != std::string_view::npos && end + 4 <= max_header_) return end + 4;
    if (input.size() >= max_header_) return std::nullopt;
    scanned_ = input.size() < 3 ? 0 : input.size() - 3;
    return 0;
  }

 private:
  std::size_t max_header_ = 0;
  std::size_t scanned_ = 0;
};

// A line that goes on behind a line break is obsolete and read in different ways (RFC 9112, 5.2).
bool HasFoldedLine(std::string_view head) {
  return head.find("\r\n ") != std::string_view::npos ||
         head.find("\r\n\t") != std::string_view::npos;
}

}  // namespace

struct RequestParser::Impl {
  std::optional<RequestSink> sink;
  HeadScanner head;
  std::size_t max_header = 0;
  int failure_status = 400;
  std::string failure;

  Parsed Refuse(int status, std::string_view why) {
    failure_status = status;
    failure = why;
    return Parsed::kFailed;
  }

  Parsed Refuse(const BoostError& error) {
    if (!sink->why.empty()) return Refuse(sink->status, sink->why);
    if (error == beast::http::error::header_limit) return Refuse(431, "the header is too long");
    if (error == beast::http::error::bad_version) return Refuse(505, "not HTTP/1.0 or HTTP/1.1");
    return Refuse(400, error.message());
  }

  Parsed FeedHead(std::string_view& input) {
    // A TLS greeting or other binary bytes: no use waiting for the end of the head.
    if (!input.empty() && (input.front() < '!' || input.front() > '~')) {
      return Refuse(400, "not HTTP");
    }
    const std::optional<std::size_t> size = head.Find(input);
    if (!size) return Refuse(431, "the header is too long");
    if (*size == 0) return Parsed::kNeedMore;
    if (HasFoldedLine(input.substr(0, *size))) return Refuse(400, "a folded header line");
    BoostError error;
    input.remove_prefix(sink->put(boost::asio::buffer(input.data(), *size), error));
    if (error) return Refuse(error);
    if (!sink->is_header_done()) return Refuse(400, "an empty line in the header");
    return sink->CheckHead() ? Parsed::kHead : Refuse(sink->status, sink->why);
  }
};

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {}
RequestParser::~RequestParser() = default;

void RequestParser::Reset(std::size_t max_header) {
  impl_->sink.emplace();
  impl_->sink->header_limit(static_cast<std::uint32_t>(max_header));
  impl_->sink->body_limit(boost::none);  // the route's limit, which is not known yet
  impl_->head.Reset(max_header);
  impl_->max_header = max_header;
}

Parsed RequestParser::Feed(std::string_view& input) {
  RequestSink& sink = *impl_->sink;
  if (!sink.is_header_done()) return impl_->FeedHead(input);
  while (!sink.is_done()) {
    if (input.empty()) return Parsed::kNeedMore;
    BoostError error;
    input.remove_prefix(sink.put(boost::asio::buffer(input.data(), input.size()), error));
    if (error == beast::http::error::need_more) {
      // A chunk's extensions and the trailers count as a header.
      if (input.size() <= impl_->max_header) return Parsed::kNeedMore;
      return impl_->Refuse(431, "a line between chunks is too long");
    }
    if (error) return impl_->Refuse(error);
  }
  return Parsed::kDone;
}

int RequestParser::failure_status() const { return impl_->failure_status; }
std::string_view RequestParser::failure() const { return impl_->failure; }
std::optional<Method> RequestParser::method() const { return impl_->sink->method; }
bool RequestParser::is_head() const { return impl_->sink->is_head; }
std::string_view RequestParser::target() const { return impl_->sink->target; }
Headers& RequestParser::headers() { return impl_->sink->headers; }
bool RequestParser::http11() const { return impl_->sink->http11; }
bool RequestParser::keep_alive() const { return impl_->sink->keep_alive(); }
bool RequestParser::expects_continue() const { return impl_->sink->expects_continue; }
bool RequestParser::unknown_expectation() const { return impl_->sink->unknown_expectation; }
bool RequestParser::chunked() const { return impl_->sink->chunked(); }
std::uint64_t RequestParser::content_length() const {
  return impl_->sink->content_length().value_or(0);
}
bool RequestParser::complete() const { return impl_->sink->is_done(); }
std::string& RequestParser::body() { return impl_->sink->body; }

struct ResponseParser::Impl {
  std::optional<ResponseSink> sink;
  HeadScanner head;
  std::size_t max_header = 0;
  std::size_t max_body = 0;
  int informational = 0;
  bool begun = false;
  std::string failure;

  void Start() {
    sink.emplace();
    sink->header_limit(static_cast<std::uint32_t>(max_header));
    sink->body_limit(boost::none);
    sink->max_body = max_body;
    head.Reset(max_header);
  }

  Parsed Refuse(std::string_view why) {
    failure = why;
    return Parsed::kFailed;
  }

  Parsed FeedOne(std::string_view& input) {
    while (!sink->is_done()) {
      std::size_t usable = input.size();
      if (!sink->is_header_done()) {
        const std::optional<std::size_t> size = head.Find(input);
        if (!size) return Refuse("the header is too long");
        usable = *size;
      }
      if (usable == 0) return Parsed::kNeedMore;
      BoostError error;
      input.remove_prefix(sink->put(boost::asio::buffer(input.data(), usable), error));
      if (error == beast::http::error::need_more && sink->is_header_done()) {
        if (input.size() <= max_header) return Parsed::kNeedMore;
        return Refuse("a line between chunks is too long");
      }
      if (error) return Refuse(sink->too_long ? "the body is too long" : error.message());
      if (!sink->is_header_done()) return Refuse("an empty line in the header");
    }
    return Parsed::kDone;
  }
};

ResponseParser::ResponseParser(std::size_t max_header) : impl_(std::make_unique<Impl>()) {
  impl_->max_header = max_header;
}
ResponseParser::~ResponseParser() = default;

void ResponseParser::Reset(std::size_t max_body) {
  impl_->max_body = max_body;
  impl_->informational = 0;
  impl_->begun = false;
  impl_->Start();
}

Parsed ResponseParser::Feed(std::string_view& input) {
  impl_->begun = impl_->begun || !input.empty();
  for (;;) {
    const Parsed parsed = impl_->FeedOne(input);
    if (parsed != Parsed::kDone || !impl_->sink->informational()) return parsed;
    if (++impl_->informational > kMaxInformational) return impl_->Refuse("too many 1xx answers");
    if (impl_->sink->response.status == 101) return impl_->Refuse("an upgrade nobody asked for");
    impl_->Start();
  }
}

Parsed ResponseParser::FeedEnd() {
  ResponseSink& sink = *impl_->sink;
  BoostError error;
  if (!sink.is_header_done()) return impl_->Refuse("the answer ends in its header");
  sink.put_eof(error);
  if (error || !sink.is_done()) return impl_->Refuse("the answer ends before its body does");
  return Parsed::kDone;
}

std::string_view ResponseParser::failure() const { return impl_->failure; }
bool ResponseParser::too_long() const { return impl_->sink->too_long; }
bool ResponseParser::begun() const { return impl_->begun; }
bool ResponseParser::keep_alive() const { return impl_->sink->keep_alive(); }
ClientResponse& ResponseParser::response() { return impl_->sink->response; }

}  // namespace limequat::http
