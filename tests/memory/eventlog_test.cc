#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "allocations.h"
#include "hostile.h"
#include "limequat/base/byte_reader.h"
#include "limequat/eventlog/boot_chain.h"
#include "limequat/eventlog/cel.h"
#include "limequat/eventlog/content.h"
#include "limequat/eventlog/device_path.h"
#include "limequat/eventlog/efi_variable.h"
#include "limequat/eventlog/event_data.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/secure_boot.h"
#include "limequat/eventlog/spec_id.h"
#include "limequat/eventlog/testing/log_builder.h"
#include "limequat/eventlog/testing/quote.h"
#include "limequat/eventlog/utf16.h"
#include "limequat/eventlog/wbcl.h"
#include "limequat/json/value.h"

// The bounds that the headers of the module state.
namespace limequat::eventlog {
namespace {

using limequat::testing::Bound;
using limequat::testing::ExpectBounded;
using limequat::testing::PeakOf;

// Whatever the log's size: the header's algorithms, three notes of kLimit, and the PCRs
// of all banks.
constexpr Bound kLog{.factor = 0, .constant = 1U << 20U};

// Of user space: the texts of a record, and their JSON values, of which it has few.
constexpr std::size_t kCelRecord = 6 * kMaxCelRecord;

void Read(ByteView log) {
  auto reader = LogReader::Open(log);
  if (!reader) return;
  Replay replay(ReplayedBanks(reader->algorithms()));
  while (true) {
    const auto event = reader->Next();
    if (!event || !*event) return;
    replay.Extend(**event);
  }
}

Bytes Repeated(ByteView log, std::size_t events) {
  auto reader = LogReader::Open(log);
  EXPECT_TRUE(reader && reader->Next());
  const std::size_t begin = reader->offset();
  while (true) {
    const auto event = reader->Next();
    EXPECT_TRUE(event);
    if (!event || !*event) break;
  }
  Bytes out = ToBytes(log.first(begin));
  for (std::size_t i = 0; i < events; i += reader->index() - 1) {
    Append(out, log.subspan(begin, reader->offset() - begin));
  }
  return out;
}

TEST(EventlogMemory, AHundredThousandEventsTakeThatOfTheBanks) {
  const Bytes log = Repeated(
      testing::LogBuilder::CryptoAgile().Event(4, EventType::kEfiAction, "x").Separator(4).bytes(),
      100'000);
  ASSERT_GT(log.size(), 5'000'000U);
  EXPECT_LE(PeakOf([&] { Read(log); }), 8192U);
}

TEST(EventlogMemory, ANoteAtEveryRecordIsBounded) {
  // A PCR that does not exist, and the header of another log.
  const Bytes log = Repeated(testing::LogBuilder::CryptoAgile()
                                 .Event(99, EventType::kEfiAction, "x")
                                 .Event(4, EventType::kEfiAction, AsText(testing::SpecIdData()))
                                 .bytes(),
                             100'000);
  const std::size_t peak = PeakOf([&] { Read(log); });
  EXPECT_GT(peak, Notes::kLimit * sizeof(Note));
  EXPECT_LE(peak, kLog.constant);
}

TEST(EventlogMemory, OfHostileLogsIsBounded) { ExpectBounded("eventlog_log", kLog, Read); }

TEST(EventlogMemory, OfUserSpaceLogsIsThatOfARecord) {
  ExpectBounded("eventlog_cel", {.factor = 0, .constant = kCelRecord}, [](ByteView log) {
    CelReader reader(log);
    while (true) {
      const auto record = reader.Next();
      if (!record || !*record) return;
    }
  });
}

TEST(EventlogMemory, OfTheHeaderIsBounded) {
  ExpectBounded("eventlog_spec_id", {.factor = 0, .constant = 1024},
                [](ByteView data) { static_cast<void>(ParseSpecId(data)); });
}

TEST(EventlogMemory, OfEventDataIsItsSize) {
  ExpectBounded("eventlog_event_data", {.factor = 3, .constant = 512}, [](ByteView data) {
    static_cast<void>(ParseImageLoad(data));
    static_cast<void>(ParseFirmwareBlob(data));
    static_cast<void>(ParseFirmwareBlob2(data));
    static_cast<void>(ParseHandoffTables(data));
    static_cast<void>(ParseHandoffTables2(data));
    static_cast<void>(ParseGpt(data));
    static_cast<void>(ParseTaggedEvent(data));
    static_cast<void>(ParseSpdmDevice(data));
    static_cast<void>(ParsePlatformIdentity(data));
    static_cast<void>(ParseNvIndexInstance(data));
    static_cast<void>(ParseNvIndexDynamic(data));
    static_cast<void>(ParseHcrtmComponent(data));
    static_cast<void>(ParseStartupLocality(data));
    static_cast<void>(ParseGrubText(data));
  });
}

TEST(EventlogMemory, OfVariablesIsTheirSize) {
  ExpectBounded("eventlog_variable", {.factor = 4, .constant = 512}, [](ByteView data) {
    if (const auto variable = ParseEfiVariable(data)) {
      static_cast<void>(ParseSignatureLists(variable->data));
      static_cast<void>(ParseLoadOption(variable->data));
      static_cast<void>(ParseHeadlessLoadOption(variable->data));
    }
    static_cast<void>(ParseSignatureData(data));
    static_cast<void>(DecodeUtf16(data));
  });
}

TEST(EventlogMemory, OfOtherListsIsTheirSize) {
  ExpectBounded("eventlog_sipa", {.factor = 8, .constant = 512},
                [](ByteView data) { static_cast<void>(ParseSipaEvents(data)); });
  ExpectBounded("eventlog_device_path", {.factor = 30, .constant = 512},
                [](ByteView data) { static_cast<void>(FormatDevicePath(data)); });
}

constexpr std::uint32_t kMany = 10'000;

Bytes GptOfMany() {
  ByteWriter gpt;
  gpt.Raw(AsBytes("EFI PART")).Zeros(84).U32Le(kMany).U32Le(0);
  for (std::size_t i = 0; i < kMany; ++i) gpt.Zeros(56).Raw(Bytes(72, 0xac));
  return gpt.Take();
}

Bytes HandoffTablesOfMany() {
  ByteWriter tables;
  tables.U32Le(kMany).U32Le(0).Zeros(24 * kMany);
  return tables.Take();
}

TEST(EventlogMemory, OfManyElementsIsLinear) {
  ExpectBounded(GptOfMany(), {.factor = 3, .constant = 512}, [](ByteView data) {
    const auto read = ParseGpt(data);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->partitions.size(), kMany);
  });
  ExpectBounded(HandoffTablesOfMany(), {.factor = 3, .constant = 512}, [](ByteView data) {
    const auto read = ParseHandoffTables(data);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->untrusted_tables.size(), kMany);
  });
  // A list of owners without anything else, and lists without an entry.
  ByteWriter lists;
  lists.Zeros(16).U32Le(28 + 16 * kMany).U32Le(0).U32Le(16).Zeros(16 * kMany);
  for (std::size_t i = 0; i < kMany; ++i) lists.Zeros(16).U32Le(28).U32Le(0).U32Le(16);
  ExpectBounded(lists.bytes(), {.factor = 4, .constant = 512}, [](ByteView data) {
    const auto read = ParseSignatureLists(data);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->size(), kMany + 1);
  });
  ByteWriter sipa;
  for (std::size_t depth = kMaxSipaDepth; depth > 0; --depth) {
    sipa.U32Le(0x40010001).U32Le(static_cast<std::uint32_t>(8 * (depth - 1 + kMany)));
  }
  sipa.Zeros(8 * kMany);
  ExpectBounded(sipa.bytes(), {.factor = 8, .constant = 512}, [](ByteView data) {
    const auto read = ParseSipaEvents(data);
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->size(), kMany + kMaxSipaDepth);
  });
  ByteWriter path;
  for (std::size_t i = 0; i < kMany; ++i) path.Raw(Bytes{0xee, 0xee, 4, 0});
  ExpectBounded(path.bytes(), {.factor = 30, .constant = 512},
                [](ByteView data) { EXPECT_GT(FormatDevicePath(data).size(), 4 * kMany); });
  ExpectBounded(Bytes(2 * kMany, 0xd8), {.factor = 3, .constant = 512},
                [](ByteView data) { EXPECT_EQ(DecodeUtf16(data).size(), 3 * kMany); });
}

constexpr std::uint32_t kManyEvents = 5'000;

// A log of the SHA-1 layout, whose records are the smallest, on the machine that has it.
void ExpectReadingBounded(const testing::LogBuilder& log, Bound bound,
                          void (*read)(const VerifiedLog&)) {
  const Bytes& bytes = log.bytes();
  const VerifiedLog verified = testing::VerifiedOnItsMachine(bytes, crypto::HashAlgorithm::kSha1);
  read(verified);  // what is made once is made
  EXPECT_LE(PeakOf([&] { read(verified); }), bound.factor * bytes.size() + bound.constant);
}

TEST(EventlogMemory, OfTheBootChainIsLinear) {
  testing::LogBuilder log;
  log.Sha1Record(0, EventType::kSCrtmVersion, AsBytes("v"));
  for (std::uint32_t i = 0; i < kManyEvents; ++i) {
    log.Sha1Record(4, EventType::kPostCode, {}, Bytes(20, 7));
  }
  ExpectReadingBounded(log, {.factor = 12, .constant = 4096}, [](const VerifiedLog& verified) {
    EXPECT_EQ(ReadBootChain(verified).chain.images.size(), kManyEvents);
  });
}

TEST(EventlogMemory, OfTheStateOfSecureBootIsLinear) {
  testing::LogBuilder log;
  log.Sha1Record(0, EventType::kSCrtmVersion, AsBytes("v"));
  const auto add = [&](EventType type, const Guid& vendor, std::string_view name) {
    log.Sha1Record(7, type, testing::VariableData(vendor, name, {}));
  };
  for (const std::string_view name : {"SecureBoot", "PK", "KEK"}) {
    add(EventType::kEfiVariableDriverConfig, kGlobalVariable, name);
  }
  for (const std::string_view name : {"db", "dbx"}) {
    add(EventType::kEfiVariableDriverConfig, kImageSecurityDatabase, name);
  }
  log.Sha1Record(7, EventType::kSeparator, Bytes(4, 0));
  for (std::uint32_t i = 0; i < kManyEvents; ++i) {
    add(EventType::kEfiVariableAuthority, kImageSecurityDatabase, "");
    log.Sha1Record(7, EventType::kEfiAction, AsBytes(std::string_view("an action of 16.")));
  }
  ExpectReadingBounded(log, {.factor = 6, .constant = 4096}, [](const VerifiedLog& verified) {
    const auto reading = ReadSecureBoot(verified);
    ASSERT_TRUE(reading.state) << reading.findings[0].detail;
    EXPECT_EQ(reading.state->loader_authorities.size(), kManyEvents);
  });
}

// A record of `members` and a text or list that fills it.
std::string RecordOf(std::string_view begin, std::string_view filler, std::string_view end,
                     std::size_t count) {
  std::string record = "\x1e" + std::string(begin);
  for (std::size_t i = 0; i < count; ++i) record += filler;
  return record + std::string(end) + "\n";
}

TEST(EventlogMemory, OfTheLargestRecordOfUserSpaceIsBounded) {
  const std::string_view begin = R"({"pcr":11,"digests":[],"content":{"eventType":"x","string":")";
  for (const std::string_view text : {"a", "\\n", "\\u20ac"}) {
    const std::string record =
        RecordOf(begin, text, R"("}})", (kMaxCelRecord - begin.size() - 8) / text.size());
    ExpectBounded(AsBytes(record), {.factor = 0, .constant = kCelRecord}, [](ByteView log) {
      const auto read = CelReader(log).Next();
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_GT((*read)->text->size(), kMaxCelRecord / 3);
    });
  }
  for (const std::string_view value :
       {"0,", "[],", "{},", R"("",)", R"("a text that is not short",)"}) {
    ExpectBounded(AsBytes(RecordOf(R"({"pcr":11,"digests":[],"x":[)", value, "0]}", 900)),
                  {.factor = 0, .constant = kCelRecord},
                  [](ByteView log) { ASSERT_TRUE(CelReader(log).Next()); });
  }
}

TEST(EventlogMemory, OfDescriptionsIsLinear) {
  constexpr Bound kDescription{.factor = 32, .constant = 4096};
  const auto describe = [](ByteView data) {
    for (const EventType type :
         {EventType::kNoAction, EventType::kEventTag, EventType::kIpl, EventType::kEfiVariableBoot,
          EventType::kEfiVariableDriverConfig, EventType::kEfiBootServicesApplication,
          EventType::kEfiGptEvent, EventType::kEfiHandoffTables, EventType::kEfiSpdmFirmwareBlob}) {
      static_cast<void>(DescribeContent(type, data, MeasuredPart::kAll));
    }
  };
  ExpectBounded("eventlog_event_data", kDescription, describe);
  ExpectBounded("eventlog_variable", kDescription, describe);
  ExpectBounded(GptOfMany(), kDescription, describe);
  ExpectBounded(HandoffTablesOfMany(), kDescription, describe);
}

}  // namespace
}  // namespace limequat::eventlog
