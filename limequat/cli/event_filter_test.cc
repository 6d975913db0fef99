#include "limequat/cli/event_filter.h"

#include <string>

#include <gtest/gtest.h>

#include "limequat/cli/usage.h"

namespace limequat::cli {
namespace {

TEST(EventTypeFilter, NamesNumbersAndWords) {
  EXPECT_TRUE(EventTypeFilter::Parse("EV_IPL")->Matches(eventlog::EventType::kIpl));
  EXPECT_FALSE(EventTypeFilter::Parse("EV_IPL")->Matches(eventlog::EventType::kAction));
  EXPECT_FALSE(EventTypeFilter::Parse("EV_IPL")->Matches("EV_IPL"));
  EXPECT_TRUE(EventTypeFilter::Parse("0x40e")->Matches(eventlog::EventType{0x40e}));
  EXPECT_TRUE(EventTypeFilter::Parse("machine-id")->Matches("machine-id"));
  EXPECT_FALSE(EventTypeFilter::Parse("machine-id")->Matches("phase"));
  EXPECT_FALSE(EventTypeFilter::Parse("phase")->Matches(eventlog::EventType::kPrebootCert));
}

TEST(EventTypeFilter, UnknownTypesAreWrongUsage) {
  for (const char* bad : {"", "IPL", "ev_ipl", "Phase", "0x", "0x123456789", "words"}) {
    const auto filter = EventTypeFilter::Parse(bad);
    ASSERT_FALSE(filter) << bad;
    EXPECT_EQ(StatusOf(filter.error()), 2) << bad;
  }
}

TEST(PathFilter, APartOfTheText) {
  const auto filter = PathFilter::Parse("grub");
  ASSERT_TRUE(filter);
  EXPECT_TRUE(filter->Matches("/boot/grub/grub.cfg"));
  EXPECT_FALSE(filter->Matches("/boot/GRUB"));
  EXPECT_FALSE(filter->Matches(""));
}

TEST(PathFilter, APatternIsOfTheWholeText) {
  const auto all_in_bin = PathFilter::Parse("/usr/bin/*");
  EXPECT_TRUE(all_in_bin->Matches("/usr/bin/x"));
  EXPECT_TRUE(all_in_bin->Matches("/usr/bin/x/y"));
  EXPECT_FALSE(all_in_bin->Matches("/root/usr/bin/x"));
  EXPECT_TRUE(PathFilter::Parse("/lib?/[ab].so")->Matches("/libx/a.so"));
  EXPECT_FALSE(PathFilter::Parse("/lib?/[ab].so")->Matches("/libx/c.so"));
  EXPECT_TRUE(PathFilter::Parse(R"(*\[x\]*)")->Matches("/a[x]b"));
}

TEST(PathFilter, NothingToLookForIsWrongUsage) {
  EXPECT_FALSE(PathFilter::Parse(""));
  EXPECT_FALSE(PathFilter::Parse(std::string_view("a\0b", 3)));
}

TEST(ContentMatches, NamesPathsAndTextsOnly) {
  const auto filter = PathFilter::Parse("find me");
  for (const char* member : {"device_path", "name", "description", "text"}) {
    EXPECT_TRUE(ContentMatches(*filter, {{member, "now find me here"}})) << member;
    EXPECT_FALSE(ContentMatches(*filter, {{member, "nothing"}})) << member;
    EXPECT_FALSE(ContentMatches(*filter, {{member, 1}})) << member;
  }
  EXPECT_FALSE(ContentMatches(*filter, {{"value", "find me"}}));
  EXPECT_FALSE(ContentMatches(*filter, {}));
}

}  // namespace
}  // namespace limequat::cli
