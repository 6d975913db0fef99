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

// One attestation of each type.
std::vector<UnverifiedAttest> EveryType() {
  const UnverifiedAttest head{.qualified_signer = Bytes(34, 0x0b),
                              .extra_data = ToBytes("abc"),
                              .clock_info = Sample().clock_info,
                              .firmware_version = 0x2019102300163636,
                              .attested = {}};
  const std::vector<Attested> all = {
      NvInfo{.index_name = Bytes(34, 1), .offset = 0x0203, .contents = ToBytes("nv")},
      CommandAuditInfo{.audit_counter = 0x0102030405060708,
                       .digest_algorithm = AlgorithmId::kSha384,
                       .audit_digest = Bytes(48, 2),
                       .command_digest = Bytes(48, 3)},
      SessionAuditInfo{.exclusive_session = true, .session_digest = Bytes(32, 4)},
      CertifyInfo{.name = Bytes(34, 5), .qualified_name = Bytes(34, 6)},
      QuoteInfo{.selection = Sample().selection, .pcr_digest = Bytes(32, 0xdd)},
      TimeInfo{.time = 0x1112131415161718,
               .clock_info = {.clock = 9, .reset_count = 8, .restart_count = 7, .safe = false},
               .firmware_version = 6},
      CreationInfo{.object_name = Bytes(34, 7), .creation_hash = Bytes(32, 8)},
      NvDigestInfo{.index_name = Bytes(34, 9), .nv_digest = Bytes(32, 10)}};
  std::vector<UnverifiedAttest> attests;
  for (const Attested& attested : all) {
    attests.push_back(head);
    attests.back().attested = attested;
  }
  return attests;
}

TEST(AttestTest, EveryTypeIsReadAndWritten) {
  for (const UnverifiedAttest& attest : EveryType()) {
    const auto parsed = ParseAttest(WriteAttest(attest));
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_EQ(*parsed, attest) << AttestTypeName(TypeOf(attest.attested));
  }
}

// Part 2, 10.12.3 to 10.12.10: what stands behind the firmware version.
TEST(AttestTest, EveryTypeIsWhatTheStandardSays) {
  const std::vector<std::string> wires = {
      "0022" + HexEncode(Bytes(34, 1)) + "020300026e76",
      "0102030405060708000c0030" + HexEncode(Bytes(48, 2)) + "0030" + HexEncode(Bytes(48, 3)),
      "010020" + HexEncode(Bytes(32, 4)),
      "0022" + HexEncode(Bytes(34, 5)) + "0022" + HexEncode(Bytes(34, 6)),
      "00000001000b03ff04010020" + HexEncode(Bytes(32, 0xdd)),
      "11121314151617180000000000000009000000080000000700"
      "0000000000000006",
      "0022" + HexEncode(Bytes(34, 7)) + "0020" + HexEncode(Bytes(32, 8)),
      "0022" + HexEncode(Bytes(34, 9)) + "0020" + HexEncode(Bytes(32, 10))};
  const std::vector<UnverifiedAttest> attests = EveryType();
  const std::vector<std::uint16_t> types = {0x8014, 0x8015, 0x8016, 0x8017,
                                            0x8018, 0x8019, 0x801a, 0x801c};
  ASSERT_EQ(attests.size(), wires.size());
  for (std::size_t i = 0; i < attests.size(); ++i) {
    const Bytes wire = WriteAttest(attests[i]);
    EXPECT_EQ(HexEncode(ByteView(wire).subspan(kSelectionAt)), wires[i]);
    EXPECT_EQ(TypeOf(attests[i].attested), types[i]);
    EXPECT_EQ(wire[5], types[i] & 0xffU);
  }
}

TEST(AttestTest, EveryPrefixOfEveryTypeIsShort) {
  for (const UnverifiedAttest& attest : EveryType()) {
    const Bytes bytes = WriteAttest(attest);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto parsed = ParseAttest(ByteView(bytes).first(size));
      ASSERT_FALSE(parsed.has_value());
      EXPECT_EQ(parsed.error().id, "tpm.attest.short");
    }
  }
}

TEST(AttestTest, NothingFollowsAnyType) {
  for (const UnverifiedAttest& attest : EveryType()) {
    Bytes bytes = WriteAttest(attest);
    bytes.push_back(0);
    const auto parsed = ParseAttest(bytes);
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().id, "tpm.attest.trailing");
  }
}

// Whatever else is right about it: tpm2_checkquote 5.4 takes a CertifyCreation.
TEST(AttestTest, EveryOtherTypeIsRefusedAsAQuote) {
  for (const UnverifiedAttest& attest : EveryType()) {
    const Bytes bytes = WriteAttest(attest);
    if (std::holds_alternative<QuoteInfo>(attest.attested)) {
      EXPECT_TRUE(ParseQuoteAttest(bytes).has_value());
    } else {
      ExpectError(bytes, ErrorCode::kUnsupported, "tpm.attest.type");
    }
  }
}

TEST(AttestTest, TypesWithoutAStructureAreUnsupported) {
  for (const std::uint8_t type : Bytes{0x13, 0x1b, 0x1d}) {
    Bytes attest = WriteQuoteAttest(Sample());
    attest[5] = type;
    const auto parsed = ParseAttest(attest);
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(parsed.error().id, "tpm.attest.type");
  }
}

TEST(AttestTest, ExclusiveSessionIsYesOrNo) {
  Bytes attest = WriteAttest(EveryType()[2]);
  attest[kSelectionAt] = 2;
  const auto parsed = ParseAttest(attest);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().id, "tpm.attest.exclusive_session");
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

TEST(AttestTest, PcrTwice) {
  UnverifiedQuote quote = Sample();
  quote.selection.push_back({.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Of(7)});
  ExpectError(WriteQuoteAttest(quote), ErrorCode::kMalformed, "tpm.attest.pcr_twice");
  quote.selection.back().bank = AlgorithmId::kSha1;
  EXPECT_TRUE(ParseQuoteAttest(WriteQuoteAttest(quote)).has_value());
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

TEST(AttestTest, SelectSizesOf0To8Bytes) {
  for (std::size_t size = 0; size <= 8; ++size) {
    const Bytes zeros(size, 0);
    EXPECT_TRUE(ParseQuoteAttest(WithSelect(zeros)).has_value()) << size;
    if (size == 0) continue;
    // The highest PCR that the select has a bit for.
    Bytes highest = zeros;
    highest.back() = 0x80;
    const auto quote = ParseQuoteAttest(WithSelect(highest));
    ASSERT_EQ(quote.has_value(), size <= 3) << size;
    if (quote) {
      EXPECT_EQ(quote->selection.front().pcrs,
                PcrSet::Of(static_cast<std::uint32_t>(8 * size - 1)));
    }
  }
}

TEST(AttestTest, SixteenBanksAreRead) {
  UnverifiedQuote quote = Sample();
  quote.selection.clear();
  for (std::uint16_t id = 1; id <= 16; ++id) {
    quote.selection.push_back({.bank = AlgorithmId{id}, .pcrs = PcrSet::Of(id)});
  }
  const auto parsed = ParseQuoteAttest(WriteQuoteAttest(quote));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->selection, quote.selection);
}

// tpm2_quote -l sha256:1+sha256:0: a TPM signs it as it was asked.
TEST(AttestTest, BankTwiceWithOtherPcrs) {
  UnverifiedQuote quote = Sample();
  quote.selection = {{.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Of(1)},
                     {.bank = AlgorithmId::kSha256, .pcrs = PcrSet()},
                     {.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Of(0)}};
  const auto parsed = ParseQuoteAttest(WriteQuoteAttest(quote));
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->selection, quote.selection);
}

TEST(AttestTest, PcrsAbove23AreNotDroppedSilently) {
  ExpectError(WithSelect(Bytes{1, 0, 0, 1}), ErrorCode::kUnsupported, "tpm.attest.pcr");
  Bytes longest(255, 0);
  longest.back() = 0x80;
  ExpectError(WithSelect(longest), ErrorCode::kUnsupported, "tpm.attest.pcr");
}

}  // namespace
}  // namespace limequat::tpm
