#include "limequat/http/parser.h"

#include <random>
#include <string>

#include <gtest/gtest.h>

namespace limequat::http {
namespace {

using namespace std::string_literals;  // NOLINT: NUL in literals

constexpr std::size_t kMaxHeader = 4096;

// Feeds `text` in pieces of `step` bytes. The status of the refusal, 0 for a complete
// message, -1 if more is needed.
int Parse(RequestParser& parser, std::string_view text, std::size_t step) {
  parser.Reset(kMaxHeader);
  std::string buffer;
  while (!text.empty()) {
    const std::size_t size = std::min(step, text.size());
    buffer.append(text.substr(0, size));
    text.remove_prefix(size);
    for (;;) {
      std::string_view input = buffer;
      const Parsed parsed = parser.Feed(input);
      buffer.erase(0, buffer.size() - input.size());
      if (parsed == Parsed::kFailed) return parser.failure_status();
      if (parsed == Parsed::kDone) return 0;
      if (parsed == Parsed::kNeedMore) break;
    }
  }
  return -1;
}

int Parse(std::string_view text) {
  RequestParser whole;
  RequestParser bytewise;
  const int result = Parse(whole, text, text.size());
  EXPECT_EQ(Parse(bytewise, text, 1), result) << text;
  return result;
}

std::string Head(std::string_view more) {
  return "POST /x HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "\r\n";
}

TEST(RequestParser, ReadsRequestsOneAfterAnother) {
  const std::string text =
      Head("Content-Length: 3\r\nX-A: b\r\n") + "abc" + "GET /next HTTP/1.1\r\nHost: h\r\n\r\n";
  RequestParser parser;
  parser.Reset(kMaxHeader);
  std::string_view input = text;
  ASSERT_EQ(parser.Feed(input), Parsed::kHead);
  EXPECT_EQ(parser.method(), Method::kPost);
  EXPECT_EQ(parser.target(), "/x");
  EXPECT_EQ(parser.headers().Find("x-a"), "b");
  EXPECT_TRUE(parser.keep_alive());
  EXPECT_FALSE(parser.complete());
  EXPECT_EQ(parser.content_length(), 3U);
  ASSERT_EQ(parser.Feed(input), Parsed::kDone);
  EXPECT_EQ(parser.body(), "abc");
  parser.Reset(kMaxHeader);
  ASSERT_EQ(parser.Feed(input), Parsed::kHead);
  EXPECT_EQ(parser.target(), "/next");
  EXPECT_TRUE(parser.complete());
  EXPECT_EQ(parser.body(), "");
  EXPECT_TRUE(input.empty());
}

TEST(RequestParser, ReadsChunks) {
  const std::string text =
      Head("Transfer-Encoding: Chunked\r\n") +
      "3\r\nabc\r\n2;ext=\"a\"\r\nde\r\n0\r\nX-Trailer: t\r\nHost: evil\r\n\r\n";
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, text.size()}) {
    RequestParser parser;
    EXPECT_EQ(Parse(parser, text, step), 0);
    EXPECT_EQ(parser.body(), "abcde");
    EXPECT_TRUE(parser.chunked());
    EXPECT_EQ(parser.headers().Find("Host"), "h");
    EXPECT_EQ(parser.headers().Find("X-Trailer"), std::nullopt);
  }
}

TEST(RequestParser, Methods) {
  const auto method = [](const std::string& name) {
    RequestParser parser;
    parser.Reset(kMaxHeader);
    const std::string text = name + " / HTTP/1.1\r\nHost: h\r\n\r\n";
    std::string_view input = text;
    EXPECT_EQ(parser.Feed(input), Parsed::kHead) << name;
    return parser.method();
  };
  EXPECT_EQ(method("GET"), Method::kGet);
  EXPECT_EQ(method("PUT"), Method::kPut);
  EXPECT_EQ(method("PATCH"), Method::kPatch);
  EXPECT_EQ(method("DELETE"), Method::kDelete);
  for (const char* name : {"HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW", "get"}) {
    EXPECT_EQ(method(name), std::nullopt) << name;
  }
}

TEST(RequestParser, KeepAliveByVersionAndHeader) {
  const auto keeps = [](const std::string& version, const std::string& more) {
    RequestParser parser;
    parser.Reset(kMaxHeader);
    const std::string text = "GET / " + version + "\r\nHost: h\r\n" + more + "\r\n";
    std::string_view input = text;
    EXPECT_EQ(parser.Feed(input), Parsed::kHead);
    return parser.keep_alive();
  };
  EXPECT_TRUE(keeps("HTTP/1.1", ""));
  EXPECT_FALSE(keeps("HTTP/1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(keeps("HTTP/1.0", ""));
  EXPECT_TRUE(keeps("HTTP/1.0", "Connection: keep-alive\r\n"));
}

// Request smuggling: every message that two servers could cut differently is refused.
TEST(RequestParser, Attack_RequestSmuggling) {
  EXPECT_EQ(Parse(Head("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n"), 400);
  EXPECT_EQ(Parse(Head("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + "0\r\n\r\n"), 400);
  EXPECT_EQ(Parse(Head("Content-Length: 3\r\nContent-Length: 4\r\n") + "abcd"), 400);
  EXPECT_EQ(Parse(Head("Content-Length: 3\r\nContent-Length: 3\r\n") + "abc"), 400);
  EXPECT_EQ(Parse(Head("Content-Length: 3, 3\r\n") + "abc"), 400);
  EXPECT_EQ(Parse(Head("Content-Length: +3\r\n") + "abc"), 400);
  EXPECT_EQ(Parse(Head("Content-Length: -3\r\n") + "abc"), 400);
  EXPECT_EQ(Parse(Head("Content-Length: 0x3\r\n") + "abc"), 400);
  EXPECT_EQ(Parse(Head("Content-Length: 3 \t x\r\n") + "abc"), 400);
  EXPECT_EQ(Parse(Head("Content-Length:\r\n")), 400);
  EXPECT_EQ(Parse(Head("Content-Length: 18446744073709551616\r\n")), 400);
  EXPECT_EQ(Parse(Head("Content-Length : 3\r\n") + "abc"), 400);
  EXPECT_EQ(Parse(Head("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n"), 501);
  EXPECT_EQ(Parse(Head("Transfer-Encoding: identity\r\n")), 501);
  EXPECT_EQ(Parse(Head("Transfer-Encoding: xchunked\r\n")), 501);
  EXPECT_EQ(Parse(Head("Transfer-Encoding: chunked, chunked\r\n")), 501);
  EXPECT_EQ(Parse(Head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 400);
  EXPECT_EQ(Parse(Head("Transfer-Encoding:\r\n chunked\r\n") + "0\r\n\r\n"), 400);
  EXPECT_EQ(Parse(Head("Transfer-Encoding: chunked\r\n") + "3\nabc\n0\n\n"), 400);
  EXPECT_EQ(Parse(Head("Transfer-Encoding: chunked\r\n") + "-1\r\na\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(Parse(Head("Transfer-Encoding: chunked\r\n") + "3\r\nabcX\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(Parse(Head("Transfer-Encoding: chunked\r\n") + "fffffffffffffffff\r\n"), 400);
  EXPECT_EQ(Parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n"), 400);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\n Host: h\r\n\r\n"), 400);
}

TEST(RequestParser, RefusesWhatIsNotHttp) {
  EXPECT_EQ(Parse("\x16\x03\x01\x02\x01"), 400);  // the greeting of TLS
  EXPECT_EQ(Parse("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(Parse("GET /\r\n\r\n"), 400);
  EXPECT_EQ(Parse("GET / HTTP/1.1 \r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(Parse("GET  / HTTP/1.1\r\nHost: h\r\n\r\n"), 400);
  EXPECT_EQ(Parse("GET / http/1.1\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(Parse("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(Parse("GET / HTTP/1.2\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nNo colon\r\n\r\n"), 400);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nX: a\x01z\r\n\r\n"), 400);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nX: a\0z\r\n\r\n"s), 400);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nX: a\nY: b\r\n\r\n"), 400);
  EXPECT_EQ(Parse("GET / HTTP/1.1\r\nHost: h\r\nX: a\rY: b\r\n\r\n"), 400);
}

TEST(RequestParser, BoundsTheHeaderAsAWhole) {
  std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  while (head.size() + 12 < kMaxHeader) head += "X-A: bcde\r\n";
  EXPECT_EQ(Parse(head + "\r\n"), 0);
  EXPECT_EQ(Parse(head + "X-A: " + std::string(kMaxHeader, 'a') + "\r\n\r\n"), 431);
  EXPECT_EQ(Parse(head + head), 431);
  EXPECT_EQ(Parse("GET /" + std::string(kMaxHeader, 'a')), 431);
}

// Extensions and trailers count together: many short ones cost as much as a long one.
TEST(RequestParser, BoundsLinesBetweenChunks) {
  const std::string head = Head("Transfer-Encoding: chunked\r\n");
  EXPECT_EQ(Parse(head + "1;" + std::string(kMaxHeader + 32, 'a')), 400);
  EXPECT_EQ(Parse(head + "0\r\nX: " + std::string(kMaxHeader + 32, 'a')), 400);
  std::string many = head;
  for (int i = 0; i < 100; ++i) many += "1;" + std::string(63, 'a') + "\r\nx\r\n";
  EXPECT_EQ(Parse(many + "0\r\n\r\n"), 400);
  std::string trailers = head + "0\r\n";
  for (int i = 0; i < 100; ++i) trailers += "X: " + std::string(64, 'a') + "\r\n";
  EXPECT_EQ(Parse(trailers + "\r\n"), 400);
}

TEST(RequestParser, Expectations) {
  RequestParser parser;
  const std::string known = Head("Expect: 100-Continue\r\nContent-Length: 1\r\n");
  const std::string unknown = Head("Expect: tea\r\nContent-Length: 1\r\n");
  EXPECT_EQ(Parse(parser, known, known.size()), -1);
  EXPECT_TRUE(parser.expects_continue());
  EXPECT_FALSE(parser.unknown_expectation());
  EXPECT_EQ(Parse(parser, unknown, unknown.size()), -1);
  EXPECT_TRUE(parser.unknown_expectation());
}

// Whatever arrives, in whatever pieces: no assertion, no endless loop, the same result.
TEST(RequestParser, MutatedRequestsGiveTheSameResultInAnyPieces) {
  const std::string seeds[] = {
      Head("Content-Length: 5\r\nConnection: keep-alive\r\n") + "hello",
      Head("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX: y\r\n\r\n",
  };
  std::mt19937 random(20231);  // NOLINT: reproducible on purpose
  const std::string bytes = "\r\n :;,0159afGT\x00\xff\t-+"s;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seeds[random() % 2];
    for (unsigned i = random() % 4; i > 0; --i) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = bytes[random() % bytes.size()];
          break;
        case 1:
          text.erase(at, 1 + random() % 3);
          break;
        default:
          text.insert(at, 1, bytes[random() % bytes.size()]);
      }
      if (text.empty()) text = " ";
    }
    RequestParser whole;
    RequestParser pieces;
    const int expected = Parse(whole, text, text.size());
    ASSERT_EQ(Parse(pieces, text, 1 + random() % 9), expected) << text;
    if (expected == 0) ASSERT_EQ(pieces.body(), whole.body());
  }
}

// --- responses --------------------------------------------------------------------

enum class Outcome { kDone, kMore, kFailed };

Outcome ParseResponse(ResponseParser& parser, std::string_view text, std::size_t max_body,
                      bool end = false) {
  parser.Reset(max_body);
  std::string buffer;
  for (const char c : text) {
    buffer += c;
    std::string_view input = buffer;
    const Parsed parsed = parser.Feed(input);
    buffer.erase(0, buffer.size() - input.size());
    if (parsed == Parsed::kDone) return Outcome::kDone;
    if (parsed == Parsed::kFailed) return Outcome::kFailed;
  }
  if (!end) return Outcome::kMore;
  return parser.FeedEnd() == Parsed::kDone ? Outcome::kDone : Outcome::kFailed;
}

TEST(ResponseParser, ReadsResponses) {
  ResponseParser parser(kMaxHeader);
  EXPECT_FALSE(parser.begun());
  EXPECT_EQ(ParseResponse(parser, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\nhi", 10),
            Outcome::kDone);
  EXPECT_EQ(parser.response().status, 200);
  EXPECT_EQ(parser.response().body, "hi");
  EXPECT_EQ(parser.response().headers.Find("x"), "y");
  EXPECT_TRUE(parser.keep_alive());
  EXPECT_EQ(
      ParseResponse(
          parser, "HTTP/1.1 404 \r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: z\r\n\r\n",
          10),
      Outcome::kDone);
  EXPECT_EQ(parser.response().status, 404);
  EXPECT_EQ(parser.response().body, "hi");
  EXPECT_EQ(parser.response().headers.Find("x"), std::nullopt);
  EXPECT_EQ(ParseResponse(parser, "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", 10),
            Outcome::kDone);
  EXPECT_EQ(parser.response().body, "");
}

TEST(ResponseParser, BodyWithoutLengthEndsWithTheConnection) {
  ResponseParser parser(kMaxHeader);
  const std::string_view text = "HTTP/1.1 200 OK\r\n\r\nhello";
  EXPECT_EQ(ParseResponse(parser, text, 10), Outcome::kMore);
  EXPECT_EQ(ParseResponse(parser, text, 10, true), Outcome::kDone);
  EXPECT_EQ(parser.response().body, "hello");
  EXPECT_FALSE(parser.keep_alive());
  EXPECT_EQ(ParseResponse(parser, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 10, true),
            Outcome::kFailed);
  EXPECT_EQ(
      ParseResponse(parser, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", 10,
                    true),
      Outcome::kFailed);
  EXPECT_EQ(ParseResponse(parser, "HTTP/1.1 200 OK\r\nContent-", 10, true), Outcome::kFailed);
}

TEST(ResponseParser, SkipsInformationalOnes) {
  ResponseParser parser(kMaxHeader);
  EXPECT_EQ(ParseResponse(parser,
                          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
                          "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                          10),
            Outcome::kDone);
  EXPECT_EQ(parser.response().status, 200);
  EXPECT_EQ(parser.response().headers.Find("Link"), std::nullopt);
  std::string endless;
  for (int i = 0; i < 20; ++i) endless += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(ParseResponse(parser, endless, 10), Outcome::kFailed);
  EXPECT_EQ(ParseResponse(parser, "HTTP/1.1 101 Switching Protocols\r\n\r\n", 10),
            Outcome::kFailed);
}

TEST(ResponseParser, BoundsTheBody) {
  ResponseParser parser(kMaxHeader);
  EXPECT_EQ(ParseResponse(parser, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 5),
            Outcome::kDone);
  for (const char* text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhello"}) {
    EXPECT_EQ(ParseResponse(parser, text, 4, true), Outcome::kFailed) << text;
    EXPECT_TRUE(parser.too_long()) << text;
  }
  // What is announced is enough.
  EXPECT_EQ(ParseResponse(parser, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 4),
            Outcome::kFailed);
  EXPECT_TRUE(parser.too_long());
}

TEST(ResponseParser, RefusesWhatIsNotHttp) {
  ResponseParser parser(kMaxHeader);
  for (const char* text :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/3 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n Content-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\r\n\tb\r\n\r\n"}) {
    EXPECT_EQ(ParseResponse(parser, text, 10), Outcome::kFailed) << text;
    EXPECT_FALSE(parser.too_long());
    EXPECT_NE(parser.failure(), "");
  }
  EXPECT_EQ(ParseResponse(parser, "HTTP/1.1 200 OK\r\nX: " + std::string(kMaxHeader, 'a'), 10),
            Outcome::kFailed);
  EXPECT_EQ(ParseResponse(parser,
                          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" +
                              std::string(kMaxHeader + 32, 'a'),
                          10),
            Outcome::kFailed);
}

}  // namespace
}  // namespace limequat::http
