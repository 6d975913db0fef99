#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/tpm/pcr.h"

namespace limequat::tpm {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;

// PCRs 3 and 5 of SHA-1, then 0 and 23 of SHA-256.
PcrSelection Selection() {
  return {{.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Of(3) | PcrSet::Of(5)},
          {.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Of(0) | PcrSet::Of(23)}};
}

Digest DigestOf(HashAlgorithm bank, std::uint8_t fill) {
  return *Digest::FromBytes(bank, Bytes(crypto::DigestSize(bank), fill));
}

PcrValues Values() {
  PcrValues values;
  values.Set(3, DigestOf(HashAlgorithm::kSha1, 0x13));
  values.Set(5, DigestOf(HashAlgorithm::kSha1, 0x15));
  values.Set(0, DigestOf(HashAlgorithm::kSha256, 0x20));
  values.Set(23, DigestOf(HashAlgorithm::kSha256, 0x37));
  return values;
}

std::vector<Bytes> Digests() {
  return {Bytes(20, 0x13), Bytes(20, 0x15), Bytes(32, 0x20), Bytes(32, 0x37)};
}

// tpm2_quote -F values
Bytes BareFile() {
  Bytes file;
  for (const Bytes& digest : Digests()) Append(file, digest);
  return file;
}

// tpm2_quote -F marshaled, in lists of at most `per_list` digests.
Bytes MarshaledFile(std::uint32_t per_list = 8) {
  ByteWriter out;
  out.U32Be(2).U16Be(0x0004).U8(3).Raw(Bytes{0x28, 0, 0});
  out.U16Be(0x000b).U8(3).Raw(Bytes{1, 0, 0x80});
  const std::vector<Bytes> digests = Digests();
  out.U32Be((4 + per_list - 1) / per_list);
  for (std::uint32_t i = 0; i < 4; ++i) {
    if (i % per_list == 0) out.U32Be(std::min(per_list, 4 - i));
    out.SizedU16Be(digests[i]);
  }
  return out.Take();
}

// The memory image of a big-endian machine.
Bytes BigEndianFile() {
  ByteWriter out;
  out.U32Be(2);
  out.U16Be(0x0004).U8(3).Raw(Bytes{0x28, 0, 0, 0xee}).U8(0xee);
  out.U16Be(0x000b).U8(3).Raw(Bytes{1, 0, 0x80, 0xee}).U8(0xee);
  out.Zeros(14UL * 8).U32Be(1).U32Be(4);
  for (const Bytes& digest : Digests()) out.SizedU16Be(digest).Zeros(64 - digest.size());
  return out.Zeros(4UL * 66).Take();
}

void ExpectError(ByteView file, std::string_view id) {
  const auto values = ParsePcrFile(file, Selection());
  ASSERT_FALSE(values.has_value());
  EXPECT_EQ(values.error().id, id);
}

TEST(PcrFileTest, EveryFormat) {
  for (const Bytes& file : {WritePcrBlob(Selection(), Values()), BigEndianFile(), BareFile(),
                            MarshaledFile(), MarshaledFile(3)}) {
    const auto values = ParsePcrFile(file, Selection());
    ASSERT_TRUE(values.has_value()) << values.error().message;
    EXPECT_EQ(*values, Values());
  }
}

TEST(PcrFileTest, ImagesOfOneBankAndOfNone) {
  ByteWriter one;
  one.U32Be(1).U16Be(0x0004).U8(3).Raw(Bytes{0x08, 0, 0, 0, 0}).Zeros(15UL * 8).U32Be(1).U32Be(1);
  one.SizedU16Be(Bytes(20, 0x13)).Zeros(44 + 7UL * 66);
  const auto values = ParsePcrFile(one.bytes(), Selection());
  ASSERT_TRUE(values.has_value()) << values.error().message;
  EXPECT_EQ(values->Numbers(HashAlgorithm::kSha1), PcrSet::Of(3));
  // Where there is nothing to read tpm2_quote writes one empty list.
  Bytes none(132, 0);
  Append(none, Bytes{1, 0, 0, 0});
  Append(none, Bytes(532, 0));
  const auto nothing = ParsePcrFile(none, Selection());
  ASSERT_TRUE(nothing.has_value()) << nothing.error().message;
  EXPECT_TRUE(nothing->empty());
}

TEST(PcrFileTest, BigEndianImageIsNotTheWiresForm) {
  EXPECT_FALSE(ParsePcrBlob(BigEndianFile()).has_value());
  EXPECT_TRUE(ParsePcrBlob(BigEndianFile(), ByteOrder::kBig).has_value());
}

// What selects for itself is read by its own selection, and compared with the signed one
// by VerifyQuote.
TEST(PcrFileTest, OwnSelectionCounts) {
  const PcrSelection other{{.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Of(1)}};
  for (const Bytes& file :
       {WritePcrBlob(Selection(), Values()), BigEndianFile(), MarshaledFile()}) {
    const auto values = ParsePcrFile(file, other);
    ASSERT_TRUE(values.has_value()) << values.error().message;
    EXPECT_EQ(*values, Values());
  }
}

TEST(PcrFileTest, BareDigestsBelongToTheSignedSelectionOrNothing) {
  const Bytes file = BareFile();
  ExpectError(ByteView(file).first(file.size() - 1), "tpm.pcr_blob.banks");
  Bytes longer = file;
  longer.push_back(0);
  ExpectError(longer, "tpm.pcr_blob.banks");
  EXPECT_FALSE(ParsePcrFile(file, {}).has_value());
}

TEST(PcrFileTest, BareDigestsOfABankThatIsNotHashed) {
  const PcrSelection unknown{{.bank = AlgorithmId{0x002b}, .pcrs = PcrSet::Of(1)}};
  EXPECT_FALSE(ParsePcrFile(Bytes(32, 0xaa), unknown).has_value());
  // Without a PCR of it the bank does not matter.
  const PcrSelection none{{.bank = AlgorithmId{0x002b}, .pcrs = PcrSet()},
                          {.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Of(1)}};
  EXPECT_TRUE(ParsePcrFile(Bytes(32, 0xaa), none).has_value());
}

// 2 of SHA-1 and 3 of SHA-256 are as long as an image without digests.
TEST(PcrFileTest, BareDigestsAsLongAsAnImage) {
  const PcrSelection selection{{.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Range(0, 1)},
                               {.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Range(0, 2)}};
  const auto values = ParsePcrFile(Bytes(136, 0xaa), selection);
  ASSERT_TRUE(values.has_value()) << values.error().message;
  EXPECT_EQ(values->Numbers(HashAlgorithm::kSha256), PcrSet::Range(0, 2));
}

// A long selection makes it so.
TEST(PcrFileTest, MarshaledAsLongAsAnImage) {
  ByteWriter out;
  out.U32Be(1).U16Be(0x0004).U8(99).U8(1).Zeros(98);
  out.U32Be(1).U32Be(1).SizedU16Be(Bytes(20, 0x13));
  const Bytes file = out.Take();
  ASSERT_EQ(file.size(), 136U);
  const auto values = ParsePcrFile(file, Selection());
  ASSERT_TRUE(values.has_value()) << values.error().message;
  EXPECT_EQ(values->Numbers(HashAlgorithm::kSha1), PcrSet::Of(0));
}

TEST(PcrFileTest, DamagedImage) {
  Bytes image = WritePcrBlob(Selection(), Values());
  image[0] = 17;
  ExpectError(image, "tpm.pcr_blob.banks");
  // What is wrong is told of the image, which its size says it is.
  Bytes select = WritePcrBlob(Selection(), Values());
  select[6] = 5;
  ExpectError(select, "tpm.pcr_blob.select_size");
}

TEST(PcrFileTest, ListOfEightMarshaledDigests) {
  ByteWriter out;
  out.U32Be(1).U16Be(0x0004).U8(1).U8(0xff).U32Be(1).U32Be(8);
  for (int i = 0; i < 8; ++i) out.SizedU16Be(Bytes(20, 0x13));
  const auto values = ParsePcrFile(out.bytes(), {});
  ASSERT_TRUE(values.has_value()) << values.error().message;
  EXPECT_EQ(values->Numbers(HashAlgorithm::kSha1), PcrSet::Range(0, 7));
}

constexpr std::size_t kBareSize = 20 + 20 + 32 + 32;
constexpr std::size_t kImageSize = 136;

TEST(PcrFileTest, EveryPrefixOfAMarshaledFileIsShort) {
  const Bytes file = MarshaledFile(3);
  for (std::size_t size = 0; size < file.size(); ++size) {
    if (size == kBareSize || size == kImageSize) continue;  // may be of another format
    ExpectError(ByteView(file).first(size), "tpm.pcr_blob.short");
  }
}

TEST(PcrFileTest, DamagedMarshaledFile) {
  Bytes trailing = MarshaledFile(3);
  trailing.push_back(0);
  ExpectError(trailing, "tpm.pcr_blob.trailing");
  Bytes seventeen = MarshaledFile(3);
  seventeen[3] = 17;
  ExpectError(seventeen, "tpm.pcr_blob.banks");
  Bytes twice = MarshaledFile(3);
  twice[11] = 0x04;
  twice[13] = 0x08;
  ExpectError(twice, "tpm.pcr_blob.pcr_twice");
  Bytes unknown = MarshaledFile(3);
  unknown[11] = 0x2b;
  ExpectError(unknown, "tpm.pcr_blob.bank");
  Bytes fewer = MarshaledFile(3);
  fewer[12 + 1] = 3;  // the second selection: PCRs 0, 1 and 23
  ExpectError(fewer, "tpm.pcr_blob.values");
  Bytes nine = MarshaledFile(3);
  nine[23] = 9;
  ExpectError(nine, "tpm.pcr_blob.digest_count");
  Bytes size = MarshaledFile(1);  // the first list has one digest, of 20 bytes
  size[25] = 19;
  size.erase(size.begin() + 26);
  ExpectError(size, "tpm.pcr_blob.digest_size");
}

TEST(PcrFileTest, ListCountOfAMarshaledFileIsNotTrusted) {
  Bytes file = MarshaledFile(3);
  for (std::size_t i = 16; i < 20; ++i) file[i] = 0xff;
  ExpectError(file, "tpm.pcr_blob.short");
}

}  // namespace
}  // namespace limequat::tpm
