#include "limequat/cli/table.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace limequat::cli {
namespace {

TEST(Table, AlignsByDisplayWidth) {
  Table table({"NAME", "STATE", "WHY"});
  table.Add({"日本", "pass", "-"});
  table.Add({"plain-name", "fail", "x"});
  EXPECT_EQ(table.Render({}),
            "NAME        STATE  WHY\n"
            "日本        pass   -\n"
            "plain-name  fail   x\n");
}

TEST(Table, EmptyLastCellLeavesNoBlanks) {
  Table table({"A", "B"});
  table.Add({"x", ""});
  EXPECT_EQ(table.Render({}), "A  B\nx\n");
}

// A machine's name must not be able to forge a line or to colour one.
TEST(Table, Attack_A15_CellsAreEscaped) {
  Table table({"A", "B"});
  table.Add({"x\nfake  pass", "\x1b[32mpass\x1b[0m"});
  const std::string text = table.Render({});
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find(R"(x\x0afake  pass)"), std::string::npos);
}

TEST(Table, CutsTheLastColumnToTheTerminal) {
  Table table({"A", "B"});
  table.Add({"x", "a sentence that is much longer than that"});
  EXPECT_EQ(table.Render({.colours = false, .width = 24}), "A  B\nx  a sentence that is m…\n");
  // Nothing is lost where there is no terminal.
  EXPECT_EQ(table.Render({}), "A  B\nx  a sentence that is much longer than that\n");
}

TEST(Table, ColoursOnlyIfAsked) {
  Table table({"A"});
  table.Add({Cell("bad", Tint::kBad)});
  EXPECT_EQ(table.Render({}).find('\x1b'), std::string::npos);
  EXPECT_NE(table.Render({.colours = true}).find("\x1b[1;31mbad\x1b[0m"), std::string::npos);
}

// Colours must not shift the columns behind them.
TEST(Table, ColoursTakeNoColumns) {
  Table table({"A", "B"});
  table.Add({Cell("bad", Tint::kBad), "x"});
  EXPECT_EQ(table.Render({.colours = true}),
            "\x1b[2mA\x1b[0m    \x1b[2mB\x1b[0m\n\x1b[1;31mbad\x1b[0m  x\n");
}

TEST(RenderPairs, LeavesOutWhatIsEmptyAndEscapes) {
  EXPECT_EQ(RenderPairs({{"name", "x"}, {"absent", ""}, {"policy", "a\nb"}}, {}, 2),
            "  name    x\n  policy  a\\x0ab\n");
}

}  // namespace
}  // namespace limequat::cli
