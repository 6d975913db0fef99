#include "limequat/cli/console.h"

#include <cstdio>
#include <string>

#include <gtest/gtest.h>

#include "limequat/cli/usage.h"

namespace limequat::cli {
namespace {

class ConsoleTest : public ::testing::Test {
 protected:
  void TearDown() override {
    std::fclose(out_);
    std::fclose(err_);
  }
  static std::string Content(std::FILE* file) {
    EXPECT_EQ(std::fseek(file, 0, SEEK_SET), 0);
    char content[1024] = {};
    return {content, std::fread(content, 1, sizeof content, file)};
  }
  std::FILE* out_ = std::tmpfile();
  std::FILE* err_ = std::tmpfile();
};

TEST_F(ConsoleTest, NotATerminalMeansJsonWithoutColours) {
  Console console(out_, err_, std::nullopt);
  EXPECT_EQ(console.format(), OutputFormat::kJson);
  EXPECT_FALSE(console.look().colours);
  EXPECT_EQ(console.look().width, 0U);
  ASSERT_TRUE(console.Show(json::Object{{"a", 1}}, [] { return "text"; }));
  EXPECT_EQ(Content(out_), "{\n  \"a\": 1\n}\n");
}

TEST_F(ConsoleTest, TheFormatThatWasAskedForIsTaken) {
  Console table(out_, err_, OutputFormat::kTable);
  ASSERT_TRUE(table.Show(json::Object{{"a", 1}}, [] { return "text\n"; }));
  EXPECT_EQ(Content(out_), "text\n");
  Console yaml(err_, err_, OutputFormat::kYaml);
  ASSERT_TRUE(yaml.Show(json::Object{{"a", 1}}, [] { return "text\n"; }));
  EXPECT_EQ(Content(err_), "a: 1\n");
}

TEST_F(ConsoleTest, NotesAreSafeForATerminal) {
  Console console(out_, err_, std::nullopt);
  console.Note("a\x1b[2J\nb");
  EXPECT_EQ(Content(err_), "a\\x1b[2J\\x0ab\n");
  EXPECT_EQ(Content(out_), "");
}

TEST_F(ConsoleTest, AResultThatCannotBeWrittenIsAnError) {
  std::FILE* full = std::fopen("/dev/full", "w");
  if (full == nullptr) GTEST_SKIP() << "no /dev/full";
  Console console(full, err_, std::nullopt);
  const Status written = console.Write("result");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().id, "cli.output");
  EXPECT_EQ(StatusOf(written.error()), 6);
  std::fclose(full);
}

TEST(ParseOutputFormat, KnowsThree) {
  EXPECT_EQ(*ParseOutputFormat("table"), OutputFormat::kTable);
  EXPECT_EQ(*ParseOutputFormat("json"), OutputFormat::kJson);
  EXPECT_EQ(*ParseOutputFormat("yaml"), OutputFormat::kYaml);
  for (const char* other : {"", "JSON", "xml"}) {
    ASSERT_FALSE(ParseOutputFormat(other)) << other;
    EXPECT_EQ(StatusOf(ParseOutputFormat(other).error()), 2);
  }
}

}  // namespace
}  // namespace limequat::cli
