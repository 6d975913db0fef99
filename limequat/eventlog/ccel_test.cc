#include "limequat/eventlog/ccel.h"

#include <string>

#include <gtest/gtest.h>

#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/testing/corpus.h"
#include "limequat/json/value.h"

namespace limequat::eventlog {
namespace {

using testing::Member;
using testing::ReadFile;

TEST(CcelRegisterName, Names) {
  EXPECT_EQ(CcelRegisterName(0), "MRTD");
  EXPECT_EQ(CcelRegisterName(1), "RTMR0");
  EXPECT_EQ(CcelRegisterName(4), "RTMR3");
  EXPECT_EQ(CcelRegisterName(5), "");
}

TEST(CcelRegisterOf, EveryPcr) {
  constexpr std::uint32_t kExpected[] = {0, 1, 2, 2, 2, 2, 2, 1, 3, 3, 3, 3, 3, 3, 3, 3};
  for (std::uint32_t pcr = 0; pcr < 16; ++pcr) EXPECT_EQ(CcelRegisterOf(pcr), kExpected[pcr]);
  EXPECT_EQ(CcelRegisterOf(16), std::nullopt);
  EXPECT_EQ(CcelRegisterOf(0xffffffff), std::nullopt);
}

// Logs of TDX machines and the RTMRs that an independent replay, and for some a
// verified quote, has for them.
TEST(CcelCorpus, SharedLogs) {
  const auto folder = testing::SharedCorpus() / "tee";
  const auto expected = json::Parse(ReadFile(folder / "ccel" / "expected.json"));
  if (!expected) GTEST_SKIP() << "the shared corpus is absent: 0 of its CCELs were checked";
  int checked = 0;
  for (const auto& [name, log] : *expected->as_object()) {
    SCOPED_TRACE(name);
    const std::string bytes = ReadFile(folder / name);
    if (bytes.empty()) continue;
    auto reader = LogReader::Open(AsBytes(bytes));
    ASSERT_TRUE(reader) << reader.error().message;
    Replay replay({crypto::HashAlgorithm::kSha384});
    auto next = reader->Next();
    for (; next && *next; next = reader->Next()) replay.Extend(**next);
    ASSERT_TRUE(next) << next.error().message;
    EXPECT_EQ(reader->index(), *Member(log, "events_after_spec_id").as_uint64() + 1);
    EXPECT_EQ(reader->offset(), Member(log, "end_of_events").as_uint64());
    const json::Value& rtmrs = Member(log, "replay");
    for (std::uint32_t i = 0; i < kCcelRegisterCount; ++i) {
      const bool is_extended = replay.Extended(crypto::HashAlgorithm::kSha384).Contains(i);
      const auto* value = Member(rtmrs, CcelRegisterName(i)).as_string();
      if (value == nullptr) {
        EXPECT_FALSE(is_extended);
      } else {
        EXPECT_EQ(replay.Pcr(crypto::HashAlgorithm::kSha384, i).hex(), *value);
      }
    }
    ++checked;
  }
  EXPECT_GE(checked, 6);
}

}  // namespace
}  // namespace limequat::eventlog
