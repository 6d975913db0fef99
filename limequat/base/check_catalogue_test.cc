#include "limequat/base/check_catalogue.h"

#include <cctype>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace limequat {
namespace {

TEST(CheckCatalogue, HasEveryCheckOnce) {
  std::set<std::string_view> known;
  for (const CheckSection& section : CheckCatalogue()) {
    EXPECT_FALSE(section.title.empty());
    EXPECT_FALSE(section.entries.empty()) << section.title;
    for (const CheckEntry& entry : section.entries) {
      EXPECT_TRUE(known.insert(entry.check).second) << entry.check << " stands there twice";
      EXPECT_EQ(FindCheckEntry(entry.check), &entry);
    }
  }
  EXPECT_GT(known.size(), 60U);
}

TEST(CheckCatalogue, SaysEverythingOfACheckInOneLineEach) {
  for (const CheckSection& section : CheckCatalogue()) {
    for (const CheckEntry& entry : section.entries) {
      for (const std::string_view text : {entry.meaning, entry.causes, entry.advice}) {
        EXPECT_TRUE(text.ends_with('.') || text.ends_with(").")) << entry.check << ": " << text;
        EXPECT_EQ(text.find('\n'), std::string_view::npos) << entry.check;
        EXPECT_EQ(text.find("  "), std::string_view::npos) << entry.check << ": " << text;
      }
    }
  }
}

// Of a check that always passes there is nothing to find out.
TEST(CheckCatalogue, SaysWhatToRunNextOfEveryCheckThatCanFail) {
  for (const CheckSection& section : CheckCatalogue()) {
    for (const CheckEntry& entry : section.entries) {
      const bool informs = entry.check == "ima.unquoted" || entry.check == "ima.violations_ignored";
      EXPECT_EQ(entry.next.empty(), informs) << entry.check;
      EXPECT_EQ(entry.cause == Cause::kNone, informs) << entry.check;
    }
  }
}

// A command of the catalogue is made of this program's words and of words in capitals.
TEST(CheckCatalogue, Attack_A15_CommandsHoldNothingToInterpret) {
  for (const CheckSection& section : CheckCatalogue()) {
    for (const CheckEntry& entry : section.entries) {
      if (entry.next.empty()) continue;
      EXPECT_TRUE(entry.next.starts_with("limequat ")) << entry.next;
      for (const char c : entry.next) {
        EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) || c == ' ' || c == '-')
            << entry.next;
      }
    }
  }
}

TEST(FindCheckEntry, OfAnotherVersionIsNone) {
  EXPECT_EQ(FindCheckEntry("no.such.check"), nullptr);
  EXPECT_EQ(FindCheckEntry(""), nullptr);
  EXPECT_EQ(FindCheckEntry("ima.path\n"), nullptr);
}

}  // namespace
}  // namespace limequat
