#include "limequat/wire/envelope.h"

#include <gtest/gtest.h>

#include "limequat/wire/testing.h"
#include "limequat/wire/version.h"

namespace limequat::wire {
namespace {

TEST(Envelope, IsWrittenAsKeylimeDoes) {
  EXPECT_EQ(
      *json::Parse(WriteEnvelope({.code = 404, .status = "Not Found", .results = json::Object()})),
      json::Value(
          json::Object{{"code", 404}, {"status", "Not Found"}, {"results", json::Object()}}));
  EXPECT_EQ(WriteEnvelope({}, true),
            "{\n    \"code\": 200,\n    \"status\": \"Success\",\n    \"results\": {}\n}");
}

TEST(Envelope, IsReadBack) {
  const Envelope envelope{.code = 400, .status = "no", .results = json::Object{{"a", 1}}};
  for (const bool indented : {false, true}) {
    const Result<Envelope> parsed = ParseEnvelope(WriteEnvelope(envelope, indented));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->code, 400);
    EXPECT_EQ(parsed->status, "no");
    EXPECT_EQ(parsed->results, envelope.results);
  }
  EXPECT_EQ(ParseEnvelope(R"({"code":200,"status":"x"})")->results, json::Value(json::Object()));
  // Quirk A35: agents answer POSTs so.
  EXPECT_TRUE(ParseEnvelope(R"({"code":200,"status":"x","results":null})")->results.is_null());
}

Parses Reads(std::string_view body) {
  const Result<Envelope> envelope = ParseEnvelope(body);
  if (!envelope) {
    EXPECT_EQ(envelope.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(envelope.error().id, "wire.envelope");
  }
  return envelope ? Parses::kYes : Parses::kNo;
}

TEST(Envelope, RefusesWhatIsNone) {
  const json::Object good{
      {"code", 200}, {"status", "Success"}, {"results", json::Object{{"a", 1}}}};
  ExpectWhole(json::Serialize(good), Reads);
  ExpectTyped(good, {{"code"}, {"status"}},
              [](const json::Object& object) { return Reads(json::Serialize(object)); });
  EXPECT_EQ(Reads(R"({"code":99,"status":""})"), Parses::kNo);
  EXPECT_EQ(Reads(R"({"code":600,"status":""})"), Parses::kNo);
  EXPECT_EQ(Reads(R"({"code":200,"status":")" + std::string(100'000, 'x') + "\"}"), Parses::kNo);
  EXPECT_EQ(Reads(WriteRefusal(403, "no")), Parses::kNo);
}

TEST(Envelope, ARefusalIsKeylimes) {
  EXPECT_EQ(*json::Parse(WriteRefusal(403, "Action list requires \"admin\"")),
            *json::Parse(R"({"errors": [{"status": "403", "title": "Forbidden",
                             "detail": "Action list requires \"admin\""}]})"));
}

TEST(Envelope, ReasonPhrases) {
  EXPECT_EQ(ReasonPhrase(404), "Not Found");
  EXPECT_EQ(ReasonPhrase(201), "Created");
  EXPECT_EQ(ReasonPhrase(299), "Unknown");
}

TEST(Versions, AreWrittenAsServersAndAgentsDo) {
  EXPECT_EQ(json::Value(WriteServerVersions()), *json::Parse(R"({"current_version": "2.6",
                             "supported_versions": ["2.0","2.1","2.2","2.3","2.4","2.5","2.6"]})"));
  EXPECT_EQ(json::Value(WriteAgentVersions()), *json::Parse(R"({"supported_version": "2.6",
                             "supported_versions": ["2.1","2.2","2.3","2.4","2.5","2.6"]})"));
}

Result<Versions> VersionsOf(std::string_view text) { return ParseVersions(*json::Parse(text)); }

TEST(Versions, EveryFormIsRead) {
  const Result<Versions> server = ParseVersions(WriteServerVersions());
  ASSERT_TRUE(server);
  EXPECT_EQ(server->current, "2.6");
  EXPECT_EQ(server->supported.size(), 7U);
  const Result<Versions> agent = ParseVersions(WriteAgentVersions());
  ASSERT_TRUE(agent);
  EXPECT_EQ(agent->current, "2.6");
  EXPECT_EQ(agent->supported.size(), 6U);
  const Result<Versions> old = VersionsOf(R"({"supported_version": "2.1"})");
  ASSERT_TRUE(old);
  EXPECT_EQ(old->supported, std::vector<std::string>{"2.1"});
  EXPECT_EQ(VersionsOf(R"({"supported_versions": "2.1"})")->supported,
            std::vector<std::string>{"2.1"});
}

TEST(Versions, RefusesOthers) {
  for (const std::string_view text :
       {"{}", "[]", "null", R"({"current_version": 2.6})", R"({"supported_versions": [2.6]})",
        R"({"supported_versions": {"a": 1}})",
        R"({"supported_versions": ["12345678901234567"]})"}) {
    const Result<Versions> versions = VersionsOf(text);
    ASSERT_FALSE(versions) << text;
    EXPECT_EQ(versions.error().code, ErrorCode::kMalformed);
  }
  json::Array many;
  for (int i = 0; i < 65; ++i) many.emplace_back("2.1");
  EXPECT_FALSE(ParseVersions(json::Object{{"supported_versions", many}}));
}

TEST(Versions, RecordedAnswersAreRead) {
  int seen = 0;
  for (const std::string flow :
       {"agent-registrar", "tenant-registrar", "tenant-verifier", "server-agent"}) {
    for (const Exchange& exchange : Recorded(flow)) {
      if (exchange.path != "/version" || exchange.status != 200) continue;
      const Result<Envelope> envelope = ParseEnvelope(exchange.response);
      ASSERT_TRUE(envelope) << exchange.where;
      const Result<Versions> versions = ParseVersions(envelope->results);
      ASSERT_TRUE(versions) << exchange.where << versions.error().message;
      EXPECT_TRUE(HighestCommon(ServerVersions(), versions->supported)) << exchange.where;
      ++seen;
    }
  }
  if (seen == 0) GTEST_SKIP() << kNoRecordings;
}

TEST(Envelope, RecordedAnswersAreRead) {
  int seen = 0;
  for (const std::string flow :
       {"agent-registrar", "tenant-registrar", "tenant-verifier", "server-agent"}) {
    for (const Exchange& exchange : Recorded(flow)) {
      if (exchange.response.empty() || exchange.status == 0) continue;
      const Result<Envelope> envelope = ParseEnvelope(exchange.response);
      ASSERT_TRUE(envelope) << exchange.where << envelope.error().message;
      EXPECT_EQ(envelope->code, exchange.status) << exchange.where;
      ++seen;
    }
  }
  if (seen == 0) GTEST_SKIP() << kNoRecordings;
}

}  // namespace
}  // namespace limequat::wire
