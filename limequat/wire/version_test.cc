#include "limequat/wire/version.h"

#include <gtest/gtest.h>

namespace limequat::wire {
namespace {

TEST(Version, ReadsMajorAndMinor) {
  EXPECT_EQ(ParseVersion("2.6"), (ApiVersion{2, 6}));
  EXPECT_EQ(ParseVersion("3.0"), (ApiVersion{3, 0}));
  EXPECT_EQ(ParseVersion("10.12"), (ApiVersion{10, 12}));
  EXPECT_EQ((ApiVersion{2, 6}).ToString(), "2.6");
}

TEST(Version, OneVersionHasOneSpelling) {
  for (const std::string_view text : {"", "2", "2.", ".6", "2.6.1", "02.6", "2.06", "2.-1", "+2.6",
                                      " 2.6", "2.6 ", "v2.6", "2,6", "2.1000", "a.b"}) {
    EXPECT_EQ(ParseVersion(text), std::nullopt) << text;
  }
}

TEST(Version, ReadsSegmentsOfAPath) {
  EXPECT_EQ(ParseVersionSegment("v2.1"), (ApiVersion{2, 1}));
  EXPECT_EQ(ParseVersionSegment("v2"), (ApiVersion{2, 6}));
  EXPECT_EQ(ParseVersionSegment("v9.9"), (ApiVersion{9, 9}));
  for (const std::string_view segment : {"", "v", "2.6", "V2.6", "v3", "v1", "vv2.6", "v2.6x"}) {
    EXPECT_EQ(ParseVersionSegment(segment), std::nullopt) << segment;
  }
}

TEST(Version, Quirk_Q1_ThreeIsNotOffered) {
  EXPECT_EQ(ServerVersions().front(), (ApiVersion{2, 0}));
  EXPECT_EQ(ServerVersions().back(), (ApiVersion{2, 6}));
  EXPECT_EQ(ServerVersions().size(), 7U);
  EXPECT_EQ(AgentVersions().front(), (ApiVersion{2, 1}));
  EXPECT_EQ(AgentVersions().back(), (ApiVersion{2, 6}));
}

TEST(Version, TheHighestThatBothKnowIsTaken) {
  EXPECT_EQ(HighestCommon(ServerVersions(), {"1.0", "2.1", "2.5", "2.2"}), (ApiVersion{2, 5}));
  // By number, not by text, and nothing that is not ours.
  EXPECT_EQ(HighestCommon(ServerVersions(), {"2.3", "2.10", "3.0", "garbage", "99"}),
            (ApiVersion{2, 3}));
  EXPECT_EQ(HighestCommon(ServerVersions(), {"1.0", "3.0"}), std::nullopt);
  EXPECT_EQ(HighestCommon(ServerVersions(), {}), std::nullopt);
  EXPECT_EQ(HighestCommon(AgentVersions(), {"2.0"}), std::nullopt);
}

}  // namespace
}  // namespace limequat::wire
