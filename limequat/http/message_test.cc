#include "limequat/http/message.h"

#include <gtest/gtest.h>

namespace limequat::http {
namespace {

TEST(Headers, NamesAreCaseInsensitiveAndSetReplaces) {
  Headers headers;
  headers.Set("Content-Type", "a").Add("Accept", "b").Add("accept", "c");
  EXPECT_EQ(headers.Find("content-type"), "a");
  EXPECT_EQ(headers.Find("ACCEPT"), "b");
  EXPECT_EQ(headers.Find("Host"), std::nullopt);
  headers.Set("ACCEPT", "d");
  EXPECT_EQ(headers.Find("accept"), "d");
  EXPECT_EQ(std::distance(headers.begin(), headers.end()), 2);
}

TEST(Request, FindsParameters) {
  Request request;
  request.query = {{"nonce", "1"}, {"nonce", "2"}, {"mask", ""}};
  request.path_parameters = {{"id", "x"}};
  EXPECT_EQ(request.QueryParameter("nonce"), "1");
  EXPECT_EQ(request.QueryParameter("mask"), "");
  EXPECT_EQ(request.QueryParameter("Nonce"), std::nullopt);
  EXPECT_EQ(request.PathParameter("id"), "x");
  EXPECT_DEATH(request.PathParameter("other"), "");
}

TEST(Message, StatusOfEveryErrorCode) {
  EXPECT_EQ(HttpStatus(ErrorCode::kMalformed), 400);
  EXPECT_EQ(HttpStatus(ErrorCode::kUnsupported), 501);
  EXPECT_EQ(HttpStatus(ErrorCode::kUntrusted), 403);
  EXPECT_EQ(HttpStatus(ErrorCode::kNotFound), 404);
  EXPECT_EQ(HttpStatus(ErrorCode::kConflict), 409);
  EXPECT_EQ(HttpStatus(ErrorCode::kPermissionDenied), 403);
  EXPECT_EQ(HttpStatus(ErrorCode::kUnavailable), 503);
  EXPECT_EQ(HttpStatus(ErrorCode::kInternal), 500);
}

TEST(Message, ReplyHasTextAndType) {
  const Response response = Reply(201, "{}");
  EXPECT_EQ(response.status, 201);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_EQ(std::get<std::string>(response.body), "{}");
  EXPECT_EQ(Reply(200, "x", "text/plain").content_type, "text/plain");
}

}  // namespace
}  // namespace limequat::http
