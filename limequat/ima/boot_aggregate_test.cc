#include "limequat/ima/boot_aggregate.h"

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"

namespace limequat::ima {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;
using ::testing::HasSubstr;

// PCRs 0-9 of a Debian kernel 6.1 started by shim and GRUB, and its boot_aggregate.
constexpr std::array<std::string_view, 10> kSha256Pcrs = {
    "d1837c490ae85de2cce0736e9ab3372230cb6f3235cae989d37c16208b273e31",
    "d29cbc42959a4674d1453b857eab6f4203d4fcde9a6f75c3926185532ea0b94f",
    "3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969",
    "3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969",
    "b8bb5a8b59f841b0e82dc95eb76d99f132d57f0757b2ce75e44c3a02362e86d5",
    "532bc86250b222dc4b482d72753527e752b49ef32294af8c12625a0d2f5d2a27",
    "3d458cfe55cc03ea1f443f1562beec8df51c75e14a9fcf9a7234a13f198e7969",
    "75677db6f14082d3bfec4d14bdd75c8d72612ef6914ca99cd5a5997b7a21309d",
    "f3bb45e8620fc33dfdde4a2641a2cad9f1389b2d2b0d9e5048b07432374e1b32",
    "62c388b47c876f2919639a1b5ea8deccff924cf21fe91cee228a6f2f446407cb"};
constexpr std::string_view kSha256Aggregate =
    "d1d53b589fcac00c3819b1096f6e6736291fe6367c0239bb48e946f14fe0668c";

// The same with ima_hash=sha1.
constexpr std::array<std::string_view, 10> kSha1Pcrs = {
    "8df6b3162784d88036cc77fde4fe5da03060c91c", "779e9540a1671a98d1d12b212df8a80f5be28bdf",
    "b2a83b0ebf2f8374299a5b2bdfc31ea955ad7236", "b2a83b0ebf2f8374299a5b2bdfc31ea955ad7236",
    "e82fa2fcbb999e88be227bd30401134b5a1956c6", "c8b02037efcb2cde2a0114d90bc010a69a0eab6e",
    "b2a83b0ebf2f8374299a5b2bdfc31ea955ad7236", "a71a0ed1abb1d30cc0d84e8e917bdb9f8c8171fa",
    "e9c773b4fcc3df57a3642c75bef5dd565d3c3de5", "c1a8efdcfb34f5bae4fa985c131cba3d4aadac49"};
constexpr std::string_view kSha1Aggregate = "ba6eb3e7585f038916e46c838a8dff4b487df778";

Digest FromHex(HashAlgorithm hash, std::string_view hex) {
  const auto digest = Digest::FromHex(hash, hex);
  EXPECT_TRUE(digest);
  return digest.value_or(Digest(hash));
}

tpm::PcrValues Quoted(HashAlgorithm bank, std::uint32_t count = 10) {
  tpm::PcrValues values;
  const auto& pcrs = bank == HashAlgorithm::kSha1 ? kSha1Pcrs : kSha256Pcrs;
  for (std::uint32_t pcr = 0; pcr < count; ++pcr) values.Set(pcr, FromHex(bank, pcrs[pcr]));
  return values;
}

// An entry that owns its bytes.
class OwnedEntry {
 public:
  OwnedEntry(std::string algorithm, std::string_view hex) : algorithm_(std::move(algorithm)) {
    auto digest = HexDecode(hex);
    EXPECT_TRUE(digest);
    digest_ = digest.value_or(Bytes());
    entry.pcr = 10;
    entry.path = kBootAggregate;
    entry.digest_algorithm = algorithm_;
    entry.file_digest = digest_;
  }
  Entry entry;

 private:
  std::string algorithm_;
  Bytes digest_;
};

std::string HashOver(const tpm::PcrValues& values, HashAlgorithm bank, std::uint32_t count) {
  Bytes all;
  for (std::uint32_t pcr = 0; pcr < count; ++pcr) Append(all, values.Find(bank, pcr)->bytes());
  return crypto::Hash(bank, all).hex();
}

TEST(BootAggregate, OfARealSha256Boot) {
  const OwnedEntry first("sha256", kSha256Aggregate);
  const Finding finding = CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256));
  EXPECT_EQ(finding.outcome, Outcome::kPassed) << finding.detail;
  EXPECT_EQ(finding.check, "ima.boot_aggregate");
  EXPECT_EQ(finding.subject.path, "boot_aggregate");
  EXPECT_EQ(finding.subject.event, 0U);
}

TEST(BootAggregate, OfARealSha1Boot) {
  const OwnedEntry first("sha1", kSha1Aggregate);
  EXPECT_TRUE(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha1)).passed());
  EXPECT_TRUE(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha1, 8)).passed());
}

TEST(BootAggregate, OldKernelsHashOnlyPcrs0To7) {
  const auto quoted = Quoted(HashAlgorithm::kSha256);
  const OwnedEntry first("sha256", HashOver(quoted, HashAlgorithm::kSha256, 8));
  EXPECT_TRUE(CheckBootAggregate(first.entry, quoted).passed());
}

TEST(BootAggregate, Sha1NeverCoversPcrs8And9) {
  const auto quoted = Quoted(HashAlgorithm::kSha1);
  const OwnedEntry first("sha1", HashOver(quoted, HashAlgorithm::kSha1, 10));
  EXPECT_EQ(CheckBootAggregate(first.entry, quoted).outcome, Outcome::kFailed);
}

TEST(BootAggregate, Attack_A02_WhatBindsPcrs8And9) {
  const auto quoted = Quoted(HashAlgorithm::kSha256);
  const OwnedEntry first("sha256", kSha256Aggregate);
  EXPECT_TRUE(BindsLoaderPcrs(first.entry, quoted, HashAlgorithm::kSha256));
  EXPECT_FALSE(
      BindsLoaderPcrs(first.entry, Quoted(HashAlgorithm::kSha256, 9), HashAlgorithm::kSha256));
  // Another bank, which may have been extended alone.
  tpm::PcrValues both = quoted;
  for (const std::uint32_t pcr : tpm::PcrSet::Range(0, 9).ToList()) {
    both.Set(pcr, crypto::Hash(HashAlgorithm::kSha384, Bytes{1}));
  }
  EXPECT_FALSE(BindsLoaderPcrs(first.entry, both, HashAlgorithm::kSha384));
  EXPECT_FALSE(BindsLoaderPcrs(first.entry, quoted, HashAlgorithm::kSha384));
  // Old kernels, and SHA-1.
  const OwnedEntry old("sha256", HashOver(quoted, HashAlgorithm::kSha256, 8));
  EXPECT_FALSE(BindsLoaderPcrs(old.entry, quoted, HashAlgorithm::kSha256));
  const auto sha1 = Quoted(HashAlgorithm::kSha1);
  EXPECT_FALSE(
      BindsLoaderPcrs(OwnedEntry("sha1", kSha1Aggregate).entry, sha1, HashAlgorithm::kSha1));
  const OwnedEntry never("sha1", HashOver(sha1, HashAlgorithm::kSha1, 10));
  EXPECT_FALSE(BindsLoaderPcrs(never.entry, sha1, HashAlgorithm::kSha1));
  // What only has its digest is none.
  OwnedEntry violation("sha256", kSha256Aggregate);
  violation.entry.violation = true;
  EXPECT_FALSE(BindsLoaderPcrs(violation.entry, quoted, HashAlgorithm::kSha256));
}

TEST(BootAggregate, Attack_A01_ListOfAnotherBoot) {
  const OwnedEntry first("sha256", kSha256Aggregate);
  for (std::uint32_t pcr = 0; pcr < 10; ++pcr) {
    auto quoted = Quoted(HashAlgorithm::kSha256);
    quoted.Set(pcr, crypto::Hash(HashAlgorithm::kSha256, AsBytes("another boot")));
    const Finding finding = CheckBootAggregate(first.entry, quoted);
    EXPECT_EQ(finding.outcome, Outcome::kFailed) << pcr;
    EXPECT_EQ(finding.cause, Cause::kTamper);
  }
}

TEST(BootAggregate, Attack_A01_FirstEntryIsSomethingElse) {
  OwnedEntry first("sha256", kSha256Aggregate);
  first.entry.path = "/\x1b[2J";
  const Finding finding = CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256));
  EXPECT_EQ(finding.outcome, Outcome::kFailed);
  EXPECT_THAT(finding.detail, HasSubstr("\\x1b[2J"));
}

TEST(BootAggregate, Attack_A01_ViolationMeasuresNothing) {
  OwnedEntry first("sha256", kSha256Aggregate);
  first.entry.violation = true;
  EXPECT_EQ(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256)).outcome,
            Outcome::kFailed);
}

TEST(BootAggregate, Attack_A01_BankThatIsNotQuotedIsNotEvaluated) {
  const OwnedEntry first("sha256", kSha256Aggregate);
  EXPECT_EQ(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha1)).outcome,
            Outcome::kNotEvaluated);
  EXPECT_EQ(CheckBootAggregate(first.entry, {}).outcome, Outcome::kNotEvaluated);
  EXPECT_EQ(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256, 7)).outcome,
            Outcome::kNotEvaluated);
}

TEST(BootAggregate, Pcrs8And9NotQuotedIsNotEvaluated) {
  const OwnedEntry first("sha256", kSha256Aggregate);
  EXPECT_EQ(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256, 8)).outcome,
            Outcome::kNotEvaluated);
  EXPECT_EQ(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256, 9)).outcome,
            Outcome::kNotEvaluated);
}

TEST(BootAggregate, UnknownAlgorithmIsNotEvaluated) {
  const OwnedEntry first("wp256", kSha256Aggregate);
  EXPECT_EQ(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256)).outcome,
            Outcome::kNotEvaluated);
}

TEST(BootAggregate, ShortenedDigestFails) {
  OwnedEntry first("sha256", kSha256Aggregate);
  first.entry.file_digest = first.entry.file_digest.first(20);
  EXPECT_EQ(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256)).outcome,
            Outcome::kFailed);
}

// Anyone who may add a key chooses the name of its keyring and what is hashed.
TEST(BootAggregate, Attack_A01_BufferNamedBootAggregate) {
  OwnedEntry first("sha256", kSha256Aggregate);
  const FieldValue buffer{.field = Field::kBuf, .bytes = {}};
  first.entry.fields = std::span(&buffer, 1);
  const Finding finding = CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256));
  EXPECT_EQ(finding.outcome, Outcome::kFailed);
}

TEST(BootAggregate, DigestOfAnotherKind) {
  OwnedEntry first("sha256", kSha256Aggregate);
  first.entry.digest_type = "ima";
  EXPECT_TRUE(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256)).passed());
  first.entry.digest_type = "verity";
  EXPECT_EQ(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256)).outcome,
            Outcome::kFailed);
}

TEST(BootAggregate, TemplateWithoutDigestIsNotEvaluated) {
  const OwnedEntry first("", "");
  const Finding finding = CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256));
  EXPECT_EQ(finding.outcome, Outcome::kNotEvaluated);
  EXPECT_THAT(finding.detail, HasSubstr("no digest"));
}

TEST(BootAggregate, ZeroMeansThatTheKernelFoundNoTpm) {
  const OwnedEntry first("sha256", std::string(64, '0'));
  const Finding finding = CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256));
  EXPECT_EQ(finding.outcome, Outcome::kFailed);
  EXPECT_EQ(finding.cause, Cause::kConfiguration);
  EXPECT_THAT(finding.detail, HasSubstr("no TPM"));
}

TEST(BootAggregate, OfEveryBank) {
  for (const HashAlgorithm bank : {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                   HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    tpm::PcrValues quoted;
    for (std::uint32_t pcr = 0; pcr < 10; ++pcr) {
      quoted.Set(pcr, crypto::Hash(bank, Bytes(1, static_cast<std::uint8_t>(pcr))));
    }
    const std::uint32_t count = bank == HashAlgorithm::kSha1 ? 8 : 10;
    const OwnedEntry first(std::string(crypto::HashName(bank)), HashOver(quoted, bank, count));
    EXPECT_TRUE(CheckBootAggregate(first.entry, quoted).passed()) << crypto::HashName(bank);
  }
}

// As kernels call them.
TEST(BootAggregate, OfBanksOfSm3AndSha3) {
  for (const auto& [name, bank] :
       {std::pair("sm3", HashAlgorithm::kSm3_256), std::pair("sm3-256", HashAlgorithm::kSm3_256),
        std::pair("sha3-256", HashAlgorithm::kSha3_256),
        std::pair("sha3-512", HashAlgorithm::kSha3_512)}) {
    if (!crypto::IsAvailable(bank)) continue;
    tpm::PcrValues quoted;
    for (std::uint32_t pcr = 0; pcr < 10; ++pcr) {
      quoted.Set(pcr, crypto::Hash(bank, Bytes(1, static_cast<std::uint8_t>(pcr))));
    }
    const OwnedEntry first(name, HashOver(quoted, bank, 10));
    EXPECT_TRUE(CheckBootAggregate(first.entry, quoted).passed()) << name;
    EXPECT_TRUE(BindsLoaderPcrs(first.entry, quoted, bank)) << name;
    const OwnedEntry other(name, HashOver(quoted, bank, 9));
    EXPECT_EQ(CheckBootAggregate(other.entry, quoted).outcome, Outcome::kFailed) << name;
    // Another bank says nothing of it.
    EXPECT_EQ(CheckBootAggregate(first.entry, Quoted(HashAlgorithm::kSha256)).outcome,
              Outcome::kNotEvaluated);
  }
}

}  // namespace
}  // namespace limequat::ima
