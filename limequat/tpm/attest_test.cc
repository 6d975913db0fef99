#include "limequat/tpm/attest.h"

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"

namespace limequat::tpm {
namespace {

UnverifiedQuote Sample() {
  return {.qualified_signer = Bytes(34, 0x0b),
          .extra_data = ToBytes("abc"),
          .clock_info = {.clock = 0x910, .reset_count = 2, .restart_count = 1, .safe = true},
          .firmware_version = 0x2019102300163636,
          .selection = {{.bank = AlgorithmId::kSha256,
                         .pcrs = PcrSet::Range(0, 7) | PcrSet::Of(10) | PcrSet::Of(16)}},
          .pcr_digest = Bytes(32, 0xdd)};
}

void ExpectError(ByteView attest, ErrorCode code, std::string_view id) {
  const auto quote = ParseQuoteAttest(attest);
  ASSERT_FALSE(quote.has_value());
  EXPECT_EQ(quote.error().code, code);
  EXPECT_EQ(quote.error().id, id);
}

// Offset of the selection list in what WriteQuoteAttest makes of Sample().
constexpr std::size_t kSelectionAt = 4 + 2 + 36 + 5 + 17 + 8;

TEST(AttestTest, WritesWhatTheStandardSays) {
  EXPECT_EQ(HexEncode(WriteQuoteAttest(Sample())),
            "ff5443478018"
            "0022"
            "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
            "0003616263"
            "0000000000000910"
            "00000002"
            "00000001"
            "01"
            "2019102300163636"
            "00000001"
            "000b03ff0401"
            "0020dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd");
}

TEST(AttestTest, ParseIsTheInverseOfWrite) {
  UnverifiedQuote sample = Sample();
  sample.clock_info.safe = false;
  sample.selection.push_back({.bank = AlgorithmId::kSm3_256, .pcrs = PcrSet::Range(0, 23)});
  sample.selection.push_back({.bank = AlgorithmId::kSha1, .pcrs = PcrSet()});
  const auto quote = ParseQuoteAttest(WriteQuoteAttest(sample));
  ASSERT_TRUE(quote.has_value()) << quote.error().message;
  EXPECT_EQ(quote->qualified_signer, sample.qualified_signer);
  EXPECT_EQ(quote->extra_data, sample.extra_data);
  EXPECT_EQ(quote->clock_info, sample.clock_info);
  EXPECT_EQ(quote->firmware_version, sample.firmware_version);
  EXPECT_EQ(quote->selection, sample.selection);
  EXPECT_EQ(quote->pcr_digest, sample.pcr_digest);
}

TEST(AttestTest, EveryPrefixIsShort) {
  const Bytes attest = WriteQuoteAttest(Sample());
  for (std::size_t size = 0; size < attest.size(); ++size) {
    ExpectError(ByteView(attest).first(size), ErrorCode::kMalformed, "tpm.attest.short");
  }
}

TEST(AttestTest, TrailingByte) {
  Bytes attest = WriteQuoteAttest(Sample());
  attest.push_back(0);
  ExpectError(attest, ErrorCode::kMalformed, "tpm.attest.trailing");
}

TEST(AttestTest, NotMadeByATpm) {
  Bytes attest = WriteQuoteAttest(Sample());
  attest[0] = 0xfe;
  ExpectError(attest, ErrorCode::kMalformed, "tpm.attest.magic");
}

// tpm2_checkquote 5.4 takes a CertifyCreation for a quote.
TEST(AttestTest, OtherAttestationsAreNoQuotes) {
  for (std::uint16_t type = 0x8010; type < 0x8020; ++type) {
    if (type == 0x8018) continue;
    Bytes attest = WriteQuoteAttest(Sample());
    attest[5] = static_cast<std::uint8_t>(type);
    ExpectError(attest, ErrorCode::kUnsupported, "tpm.attest.type");
  }
}

TEST(AttestTest, NamesTheOtherAttestation) {
  Bytes attest = WriteQuoteAttest(Sample());
  attest[5] = 0x1a;
  const auto quote = ParseQuoteAttest(attest);
  ASSERT_FALSE(quote.has_value());
  EXPECT_NE(quote.error().message.find("creation"), std::string::npos) << quote.error().message;
}

TEST(AttestTest, TypeNames) {
  EXPECT_EQ(AttestTypeName(0x8014), "nv");
  EXPECT_EQ(AttestTypeName(0x8015), "command-audit");
  EXPECT_EQ(AttestTypeName(0x8016), "session-audit");
  EXPECT_EQ(AttestTypeName(0x8017), "certify");
  EXPECT_EQ(AttestTypeName(0x8018), "quote");
  EXPECT_EQ(AttestTypeName(0x8019), "time");
  EXPECT_EQ(AttestTypeName(0x801a), "creation");
  EXPECT_EQ(AttestTypeName(0x801c), "nv-digest");
  EXPECT_EQ(AttestTypeName(0x801b), "unknown");
}

TEST(AttestTest, SafeIsYesOrNo) {
  Bytes attest = WriteQuoteAttest(Sample());
  attest[kSelectionAt - 8 - 1] = 2;
  ExpectError(attest, ErrorCode::kMalformed, "tpm.attest.safe");
}

TEST(AttestTest, SeventeenBanks) {
  Bytes attest = WriteQuoteAttest(Sample());
  attest[kSelectionAt + 3] = 17;
  ExpectError(attest, ErrorCode::kMalformed, "tpm.attest.banks");
}

TEST(AttestTest, FourThousandMillionBanks) {
  Bytes attest = WriteQuoteAttest(Sample());
  for (std::size_t i = 0; i < 4; ++i) attest[kSelectionAt + i] = 0xff;
  ExpectError(attest, ErrorCode::kMalformed, "tpm.attest.banks");
}

TEST(AttestTest, BankTwice) {
  UnverifiedQuote quote = Sample();
  quote.selection.push_back(quote.selection.front());
  ExpectError(WriteQuoteAttest(quote), ErrorCode::kMalformed, "tpm.attest.bank_twice");
}

TEST(AttestTest, NonceOfAnnounced64KiB) {
  Bytes attest = WriteQuoteAttest(Sample());
  attest[4 + 2 + 36] = 0xff;
  attest[4 + 2 + 36 + 1] = 0xff;
  ExpectError(attest, ErrorCode::kMalformed, "tpm.attest.short");
}

// An attest whose only selection has `select` as its pcrSelect.
Bytes WithSelect(ByteView select) {
  UnverifiedQuote quote = Sample();
  quote.selection.clear();
  Bytes attest = WriteQuoteAttest(quote);
  ByteWriter out;
  out.Raw(ByteView(attest).first(kSelectionAt)).U32Be(1);
  out.U16Be(0x000b).U8(static_cast<std::uint8_t>(select.size())).Raw(select);
  return out.SizedU16Be(quote.pcr_digest).Take();
}

TEST(AttestTest, OtherSelectSizes) {
  struct Case {
    Bytes select;
    PcrSet pcrs;
  };
  for (const Case& test :
       {Case{.select = {}, .pcrs = PcrSet()}, Case{.select = {0x81}, .pcrs = PcrSet(0x81)},
        Case{.select = {0, 0, 0x80, 0}, .pcrs = PcrSet::Of(23)}}) {
    const auto quote = ParseQuoteAttest(WithSelect(test.select));
    ASSERT_TRUE(quote.has_value()) << quote.error().message;
    EXPECT_EQ(quote->selection.front().pcrs, test.pcrs);
  }
}

TEST(AttestTest, PcrsAbove23AreNotDroppedSilently) {
  ExpectError(WithSelect(Bytes{1, 0, 0, 1}), ErrorCode::kUnsupported, "tpm.attest.pcr");
  Bytes longest(255, 0);
  longest.back() = 0x80;
  ExpectError(WithSelect(longest), ErrorCode::kUnsupported, "tpm.attest.pcr");
}

}  // namespace
}  // namespace limequat::tpm
