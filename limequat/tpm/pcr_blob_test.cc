#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/tpm/pcr.h"

namespace limequat::tpm {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;

Digest DigestOf(HashAlgorithm bank, std::uint8_t fill) {
  return *Digest::FromBytes(bank, Bytes(crypto::DigestSize(bank), fill));
}

// Every selected PCR has its number as its value, repeated; other banks differ.
PcrValues ValuesFor(const PcrSelection& selection) {
  PcrValues values;
  for (const BankSelection& bank : selection) {
    for (const std::uint32_t pcr : bank.pcrs.ToList()) {
      values.Set(
          pcr, DigestOf(*HashOf(bank.bank), static_cast<std::uint8_t>(
                                                pcr + 32 * static_cast<std::uint32_t>(bank.bank))));
    }
  }
  return values;
}

PcrSelection Keylime() {
  return {{.bank = AlgorithmId::kSha256,
           .pcrs = PcrSet::Range(0, 7) | PcrSet::Of(10) | PcrSet::Of(16)}};
}

Bytes Sample() { return WritePcrBlob(Keylime(), ValuesFor(Keylime())); }

void ExpectError(const Bytes& blob, ErrorCode code, std::string_view id) {
  const auto parsed = ParsePcrBlob(blob);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, code);
  EXPECT_EQ(parsed.error().id, id);
}

constexpr std::size_t kListsAt = 132;
constexpr std::size_t kListSize = 532;

TEST(PcrBlobTest, LayoutOfTpm2Tools) {
  const Bytes blob = Sample();
  ASSERT_EQ(blob.size(), kListsAt + 4 + 2 * kListSize);
  EXPECT_EQ(HexEncode(ByteView(blob).first(12)), "010000000b0003ff04010000");
  EXPECT_EQ(HexEncode(ByteView(blob).subspan(kListsAt, 10)), "02000000080000002000");
  const std::size_t second = kListsAt + 4 + kListSize;
  EXPECT_EQ(HexEncode(ByteView(blob).subspan(second, 6)), "020000002000");
}

TEST(PcrBlobTest, ParseIsTheInverseOfWrite) {
  const std::vector<PcrSelection> selections = {
      {},
      {{.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Of(16)}},
      {{.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Of(16)},
       {.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Of(3)}},
      Keylime(),
      {{.bank = AlgorithmId::kSha384, .pcrs = PcrSet::Of(0) | PcrSet::Of(7) | PcrSet::Of(10)},
       {.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Of(4)}},
      {{.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Range(0, 23)},
       {.bank = AlgorithmId::kSha256, .pcrs = PcrSet()},
       {.bank = AlgorithmId::kSha512, .pcrs = PcrSet::Range(0, 23)}},
  };
  for (const PcrSelection& selection : selections) {
    const PcrValues values = ValuesFor(selection);
    const auto parsed = ParsePcrBlob(WritePcrBlob(selection, values));
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_EQ(parsed->selection, selection);
    EXPECT_EQ(parsed->values, values);
  }
}

TEST(PcrBlobTest, ListsNeedNotBeFull) {
  const PcrSelection two{{.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Of(3) | PcrSet::Of(5)}};
  const Bytes full = WritePcrBlob(two, ValuesFor(two));
  // The same two digests in two lists, as a TPM may return them.
  Bytes split(full.begin(), full.begin() + kListsAt);
  Append(split, Bytes{2, 0, 0, 0, 1, 0, 0, 0});
  Append(split, ByteView(full).subspan(kListsAt + 8, 66));
  Append(split, Bytes(7 * 66, 0xee));  // behind the count: whatever the memory held
  Append(split, Bytes{1, 0, 0, 0});
  Append(split, ByteView(full).subspan(kListsAt + 8 + 66, 66));
  Append(split, Bytes(7 * 66, 0));
  const auto parsed = ParsePcrBlob(split);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->values, ValuesFor(two));
}

TEST(PcrBlobTest, UnusedMemoryIsNotLookedAt) {
  Bytes blob = Sample();
  blob[10] = 0xff;  // fourth select byte: sizeofSelect is 3
  blob[11] = 0xff;  // padding
  blob[12] = 0xff;  // entry behind the count
  const auto parsed = ParsePcrBlob(blob);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->selection, Keylime());
}

TEST(PcrBlobTest, EveryPrefixIsShort) {
  const Bytes blob = Sample();
  for (std::size_t size = 0; size < blob.size(); ++size) {
    const auto parsed = ParsePcrBlob(ByteView(blob).first(size));
    ASSERT_FALSE(parsed.has_value()) << size;
    EXPECT_EQ(parsed.error().id, "tpm.pcr_blob.short") << size;
  }
}

TEST(PcrBlobTest, TrailingByte) {
  Bytes blob = Sample();
  blob.push_back(0);
  ExpectError(blob, ErrorCode::kMalformed, "tpm.pcr_blob.trailing");
}

TEST(PcrBlobTest, SeventeenBanks) {
  Bytes blob = Sample();
  blob[0] = 17;
  ExpectError(blob, ErrorCode::kMalformed, "tpm.pcr_blob.banks");
}

TEST(PcrBlobTest, SelectSize) {
  Bytes blob = Sample();
  blob[6] = 5;
  ExpectError(blob, ErrorCode::kMalformed, "tpm.pcr_blob.select_size");
}

TEST(PcrBlobTest, PcrAbove23) {
  Bytes blob = Sample();
  blob[6] = 4;
  blob[10] = 1;
  ExpectError(blob, ErrorCode::kMalformed, "tpm.pcr_blob.pcr");
}

TEST(PcrBlobTest, PcrTwice) {
  Bytes blob = Sample();
  blob[0] = 2;
  blob[12] = 0x0b;
  blob[14] = 3;
  blob[15] = 0x80;
  ExpectError(blob, ErrorCode::kMalformed, "tpm.pcr_blob.pcr_twice");
}

TEST(PcrBlobTest, NineDigestsInAList) {
  Bytes blob = Sample();
  blob[kListsAt + 4] = 9;
  ExpectError(blob, ErrorCode::kMalformed, "tpm.pcr_blob.digest_count");
}

TEST(PcrBlobTest, DigestLargerThanItsBuffer) {
  Bytes blob = Sample();
  blob[kListsAt + 8] = 65;
  ExpectError(blob, ErrorCode::kMalformed, "tpm.pcr_blob.digest_size");
}

TEST(PcrBlobTest, DigestOfAnotherBanksSize) {
  Bytes blob = Sample();
  blob[kListsAt + 8] = 20;
  ExpectError(blob, ErrorCode::kMalformed, "tpm.pcr_blob.digest_size");
}

TEST(PcrBlobTest, FewerAndMoreDigestsThanSelected) {
  Bytes fewer = Sample();
  fewer[kListsAt + 4] = 7;
  ExpectError(fewer, ErrorCode::kMalformed, "tpm.pcr_blob.values");
  Bytes more = Sample();
  more[kListsAt + 4 + kListSize] = 3;
  ExpectError(more, ErrorCode::kMalformed, "tpm.pcr_blob.values");
}

TEST(PcrBlobTest, ListCountIsNotTrusted) {
  Bytes blob = Sample();
  for (std::size_t i = 0; i < 4; ++i) blob[kListsAt + i] = 0xff;
  ExpectError(blob, ErrorCode::kMalformed, "tpm.pcr_blob.short");
}

TEST(PcrBlobTest, ValuesOfAnUnknownBank) {
  Bytes blob = Sample();
  blob[4] = 0x2b;  // SHAKE256-192
  ExpectError(blob, ErrorCode::kUnsupported, "tpm.pcr_blob.bank");
}

TEST(PcrBlobTest, UnknownBankWithoutPcrsIsCarried) {
  const PcrSelection selection{{.bank = AlgorithmId{0x002b}, .pcrs = PcrSet()},
                               {.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Of(1)}};
  const auto parsed = ParsePcrBlob(WritePcrBlob(selection, ValuesFor(selection)));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->selection, selection);
}

}  // namespace
}  // namespace limequat::tpm
