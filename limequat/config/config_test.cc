#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

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
  EXPECT_EQ(config->client_key, "/site/server.key");
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
              HasSubstr("configuration:6: attestatoin: unknown section"));
  EXPECT_THAT(ProblemsOf(Verifier("[attestatoin]\n")), HasSubstr("attestatoin: unknown section"));
}

TEST(ConfigTest, WhatLooksLikeAKeyIsNotTakenForIt) {
  // A name with a dot in it is another key than one in a section.
  EXPECT_THAT(
      ProblemsOf(ParseVerifierConfig("\"server.port\" = 1\n" + std::string(kVerifier), "/")),
      HasSubstr("configuration:1: server.port: unknown key"));
  EXPECT_THAT(ProblemsOf(ParseVerifierConfig("port = 1\n" + std::string(kVerifier), "/")),
              HasSubstr("configuration:1: port: unknown key"));
  EXPECT_THAT(ProblemsOf(ParseVerifierConfig("server = 1\n" + std::string(kVerifier), "/")),
              HasSubstr("configuration:1: server: unknown key"));
  EXPECT_THAT(ProblemsOf(Verifier("[server.port]\nx = 1\n")), HasSubstr("server.port: a whole"));
  EXPECT_THAT(ProblemsOf(Verifier("[server.tls]\n")), HasSubstr("server.tls: unknown key"));
  EXPECT_THAT(ProblemsOf(Verifier("[[server]]\nport = 1\n")), HasSubstr("server: unknown"));
  EXPECT_THAT(ProblemsOf(Verifier("[\"\"]\nlab = true\n")), HasSubstr("unknown section"));
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

TEST(ConfigTest, RangesIncludeTheirEnds) {
  for (const char* good :
       {"[server]\nport = 0", "[server]\nport = 65535", "[attestation]\nmax_ima_list_bytes = 65536",
        "[attestation]\nmax_ima_list_bytes = 1073741824", "[attestation]\ninterval = \"10ms\"",
        "[attestation]\nlate_after = \"48h\""}) {
    EXPECT_TRUE(Verifier(good)) << good;
  }
  for (const char* bad :
       {"[server]\nport = -1", "[server]\nport = 65536",
        "[attestation]\nmax_ima_list_bytes = 65535",
        "[attestation]\nmax_ima_list_bytes = 1073741825", "[attestation]\ninterval = \"9999us\"",
        "[attestation]\nlate_after = \"49h\""}) {
    EXPECT_FALSE(Verifier(bad)) << bad;
  }
}

TEST(ConfigTest, ListsHoldPathsOnly) {
  EXPECT_FALSE(Verifier("service_ca = [1]"));
  EXPECT_FALSE(Verifier("service_ca = [\"\"]"));
  EXPECT_TRUE(Verifier("service_ca = []"));
  const auto both = Verifier("service_ca = [\"a\", \"/b\"]");
  ASSERT_TRUE(both);
  EXPECT_THAT(both->service_ca, ::testing::ElementsAre("/site/a", "/b"));
}

TEST(ConfigTest, DatabaseIsASqliteFile) {
  for (const char* url : {"", "sqlite:", "postgresql://h/d", "verifier.db"}) {
    EXPECT_THAT(ProblemsOf(Verifier("[database]\nurl = \"" + std::string(url) + "\"\n")),
                HasSubstr("configuration:7: database.url: sqlite:PATH is expected"))
        << url;
  }
  EXPECT_EQ(Verifier("[database]\nurl = \"sqlite:/d/v.db\"\n")->database_url, "sqlite:/d/v.db");
}

TEST(ConfigTest, EveryProgramReadsItsKeys) {
  const auto registrar =
      ParseRegistrarConfig(std::string(kVerifier) +
                               "[server]\nlisten = \"::1\"\ntls_port = 5\n[identity]\n"
                               "ek_trust = \"tpm\"\nrequire_valid_time = true\n"
                               "[log]\nlevel = \"debug\"\nformat = \"json\"\n",
                           "/site");
  ASSERT_TRUE(registrar) << registrar.error().message;
  EXPECT_EQ(registrar->listen, "::1");
  EXPECT_EQ(registrar->port, 8890);
  EXPECT_EQ(registrar->tls_port, 5);
  EXPECT_EQ(registrar->ek_trust, "/site/tpm");
  EXPECT_TRUE(registrar->require_valid_time);
  EXPECT_EQ(registrar->log.level, "debug");
  EXPECT_EQ(registrar->log.format, "json");
  EXPECT_EQ(ToToml(*ParseRegistrarConfig(ToToml(*registrar), "/")), ToToml(*registrar));

  const auto command = ParseCommandConfig(
      "[verifier]\nhost = \"v\"\n[registrar]\nport = 7\n[tls]\ncertificate = \"c\"\n"
      "key = \"k\"\nserver_ca = [\"s\"]\n",
      "/site");
  ASSERT_TRUE(command) << command.error().message;
  EXPECT_EQ(command->verifier_host, "v");
  EXPECT_EQ(command->registrar_port, 7);
  EXPECT_EQ(command->server_ca.at(0), "/site/s");
  EXPECT_EQ(ToToml(*ParseCommandConfig(ToToml(*command), "/")), ToToml(*command));
  const auto missing = ParseCommandConfig("", "/site");
  ASSERT_FALSE(missing);
  for (const char* key : {"tls.certificate", "tls.key", "tls.server_ca"}) {
    EXPECT_THAT(missing.error().message, HasSubstr(key));
  }

  const auto agent = ParseAgentConfig(
      "[tls]\ntrusted_client_ca = [\"c.pem\"]\n[registrar]\nmax_retries = 0\n", "/site");
  ASSERT_TRUE(agent);
  EXPECT_EQ(agent->registrar_max_retries, 0);
  EXPECT_EQ(ToToml(*ParseAgentConfig(ToToml(*agent), "/")), ToToml(*agent));
}

TEST(ConfigTest, WhatIsWrittenIsTomlWhateverItHolds) {
  AgentConfig config;
  config.trusted_client_ca = {"/c.pem"};
  config.id = "a\nlab = true\t\"\\\x7f";
  const auto again = ParseAgentConfig(ToToml(config), "/");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->id, config.id);
  EXPECT_FALSE(again->lab);
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
    for (const std::string& name : set_) unsetenv(name.c_str());
    std::filesystem::remove(file_);
  }

  void Set(const std::string& name, const std::string& value) {
    set_.push_back(name);
    setenv(name.c_str(), value.c_str(), 1);
  }

  std::vector<std::string> set_;
  std::string file_ =
      ::testing::TempDir() + "limequat-config-" + std::to_string(getpid()) + ".toml";
};

TEST_F(EnvironmentTest, VariableOverridesTheFile) {
  Set("LIMEQUAT_VERIFIER_ATTESTATION_INTERVAL", "3s");
  Set("LIMEQUAT_VERIFIER_SERVER_PORT", "17");
  Set("LIMEQUAT_VERIFIER_LAB", "true");
  Set("LIMEQUAT_VERIFIER_TLS_OPERATOR_CA", "other.pem");
  Set("LIMEQUAT_VERIFIER_LOG_LEVEL", "error");
  const auto config = LoadVerifierConfig(file_);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->interval, std::chrono::seconds(3));
  EXPECT_EQ(config->port, 17);
  EXPECT_TRUE(config->lab);
  EXPECT_THAT(config->operator_ca,
              ::testing::ElementsAre(std::filesystem::path(file_).parent_path() / "other.pem"));
  EXPECT_EQ(config->log.level, "error");
}

TEST_F(EnvironmentTest, WrongValuesNameTheVariable) {
  const std::string last = "LIMEQUAT_VERIFIER_";
  for (const char* name : {"SERVER_PORT", "LAB", "LOG_LEVEL", "ATTESTATION_TIMEOUT", "TLS_KEY",
                           "TLS_OPERATOR_CA", "DATABASE_URL"}) {
    Set(last + name, "");
  }
  const std::string said = ProblemsOf(LoadVerifierConfig(file_));
  for (const std::string& name : set_) EXPECT_THAT(said, HasSubstr("variable " + name + ": "));
  Set("LIMEQUAT_VERIFIER_SERVER_PORT", "80x");
  EXPECT_THAT(ProblemsOf(LoadVerifierConfig(file_)),
              HasSubstr("VERIFIER_SERVER_PORT: server.port"));
}

TEST_F(EnvironmentTest, VariableThatSetsNothingIsAProblem) {
  Set("LIMEQUAT_VERIFIER_ATTESTATION_INTERVALL", "3s");
  EXPECT_THAT(ProblemsOf(LoadVerifierConfig(file_)),
              HasSubstr("LIMEQUAT_VERIFIER_ATTESTATION_INTERVALL sets no key"));
}

TEST_F(EnvironmentTest, VariablesOfOtherProgramsAreTheirs) {
  Set("LIMEQUAT_AGENT_ATTESTATION_INTERVAL", "3s");
  EXPECT_TRUE(LoadVerifierConfig(file_));
}

TEST_F(EnvironmentTest, CommandLooksWhereItIsTold) {
  const std::string tls = "[tls]\ncertificate = \"c\"\nkey = \"k\"\nserver_ca = [\"s\"]\n";
  const std::filesystem::path home = file_ + ".home";
  std::filesystem::create_directories(home / ".config/limequat");
  std::ofstream(home / ".config/limequat/limequat.toml") << tls + "[verifier]\nhost = \"home\"\n";
  std::ofstream(home / "named.toml") << tls + "[verifier]\nhost = \"named\"\n";
  std::ofstream(home / "given.toml") << tls + "[verifier]\nhost = \"given\"\n";
  const std::string real_home = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "/";
  unsetenv("LIMEQUAT_CONFIG");
  setenv("HOME", home.c_str(), 1);

  EXPECT_EQ(LoadCommandConfig(std::nullopt)->verifier_host, "home");
  Set("LIMEQUAT_CONFIG", home / "named.toml");
  EXPECT_EQ(LoadCommandConfig(std::nullopt)->verifier_host, "named");
  EXPECT_EQ(LoadCommandConfig(home / "given.toml")->verifier_host, "given");
  // A name that is wrong is not a reason to take another file.
  Set("LIMEQUAT_CONFIG", home / "none.toml");
  EXPECT_EQ(LoadCommandConfig(std::nullopt).error().code, ErrorCode::kNotFound);

  unsetenv("LIMEQUAT_CONFIG");
  setenv("HOME", "/proc/none", 1);
  if (!std::filesystem::exists("/etc/limequat/limequat.toml")) {
    const auto none = LoadCommandConfig(std::nullopt);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().id, "config.none");
    EXPECT_THAT(none.error().message, HasSubstr("/proc/none/.config/limequat/limequat.toml"));
  }
  setenv("HOME", real_home.c_str(), 1);
  std::filesystem::remove_all(home);
}

TEST(ConfigTest, MissingFileIsNotFound) {
  EXPECT_EQ(LoadVerifierConfig("/proc/none/x.toml").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(LoadCommandConfig(std::filesystem::path("/proc/none/x.toml")).error().code,
            ErrorCode::kNotFound);
}

// The part of docs/configuration.md about one program's file.
std::string Documentation(const std::string& file) {
  std::ifstream in(LQ_SOURCE_DIR "/docs/configuration.md");
  std::stringstream text;
  text << in.rdbuf();
  const std::string document = text.str();
  const std::size_t begin = document.find("\n## " + file + "\n");
  if (begin == std::string::npos) return "";
  return document.substr(begin, document.find("\n## ", begin + 1) - begin);
}

TEST(ConfigTest, EveryKeyIsDocumented) {
  // The verifier's shares some sections with the registrar's.
  const std::string registrar = Documentation("limequat-registrar.toml");
  const std::pair<std::string, std::string> programs[] = {
      {ToToml(RegistrarConfig{}), registrar},
      {ToToml(VerifierConfig{}), registrar + Documentation("limequat-verifier.toml")},
      {ToToml(AgentConfig{}), Documentation("limequat-agent.toml")},
      {ToToml(CommandConfig{}), Documentation("limequat.toml")}};
  const std::regex line("^([a-z_]+) = ", std::regex::multiline);
  for (const auto& [written, document] : programs) {
    EXPECT_FALSE(document.empty());
    for (std::sregex_iterator it(written.begin(), written.end(), line), end; it != end; ++it) {
      EXPECT_THAT(document, HasSubstr("`" + (*it)[1].str() + "`"));
    }
  }
}

}  // namespace
}  // namespace limequat::config
