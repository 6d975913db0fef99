#include "limequat/ima/replay.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"

namespace limequat::ima {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;

// A line whose stated SHA-1 is right.
std::string GoodLine(std::string_view path, std::string_view pcr = "10") {
  ByteWriter data;
  Bytes digest_field = ToBytes("sha256:");
  digest_field.push_back(0);
  Append(digest_field, Bytes(32, 0xaa));
  Bytes name_field = ToBytes(path);
  name_field.push_back(0);
  data.SizedU32Le(digest_field).SizedU32Le(name_field);
  return std::string(pcr) + " " + crypto::Hash(HashAlgorithm::kSha1, data.bytes()).hex() +
         " ima-ng sha256:" + std::string(64, 'a') + " " + std::string(path) + "\n";
}

std::string Violation(std::string_view path) {
  return "10 " + std::string(40, '0') + " ima-ng sha256:" + std::string(64, '0') + " " +
         std::string(path) + "\n";
}

// Replays the whole of `text`.
Digest PcrOf(const std::string& text, HashAlgorithm bank = HashAlgorithm::kSha256,
             TemplateDigests kind = TemplateDigests::kNative) {
  ListReader reader(AsBytes(text), Format::kAscii);
  Replay replay(bank, kind);
  while (true) {
    const auto next = reader.Next();
    EXPECT_TRUE(next);
    if (!next || !*next) return replay.pcr();
    replay.Extend(**next);
  }
}

Result<std::optional<Prefix>> Find(const std::string& text, const Digest& quoted,
                                   const Replay& start = Replay(HashAlgorithm::kSha256,
                                                                TemplateDigests::kNative)) {
  return FindQuotedPrefix(AsBytes(text), Format::kAscii, start, quoted);
}

Entry EntryWith(ByteView data, ByteView stated) {
  Entry entry;
  entry.pcr = 10;
  entry.template_data = data;
  entry.template_digest = stated;
  return entry;
}

TEST(TemplateDigest, NativeIsTheHashInTheBanksAlgorithm) {
  const Bytes data = ToBytes("data");
  const Bytes stated(20, 1);
  const Entry entry = EntryWith(data, stated);
  EXPECT_EQ(TemplateDigest(entry, HashAlgorithm::kSha384, TemplateDigests::kNative),
            crypto::Hash(HashAlgorithm::kSha384, data));
  EXPECT_EQ(TemplateDigestsName(TemplateDigests::kNative), "native");
}

TEST(TemplateDigest, ZeroPaddedIsSha1AndZeroBytes) {
  const Bytes data = ToBytes("data");
  const Bytes stated(20, 1);
  const Digest digest =
      TemplateDigest(EntryWith(data, stated), HashAlgorithm::kSha256, TemplateDigests::kZeroPadded);
  EXPECT_EQ(digest.hex(), crypto::Hash(HashAlgorithm::kSha1, data).hex() + std::string(24, '0'));
  EXPECT_EQ(TemplateDigestsName(TemplateDigests::kZeroPadded), "zero-padded");
}

TEST(TemplateDigest, ViolationIsAllOnesInEveryBank) {
  Entry entry;
  entry.violation = true;
  for (const TemplateDigests kind : {TemplateDigests::kNative, TemplateDigests::kZeroPadded}) {
    EXPECT_EQ(TemplateDigest(entry, HashAlgorithm::kSha1, kind).hex(), std::string(40, 'f'));
    EXPECT_EQ(TemplateDigest(entry, HashAlgorithm::kSha512, kind).hex(), std::string(128, 'f'));
    EXPECT_EQ(StatedTemplateDigest(entry, HashAlgorithm::kSha1, kind).hex(), std::string(40, 'f'));
  }
}

TEST(TemplateDigest, TheListsWordCountsOnlyForLooking) {
  const Bytes data = ToBytes("data");
  const Bytes lie(20, 0x55);
  const Entry entry = EntryWith(data, lie);
  const auto native = TemplateDigests::kNative;
  const auto padded = TemplateDigests::kZeroPadded;
  EXPECT_EQ(TemplateDigest(entry, HashAlgorithm::kSha1, native),
            crypto::Hash(HashAlgorithm::kSha1, data));
  EXPECT_EQ(StatedTemplateDigest(entry, HashAlgorithm::kSha1, native).hex(), HexEncode(lie));
  EXPECT_EQ(StatedTemplateDigest(entry, HashAlgorithm::kSha256, padded).hex(),
            HexEncode(lie) + std::string(24, '0'));
  EXPECT_EQ(StatedTemplateDigest(entry, HashAlgorithm::kSha256, native),
            crypto::Hash(HashAlgorithm::kSha256, data));

  const Bytes long_lie(32, 0x55);
  const Entry other = EntryWith(data, long_lie);
  EXPECT_EQ(StatedTemplateDigest(other, HashAlgorithm::kSha256, native).hex(), HexEncode(long_lie));
  EXPECT_EQ(StatedTemplateDigest(other, HashAlgorithm::kSha256, padded),
            TemplateDigest(other, HashAlgorithm::kSha256, padded));

  Replay stated(HashAlgorithm::kSha1, native);
  stated.ExtendAsStated(entry);
  Replay computed(HashAlgorithm::kSha1, native);
  computed.Extend(entry);
  EXPECT_EQ(stated.pcr(), crypto::Extend(Digest(HashAlgorithm::kSha1), lie));
  EXPECT_NE(stated.pcr(), computed.pcr());
}

TEST(StatedDigest, IsComparedByItsLength) {
  const Bytes data = ToBytes("data");
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                   HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    Bytes stated = ToBytes(crypto::Hash(hash, data).bytes());
    EXPECT_EQ(CheckStatedDigest(EntryWith(data, stated)), StatedDigest::kMatches);
    stated.back() ^= 1U;
    EXPECT_EQ(CheckStatedDigest(EntryWith(data, stated)), StatedDigest::kDiffers);
  }
  EXPECT_EQ(CheckStatedDigest(EntryWith(data, Bytes(20, 0))), StatedDigest::kMatches);
  EXPECT_EQ(CheckStatedDigest(EntryWith(data, Bytes(64, 0))), StatedDigest::kMatches);
  EXPECT_EQ(CheckStatedDigest(EntryWith(data, Bytes(16, 0))), StatedDigest::kUnknownLength);
}

constexpr std::array kOthers = {HashAlgorithm::kSm3_256, HashAlgorithm::kSha3_256,
                                HashAlgorithm::kSha3_384, HashAlgorithm::kSha3_512};

// Lists of a bank of SM3 have digests of the size of SHA-256.
TEST(StatedDigest, MayBeOfAnyAlgorithmOfItsLength) {
  const Bytes data = ToBytes("data");
  for (const HashAlgorithm hash : kOthers) {
    if (!crypto::IsAvailable(hash)) continue;
    Bytes stated = ToBytes(crypto::Hash(hash, data).bytes());
    EXPECT_EQ(CheckStatedDigest(EntryWith(data, stated)), StatedDigest::kMatches);
    stated.back() ^= 1U;
    EXPECT_EQ(CheckStatedDigest(EntryWith(data, stated)), StatedDigest::kDiffers);
  }
}

TEST(StatedDigest, MayBeAPaddedSha1) {
  const Bytes data = ToBytes("data");
  for (const std::size_t size : {32U, 48U, 64U}) {
    Bytes stated = ToBytes(crypto::Hash(HashAlgorithm::kSha1, data).bytes());
    stated.resize(size);
    EXPECT_EQ(CheckStatedDigest(EntryWith(data, stated)), StatedDigest::kMatches) << size;
    for (const std::size_t at : {std::size_t{0}, std::size_t{20}, size - 1}) {
      stated[at] ^= 1U;
      EXPECT_EQ(CheckStatedDigest(EntryWith(data, stated)), StatedDigest::kDiffers) << at;
      stated[at] ^= 1U;
    }
  }
}

// A digest of SM3 is no lie about SHA-256.
TEST(StatedDigest, StandsInTheBankThatItIsOf) {
  const Bytes data = ToBytes("data");
  for (const HashAlgorithm hash : kOthers) {
    if (!crypto::IsAvailable(hash)) continue;
    const Bytes stated = ToBytes(crypto::Hash(hash, data).bytes());
    const Entry entry = EntryWith(data, stated);
    for (const HashAlgorithm bank : {HashAlgorithm::kSha256, HashAlgorithm::kSha384,
                                     HashAlgorithm::kSha512, HashAlgorithm::kSha1, hash}) {
      EXPECT_EQ(StatedTemplateDigest(entry, bank, TemplateDigests::kNative),
                crypto::Hash(bank, data));
    }
  }
}

TEST(StatedDigest, PaddedStandsInEveryPaddedBank) {
  const Bytes data = ToBytes("data");
  Bytes lie(48, 0);
  lie[0] = 0x55;
  const Entry entry = EntryWith(data, lie);
  for (const HashAlgorithm bank :
       {HashAlgorithm::kSha256, HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    EXPECT_EQ(StatedTemplateDigest(entry, bank, TemplateDigests::kZeroPadded).hex(),
              "55" + std::string(2 * crypto::DigestSize(bank) - 2, '0'));
    EXPECT_EQ(StatedTemplateDigest(entry, bank, TemplateDigests::kNative),
              crypto::Hash(bank, data));
  }
  EXPECT_EQ(StatedTemplateDigest(entry, HashAlgorithm::kSha1, TemplateDigests::kNative).hex(),
            "55" + std::string(38, '0'));
}

// Kernels do not compute SHA-3 for a bank of a TPM: they pad. One that will is read too.
TEST(Replay, BanksOfSha3) {
  const std::string text = GoodLine("/a") + GoodLine("/b") + Violation("/c");
  for (const HashAlgorithm bank :
       {HashAlgorithm::kSha3_256, HashAlgorithm::kSha3_384, HashAlgorithm::kSha3_512}) {
    if (!crypto::IsAvailable(bank)) GTEST_SKIP() << "OpenSSL has no SHA-3";
    for (const auto kind : {TemplateDigests::kNative, TemplateDigests::kZeroPadded}) {
      const Digest pcr = PcrOf(text, bank, kind);
      const auto found = Find(text, pcr, Replay(bank, kind));
      ASSERT_TRUE(found && *found);
      EXPECT_EQ((*found)->entries, 3U);
      const auto other = kind == TemplateDigests::kNative ? TemplateDigests::kZeroPadded
                                                          : TemplateDigests::kNative;
      EXPECT_FALSE(*Find(text, pcr, Replay(bank, other)));
    }
  }
}

TEST(Replay, CopiesAreSnapshots) {
  const Bytes data = ToBytes("data");
  const Bytes stated(20, 1);
  Replay replay(HashAlgorithm::kSha256, TemplateDigests::kNative);
  const Replay before = replay;
  replay.Extend(EntryWith(data, stated));
  EXPECT_EQ(before.entries(), 0U);
  EXPECT_TRUE(before.pcr().IsZero());
  EXPECT_EQ(replay.entries(), 1U);
  EXPECT_EQ(replay.pcr(), crypto::Extend(Digest(HashAlgorithm::kSha256),
                                         crypto::Hash(HashAlgorithm::kSha256, data).bytes()));
}

TEST(Replay, EntriesForOtherPcrsDoNotCount) {
  EXPECT_EQ(PcrOf(GoodLine("/a") + GoodLine("/b", "11")), PcrOf(GoodLine("/a")));
  EXPECT_NE(PcrOf(GoodLine("/a") + GoodLine("/b")), PcrOf(GoodLine("/a")));
}

TEST(Replay, NativeAndPaddedLeadElsewhere) {
  const std::string text = GoodLine("/a");
  EXPECT_NE(PcrOf(text, HashAlgorithm::kSha256, TemplateDigests::kNative),
            PcrOf(text, HashAlgorithm::kSha256, TemplateDigests::kZeroPadded));
}

TEST(FindQuotedPrefix, WholeList) {
  const std::string text = GoodLine("/a") + Violation("/v") + GoodLine("/b");
  const auto found = Find(text, PcrOf(text));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->entries, 3U);
  EXPECT_EQ((*found)->bytes, text.size());
}

TEST(FindQuotedPrefix, NothingLeadsThere) {
  const auto found = Find(GoodLine("/a"), PcrOf(GoodLine("/b")));
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
}

TEST(FindQuotedPrefix, StartIsThereAlready) {
  const auto found = Find(GoodLine("/a"), Digest(HashAlgorithm::kSha256));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->entries, 0U);
  EXPECT_EQ((*found)->bytes, 0U);
}

TEST(FindQuotedPrefix, GoesOnFromAVerifiedValue) {
  const std::string before = GoodLine("/a") + GoodLine("/b");
  const std::string now = GoodLine("/c");
  const Replay start(PcrOf(before), 2, TemplateDigests::kNative);
  const auto found = Find(now, PcrOf(before + now), start);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->entries, 1U);
  // Its errors count entries from the beginning of the boot.
  const auto bad = Find("nonsense\n", PcrOf(before + now), start);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("record 2 "), std::string::npos);
}

TEST(FindQuotedPrefix, Attack_A06_EntriesBehindTheQuoteHaveNoEffect) {
  const std::string quoted = GoodLine("/a");
  for (const std::string& behind : {GoodLine("/evil"), std::string("nonsense\n"),
                                    std::string("10 cut off"), GoodLine("/other", "11")}) {
    const auto found = Find(quoted + behind, PcrOf(quoted));
    ASSERT_TRUE(found && *found) << behind;
    EXPECT_EQ((*found)->entries, 1U) << behind;
    EXPECT_EQ((*found)->bytes, quoted.size()) << behind;
  }
}

TEST(FindQuotedPrefix, ErrorsBeforeTheMatchAreReturned) {
  const auto found =
      Find(GoodLine("/a") + "nonsense\n" + GoodLine("/b"), PcrOf(GoodLine("/a") + GoodLine("/b")));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().id, "ima.ascii.pcr");
}

TEST(FindQuotedPrefix, Attack_A08_OneKindForAllEntries) {
  // A bank extended natively once and zero-padded once is no boot of any kernel.
  const std::string text = GoodLine("/a") + GoodLine("/b");
  ListReader reader(AsBytes(text), Format::kAscii);
  Digest mixed(HashAlgorithm::kSha256);
  for (const TemplateDigests kind : {TemplateDigests::kNative, TemplateDigests::kZeroPadded}) {
    const auto next = reader.Next();
    ASSERT_TRUE(next && *next);
    mixed = crypto::Extend(mixed, TemplateDigest(**next, HashAlgorithm::kSha256, kind).bytes());
  }
  for (const TemplateDigests kind : {TemplateDigests::kNative, TemplateDigests::kZeroPadded}) {
    const auto found = Find(text, mixed, Replay(HashAlgorithm::kSha256, kind));
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found);
  }
}

// Replays entries of these names, whatever they look like in a list.
Digest PcrOfNames(const std::vector<std::string>& names,
                  TemplateDigests kind = TemplateDigests::kNative) {
  Replay replay(HashAlgorithm::kSha256, kind);
  for (const std::string& name : names) {
    const std::string line = GoodLine(name);
    ListReader reader(AsBytes(line), Format::kAscii, LineFeeds::kByDigest);
    const auto next = reader.Next();
    EXPECT_TRUE(next && *next && reader.offset() == line.size());
    if (next && *next) replay.Extend(**next);
  }
  return replay.pcr();
}

const std::array kStarts = {Replay(HashAlgorithm::kSha256, TemplateDigests::kNative),
                            Replay(HashAlgorithm::kSha256, TemplateDigests::kZeroPadded)};

TEST(FindQuotedPrefix, Attack_A06_ANameLikeARecordIsFoundByDigests) {
  const std::string name = "/a\n" + GoodLine("/fake") + "x";
  const std::string quoted = GoodLine("/x") + GoodLine(name);
  for (const std::string& behind : {std::string(), GoodLine("/y"), std::string("10 cut off")}) {
    const std::string list = quoted + behind;
    for (const Replay& start : kStarts) {
      const Digest pcr = PcrOfNames({"/x", name}, start.kind());
      const auto plain = Find(list, pcr, start);
      EXPECT_FALSE(plain && *plain);
      const auto found = FindQuotedPrefixEitherWay(AsBytes(list), Format::kAscii, kStarts, pcr);
      ASSERT_TRUE(found && *found);
      EXPECT_EQ((*found)->entries, 2U);
      EXPECT_EQ((*found)->bytes, quoted.size());
      EXPECT_EQ((*found)->kind, start.kind());
      EXPECT_EQ((*found)->line_feeds, LineFeeds::kByDigest);
    }
  }
}

TEST(FindQuotedPrefix, AsItLooksComesFirst) {
  const std::string list = GoodLine("/x") + GoodLine("/y");
  for (const Replay& start : kStarts) {
    const auto found =
        FindQuotedPrefixEitherWay(AsBytes(list), Format::kAscii, kStarts,
                                  PcrOf(GoodLine("/x"), HashAlgorithm::kSha256, start.kind()));
    ASSERT_TRUE(found && *found);
    EXPECT_EQ((*found)->entries, 1U);
    EXPECT_EQ((*found)->kind, start.kind());
    EXPECT_EQ((*found)->line_feeds, LineFeeds::kAsTheyLook);
  }
}

TEST(FindQuotedPrefix, NothingLeadsThereEitherWay) {
  const Digest nowhere = crypto::Hash(HashAlgorithm::kSha256, ToBytes("nowhere"));
  const std::string list = GoodLine("/x") + GoodLine("/a\n" + GoodLine("/fake"));
  const auto found = FindQuotedPrefixEitherWay(AsBytes(list), Format::kAscii, kStarts, nowhere);
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  const std::string broken = list + "nonsense\n";
  const auto error = FindQuotedPrefixEitherWay(AsBytes(broken), Format::kAscii, kStarts, nowhere);
  ASSERT_FALSE(error);
  EXPECT_EQ(error.error().id, "ima.ascii.pcr");
}

// A binary list has no lines.
TEST(FindQuotedPrefix, ByDigestsIsForTheAsciiForm) {
  EXPECT_FALSE(FindQuotedPrefixByDigests({}, Format::kBinary, kStarts, kStarts[0].pcr()));
  EXPECT_TRUE(FindQuotedPrefixByDigests({}, Format::kAscii, kStarts, kStarts[0].pcr()));
}

TEST(FindQuotedPrefix, Attack_A08_AnotherBankNeverMatches) {
  const std::string text = GoodLine("/a");
  const auto found = Find(text, PcrOf(text, HashAlgorithm::kSha1));
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
}

}  // namespace
}  // namespace limequat::ima
