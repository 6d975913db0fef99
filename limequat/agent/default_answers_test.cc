#include "limequat/agent/default_answers.h"

#include <gtest/gtest.h>

#include "limequat/wire/envelope.h"

namespace limequat::agent {
namespace {

using http::Method;

struct Expected {
  Method method;
  std::string path;
  int status;
  std::string text;
  std::string allow;
};

void ExpectAnswer(const Expected& expected) {
  http::Request request;
  request.method = expected.method;
  request.path = expected.path;
  const http::Response response = Refuse(request, 404, NotFound("http.route", "no such path"));
  EXPECT_EQ(response.status, expected.status) << expected.path;
  const Result<wire::Envelope> envelope = wire::ParseEnvelope(std::get<std::string>(response.body));
  ASSERT_TRUE(envelope) << expected.path;
  EXPECT_EQ(envelope->code, expected.status);
  EXPECT_EQ(envelope->status, expected.text) << expected.path;
  EXPECT_EQ(envelope->results, json::Value(json::Object()));
  EXPECT_EQ(response.headers.Find("Allow").value_or(""), expected.allow) << expected.path;
}

// The table of keylime-agent-protocol, 10.2.
TEST(DefaultAnswers, AreKeylimes) {
  const std::string root =
      "Not Implemented: Use /2.1, /2.2, /2.3, /2.4, /2.5, /2.6 or /version interfaces";
  const std::string get = "Not Implemented: Use /agent, /keys, or /quotes interfaces";
  const std::string post = "Not Implemented: Use /keys or /notifications interfaces";
  const std::string unknown = "Method is not supported";
  for (
      const Expected& expected : std::vector<Expected>{
          {Method::kGet, "/", 400, root, ""},
          {Method::kPost, "/nothing", 400, root, ""},
          {Method::kPut, "/nothing", 405, unknown, "GET, POST"},
          {Method::kGet, "/v2/quotes/identity", 400, root, ""},
          {Method::kGet, "/v3/keys/pubkey", 400, root, ""},
          {Method::kGet, "/v2.", 400, root, ""},
          {Method::kGet, "/v.6/keys", 400, root, ""},
          {Method::kGet, "/2.6/keys/pubkey", 400, root, ""},
          {Method::kGet, "/v3.0/quotes/integrity", 400, "API version not supported: v3.0", ""},
          {Method::kPost, "/v2.7/keys/vkey", 400, "API version not supported: v2.7", ""},
          {Method::kDelete, "/v1.0", 400, "API version not supported: v1.0", ""},
          {Method::kGet, "/v2.0/quotes/identity", 400, "API version not supported: v2.0", ""},
          {Method::kGet, "/v2.1foo", 400, "API version not supported: v2.1", ""},
          {Method::kGet, "/v02.6/keys", 400, "API version not supported: v02.6", ""},
          {Method::kGet, "/v99999999999.1/x", 400, "API version not supported: v99999999999.1", ""},
          {Method::kGet, "/v2.6", 400, get, ""},
          {Method::kGet, "/v2.6/nothing", 400, get, ""},
          {Method::kPost, "/v2.6/nothing", 400, post, ""},
          {Method::kPatch, "/v2.6/nothing", 405, unknown, "GET, POST"},
          {Method::kGet, "/v2.6/keys/x", 400,
           "URI not supported, only /pubkey and /verify are supported for GET in /keys interface",
           ""},
          {Method::kPost, "/v2.1/keys/x", 400,
           "URI not supported, only /ukey and /vkey are supported for POST in /keys interface", ""},
          {Method::kDelete, "/v2.6/keys/x", 405, "Method is not supported in /keys interface",
           "GET, POST"},
          {Method::kGet, "/v2.6/quotes/x", 400,
           "URI not supported, only /identity and /integrity are supported for GET in /quotes/ "
           "interface",
           ""},
          {Method::kPost, "/v2.6/quotes/x", 405, "Method is not supported in /quotes/ interface",
           "GET"},
          {Method::kPost, "/v2.6/notifications/x", 400,
           "URI not supported, only /revocation is supported for POST in /notifications/ interface",
           ""},
          {Method::kGet, "/v2.6/notifications/x", 405,
           "Method is not supported in /notifications/ interface", "POST"},
          {Method::kGet, "/v2.2/agent/x", 400,
           "URI not supported, only /info is supported for GET in /agent interface", ""},
          {Method::kPost, "/v2.2/agent/x", 405, "Method is not supported in /agent interface",
           "GET"},
          {Method::kGet, "/v2.1/agent/info", 400, get, ""},
      }) {
    ExpectAnswer(expected);
  }
}

// Keylime's verifier gives a machine up on anything but 400 with the version, 408 and 500.
TEST(DefaultAnswers, ABusyAgentIsFiveHundred) {
  const http::Response response = Refuse({}, 503, Unavailable("http.lane_full", "full"));
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(wire::ParseEnvelope(std::get<std::string>(response.body))->code, 500);
}

TEST(DefaultAnswers, AKnownPathWithAnotherMethodHasNoBody) {
  const http::Response response =
      Refuse({}, 405, Unsupported("http.method", "this path has other methods"));
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(std::get<std::string>(response.body), "");
}

TEST(DefaultAnswers, OtherRefusalsAreEnvelopes) {
  for (const int status : {400, 403, 413}) {
    const http::Response response = Refuse({}, status, Malformed("http.x", "why\n"));
    EXPECT_EQ(response.status, status);
    const Result<wire::Envelope> envelope =
        wire::ParseEnvelope(std::get<std::string>(response.body));
    ASSERT_TRUE(envelope);
    EXPECT_EQ(envelope->code, status);
    EXPECT_EQ(envelope->status.find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace limequat::agent
