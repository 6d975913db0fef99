#include <fstream>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/config/agent.h"
#include "limequat/config/command.h"
#include "limequat/config/registrar.h"
#include "limequat/config/verifier.h"

namespace limequat::config {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kVerifier = R"(
[tls]
certificate = "server.pem"
key = "server.key"
operator_ca = ["ops.pem"]
)";

std::string ProblemsOf(const Result<VerifierConfig>& result) {
  return result ? "" : result.error().message;
}

Result<VerifierConfig> Verifier(const std::string& more) {
  return ParseVerifierConfig(std::string(kVerifier) + more, "/site");
}

TEST(ConfigTest, DefaultsAndRelativePaths) {
  const auto config = Verifier("");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->port, 8881);
  EXPECT_EQ(config->certificate, "/site/server.pem");
  EXPECT_EQ(config->client_certificate, "/site/server.pem");
  EXPECT_EQ(config->operator_ca.at(0), "/site/ops.pem");
  EXPECT_EQ(config->database_url, "sqlite:/site/verifier.db");
  EXPECT_FALSE(config->lab);
}

TEST(ConfigTest, EveryProblemIsNamedWithItsLine) {
  const std::string said = ProblemsOf(
      Verifier("[attestation]\nintervall = \"2s\"\ntimeout = 3\n[server]\nport = 99999\n"));
  EXPECT_THAT(said, HasSubstr("configuration:7: attestation.intervall: unknown key"));
  EXPECT_THAT(said, HasSubstr("configuration:8: attestation.timeout"));
  EXPECT_THAT(said, HasSubstr("configuration:10: server.port"));
}

TEST(ConfigTest, SyntaxErrorNamesItsLine) {
  EXPECT_THAT(ProblemsOf(Verifier("[server\n")), HasSubstr("configuration:6"));
}

TEST(ConfigTest, UnknownSectionIsAProblem) {
  EXPECT_THAT(ProblemsOf(Verifier("[attestatoin]\ninterval = \"2s\"\n")),
              HasSubstr("attestatoin.interval: unknown key"));
}

TEST(ConfigTest, WhatIsRequiredIsMissed) {
  const auto config = ParseVerifierConfig("", "/site");
  ASSERT_FALSE(config);
  for (const char* key : {"tls.certificate", "tls.key", "tls.operator_ca"})
    EXPECT_THAT(config.error().message, HasSubstr(key));
}

TEST(ConfigTest, WrongTypesAreProblems) {
  for (const char* line : {"[server]\nport = \"8881\"", "[server]\nlisten = 1", "lab = 1",
                           "[attestation]\ninterval = \"2\"", "[notify]\nwebhook_ca = \"x\"",
                           "[log]\nlevel = \"loud\"", "[attestation]\nmax_ima_list_bytes = -1"}) {
    const std::string text = std::string(line).starts_with("lab")
                                 ? std::string(line) + "\n" + std::string(kVerifier)
                                 : std::string(kVerifier) + line;
    EXPECT_FALSE(ParseVerifierConfig(text, "/site")) << line;
  }
}

TEST(ConfigTest, LateMustBeLongerThanTheInterval) {
  EXPECT_FALSE(Verifier("[attestation]\ninterval = \"10s\"\nlate_after = \"10s\"\n"));
}

TEST(ConfigTest, WhatIsWrittenCanBeRead) {
  const auto verifier =
      Verifier("[attestation]\ninterval = \"250ms\"\n[notify]\nwebhook = \"http://h/\\\"x\"\n");
  ASSERT_TRUE(verifier) << verifier.error().message;
  const auto again = ParseVerifierConfig(ToToml(*verifier), "/elsewhere");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(ToToml(*again), ToToml(*verifier));
  EXPECT_EQ(again->interval, std::chrono::milliseconds(250));
  EXPECT_EQ(again->webhook, "http://h/\"x");
}

TEST(ConfigTest, AgentKeysAndSignaturesGoTogether) {
  const std::string tls = "[tls]\ntrusted_client_ca = [\"c.pem\"]\n";
  EXPECT_TRUE(ParseAgentConfig(tls, "/site"));
  EXPECT_TRUE(ParseAgentConfig(tls + "[tpm]\nkey = \"ecc256\"\nsigning = \"ecdsa\"\n", "/site"));
  EXPECT_FALSE(ParseAgentConfig(tls + "[tpm]\nkey = \"ecc256\"\n", "/site"));
  EXPECT_FALSE(ParseAgentConfig(tls + "[tpm]\nsigning = \"ecdsa\"\n", "/site"));
  EXPECT_FALSE(ParseAgentConfig("", "/site")) << "an agent that trusts nobody answers nobody";
}

TEST(ConfigTest, AgentFillsIn) {
  const auto config = ParseAgentConfig(
      "[agent]\nport = 1234\nstate_dir = \"s\"\n[tls]\ntrusted_client_ca = [\"c.pem\"]\n", "/site");
  ASSERT_TRUE(config);
  EXPECT_EQ(config->contact_port, 1234);
  EXPECT_EQ(config->server_key, "/site/s/server.key");
}

class EnvironmentTest : public ::testing::Test {
 protected:
  EnvironmentTest() { std::ofstream(file_) << kVerifier; }
  ~EnvironmentTest() override {
    unsetenv("LIMEQUAT_VERIFIER_ATTESTATION_INTERVAL");
    unsetenv("LIMEQUAT_VERIFIER_ATTESTATION_INTERVALL");
  }
  std::string file_ = ::testing::TempDir() + "limequat-config-test.toml";
};

TEST_F(EnvironmentTest, VariableOverridesTheFile) {
  setenv("LIMEQUAT_VERIFIER_ATTESTATION_INTERVAL", "3s", 1);
  const auto config = LoadVerifierConfig(file_);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->interval, std::chrono::seconds(3));
}

TEST_F(EnvironmentTest, VariableThatSetsNothingIsAProblem) {
  setenv("LIMEQUAT_VERIFIER_ATTESTATION_INTERVALL", "3s", 1);
  EXPECT_THAT(ProblemsOf(LoadVerifierConfig(file_)),
              HasSubstr("LIMEQUAT_VERIFIER_ATTESTATION_INTERVALL sets no key"));
}

TEST(ConfigTest, MissingFileIsNotFound) {
  EXPECT_EQ(LoadVerifierConfig("/proc/none/x.toml").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(LoadCommandConfig(std::filesystem::path("/proc/none/x.toml")).error().code,
            ErrorCode::kNotFound);
}

// docs/configuration.md names every key of every program.
TEST(ConfigTest, EveryKeyIsDocumented) {
  std::ifstream file(LQ_SOURCE_DIR "/docs/configuration.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string document = text.str();
  ASSERT_FALSE(document.empty());
  const std::string all = ToToml(RegistrarConfig{}) + ToToml(VerifierConfig{}) +
                          ToToml(AgentConfig{}) + ToToml(CommandConfig{});
  const std::regex key("^([a-z_]+) = ", std::regex::multiline);
  for (std::sregex_iterator it(all.begin(), all.end(), key), end; it != end; ++it) {
    EXPECT_THAT(document, HasSubstr("`" + (*it)[1].str() + "`"));
  }
}

}  // namespace
}  // namespace limequat::config
