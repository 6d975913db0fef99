#include "limequat/base/time.h"

#include <gtest/gtest.h>

namespace limequat {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(FormatRfc3339, WritesUtc) {
  EXPECT_EQ(FormatRfc3339(Time()), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatRfc3339(Time(seconds(1'795'597'445))), "2026-11-25T09:04:05Z");
  EXPECT_EQ(FormatRfc3339(Time(seconds(253'402'300'799))), "9999-12-31T23:59:59Z");
}

TEST(FormatRfc3339, WritesAFractionOnlyIfThereIsOne) {
  EXPECT_EQ(FormatRfc3339(Time(microseconds(1))), "1970-01-01T00:00:00.000001Z");
  EXPECT_EQ(FormatRfc3339(Time(milliseconds(250))), "1970-01-01T00:00:00.250000Z");
}

TEST(FormatRfc3339, CountsBackwardsBefore1970) {
  EXPECT_EQ(FormatRfc3339(Time(microseconds(-1))), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(FormatRfc3339(Time(seconds(-1))), "1969-12-31T23:59:59Z");
}

TEST(ParseRfc3339, ReadsEveryFormOfTheStandard) {
  const Time time = Time(seconds(1'795'597'445));
  EXPECT_EQ(*ParseRfc3339("2026-11-25T09:04:05Z"), time);
  EXPECT_EQ(*ParseRfc3339("2026-11-25t09:04:05z"), time);
  EXPECT_EQ(*ParseRfc3339("2026-11-25 09:04:05Z"), time);
  EXPECT_EQ(*ParseRfc3339("2026-11-25T10:34:05+01:30"), time);
  EXPECT_EQ(*ParseRfc3339("2026-11-24T23:04:05-10:00"), time);
  EXPECT_EQ(*ParseRfc3339("2026-11-25T09:04:05-00:00"), time);
  EXPECT_EQ(*ParseRfc3339("2026-11-25T09:04:05.5Z"), time + milliseconds(500));
  EXPECT_EQ(*ParseRfc3339("2026-11-25T09:04:05.0000019Z"), time + microseconds(1)) << "cut";
  EXPECT_EQ(*ParseRfc3339("2026-11-25T09:04:05.00000000000000000000000000000001Z"), time);
  EXPECT_EQ(*ParseRfc3339("2016-12-31T23:59:60Z"), *ParseRfc3339("2017-01-01T00:00:00Z"));
  EXPECT_EQ(FormatRfc3339(*ParseRfc3339("2024-02-29T00:00:00Z")), "2024-02-29T00:00:00Z");
}

TEST(ParseRfc3339, RoundTrips) {
  for (const std::string_view text :
       {"0000-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"}) {
    EXPECT_EQ(FormatRfc3339(*ParseRfc3339(text)), text);
  }
}

TEST(ParseRfc3339, RefusesEverythingElse) {
  for (const std::string_view text : {
           "",
           "2026",
           "2026-11-25",
           "2026-11-25T09:04:05",    // no offset
           "2026-11-25T09:04Z",      // no seconds
           "2026-11-25T09:04:05.Z",  // no digit behind the point
           "2026-11-25T09:04:05Z ",  // bytes behind
           " 2026-11-25T09:04:05Z",
           "2026-11-25T09:04:05Zulu",
           "2026-13-25T09:04:05Z",
           "2026-00-25T09:04:05Z",
           "2026-11-31T09:04:05Z",
           "2026-11-00T09:04:05Z",
           "2026-02-29T09:04:05Z",  // no leap year
           "2026-11-25T24:00:00Z",
           "2026-11-25T09:60:05Z",
           "2026-11-25T09:04:61Z",
           "2026-11-25T09:04:05+24:00",
           "2026-11-25T09:04:05+01:60",
           "2026-11-25T09:04:05+0100",
           "2026-11-25T09:04:05+01",
           "2026-11-25T09:04:05*01:00",
           "2026-11-25X09:04:05Z",
           "2026/11/25T09:04:05Z",
           "2026-11-25T09.04.05Z",
           "2026-1-25T09:04:05Z",
           "+026-11-25T09:04:05Z",
           "20261-11-25T09:04:05Z",
       }) {
    const Result<Time> time = ParseRfc3339(text);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(time.error().id, "time.rfc3339");
  }
}

TEST(UnixSeconds, AreCutDownwards) {
  EXPECT_EQ(ToUnixSeconds(Time(milliseconds(1999))), 1);
  EXPECT_EQ(ToUnixSeconds(Time(milliseconds(-1))), -1);
  EXPECT_EQ(FromUnixSeconds(-5), Time(seconds(-5)));
}

TEST(ParseDuration, ReadsEveryUnit) {
  EXPECT_EQ(*ParseDuration("7us"), microseconds(7));
  EXPECT_EQ(*ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(*ParseDuration("2s"), seconds(2));
  EXPECT_EQ(*ParseDuration("5m"), minutes(5));
  EXPECT_EQ(*ParseDuration("1h"), hours(1));
  EXPECT_EQ(*ParseDuration("0s"), seconds(0));
  EXPECT_EQ(*ParseDuration("999999999h"), hours(999'999'999)) << "the longest does not overflow";
}

TEST(ParseDuration, RefusesEverythingElse) {
  for (const std::string_view text : {"", "s", "2", "-2s", "+2s", "2 s", " 2s", "2s ", "2.5s", "2S",
                                      "2d", "2sec", "0x2s", "1000000000s"}) {
    const Result<Duration> duration = ParseDuration(text);
    ASSERT_FALSE(duration) << text;
    EXPECT_EQ(duration.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(duration.error().id, "time.duration");
  }
}

TEST(FormatDuration, IsForPeople) {
  EXPECT_EQ(FormatDuration(Duration(0)), "0 ms");
  EXPECT_EQ(FormatDuration(milliseconds(250)), "250 ms");
  EXPECT_EQ(FormatDuration(milliseconds(3200)), "3.2 s");
  EXPECT_EQ(FormatDuration(minutes(4) + seconds(10)), "4 min 10 s");
  EXPECT_EQ(FormatDuration(minutes(4)), "4 min");
  EXPECT_EQ(FormatDuration(hours(2)), "2 h");
  EXPECT_EQ(FormatDuration(hours(2) + minutes(5) + seconds(59)), "2 h 5 min");
  EXPECT_EQ(FormatDuration(hours(47)), "47 h");
  EXPECT_EQ(FormatDuration(hours(72)), "3 days");
  EXPECT_EQ(FormatDuration(-minutes(4)), "-4 min");
  EXPECT_EQ(FormatDuration(-milliseconds(250)), "-250 ms");
}

TEST(FormatDuration, RoundsIntoTheNextUnit) {
  EXPECT_EQ(FormatDuration(microseconds(999'499)), "999 ms");
  EXPECT_EQ(FormatDuration(microseconds(999'500)), "1.0 s");
  EXPECT_EQ(FormatDuration(milliseconds(59'949)), "59.9 s");
  EXPECT_EQ(FormatDuration(milliseconds(59'950)), "1 min");
  EXPECT_EQ(FormatDuration(milliseconds(3'599'500)), "1 h");
}

TEST(FormatDuration, HasAMagnitudeForTheLeastDuration) {
  EXPECT_EQ(FormatDuration(Duration::min()).substr(0, 1), "-");
}

}  // namespace
}  // namespace limequat
