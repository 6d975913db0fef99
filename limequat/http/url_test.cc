#include "limequat/http/url.h"

#include <gtest/gtest.h>

#include "limequat/http/client.h"

namespace limequat::http {
namespace {

TEST(ParseUrl, Parts) {
  const Result<Url> url = ParseUrl("https://verifier.example:8881/v2.6/agents?a=b");
  ASSERT_TRUE(url.has_value());
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "verifier.example");
  EXPECT_EQ(url->port, 8881);
  EXPECT_EQ(url->target, "/v2.6/agents?a=b");
}

TEST(ParseUrl, Defaults) {
  EXPECT_EQ(ParseUrl("https://h")->port, 443);
  EXPECT_EQ(ParseUrl("http://h")->port, 80);
  EXPECT_FALSE(ParseUrl("http://h")->tls);
  EXPECT_EQ(ParseUrl("http://h")->target, "/");
  EXPECT_EQ(ParseUrl("http://h?x")->target, "/?x");
}

TEST(ParseUrl, Ipv6InBrackets) {
  const Result<Url> url = ParseUrl("http://[::1]:9002/");
  ASSERT_TRUE(url.has_value());
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 9002);
  EXPECT_EQ(ParseUrl("http://[fe80::1]")->host, "fe80::1");
}

TEST(ParseUrl, Refusals) {
  for (const char* text : {"",
                           "h",
                           "ftp://h/",
                           "HTTP//h",
                           "http://",
                           "http:///x",
                           "http://user@h/",
                           "http://user:pw@h/",
                           "http://h/#f",
                           "http://h#f",
                           "http://h:0/",
                           "http://h:65536/",
                           "http://h:/",
                           "http://h:8a/",
                           "http://h:+1/",
                           "http://[::1/",
                           "http://[]/",
                           "http://[h]/",
                           "http://[::1]x/",
                           "http://::1/",
                           "http://h h/",
                           "http://h/a b",
                           "http://h/\r\nX: y",
                           "http://h\r\n/",
                           "http://%68/",
                           "http://h/\x80"}) {
    const Result<Url> url = ParseUrl(text);
    ASSERT_FALSE(url.has_value()) << text;
    EXPECT_EQ(url.error().id, "http.url");
    EXPECT_EQ(url.error().code, ErrorCode::kMalformed);
  }
  EXPECT_FALSE(ParseUrl("http://" + std::string(254, 'a') + "/").has_value());
  // A password is not repeated in a message that may reach a log.
  EXPECT_EQ(ParseUrl("http://user:secret@h/").error().message.find("secret"), std::string::npos);
}

TEST(PercentEncode, EncodesAllButUnreserved) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("a b/c?\xff"), "a%20b%2Fc%3F%FF");
}

TEST(SplitTarget, PathIsNotDecodedButTheQueryIs) {
  Request request;
  ASSERT_TRUE(SplitTarget("/agents/foo%20bar?a=1+2&b=%41%2b&&c&d=x=y", request));
  EXPECT_EQ(request.path, "/agents/foo%20bar");
  EXPECT_EQ(request.target, "/agents/foo%20bar?a=1+2&b=%41%2b&&c&d=x=y");
  const std::vector<std::pair<std::string, std::string>> expected{
      {"a", "1 2"}, {"b", "A+"}, {"c", ""}, {"d", "x=y"}};
  EXPECT_EQ(request.query, expected);
}

TEST(SplitTarget, Refusals) {
  for (const char* target : {"", "*", "http://h/", "h:443", "/a#b", "/a b", "/\x80", "/\x7f",
                             "/?a=%4", "/?a=%", "/?a=%4g", "/?%zz=1"}) {
    Request request;
    const Status status = SplitTarget(target, request);
    ASSERT_FALSE(status.has_value()) << target;
    EXPECT_EQ(status.error().id, "http.target");
  }
}

TEST(SplitTarget, ParametersAreCounted) {
  std::string target = "/?";
  for (std::size_t i = 0; i < kMaxQueryParameters; ++i) target += "a=1&";
  Request fits;
  EXPECT_TRUE(SplitTarget(target, fits));
  EXPECT_EQ(fits.query.size(), kMaxQueryParameters);
  Request request;
  EXPECT_FALSE(SplitTarget(target + "b=2", request));
}

}  // namespace
}  // namespace limequat::http
