#include "limequat/eventlog/log.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/eventlog/testing/log_builder.h"

namespace limequat::eventlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LogBuilder;
using testing::SpecIdData;
using tpm::AlgorithmId;

struct Read {
  Bytes log;  // what the events point into
  std::vector<Event> events;
  std::string error;  // identifier
  std::vector<std::string> notes;
  std::size_t offset = 0;
};

Read ReadAll(ByteView log) {
  Read read;
  read.log = ToBytes(log);
  auto reader = LogReader::Open(read.log);
  if (!reader) {
    read.error = reader.error().id;
    return read;
  }
  while (true) {
    const auto next = reader->Next();
    if (!next) read.error = next.error().id;
    if (!next || !*next) break;
    read.events.push_back(**next);
  }
  for (const Note& note : reader->notes().list()) read.notes.push_back(note.id);
  read.offset = reader->offset();
  return read;
}

TEST(LogReader, Quirk_HeaderWithBytesBehindItsVendorInformation) {
  Bytes header = testing::SpecIdData();
  Append(header, Bytes(4, 0));
  LogBuilder log;
  log.Sha1Record(0, EventType::kNoAction, header, Bytes(20, 0));
  log.Event(0, EventType::kSCrtmVersion, "v");
  auto reader = LogReader::Open(log.bytes());
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->format(), Format::kCryptoAgile);
  ASSERT_TRUE(reader->Next());
  const auto event = reader->Next();
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->digests.size(), 2U);
  ASSERT_EQ(reader->notes().list().size(), 1U);
  EXPECT_EQ(reader->notes().list()[0].id, "eventlog.spec_id.trailing");
  EXPECT_THAT(reader->notes().list()[0].detail, ::testing::HasSubstr("4 bytes follow"));
}

TEST(LogReader, CryptoAgile) {
  const Bytes log =
      LogBuilder::CryptoAgile().Event(7, EventType::kEfiAction, "hello").Separator(7).bytes();
  auto reader = LogReader::Open(log);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->format(), Format::kCryptoAgile);
  EXPECT_EQ(FormatName(reader->format()), "crypto-agile");
  EXPECT_EQ(RegistersName(reader->registers()), "tpm");
  ASSERT_TRUE(reader->spec_id());
  EXPECT_THAT(reader->algorithms(), ElementsAre(DigestAlgorithm{AlgorithmId::kSha1, 20},
                                                DigestAlgorithm{AlgorithmId::kSha256, 32}));
  const auto header = reader->Next();
  ASSERT_TRUE(header && *header);
  EXPECT_EQ((*header)->index, 0U);
  EXPECT_EQ((*header)->untrusted_type, EventType::kNoAction);
  EXPECT_EQ((*header)->digests.size(), 1U);
  const auto event = reader->Next();
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->index, 1U);
  EXPECT_EQ((*event)->offset, 32 + SpecIdData().size());
  EXPECT_EQ((*event)->pcr, 7U);
  EXPECT_EQ((*event)->untrusted_type, EventType::kEfiAction);
  EXPECT_EQ(AsText((*event)->data), "hello");
  EXPECT_EQ(HexEncode((*event)->digests.Find(AlgorithmId::kSha1)),
            crypto::Hash(crypto::HashAlgorithm::kSha1, AsBytes("hello")).hex());
  EXPECT_EQ((*event)->digests.Find(AlgorithmId::kSha256).size(), 32U);
  ASSERT_TRUE(reader->Next());
  EXPECT_EQ(reader->index(), 3U);
  EXPECT_EQ(reader->offset(), log.size());
  const auto end = reader->Next();
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->has_value());
  EXPECT_THAT(reader->notes().list(), IsEmpty());
}

TEST(LogReader, Sha1WithoutAHeader) {
  const Bytes log = LogBuilder()
                        .Sha1Record(0, EventType::kSCrtmVersion, AsBytes("1.0"))
                        .Sha1Record(4, EventType::kAction, {})
                        .bytes();
  auto reader = LogReader::Open(log);
  ASSERT_TRUE(reader) << reader.error().message;
  EXPECT_EQ(reader->format(), Format::kSha1);
  EXPECT_EQ(FormatName(reader->format()), "sha1");
  EXPECT_FALSE(reader->spec_id());
  EXPECT_THAT(reader->algorithms(), ElementsAre(DigestAlgorithm{AlgorithmId::kSha1, 20}));
  const Read read = ReadAll(log);
  ASSERT_EQ(read.events.size(), 2U);
  EXPECT_EQ(AsText(read.events[0].data), "1.0");
  EXPECT_EQ(read.events[1].pcr, 4U);
  EXPECT_EQ(read.error, "");
}

TEST(LogReader, HeaderInRegisterOneIsACcel) {
  const Bytes log = LogBuilder()
                        .Sha1Record(1, EventType::kNoAction, SpecIdData({{0x0c, 48}}), Bytes(20, 0))
                        .bytes();
  const auto reader = LogReader::Open(log);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->registers(), Registers::kCcel);
  EXPECT_EQ(RegistersName(reader->registers()), "ccel");
}

TEST(LogReader, NothingToRead) {
  EXPECT_EQ(ReadAll({}).error, "eventlog.empty");
  EXPECT_EQ(ReadAll(Bytes(4096, 0)).error, "eventlog.empty");
  EXPECT_EQ(ReadAll(Bytes(4096, 0xff)).error, "eventlog.empty");
  EXPECT_EQ(ReadAll(Bytes(31, 1)).error, "eventlog.truncated");
}

TEST(LogReader, HeaderCutShort) {
  const Bytes log = LogBuilder::CryptoAgile().bytes();
  for (std::size_t size = 1; size < log.size(); ++size) {
    // The header begins with the eight bytes of PCR 0 and a type that is not.
    EXPECT_EQ(ReadAll(ByteView(log).first(size)).error, "eventlog.truncated") << size;
  }
}

TEST(LogReader, BrokenHeader) {
  const Bytes log =
      LogBuilder().Sha1Record(0, EventType::kNoAction, SpecIdData({{4, 21}}), Bytes(20, 0)).bytes();
  EXPECT_EQ(ReadAll(log).error, "eventlog.spec_id.algorithms");
}

TEST(LogReader, CryptoAgileRecordsWithoutTheirHeader) {
  EXPECT_EQ(ReadAll(LogBuilder().Event(0, EventType::kSCrtmVersion, "version").bytes()).error,
            "eventlog.header_missing");
  EXPECT_EQ(ReadAll(LogBuilder()
                        .Sha1Record(0, EventType::kSCrtmVersion, AsBytes("version"))
                        .Event(0, EventType::kSCrtmVersion, "version")
                        .bytes())
                .error,
            "eventlog.header_missing");
  // Records cut short whose digests only begin alike, and a whole one.
  for (const Bytes& start : {Bytes{0, 0, 0, 0, 4, 0}, Bytes{17, 0, 0, 0, 4, 0},
                             Bytes{1, 0, 0, 0, 0, 0}, Bytes{1, 0, 0, 1, 4, 0}}) {
    Bytes digest = start;
    digest.resize(20);
    Bytes log = LogBuilder().Sha1Record(0, EventType::kAction, AsBytes("x"), digest).bytes();
    log.pop_back();
    EXPECT_EQ(ReadAll(log).error, "eventlog.truncated");
  }
  Bytes digest{1, 0, 0, 0, 4, 0};
  digest.resize(20);
  EXPECT_EQ(ReadAll(LogBuilder().Sha1Record(0, EventType::kAction, {}, digest).bytes()).error, "");
}

TEST(LogReader, EveryTruncationIsReportedAtItsRecord) {
  const Bytes start = LogBuilder::CryptoAgile().Separator(1).bytes();
  const Bytes log = LogBuilder().Raw(start).Event(7, EventType::kEfiAction, "x").bytes();
  for (std::size_t size = start.size() + 1; size < log.size(); ++size) {
    const Read read = ReadAll(ByteView(log).first(size));
    EXPECT_EQ(read.error, "eventlog.truncated") << size;
    EXPECT_EQ(read.events.size(), 2U);
    EXPECT_EQ(read.offset, start.size());
  }
}

TEST(LogReader, Sha1TruncationIsReported) {
  const Bytes start = LogBuilder().Sha1Record(1, EventType::kAction, AsBytes("a")).bytes();
  const Bytes log =
      LogBuilder().Raw(start).Sha1Record(1, EventType::kAction, AsBytes("bc")).bytes();
  for (std::size_t size = start.size() + 1; size < log.size(); ++size) {
    EXPECT_EQ(ReadAll(ByteView(log).first(size)).error, "eventlog.truncated") << size;
  }
}

TEST(LogReader, AbsurdSizeOfEventData) {
  Bytes log = LogBuilder::CryptoAgile().Separator(0).bytes();
  log[log.size() - 5] = 0xff;  // the size's high byte
  EXPECT_EQ(ReadAll(log).error, "eventlog.truncated");
}

TEST(LogReader, AbsurdDigestCount) {
  for (const std::uint32_t count : {17U, 0xffffffffU}) {
    ByteWriter record;
    record.U32Le(1).U32Le(4).U32Le(count).Zeros(64).U8(1);
    const Read read = ReadAll(LogBuilder::CryptoAgile().Separator(0).Raw(record.bytes()).bytes());
    EXPECT_EQ(read.error, "eventlog.digest_count");
    EXPECT_EQ(read.events.size(), 2U);
  }
}

TEST(LogReader, OneAlgorithmTwiceInAnEvent) {
  const Bytes digest(20, 1);
  EXPECT_EQ(ReadAll(LogBuilder::CryptoAgile()
                        .Record(1, EventType::kAction,
                                {{testing::kSha1Id, digest}, {testing::kSha1Id, digest}}, {})
                        .bytes())
                .error,
            "eventlog.digest_duplicate");
}

TEST(LogReader, AlgorithmOfUnknownSize) {
  const Read read = ReadAll(LogBuilder::CryptoAgile()
                                .Record(1, EventType::kAction, {{0x1234, Bytes(32, 1)}}, {})
                                .bytes());
  EXPECT_EQ(read.error, "eventlog.digest_algorithm");
}

TEST(LogReader, HeaderGivesTheSizeOfUnknownAlgorithms) {
  const Bytes log =
      LogBuilder()
          .Sha1Record(0, EventType::kNoAction, SpecIdData({{0x1234, 7}}), Bytes(20, 0))
          .Record(1, EventType::kAction, {{0x1234, Bytes(7, 9)}}, AsBytes("data"))
          .bytes();
  const Read read = ReadAll(log);
  EXPECT_EQ(read.error, "");
  ASSERT_EQ(read.events.size(), 2U);
  EXPECT_EQ(read.events[1].digests.Find(AlgorithmId{0x1234}).size(), 7U);
  EXPECT_EQ(AsText(read.events[1].data), "data");
}

TEST(LogReader, Quirk_UnlistedDigest) {
  const Read read = ReadAll(
      LogBuilder::CryptoAgile()
          .Record(2, EventType::kEfiSpdmFirmwareBlob, {{0x0c, Bytes(48, 3)}}, AsBytes("SPDM"))
          .Separator(2)
          .bytes());
  EXPECT_EQ(read.error, "");
  ASSERT_EQ(read.events.size(), 3U);
  EXPECT_EQ(read.events[1].digests.Find(AlgorithmId::kSha384).size(), 48U);
  EXPECT_THAT(read.notes, ElementsAre("eventlog.digest_unlisted", "eventlog.digest_missing",
                                      "eventlog.digest_missing"));
}

TEST(LogReader, Quirk_MissingDigest) {
  const Read read =
      ReadAll(LogBuilder::CryptoAgile()
                  .Record(2, EventType::kAction, {{testing::kSha1Id, Bytes(20, 3)}}, {})
                  .Record(0, EventType::kNoAction, {}, {})
                  .bytes());
  EXPECT_EQ(read.error, "");
  EXPECT_THAT(read.notes, ElementsAre("eventlog.digest_missing"));
}

TEST(LogReader, Quirk_Padding) {
  const Bytes log = LogBuilder::CryptoAgile().Separator(0).bytes();
  for (const std::uint8_t fill : Bytes{0x00, 0xff}) {
    for (const std::size_t count : {8U, 9U, 4096U}) {
      const Bytes padded = LogBuilder().Raw(log).Raw(Bytes(count, fill)).bytes();
      const Read read = ReadAll(padded);
      EXPECT_EQ(read.error, "");
      EXPECT_EQ(read.events.size(), 2U);
      EXPECT_EQ(read.offset, log.size());
      EXPECT_THAT(read.notes, ElementsAre("eventlog.padding"));
    }
    EXPECT_EQ(ReadAll(LogBuilder().Raw(log).Raw(Bytes(7, fill)).bytes()).error,
              "eventlog.truncated");
    Bytes garbage = LogBuilder().Raw(log).Raw(Bytes(64, fill)).bytes();
    garbage.back() = 0x55;
    EXPECT_NE(ReadAll(garbage).error, "");
  }
  EXPECT_EQ(ReadAll(LogBuilder().Raw(log).Raw(Bytes(8, 0x11)).bytes()).error, "eventlog.truncated");
}

TEST(LogReader, PaddingIsNotedOnce) {
  const Bytes log = LogBuilder::CryptoAgile().Raw(Bytes(8, 0)).bytes();
  auto reader = LogReader::Open(log);
  ASSERT_TRUE(reader);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(reader->Next());
  EXPECT_EQ(reader->notes().list().size(), 1U);
}

TEST(LogReader, RecordsOfZerosAreNotPaddingIfMoreFollows) {
  LogBuilder log;
  log.Sha1Record(4, EventType::kAction, AsBytes("x"));
  for (int i = 0; i < 100; ++i) log.Raw(Bytes(32, 0));
  log.Sha1Record(4, EventType::kAction, AsBytes("x"));
  const Read read = ReadAll(log.bytes());
  EXPECT_EQ(read.events.size(), 102U);
  EXPECT_EQ(read.error, "");
}

TEST(LogReader, Quirk_AppendedLog) {
  const Bytes second = LogBuilder::CryptoAgile().Event(8, EventType::kEventTag, "tag").bytes();
  const Read read = ReadAll(LogBuilder::CryptoAgile().Separator(0).Raw(second).bytes());
  EXPECT_EQ(read.error, "");
  ASSERT_EQ(read.events.size(), 5U);
  EXPECT_EQ(read.events[2].digests.size(), 0U);
  EXPECT_EQ(read.events[3].digests.size(), 0U);
  EXPECT_EQ(AsText(read.events[4].data), "tag");
  EXPECT_THAT(read.notes, ElementsAre("eventlog.digest_missing", "eventlog.digest_missing",
                                      "eventlog.appended_log"));
}

TEST(LogReader, Quirk_CryptoAgileLogBehindASha1Log) {
  const Bytes second = LogBuilder::CryptoAgile().Event(8, EventType::kEventTag, "tag").bytes();
  const Bytes log =
      LogBuilder().Sha1Record(0, EventType::kAction, AsBytes("a")).Raw(second).bytes();
  const Read read = ReadAll(log);
  EXPECT_EQ(read.error, "");
  ASSERT_EQ(read.events.size(), 3U);
  EXPECT_EQ(read.events[2].digests.size(), 2U);
  EXPECT_THAT(read.notes, ElementsAre("eventlog.appended_log"));
}

TEST(LogReader, ABrokenHeaderBehindASha1LogIsOnlyNoted) {
  const Bytes broken = SpecIdData({{4, 19}});
  const Read read = ReadAll(LogBuilder()
                                .Sha1Record(0, EventType::kAction, AsBytes("a"))
                                .Sha1Record(0, EventType::kNoAction, broken)
                                .Sha1Record(0, EventType::kAction, AsBytes("b"))
                                .bytes());
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(read.events.size(), 3U);
  EXPECT_THAT(read.notes, ElementsAre("eventlog.appended_log"));
}

TEST(LogReader, ErrorsNameTheRecordAndStay) {
  const Bytes good = LogBuilder::CryptoAgile().Separator(3).bytes();
  const Bytes log = LogBuilder().Raw(good).Raw(Bytes(12, 0x77)).bytes();
  auto reader = LogReader::Open(log);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(reader->Next());
  ASSERT_TRUE(reader->Next());
  for (int again = 0; again < 2; ++again) {
    const auto next = reader->Next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code, ErrorCode::kMalformed);
    EXPECT_THAT(next.error().message,
                HasSubstr("event 2 at offset " + std::to_string(good.size())));
  }
  EXPECT_EQ(reader->index(), 2U);
}

TEST(Notes, AreBounded) {
  LogBuilder log = LogBuilder::CryptoAgile();
  for (std::size_t i = 0; i < Notes::kLimit + 5; ++i) {
    log.Record(1, EventType::kAction, {{testing::kSha1Id, Bytes(20, 1)}}, {});
  }
  auto reader = LogReader::Open(log.bytes());
  ASSERT_TRUE(reader);
  for (auto next = reader->Next(); next && *next; next = reader->Next()) {
  }
  EXPECT_EQ(reader->notes().list().size(), Notes::kLimit);
  EXPECT_EQ(reader->notes().dropped(), 5U);
}

}  // namespace
}  // namespace limequat::eventlog
