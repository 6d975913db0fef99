#include "limequat/eventlog/wbcl.h"

#include <map>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/testing/corpus.h"

namespace limequat::eventlog {
namespace {

Bytes Sipa(std::uint32_t type, ByteView data) {
  ByteWriter out;
  out.U32Le(type).SizedU32Le(data);
  return out.Take();
}

std::string ErrorOf(ByteView data) {
  const auto events = ParseSipaEvents(data);
  return events ? "" : events.error().id;
}

TEST(ParseSipaEvents, AggregationsAreUnfoldedInOrder) {
  Bytes members = Sipa(0x00070001, Bytes{1});
  Append(members, Sipa(0x00070004, Bytes{2, 3}));
  Bytes data = Sipa(0x40010003, members);
  Append(data, Sipa(0x00050001, Bytes{0}));
  const auto events = ParseSipaEvents(data);
  ASSERT_TRUE(events) << events.error().message;
  ASSERT_EQ(events->size(), 4U);
  EXPECT_EQ((*events)[0].depth, 0);
  EXPECT_TRUE((*events)[0].is_aggregation());
  EXPECT_EQ((*events)[0].data.size(), members.size());
  EXPECT_EQ((*events)[1].depth, 1);
  EXPECT_EQ((*events)[2].type, 0x00070004U);
  EXPECT_TRUE(Equal((*events)[2].data, Bytes{2, 3}));
  EXPECT_EQ((*events)[3].depth, 0);
  EXPECT_FALSE((*events)[3].is_aggregation());
}

TEST(ParseSipaEvents, LengthsThatDoNotFit) {
  const Bytes data = Sipa(0x40010003, Sipa(0x00070001, Bytes{1, 2}));
  EXPECT_EQ(ErrorOf({}), "");
  for (std::size_t size = 1; size < data.size(); ++size) {
    EXPECT_EQ(ErrorOf(ByteView(data).first(size)), "eventlog.sipa") << size;
  }
  // A member longer than its aggregation, though not than the input.
  Bytes longer = Sipa(0x40010003, Bytes{1, 0, 7, 0, 9, 0, 0, 0});
  Append(longer, Sipa(0x00070001, Bytes(16, 0)));
  EXPECT_EQ(ErrorOf(longer), "eventlog.sipa");
}

TEST(ParseSipaEvents, DepthIsBounded) {
  Bytes data = Sipa(0x00070001, Bytes{1});
  for (int i = 0; i < kMaxSipaDepth; ++i) data = Sipa(0x40010001, data);
  EXPECT_EQ(ErrorOf(data), "");
  EXPECT_EQ(ErrorOf(Sipa(0x40010001, data)), "eventlog.sipa");
}

TEST(SipaEventName, NamesAndNumbers) {
  EXPECT_EQ(SipaEventName(0x40010001), "TRUSTBOUNDARY");
  EXPECT_EQ(SipaEventName(0x00050001), "OSKERNELDEBUG");
  EXPECT_EQ(SipaEventName(0xc0010004), "TRUSTPOINT_AGGREGATION");
  EXPECT_EQ(SipaEventName(0x00050020), "VSM_IDK_INFO");
  EXPECT_EQ(SipaEventName(0x00050030), "HYPERVISOR_BOOT_DMA_PROTECTION");
  EXPECT_EQ(SipaEventName(0x0007000b), "MODULE_SVN");
  EXPECT_EQ(SipaEventName(0x000a0007), "VBS_HVCI_POLICY");
  EXPECT_EQ(SipaEventName(0x000c0004), "DRTM_AMD_SMM_SIGNER_KEY");
  EXPECT_EQ(SipaEventName(0x00050099), "0x00050099");
}

// Every event that Windows logged in these is read, and their loaded modules are found.
TEST(WbclCorpus, SharedLogs) {
  const auto folder = testing::SharedCorpus() / "eventlog";
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "the shared corpus is absent: 0 of its WBCLs were checked";
  }
  for (const char* name :
       {"guard-oss__r340", "guard-oss__dell-notebook-5eventlogs-WBCL_0",
        "guard-oss__tpm2_windows_lenovo_yogax1v2", "guard-oss__IMN-SUPERMICRO-EPP-MSDefender"}) {
    SCOPED_TRACE(name);
    const std::string log = testing::ReadFile(folder / (std::string(name) + ".bin"));
    auto reader = LogReader::Open(AsBytes(log));
    ASSERT_TRUE(reader);
    std::map<std::string, int> counts;
    for (auto next = reader->Next(); next && *next; next = reader->Next()) {
      const bool is_trust_point = (*next)->pcr == 0xffffffffU;
      const bool is_measured = (*next)->untrusted_type == EventType::kEventTag &&
                               (*next)->pcr >= 12 && (*next)->pcr <= 14;
      if (!is_trust_point && !is_measured) continue;
      const auto events = ParseSipaEvents((*next)->data);
      ASSERT_TRUE(events) << (*next)->index << ": " << events.error().message;
      for (const SipaEvent& event : *events) ++counts[SipaEventName(event.type)];
    }
    EXPECT_GT(counts["LOADEDMODULE_AGGREGATION"], 0);
    EXPECT_EQ(counts["LOADEDMODULE_AGGREGATION"], counts["AUTHENTICODEHASH"]);
    EXPECT_GT(counts["FILEPATH"], 0);
  }
}

}  // namespace
}  // namespace limequat::eventlog
