#include "limequat/cli/command_line.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/cli/completion.h"
#include "limequat/cli/usage.h"

namespace limequat::cli {
namespace {

using Words = std::vector<std::string>;

std::string UsageMessage(const Words& words) {
  const auto line = ParseCommandLine(words);
  if (line) return "accepted";
  EXPECT_EQ(line.error().id, kUsageId);
  EXPECT_EQ(line.error().message.find('\n'), std::string::npos) << line.error().message;
  return line.error().message;
}

const Words kVerify = {"verify", "quote", "--ak", "a", "--message", "m", "--signature", "s"};

Words With(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(CommandLine, CompleteCommandsRun) {
  for (const Words& words :
       {kVerify, Words{"inspect", "ima", "-"}, Words{"incident", "close", "7", "8", "--note", "n"},
        Words{"--config", "f", "agent", "list", "-o", "json"},
        Words{"agent", "list", "--config", "f"},
        Words{"init", "d", "--registrar-host", "a", "--registrar-host", "b", "--verifier-host",
              "c"}}) {
    const auto line = ParseCommandLine(words);
    ASSERT_TRUE(line) << words.front() << ": " << line.error().message;
    EXPECT_TRUE(line->run) << words.front();
  }
}

TEST(CommandLine, OutputFormatIsRead) {
  EXPECT_EQ(ParseCommandLine({"agent", "list", "-o", "yaml"})->output, OutputFormat::kYaml);
  EXPECT_EQ(ParseCommandLine({"agent", "list"})->output, std::nullopt);
  EXPECT_NE(UsageMessage({"agent", "list", "-o", "xml"}).find("json, yaml, table"),
            std::string::npos);
}

TEST(CommandLine, UnknownCommandsNameThoseThatExist) {
  EXPECT_EQ(
      UsageMessage({"doctor"}).find("there is no command 'limequat doctor'. Commands: agent, "),
      0U);
  EXPECT_NE(UsageMessage({"agent", "pause", "x"})
                .find("'limequat agent pause'. Commands: add, list, remove, show"),
            std::string::npos);
  EXPECT_EQ(UsageMessage({}), "limequat what? Commands: " +
                                  UsageMessage({"x"}).substr(UsageMessage({"x"}).find("agent")));
  EXPECT_NE(UsageMessage({"verify"}).find("limequat verify what? Commands: ekcert, "),
            std::string::npos);
  EXPECT_NE(UsageMessage({"--colour"}).find("there is no option"), std::string::npos);
}

TEST(CommandLine, UnknownWordsAreSafeToShow) {
  EXPECT_EQ(UsageMessage({"x\x1b[2J"}).find('\x1b'), std::string::npos);
  EXPECT_EQ(UsageMessage({"agent", "list", "x\x1b[2J"}).find('\x1b'), std::string::npos);
}

TEST(CommandLine, MissingAndSurplusArgumentsAreWrong) {
  for (const Words& words :
       {Words{"verify", "quote"}, Words{"inspect", "ima"}, Words{"inspect", "ima", "a", "b"},
        With(kVerify, {"surplus"}), Words{"agent", "add"}, Words{"agent", "show", "a", "b"},
        Words{"incident", "close", "1"}, Words{"policy", "push", "name"}, Words{"completion"}}) {
    EXPECT_NE(UsageMessage(words), "accepted") << words.back();
  }
}

// CLI11 by itself takes an empty value for "not given": --nonce "" would then verify
// a quote without comparing its nonce.
TEST(CommandLine, EmptyValuesAreNotAbsentOnes) {
  for (const char* option : {"--pcrs", "--require-pcrs", "--at", "-o"}) {
    EXPECT_NE(UsageMessage(With(kVerify, {option, ""})), "accepted") << option;
  }
  EXPECT_NE(UsageMessage({"agent", "add", "a", "--policy", ""}), "accepted");
  EXPECT_NE(UsageMessage({"agent", "show", ""}), "accepted");
}

TEST(CommandLine, AValueGivenTwiceIsWrong) {
  EXPECT_NE(UsageMessage(With(kVerify, {"--nonce", "00", "--nonce", "01"})), "accepted");
  EXPECT_NE(UsageMessage(With(kVerify, {"--ak", "b"})), "accepted");
}

// An option that may be repeated must not swallow the argument behind it.
TEST(CommandLine, RepeatedOptionsTakeOneValueEach) {
  EXPECT_EQ(UsageMessage({"init", "--all-in-one", "--registrar-host", "a", "folder"}), "accepted");
}

TEST(CommandLine, OptionsThatExcludeEachOther) {
  EXPECT_NE(
      UsageMessage({"agent", "add", "a", "--boot-reference", "f", "--boot-reference-name", "b"}),
      "accepted");
}

TEST(CommandLine, AMachinesOwnPolicyGoesWithNamedOnes) {
  EXPECT_EQ(UsageMessage({"agent", "add", "a", "--policy", "p", "--policy", "q", "--policy-file",
                          "f", "--policy-name", "n"}),
            "accepted");
}

TEST(CommandLine, HelpHasAnExampleForEveryCommand) {
  const auto check = [](const auto& self, const CommandInfo& info, Words words) -> void {
    for (const CommandInfo& command : info.commands) {
      if (command.name == "lab") continue;  // the driver's own
      Words inner = With(words, {command.name});
      self(self, command, inner);
      const auto line = ParseCommandLine(With(inner, {"--help"}));
      ASSERT_TRUE(line) << command.name;
      EXPECT_FALSE(line->run);
      EXPECT_NE(line->text.find("limequat"), std::string::npos) << command.name;
      if (command.commands.empty()) {
        EXPECT_NE(line->text.find("Example:\n"), std::string::npos) << command.name;
      }
    }
  };
  check(check, DescribeCommands(), {});
}

TEST(CommandLine, VersionIsNamed) {
  const auto line = ParseCommandLine({"--version"});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->text.find("limequat "), 0U);
  EXPECT_FALSE(line->run);
}

TEST(Completion, EveryShellKnowsEveryCommand) {
  const CommandInfo root = DescribeCommands();
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = CompletionScript(shell, root);
    for (const char* word : {"inspect", "explain", "incident", "close", "require-pcrs"}) {
      EXPECT_NE(script.find(word), std::string::npos) << shell << ": " << word;
    }
  }
  EXPECT_FALSE(ParseShell("tcsh"));
}

}  // namespace
}  // namespace limequat::cli
