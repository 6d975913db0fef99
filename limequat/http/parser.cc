#include "limequat/http/parser.h"

#include <algorithm>
#include <limits>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "limequat/http/body_reader.h"

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
void Reserve(std::string& body, std::uint64_t announced) {
  body.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(announced, kFirstReserve)));
}

// Beast parses heads only. Its reader of bodies asserts on a final chunk that comes in
// certain pieces (Boost 1.81), and input must never reach an assertion.
template <bool kRequest>
class HeadSink : public beast::http::basic_parser<kRequest> {
 public:
  Headers headers;

 protected:
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                       BoostError&) override {}
  void on_response_impl(int, beast::string_view, int, BoostError&) override {}
  void on_header_impl(BoostError&) final {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, BoostError&) final {}
  std::size_t on_body_impl(beast::string_view, BoostError&) final { return 0; }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, BoostError&) final {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view, BoostError&) final { return 0; }
  void on_finish_impl(BoostError&) final {}
};

class RequestSink final : public HeadSink<true> {
 public:
  std::optional<Method> method;
  bool is_head = false;
  bool http11 = false;
  std::string target;
  bool expects_continue = false;
  bool unknown_expectation = false;
  int status = 400;
  std::string_view why;

  // RFC 9112: whatever a proxy in front could understand differently is refused.
  bool CheckHead() {
    if (http11 ? hosts_ != 1 : hosts_ > 1) return Refuse(400, "exactly one Host is required");
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
    switch (name) {
      case field::host:
        ++hosts_;
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

  int hosts_ = 0;
  int content_lengths_ = 0;
  int transfer_encodings_ = 0;
};

class ResponseSink final : public HeadSink<false> {
 public:
  int status = 0;
  bool http10 = false;

 private:
  void on_response_impl(int code, beast::string_view, int version, BoostError&) override {
    status = code;
    http10 = version == 10;
  }

  void on_field_impl(field name, beast::string_view name_text, beast::string_view value,
                     BoostError& error) override {
    if (name == field::transfer_encoding && !beast::iequals(value, "chunked")) Fail(error);
    headers.Add(View(name_text), View(value));
  }
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

// A line that goes on behind a line break is obsolete and read in different ways
// (RFC 9112, 5.2).
bool HasFoldedLine(std::string_view head) {
  return head.find("\r\n ") != std::string_view::npos ||
         head.find("\r\n\t") != std::string_view::npos;
}

template <class Sink>
void StartBody(const Sink& sink, std::size_t max_lines, BodyReader& reader, std::string& body) {
  if (sink.is_done()) {
    reader.StartEmpty();
  } else if (sink.chunked()) {
    reader.StartChunks(max_lines);
  } else if (const auto length = sink.content_length()) {
    reader.StartLength(*length);
    Reserve(body, *length);
  } else {
    reader.StartToEnd();
  }
}

// A complete head, and nothing else, goes into the parser.
template <class Sink>
BoostError PutHead(Sink& sink, std::string_view head) {
  BoostError error;
  sink.put(boost::asio::buffer(head.data(), head.size()), error);
  if (!error && !sink.is_header_done()) Fail(error);
  return error;
}

template <class Sink>
void EmplaceSink(std::optional<Sink>& sink, std::size_t max_header) {
  sink.emplace();
  sink->header_limit(static_cast<std::uint32_t>(max_header + 1));
  sink->body_limit(boost::none);  // BodyReader's matter
}

}  // namespace

// --- requests ---------------------------------------------------------------------

struct RequestParser::Impl {
  std::optional<RequestSink> sink;
  HeadScanner scanner;
  BodyReader reader;
  std::string body;
  std::size_t max_header = 0;
  bool head_done = false;
  int failure_status = 400;
  std::string failure;

  Parsed Refuse(int status, std::string_view why) {
    failure_status = status;
    failure = why;
    return Parsed::kFailed;
  }

  Parsed FeedHead(std::string_view& input) {
    // A TLS greeting or other binary bytes: no use waiting for the end of the head.
    if (!input.empty() && (input.front() < '!' || input.front() > '~')) {
      return Refuse(400, "not HTTP");
    }
    const std::optional<std::size_t> size = scanner.Find(input);
    if (!size) return Refuse(431, "the header is too long");
    if (*size == 0) return Parsed::kNeedMore;
    const std::string_view head = input.substr(0, *size);
    if (HasFoldedLine(head)) return Refuse(400, "a folded header line");
    if (const BoostError error = PutHead(*sink, head)) {
      if (!sink->why.empty()) return Refuse(sink->status, sink->why);
      if (error == beast::http::error::bad_version) return Refuse(505, "not HTTP/1.0 or HTTP/1.1");
      return Refuse(400, error.message());
    }
    if (!sink->CheckHead()) return Refuse(sink->status, sink->why);
    input.remove_prefix(*size);
    head_done = true;
    // A request without a length has no body: need_eof is for responses.
    StartBody(*sink, max_header, reader, body);
    return Parsed::kHead;
  }
};

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {}
RequestParser::~RequestParser() = default;

void RequestParser::Reset(std::size_t max_header) {
  EmplaceSink(impl_->sink, max_header);
  impl_->scanner.Reset(max_header);
  impl_->body.clear();
  impl_->max_header = max_header;
  impl_->head_done = false;
}

Parsed RequestParser::Feed(std::string_view& input) {
  if (!impl_->head_done) return impl_->FeedHead(input);
  switch (impl_->reader.Feed(input, impl_->body, std::numeric_limits<std::size_t>::max())) {
    case BodyReader::Progress::kNeedMore:
      return Parsed::kNeedMore;
    case BodyReader::Progress::kDone:
      return Parsed::kDone;
    default:
      return impl_->Refuse(400, "malformed chunks");
  }
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
bool RequestParser::complete() const { return impl_->head_done && impl_->reader.done(); }
std::string& RequestParser::body() { return impl_->body; }

// --- responses --------------------------------------------------------------------

struct ResponseParser::Impl {
  std::optional<ResponseSink> sink;
  HeadScanner scanner;
  BodyReader reader;
  ClientResponse response;
  std::size_t max_header = 0;
  std::size_t max_body = 0;
  int informational = 0;
  bool begun = false;
  bool head_done = false;
  bool too_long = false;
  std::string failure;

  Parsed Refuse(std::string_view why) {
    failure = why;
    return Parsed::kFailed;
  }

  Parsed TooLong() {
    too_long = true;
    return Refuse("the body is too long");
  }

  // One head; informational ones are dropped.
  Parsed FeedHead(std::string_view& input) {
    const std::optional<std::size_t> size = scanner.Find(input);
    if (!size) return Refuse("the header is too long");
    if (*size == 0) return Parsed::kNeedMore;
    const std::string_view head = input.substr(0, *size);
    if (HasFoldedLine(head)) return Refuse("a folded header line");
    if (const BoostError error = PutHead(*sink, head)) return Refuse(error.message());
    input.remove_prefix(*size);
    if (sink->status / 100 == 1) {
      if (sink->status == 101) return Refuse("an upgrade nobody asked for");
      if (++informational > kMaxInformational) return Refuse("too many 1xx answers");
      EmplaceSink(sink, max_header);
      scanner.Reset(max_header);
      return Parsed::kHead;
    }
    head_done = true;
    response.status = sink->status;
    response.headers = std::move(sink->headers);
    StartBody(*sink, max_header, reader, response.body);
    if (!reader.done() && sink->content_length().value_or(0) > max_body) return TooLong();
    return Parsed::kHead;
  }
};

ResponseParser::ResponseParser(std::size_t max_header) : impl_(std::make_unique<Impl>()) {
  impl_->max_header = max_header;
}
ResponseParser::~ResponseParser() = default;

void ResponseParser::Reset(std::size_t max_body) {
  EmplaceSink(impl_->sink, impl_->max_header);
  impl_->scanner.Reset(impl_->max_header);
  impl_->response = {};
  impl_->max_body = max_body;
  impl_->informational = 0;
  impl_->begun = false;
  impl_->head_done = false;
  impl_->too_long = false;
}

Parsed ResponseParser::Feed(std::string_view& input) {
  impl_->begun = impl_->begun || !input.empty();
  while (!impl_->head_done) {
    const Parsed parsed = impl_->FeedHead(input);
    if (parsed != Parsed::kHead) return parsed;
  }
  switch (impl_->reader.Feed(input, impl_->response.body, impl_->max_body)) {
    case BodyReader::Progress::kNeedMore:
      return Parsed::kNeedMore;
    case BodyReader::Progress::kDone:
      return Parsed::kDone;
    case BodyReader::Progress::kTooLong:
      return impl_->TooLong();
    case BodyReader::Progress::kMalformed:
      break;
  }
  return impl_->Refuse("malformed chunks");
}

Parsed ResponseParser::FeedEnd() {
  if (!impl_->head_done) return impl_->Refuse("the answer ends in its header");
  if (impl_->reader.FeedEnd() == BodyReader::Progress::kDone) return Parsed::kDone;
  return impl_->Refuse("the answer ends before its body does");
}

std::string_view ResponseParser::failure() const { return impl_->failure; }
bool ResponseParser::too_long() const { return impl_->too_long; }
bool ResponseParser::begun() const { return impl_->begun; }
bool ResponseParser::keep_alive() const { return impl_->sink->keep_alive(); }
bool ResponseParser::http10() const { return impl_->head_done && impl_->sink->http10; }
ClientResponse& ResponseParser::response() { return impl_->response; }

}  // namespace limequat::http
