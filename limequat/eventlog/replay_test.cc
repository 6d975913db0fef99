#include "limequat/eventlog/replay.h"

#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/eventlog/testing/log_builder.h"

namespace limequat::eventlog {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::LogBuilder;
constexpr HashAlgorithm kSha1 = HashAlgorithm::kSha1;
constexpr HashAlgorithm kSha256 = HashAlgorithm::kSha256;

Replay ReplayOf(const LogBuilder& log) {
  auto reader = LogReader::Open(log.bytes());
  EXPECT_TRUE(reader);
  Replay replay(ReplayedBanks(reader->algorithms()));
  for (auto next = reader->Next(); next && *next; next = reader->Next()) replay.Extend(**next);
  return replay;
}

std::vector<std::string> NotesOf(const Replay& replay) {
  std::vector<std::string> ids;
  for (const Note& note : replay.notes().list()) ids.push_back(note.id);
  return ids;
}

// The value of a PCR after events that measured these.
Digest After(HashAlgorithm bank, Digest value, const std::vector<std::string_view>& measured) {
  for (const std::string_view data : measured) {
    value = crypto::Extend(value, crypto::Hash(bank, AsBytes(data)).bytes());
  }
  return value;
}

Digest StartedBy(HashAlgorithm bank, std::uint8_t locality) {
  Bytes bytes(crypto::DigestSize(bank), 0);
  bytes.back() = locality;
  return *Digest::FromBytes(bank, bytes);
}

TEST(Replay, EveryBankFollowsItsOwnDigests) {
  const Replay replay = ReplayOf(LogBuilder::CryptoAgile()
                                     .Event(4, EventType::kEfiAction, "a")
                                     .Event(5, EventType::kEfiAction, "c")
                                     .Event(4, EventType::kEfiAction, "b"));
  for (const HashAlgorithm bank : {kSha1, kSha256}) {
    EXPECT_EQ(replay.Pcr(bank, 4), After(bank, Digest(bank), {"a", "b"}));
    EXPECT_EQ(replay.Pcr(bank, 5), After(bank, Digest(bank), {"c"}));
    EXPECT_EQ(replay.Extended(bank).ToString(), "4-5");
    EXPECT_TRUE(replay.Pcr(bank, 3).IsZero());
  }
  const tpm::PcrValues values = replay.Values();
  EXPECT_EQ(values.Banks(), (std::vector{kSha1, kSha256}));
  EXPECT_EQ(values.Numbers(kSha1).ToString(), "4-5");
  ASSERT_NE(values.Find(kSha256, 4), nullptr);
  EXPECT_EQ(*values.Find(kSha256, 4), replay.Pcr(kSha256, 4));
  EXPECT_FALSE(replay.startup_locality());
  EXPECT_EQ(replay.startup_problem(), "");
  EXPECT_THAT(NotesOf(replay), IsEmpty());
}

TEST(Replay, BanksWithoutAHashFunctionAreLeftOut) {
  EXPECT_THAT(ReplayedBanks({{tpm::AlgorithmId{0x002b}, 24},
                             {tpm::AlgorithmId::kSha512, 64},
                             {tpm::AlgorithmId{0x1234}, 9},
                             {tpm::AlgorithmId::kSha1, 20}}),
              ElementsAre(HashAlgorithm::kSha512, kSha1));
}

TEST(Replay, BanksOfSha3) {
  const auto sha3 = tpm::HashOf(tpm::AlgorithmId::kSha3_384);
  if (!sha3) GTEST_SKIP() << "OpenSSL has no SHA-3";
  const auto digest_of = [&](std::string_view data) {
    return testing::Digests{{0x0028, ToBytes(crypto::Hash(*sha3, AsBytes(data)).bytes())}};
  };
  const Replay replay = ReplayOf(
      LogBuilder()
          .Sha1Record(0, EventType::kNoAction, testing::SpecIdData({{0x0028, 48}}), Bytes(20, 0))
          .Record(4, EventType::kEfiAction, digest_of("a"), AsBytes("a"))
          .Record(4, EventType::kEfiAction, digest_of("b"), AsBytes("b")));
  EXPECT_EQ(replay.Pcr(*sha3, 4), After(*sha3, Digest(*sha3), {"a", "b"}));
  EXPECT_EQ(replay.Values().Banks(), std::vector{*sha3});
}

TEST(Replay, NoActionExtendsNothing) {
  LogBuilder log = LogBuilder::CryptoAgile();
  log.Event(1, EventType::kNoAction, "not what its type says");
  EXPECT_TRUE(ReplayOf(log).Values().empty());
}

TEST(Replay, UnknownTypesExtend) {
  const Replay replay = ReplayOf(LogBuilder::CryptoAgile().Event(6, EventType{0x12345678}, "a"));
  EXPECT_EQ(replay.Pcr(kSha1, 6), After(kSha1, Digest(kSha1), {"a"}));
}

TEST(Replay, EventWithoutTheBanksDigestChangesNothingInIt) {
  const Replay replay = ReplayOf(LogBuilder::CryptoAgile().Record(
      3, EventType::kAction, {{testing::kSha1Id, Bytes(20, 7)}}, {}));
  EXPECT_EQ(replay.Extended(kSha1).ToString(), "3");
  EXPECT_TRUE(replay.Extended(kSha256).empty());
  EXPECT_TRUE(replay.Pcr(kSha256, 3).IsZero());
}

TEST(Replay, NumbersThatNoPcrHas) {
  for (const std::uint32_t pcr : {24U, 0x80000000U, 0xffffffffU}) {
    const Replay replay = ReplayOf(LogBuilder::CryptoAgile().Event(pcr, EventType::kAction, "a"));
    EXPECT_TRUE(replay.Values().empty());
    EXPECT_THAT(NotesOf(replay), ElementsAre("eventlog.pcr"));
  }
  EXPECT_EQ(ReplayOf(LogBuilder::CryptoAgile().Event(23, EventType::kAction, "a"))
                .Extended(kSha1)
                .ToString(),
            "23");
}

TEST(Replay, WindowsPutsNoActionEventsIntoPcrMinusOne) {
  EXPECT_THAT(NotesOf(ReplayOf(LogBuilder::CryptoAgile().NoAction(0xffffffff, AsBytes("wbcl")))),
              IsEmpty());
}

TEST(Replay, DrtmPcrsAreOnesUntilTheyAreReset) {
  const Replay before = ReplayOf(LogBuilder::CryptoAgile());
  EXPECT_EQ(before.Pcr(kSha1, 17).hex(), std::string(40, 'f'));
  EXPECT_EQ(before.Pcr(kSha1, 22).hex(), std::string(40, 'f'));
  EXPECT_TRUE(before.Pcr(kSha1, 16).IsZero());
  EXPECT_TRUE(before.Pcr(kSha1, 23).IsZero());
  const Replay after = ReplayOf(LogBuilder::CryptoAgile()
                                    .Event(17, EventType::kAction, "a")
                                    .Event(17, EventType::kAction, "b"));
  EXPECT_EQ(after.Pcr(kSha1, 17), After(kSha1, Digest(kSha1), {"a", "b"}));
}

TEST(Replay, StartupLocalityIsWherePcr0Begins) {
  for (const std::uint8_t locality : Bytes{0, 3, 4}) {
    const Replay replay = ReplayOf(LogBuilder::CryptoAgile()
                                       .Event(1, EventType::kAction, "elsewhere")
                                       .StartupLocality(locality)
                                       .Event(0, EventType::kSCrtmVersion, "v"));
    for (const HashAlgorithm bank : {kSha1, kSha256}) {
      EXPECT_EQ(replay.Pcr(bank, 0), After(bank, StartedBy(bank, locality), {"v"}));
    }
    EXPECT_EQ(replay.Pcr(kSha1, 1), After(kSha1, Digest(kSha1), {"elsewhere"}));
    EXPECT_EQ(replay.startup_locality(), locality);
    EXPECT_EQ(replay.startup_problem(), "");
    EXPECT_THAT(NotesOf(replay), IsEmpty());
  }
}

TEST(Replay, StartupLocalityInAnotherPcrDoesNotCount) {
  const Replay replay = ReplayOf(
      LogBuilder::CryptoAgile().StartupLocality(3, 7).Event(0, EventType::kSCrtmVersion, "v"));
  EXPECT_EQ(replay.Pcr(kSha1, 0), After(kSha1, Digest(kSha1), {"v"}));
  EXPECT_FALSE(replay.startup_locality());
  EXPECT_THAT(NotesOf(replay), ElementsAre("eventlog.startup_locality"));
}

TEST(Replay, StartupLocalityOfAnotherSizeIsNoted) {
  const std::string_view signature("StartupLocality\0", 16);
  for (const std::string& data : {std::string(signature), std::string(signature) + "\3\3"}) {
    LogBuilder log = LogBuilder::CryptoAgile();
    log.NoAction(0, AsBytes(data)).Event(0, EventType::kSCrtmVersion, "v");
    const Replay replay = ReplayOf(log);
    EXPECT_FALSE(replay.startup_locality());
    ASSERT_EQ(replay.notes().list().size(), 1U);
    EXPECT_EQ(replay.notes().list()[0].id, "eventlog.startup_locality");
    EXPECT_EQ(replay.notes().list()[0].event, 1U);
  }
}

TEST(Replay, LateStartupLocalityDoesNotCount) {
  const Replay replay = ReplayOf(
      LogBuilder::CryptoAgile().Event(0, EventType::kSCrtmVersion, "v").StartupLocality(3));
  EXPECT_EQ(replay.Pcr(kSha1, 0), After(kSha1, Digest(kSha1), {"v"}));
  EXPECT_FALSE(replay.startup_locality());
  EXPECT_EQ(replay.startup_problem(), "");
  EXPECT_THAT(NotesOf(replay), ElementsAre("eventlog.startup_locality"));
}

// What extends PCR 0 is a digest, of whatever bank: an event without one does not.
TEST(Replay, EventWithoutDigestsDoesNotStartPcr0) {
  const Replay replay = ReplayOf(LogBuilder::CryptoAgile()
                                     .Record(0, EventType::kAction, {}, {})
                                     .StartupLocality(3)
                                     .Event(0, EventType::kSCrtmVersion, "v"));
  EXPECT_EQ(replay.Pcr(kSha1, 0), After(kSha1, StartedBy(kSha1, 3), {"v"}));
  EXPECT_EQ(replay.startup_locality(), 3);
  EXPECT_THAT(NotesOf(replay), IsEmpty());
}

TEST(Replay, OneDigestStartsPcr0) {
  const Replay replay =
      ReplayOf(LogBuilder::CryptoAgile()
                   .Record(0, EventType::kAction, {{testing::kSha1Id, Bytes(20, 7)}}, {})
                   .StartupLocality(3));
  EXPECT_FALSE(replay.startup_locality());
  EXPECT_THAT(NotesOf(replay), ElementsAre("eventlog.startup_locality"));
}

TEST(Replay, FirstOfTwoStartupLocalitiesCounts) {
  const Replay replay =
      ReplayOf(LogBuilder::CryptoAgile().StartupLocality(3).StartupLocality(0).Event(
          0, EventType::kSCrtmVersion, "v"));
  EXPECT_EQ(replay.Pcr(kSha1, 0), After(kSha1, StartedBy(kSha1, 3), {"v"}));
  EXPECT_EQ(replay.startup_locality(), 3);
  EXPECT_NE(replay.startup_problem(), "");
  EXPECT_THAT(NotesOf(replay), ElementsAre("eventlog.startup_locality"));

  const Replay same = ReplayOf(LogBuilder::CryptoAgile().StartupLocality(3).StartupLocality(3));
  EXPECT_EQ(same.startup_problem(), "");
  EXPECT_THAT(NotesOf(same), ElementsAre("eventlog.startup_locality"));
}

TEST(Replay, FirstProblemOfTheStartIsKept) {
  const Replay replay = ReplayOf(LogBuilder::CryptoAgile().StartupLocality(5).StartupLocality(3));
  EXPECT_EQ(replay.startup_locality(), 5);
  EXPECT_EQ(replay.startup_problem(), "locality 5 cannot start a TPM");
  EXPECT_THAT(NotesOf(replay),
              ElementsAre("eventlog.startup_locality", "eventlog.startup_locality"));
}

TEST(Replay, LocalityThatCannotStartATpm) {
  for (const std::uint8_t locality : Bytes{1, 2, 5, 255}) {
    const Replay replay = ReplayOf(LogBuilder::CryptoAgile().StartupLocality(locality));
    EXPECT_EQ(replay.startup_locality(), locality);
    EXPECT_NE(replay.startup_problem(), "");
    EXPECT_THAT(NotesOf(replay), ElementsAre("eventlog.startup_locality"));
  }
}

TEST(Replay, HcrtmStartsPcr0WithFour) {
  const Replay replay = ReplayOf(LogBuilder::CryptoAgile()
                                     .Event(0, EventType::kEfiHcrtmEvent, "HCRTM")
                                     .Event(0, EventType::kSCrtmVersion, "v"));
  EXPECT_EQ(replay.Pcr(kSha1, 0), After(kSha1, StartedBy(kSha1, 4), {"HCRTM", "v"}));
  EXPECT_FALSE(replay.startup_locality());
}

TEST(Replay, HcrtmElsewhereOrLaterChangesNoStart) {
  const Replay later = ReplayOf(LogBuilder::CryptoAgile()
                                    .Event(0, EventType::kSCrtmVersion, "v")
                                    .Event(0, EventType::kEfiHcrtmEvent, "HCRTM"));
  EXPECT_EQ(later.Pcr(kSha1, 0), After(kSha1, Digest(kSha1), {"v", "HCRTM"}));
  const Replay elsewhere = ReplayOf(LogBuilder::CryptoAgile()
                                        .Event(1, EventType::kEfiHcrtmEvent, "HCRTM")
                                        .Event(0, EventType::kSCrtmVersion, "v"));
  EXPECT_EQ(elsewhere.Pcr(kSha1, 0), After(kSha1, Digest(kSha1), {"v"}));
  const Replay stated = ReplayOf(
      LogBuilder::CryptoAgile().StartupLocality(3).Event(0, EventType::kEfiHcrtmEvent, "HCRTM"));
  EXPECT_EQ(stated.Pcr(kSha1, 0), After(kSha1, StartedBy(kSha1, 3), {"HCRTM"}));
}

TEST(ParseStartupLocality, ExactlyItsForm) {
  Bytes data = ToBytes(std::string_view("StartupLocality\0", 16));
  EXPECT_FALSE(ParseStartupLocality(data));
  data.push_back(3);
  EXPECT_EQ(ParseStartupLocality(data), 3);
  data.push_back(0);
  EXPECT_FALSE(ParseStartupLocality(data));
  data.pop_back();
  data[15] = 'x';
  EXPECT_FALSE(ParseStartupLocality(data));
  EXPECT_FALSE(ParseStartupLocality({}));
}

}  // namespace
}  // namespace limequat::eventlog
