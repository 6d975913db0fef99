#include "limequat/tpm/quote.h"

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"

namespace limequat::tpm {
namespace {

using crypto::Digest;
using crypto::HashAlgorithm;
using crypto::PrivateKey;

const PrivateKey& Ak() {
  static const PrivateKey key = PrivateKey::GenerateRsa(2048);
  return key;
}

Digest DigestOf(HashAlgorithm bank, std::uint8_t fill) {
  return *Digest::FromBytes(bank, Bytes(crypto::DigestSize(bank), fill));
}

BankSelection Sha256(PcrSet pcrs) { return {.bank = AlgorithmId::kSha256, .pcrs = pcrs}; }

// A quote as a TPM would make it; tests change one thing of it. `signed_values` is
// what the TPM held, `sent` is what the machine says it held.
struct Case {
  UnverifiedQuote quote{
      .qualified_signer = Bytes(34, 1),
      .extra_data = ToBytes("nonce-of-20-letters."),
      .clock_info = {.clock = 5, .reset_count = 4, .restart_count = 3, .safe = true},
      .firmware_version = 7,
      .selection = {Sha256(PcrSet::Range(0, 10) | PcrSet::Of(16))},
      .pcr_digest = {}};
  HashAlgorithm hash = HashAlgorithm::kSha256;
  PcrValues signed_values;
  std::optional<PcrValues> sent;
  QuoteRequirements requirements{.nonce = ToBytes("nonce-of-20-letters."),
                                 .pcrs = {Sha256(PcrSet::Range(0, 10) | PcrSet::Of(16))},
                                 .allow_sha1 = false};

  Case() {
    for (std::uint32_t pcr = 0; pcr < kPcrCount; ++pcr) {
      for (const HashAlgorithm bank : {HashAlgorithm::kSha1, HashAlgorithm::kSha256}) {
        signed_values.Set(pcr, DigestOf(bank, static_cast<std::uint8_t>(pcr + 1)));
      }
    }
    Send(quote.selection);
  }

  // What an honest machine sends for `selection`.
  void Send(const PcrSelection& selection) {
    PcrValues values;
    for (const BankSelection& bank : selection) {
      for (const std::uint32_t pcr : bank.pcrs.ToList()) {
        values.Set(pcr, *signed_values.Find(*HashOf(bank.bank), pcr));
      }
    }
    sent = values;
  }

  void Select(const PcrSelection& selection) {
    quote.selection = selection;
    Send(selection);
  }

  Bytes Message() {
    if (quote.pcr_digest.empty()) {
      crypto::Hasher hasher(hash);
      for (const BankSelection& bank : quote.selection) {
        for (const std::uint32_t pcr : bank.pcrs.ToList()) {
          hasher.Update(signed_values.Find(*HashOf(bank.bank), pcr)->bytes());
        }
      }
      quote.pcr_digest = ToBytes(hasher.Finish().bytes());
    }
    return WriteQuoteAttest(quote);
  }

  Signature Sign(ByteView message) const {
    return {.scheme = AlgorithmId::kRsaSsa,
            .hash = hash,
            .rsa = *Ak().Sign(crypto::SignatureScheme::kRsaSsa, hash, message),
            .r = {},
            .s = {}};
  }

  QuoteVerification Verify() {
    const Bytes message = Message();
    const auto result = VerifyQuote(Ak().public_key(), message, Sign(message), sent, requirements);
    EXPECT_TRUE(result.has_value());
    return *result;
  }
};

// Exactly `check` did not pass, and there is no verified quote.
void ExpectOnly(const QuoteVerification& result, std::string_view check, Outcome outcome) {
  EXPECT_FALSE(result.quote.has_value());
  for (const Finding& finding : result.findings) {
    EXPECT_EQ(finding.outcome, finding.check == check ? outcome : Outcome::kPassed)
        << finding.check << ": " << finding.detail;
  }
  EXPECT_NE(FindCheck(result.findings, check), nullptr);
}

Outcome OutcomeOf(const QuoteVerification& result, std::string_view check) {
  const Finding* finding = FindCheck(result.findings, check);
  EXPECT_NE(finding, nullptr) << check;
  return finding == nullptr ? Outcome::kNotEvaluated : finding->outcome;
}

TEST(QuoteTest, GoodQuote) {
  Case test;
  const QuoteVerification result = test.Verify();
  EXPECT_TRUE(AllPassed(result.findings));
  EXPECT_EQ(result.findings.size(), 6U);
  ASSERT_TRUE(result.quote.has_value());
  EXPECT_EQ(result.quote->clock_info(), test.quote.clock_info);
  EXPECT_EQ(result.quote->firmware_version(), 7U);
  EXPECT_EQ(result.quote->qualified_signer(), Bytes(34, 1));
  EXPECT_EQ(result.quote->selection(), test.quote.selection);
  EXPECT_EQ(result.quote->signature_hash(), HashAlgorithm::kSha256);
  EXPECT_EQ(result.quote->pcrs(), *test.sent);
  ASSERT_NE(result.quote->Pcr(HashAlgorithm::kSha256, 10), nullptr);
  EXPECT_EQ(*result.quote->Pcr(HashAlgorithm::kSha256, 10), DigestOf(HashAlgorithm::kSha256, 11));
  EXPECT_EQ(result.quote->Pcr(HashAlgorithm::kSha256, 11), nullptr);
}

TEST(QuoteTest, SerializedSignature) {
  Case test;
  const Bytes message = test.Message();
  const Bytes signature = WriteSignature(test.Sign(message));
  const auto result =
      VerifyQuote(Ak().public_key(), message, ByteView(signature), test.sent, test.requirements);
  ASSERT_TRUE(result.has_value());
  EXPECT_TRUE(result->quote.has_value());
}

TEST(QuoteTest, SeveralBanksInAnyOrder) {
  Case test;
  test.Select({{.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Of(10)},
               {.bank = AlgorithmId{0x002b}, .pcrs = PcrSet()},
               Sha256(PcrSet::Range(0, 16))});
  EXPECT_TRUE(test.Verify().quote.has_value());
}

// Part 3, 18.4: the TPM hashes in the order of the selection, not of the numbers.
TEST(QuoteTest, BankNamedTwice) {
  Case test;
  test.Select({Sha256(PcrSet::Range(5, 16)), Sha256(PcrSet::Range(0, 4))});
  EXPECT_TRUE(test.Verify().quote.has_value());
  test.sent->Set(11, DigestOf(HashAlgorithm::kSha256, 0xaa));
  ExpectOnly(test.Verify(), "tpm.quote.pcr_digest", Outcome::kFailed);
  test.Send({Sha256(PcrSet::Range(5, 16))});
  EXPECT_FALSE(test.Verify().quote.has_value());
}

TEST(QuoteTest, MalformedBytesAreErrors) {
  Case test;
  const Bytes message = test.Message();
  const Bytes signature = WriteSignature(test.Sign(message));
  const auto verify = [&](ByteView m, ByteView s) {
    return VerifyQuote(Ak().public_key(), m, s, test.sent, test.requirements);
  };
  EXPECT_EQ(verify(ByteView(message).first(20), signature).error().id, "tpm.attest.short");
  EXPECT_EQ(verify(message, ByteView(signature).first(20)).error().id, "tpm.signature.short");
}

TEST(QuoteTest, SignatureOfAnotherKey) {
  Case test;
  const Bytes message = test.Message();
  const auto other = PrivateKey::GenerateRsa(2048).public_key();
  const auto result = VerifyQuote(other, message, test.Sign(message), test.sent, test.requirements);
  ASSERT_TRUE(result.has_value());
  ExpectOnly(*result, "tpm.quote.signature", Outcome::kFailed);
}

TEST(QuoteTest, SignatureCoversTheWholeMessage) {
  Case test;
  const Bytes message = test.Message();
  const Signature signature = test.Sign(message);
  test.quote.firmware_version ^= 1;
  const auto result = VerifyQuote(Ak().public_key(), WriteQuoteAttest(test.quote), signature,
                                  test.sent, test.requirements);
  ASSERT_TRUE(result.has_value());
  ExpectOnly(*result, "tpm.quote.signature", Outcome::kFailed);
}

TEST(QuoteTest, OtherNonce) {
  Case test;
  test.quote.extra_data.back() ^= 1;
  ExpectOnly(test.Verify(), "tpm.quote.nonce", Outcome::kFailed);
}

TEST(QuoteTest, NonceIsComparedInFullLength) {
  for (const std::string_view extra :
       {"", "n", "nonce-of-20-letters", "nonce-of-20-letters..", "nonce-of-20-letters.\0"}) {
    Case test;
    test.quote.extra_data = ToBytes(extra);
    if (extra == "nonce-of-20-letters.\0") test.quote.extra_data.push_back(0);
    ExpectOnly(test.Verify(), "tpm.quote.nonce", Outcome::kFailed);
  }
}

TEST(QuoteTest, NonceOf64KiBIsToldShortly) {
  Case test;
  test.quote.extra_data = Bytes(65535, 0xee);
  const QuoteVerification result = test.Verify();
  ExpectOnly(result, "tpm.quote.nonce", Outcome::kFailed);
  const Finding* nonce = FindCheck(result.findings, "tpm.quote.nonce");
  EXPECT_LT(nonce->detail.size(), 400U);
  ASSERT_EQ(nonce->expected.size(), 1U);
  EXPECT_NE(nonce->expected[0], nonce->found);
}

TEST(QuoteTest, NonceOf64BytesIsToldInFull) {
  for (const std::size_t size : {64U, 65U}) {
    Case test;
    test.quote.extra_data = Bytes(size, 0xee);
    const QuoteVerification result = test.Verify();
    const std::string& detail = FindCheck(result.findings, "tpm.quote.nonce")->detail;
    std::string shown;
    for (int i = 0; i < 64; ++i) shown += "ee";
    if (size == 65) shown += "… (65 bytes)";
    EXPECT_NE(detail.find("got " + shown + ", expected"), std::string::npos) << detail;
  }
}

TEST(QuoteTest, SelectionsAreTold) {
  Case test;
  test.Select({});
  test.requirements.pcrs = {Sha256(PcrSet::Range(0, 7)),
                            {.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Of(10)}};
  EXPECT_EQ(FindCheck(test.Verify().findings, "tpm.quote.selection")->detail,
            "the quote covers no PCR");
  test.Select({Sha256(PcrSet()), {.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Range(9, 11)}});
  test.quote.pcr_digest.clear();
  EXPECT_EQ(FindCheck(test.Verify().findings, "tpm.quote.selection")->detail,
            "required PCRs are not signed: sha256:0-7 of sha256:0-7+sha1:10, the quote covers "
            "sha256:+sha1:9-11");
}

TEST(QuoteTest, EmptyNonceIsANonce) {
  Case test;
  test.requirements.nonce = Bytes();
  ExpectOnly(test.Verify(), "tpm.quote.nonce", Outcome::kFailed);
}

TEST(QuoteTest, EmptyNonceIsAnsweredByEmptyData) {
  Case test;
  test.quote.extra_data.clear();
  test.requirements.nonce = Bytes();
  const QuoteVerification result = test.Verify();
  EXPECT_TRUE(result.quote.has_value());
  EXPECT_EQ(FindCheck(result.findings, "tpm.quote.nonce")->detail, "nothing");
}

TEST(QuoteTest, NonceThatNobodyAskedForIsNotCompared) {
  Case test;
  test.requirements.nonce.reset();
  const QuoteVerification result = test.Verify();
  EXPECT_TRUE(result.quote.has_value());
  EXPECT_EQ(FindCheck(result.findings, "tpm.quote.nonce"), nullptr);
}

// Keylime takes the numbers of the PCRs from the blob. A signed quote over PCRs 16
// and 23, which root can reset, must not pass for one over 10 and 16.
TEST(QuoteTest, Quirk_Q0_SelectionInBlobDiffersFromSigned) {
  Case test;
  test.quote.selection = {Sha256(PcrSet::Of(16) | PcrSet::Of(23))};
  PcrValues relabelled;
  relabelled.Set(10, *test.signed_values.Find(HashAlgorithm::kSha256, 16));
  relabelled.Set(16, *test.signed_values.Find(HashAlgorithm::kSha256, 23));
  test.sent = relabelled;
  test.requirements.pcrs = {Sha256(PcrSet::Of(10) | PcrSet::Of(16))};
  const QuoteVerification result = test.Verify();
  EXPECT_FALSE(result.quote.has_value());
  EXPECT_EQ(OutcomeOf(result, "tpm.quote.selection"), Outcome::kFailed);
  EXPECT_EQ(OutcomeOf(result, "tpm.quote.pcr_values"), Outcome::kFailed);
  EXPECT_NE(OutcomeOf(result, "tpm.quote.pcr_digest"), Outcome::kPassed);
}

// The same, when nothing is required: the values must still be those of the
// signed PCRs.
TEST(QuoteTest, Cve_2024_29039_ValuesUnderOtherNumbers) {
  Case test;
  test.quote.selection = {Sha256(PcrSet::Of(16))};
  PcrValues relabelled;
  relabelled.Set(0, *test.signed_values.Find(HashAlgorithm::kSha256, 16));
  test.sent = relabelled;
  test.requirements.pcrs = {};
  const QuoteVerification result = test.Verify();
  EXPECT_FALSE(result.quote.has_value());
  EXPECT_EQ(OutcomeOf(result, "tpm.quote.pcr_values"), Outcome::kFailed);
}

TEST(QuoteTest, Cve_2024_29039_ValueThatIsNotSigned) {
  Case test;
  test.sent->Set(11, DigestOf(HashAlgorithm::kSha256, 0xaa));
  ExpectOnly(test.Verify(), "tpm.quote.pcr_values", Outcome::kFailed);
}

TEST(QuoteTest, Cve_2024_29039_BankThatIsNotSigned) {
  Case test;
  test.sent->Set(10, DigestOf(HashAlgorithm::kSha1, 0xaa));
  ExpectOnly(test.Verify(), "tpm.quote.pcr_values", Outcome::kFailed);
}

// Keylime never compares what it asked for with what was quoted.
TEST(QuoteTest, Quirk_Q0b_RequiredPcrNotSigned) {
  Case test;
  test.Select({Sha256(PcrSet::Of(16))});
  ExpectOnly(test.Verify(), "tpm.quote.selection", Outcome::kFailed);
}

TEST(QuoteTest, RequiredPcrSignedInAnotherBank) {
  Case test;
  test.Select({{.bank = AlgorithmId::kSha1, .pcrs = PcrSet::Range(0, 16)}});
  ExpectOnly(test.Verify(), "tpm.quote.selection", Outcome::kFailed);
}

TEST(QuoteTest, Ghsa_99cg_575x_774p_QuoteOverNoPcrs) {
  for (const PcrSelection& selection :
       {PcrSelection{}, PcrSelection{Sha256(PcrSet())},
        PcrSelection{Sha256(PcrSet()), {.bank = AlgorithmId::kSha1, .pcrs = PcrSet()}}}) {
    Case test;
    test.Select(selection);
    test.requirements.pcrs = {};
    ExpectOnly(test.Verify(), "tpm.quote.selection", Outcome::kFailed);
  }
}

TEST(QuoteTest, ValueMissing) {
  Case test;
  test.Send({Sha256(PcrSet::Range(0, 10))});
  const QuoteVerification result = test.Verify();
  EXPECT_FALSE(result.quote.has_value());
  EXPECT_EQ(OutcomeOf(result, "tpm.quote.pcr_values"), Outcome::kFailed);
  EXPECT_EQ(OutcomeOf(result, "tpm.quote.pcr_digest"), Outcome::kNotEvaluated);
}

TEST(QuoteTest, NoValuesAtAll) {
  Case test;
  test.sent.reset();
  const QuoteVerification result = test.Verify();
  EXPECT_FALSE(result.quote.has_value());
  EXPECT_EQ(OutcomeOf(result, "tpm.quote.pcr_values"), Outcome::kNotEvaluated);
  EXPECT_EQ(OutcomeOf(result, "tpm.quote.pcr_digest"), Outcome::kNotEvaluated);
}

TEST(QuoteTest, ValuesOfASignedBankWeCannotHash) {
  Case test;
  test.quote.selection = {Sha256(PcrSet::Range(0, 16)),
                          {.bank = AlgorithmId{0x002b}, .pcrs = PcrSet::Of(0)}};
  test.quote.pcr_digest = Bytes(32, 1);
  test.Send({Sha256(PcrSet::Range(0, 16))});
  const QuoteVerification result = test.Verify();
  EXPECT_FALSE(result.quote.has_value());
  EXPECT_EQ(OutcomeOf(result, "tpm.quote.pcr_values"), Outcome::kFailed);
  EXPECT_EQ(OutcomeOf(result, "tpm.quote.pcr_digest"), Outcome::kNotEvaluated);
}

TEST(QuoteTest, WrongValue) {
  Case test;
  test.sent->Set(10, DigestOf(HashAlgorithm::kSha256, 0xaa));
  ExpectOnly(test.Verify(), "tpm.quote.pcr_digest", Outcome::kFailed);
}

TEST(QuoteTest, ValuesSwappedBetweenPcrs) {
  Case test;
  test.sent->Set(3, *test.signed_values.Find(HashAlgorithm::kSha256, 4));
  test.sent->Set(4, *test.signed_values.Find(HashAlgorithm::kSha256, 3));
  ExpectOnly(test.Verify(), "tpm.quote.pcr_digest", Outcome::kFailed);
}

TEST(QuoteTest, DigestLongerThanTheHash) {
  Case test;
  test.quote.pcr_digest.clear();
  const Bytes message = test.Message();
  test.quote.pcr_digest.push_back(0);
  ExpectOnly(test.Verify(), "tpm.quote.pcr_digest", Outcome::kFailed);
}

TEST(QuoteTest, DigestShorterThanTheHash) {
  Case test;
  const Bytes message = test.Message();
  test.quote.pcr_digest.pop_back();
  ExpectOnly(test.Verify(), "tpm.quote.pcr_digest", Outcome::kFailed);
}

TEST(QuoteTest, DigestIsMadeWithTheHashOfTheSignature) {
  Case test;
  test.hash = HashAlgorithm::kSha384;
  EXPECT_TRUE(test.Verify().quote.has_value());
  Case other;
  const Bytes message = other.Message();  // digest with SHA-256 ...
  other.hash = HashAlgorithm::kSha384;    // ... signature with SHA-384
  ExpectOnly(other.Verify(), "tpm.quote.pcr_digest", Outcome::kFailed);
}

TEST(QuoteTest, Sha1SignatureNeedsLeave) {
  Case test;
  test.hash = HashAlgorithm::kSha1;
  ExpectOnly(test.Verify(), "tpm.quote.hash", Outcome::kFailed);
  test.requirements.allow_sha1 = true;
  EXPECT_TRUE(test.Verify().quote.has_value());
}

TEST(QuoteTest, AllFindingsAreReported) {
  Case test;
  test.hash = HashAlgorithm::kSha1;
  test.quote.extra_data.clear();
  test.Select({Sha256(PcrSet::Of(1))});
  test.sent->Set(1, DigestOf(HashAlgorithm::kSha256, 0xaa));
  test.sent->Set(2, DigestOf(HashAlgorithm::kSha256, 0xaa));
  const Bytes message = test.Message();
  const auto result = VerifyQuote(PrivateKey::GenerateRsa(2048).public_key(), message,
                                  test.Sign(message), test.sent, test.requirements);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->findings.size(), 6U);
  for (const Finding& finding : result->findings) {
    EXPECT_EQ(finding.outcome, Outcome::kFailed) << finding.check;
  }
}

}  // namespace
}  // namespace limequat::tpm
