#include "limequat/http/response.h"

#include <gtest/gtest.h>

namespace limequat::http {
namespace {

using namespace std::string_literals;  // NOLINT: NUL in literals

TEST(Response, HeadHasWhatTheConnectionAdds) {
  Response response = Reply(404, "", "text/html");
  response.headers.Set("X-Own", "1")
      .Set("content-length", "77")
      .Set("Transfer-Encoding", "chunked");
  response.headers.Set("Connection", "upgrade").Set("Date", "never");
  std::string out = "before";
  ASSERT_TRUE(
      AppendHead(response, {.keep_alive = false, .content_length = 5, .request_id = "abc"}, out));
  EXPECT_TRUE(
      out.starts_with("beforeHTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nX-Own: 1\r\n"
                      "X-Request-ID: abc\r\nDate: "))
      << out;
  EXPECT_TRUE(out.ends_with(" GMT\r\nContent-Length: 5\r\nConnection: close\r\n\r\n")) << out;
  EXPECT_EQ(out.find("77"), std::string::npos);
  EXPECT_EQ(out.find("chunked"), std::string::npos);
  EXPECT_EQ(out.find("never"), std::string::npos);
}

TEST(Response, OldClientsAreToldThatTheConnectionStays) {
  std::string out;
  ASSERT_TRUE(AppendHead(Reply(200, ""), {.http11 = false}, out));
  EXPECT_NE(out.find("Connection: keep-alive\r\n"), std::string::npos);
}

// A response that somebody else could continue is not sent at all.
TEST(Response, RefusesHeadersThatWouldSplitIt) {
  const auto refused = [](std::string_view name, std::string_view value) {
    Response response = Reply(200, "");
    response.headers.Set(name, value);
    std::string out = "before";
    const Status status = AppendHead(response, {}, out);
    return !status && status.error().id == "http.header" && out == "before";
  };
  EXPECT_TRUE(refused("X", "a\r\nSet-Cookie: b"));
  EXPECT_TRUE(refused("X", "a\nb"));
  EXPECT_TRUE(refused("X", "a\rb"));
  EXPECT_TRUE(refused("X", "a\0b"s));
  EXPECT_TRUE(refused("X Y", "a"));
  EXPECT_TRUE(refused("X:", "a"));
  EXPECT_TRUE(refused("", "a"));
  EXPECT_FALSE(refused("X", "harmless\ttext"));
  std::string out;
  EXPECT_FALSE(AppendHead(Reply(200, "", "text/plain\r\nX: y"), {}, out));
}

TEST(Response, SomeStatusesHaveNoBody) {
  EXPECT_TRUE(HasBody(200));
  EXPECT_TRUE(HasBody(404));
  EXPECT_FALSE(HasBody(204));
  EXPECT_FALSE(HasBody(304));
  EXPECT_FALSE(HasBody(100));
}

TEST(Response, Chunks) {
  std::string out;
  AppendChunk("0123456789abcdef", out);
  AppendChunk("x", out);
  EXPECT_EQ(out, "10\r\n0123456789abcdef\r\n1\r\nx\r\n");
}

TEST(Response, Events) {
  std::string out;
  ASSERT_TRUE(AppendEvent({.id = "7", .name = "agent", .data = "a\nb\r\nc\rd"}, out));
  ASSERT_TRUE(AppendEvent({.id = "", .name = "", .data = ""}, out));
  EXPECT_EQ(out, "id: 7\nevent: agent\ndata: a\ndata: b\ndata: c\ndata: d\n\ndata: \n\n");
  EXPECT_FALSE(AppendEvent({.id = "1\n2", .name = "", .data = ""}, out));
  EXPECT_FALSE(AppendEvent({.id = "1", .name = "a\rb", .data = ""}, out));
  EXPECT_FALSE(AppendEvent({.id = "1\0"s, .name = "", .data = ""}, out));
}

}  // namespace
}  // namespace limequat::http
