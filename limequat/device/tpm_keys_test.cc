// Keys of the TPM: their templates, credentials for them, and those that are persistent.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/device/tpm_for_test.h"
#include "limequat/tpm/attest.h"

namespace limequat::device {
namespace {

using crypto::HashAlgorithm;
using tpm::AlgorithmId;

class KindTest : public TpmTest, public testing::WithParamInterface<KindCase> {};

TEST_P(KindTest, KeysAreWhatTheyShouldBe) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm, GetParam());
  EXPECT_EQ(tpm::CheckEndorsementKey(keys.ek.public_area()).outcome, Outcome::kPassed);
  EXPECT_EQ(tpm::CheckAttestationKey(keys.ak.public_area()).outcome, Outcome::kPassed);
  EXPECT_EQ(keys.ak.public_area().scheme(), GetParam().scheme);
  EXPECT_EQ(keys.ak.public_area().name_algorithm(), GetParam().hash);
  EXPECT_EQ(keys.ak.public_area().attributes(), 0x00050072U);
  EXPECT_EQ(keys.ak.public_area().tpmt(), keys.blob.public_area);
  EXPECT_EQ(keys.ak.handle() >> 24U, 0x80U);
}

TEST_P(KindTest, TheEndorsementKeyIsTheSameEachTime) {
  const std::unique_ptr<Tpm> tpm = Open();
  Bytes first;
  {
    const Result<Tpm::Key> ek = tpm->CreateEndorsementKey(GetParam().kind);
    ASSERT_TRUE(ek) << ek.error().message;
    first = ek->public_area().tpmt();
  }
  const Result<Tpm::Key> again = tpm->CreateEndorsementKey(GetParam().kind);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->public_area().tpmt(), first);
}

TEST_P(KindTest, ACredentialIsActivated) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm, GetParam());
  const Bytes secret = ToBytes("0123456789abcdefghijABCDEFGHIJ01");
  const Result<tpm::Credential> credential =
      tpm::MakeCredential(keys.ek.public_area(), keys.ak.public_area().Name(), secret);
  ASSERT_TRUE(credential) << credential.error().message;
  const Result<Secret> released = tpm->ActivateCredential(keys.ak, keys.ek, *credential);
  ASSERT_TRUE(released) << released.error().message;
  EXPECT_EQ(ToBytes(released->Expose()), secret);
}

TEST_P(KindTest, AQuoteVerifies) {
  const std::unique_ptr<Tpm> tpm = Open();
  Raw(swtpm_->tcti()).Extend(ESYS_TR_PCR10, 7);
  const Keys keys = MakeKeys(*tpm, GetParam());
  QuoteRequest request{.nonce = ToBytes("nonce"),
                       .bank = HashAlgorithm::kSha256,
                       .pcrs = tpm::PcrSet::Range(0, 23),
                       .binding = std::nullopt};
  const Result<Quote> quote = tpm->TakeQuote(keys.ak, request);
  ASSERT_TRUE(quote) << quote.error().message;
  ExpectVerifies(keys.ak, *quote, request);
}

INSTANTIATE_TEST_SUITE_P(Kinds, KindTest, testing::ValuesIn(kKinds),
                         [](const auto& info) { return std::string(info.param.name); });

// Prefix of keylime-agent-protocol, 1.8: certificates are made for exactly this key.
TEST_F(TpmTest, TheRsaEndorsementKeyHasTheTcgsTemplate) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Result<Tpm::Key> ek = tpm->CreateEndorsementKey(KeyKind::kRsa2048);
  ASSERT_TRUE(ek);
  const Bytes tpm2b = ek->public_area().tpm2b();
  EXPECT_THAT(HexEncode(tpm2b),
              testing::StartsWith("013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e"
                                  "06520b64f2a1da1b331469aa0006008000430010080000000000"
                                  "0100"));
}

TEST_F(TpmTest, TheRsaAttestationKeyHasKeylimesTemplate) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  EXPECT_THAT(HexEncode(keys.ak.public_area().tpm2b()),
              testing::StartsWith("01180001000b00050072000000100014000b0800000000000100"));
}

TEST_F(TpmTest, ASchemeThatDoesNotGoWithTheKeyIsRefused) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Result<Tpm::Key> ek = tpm->CreateEndorsementKey(KeyKind::kRsa2048);
  ASSERT_TRUE(ek);
  for (const auto& [kind, scheme] : {std::pair{KeyKind::kRsa2048, AlgorithmId::kEcdsa},
                                     std::pair{KeyKind::kEcc256, AlgorithmId::kRsaSsa}}) {
    const auto blob = tpm->CreateAttestationKey(*ek, kind, scheme, HashAlgorithm::kSha256);
    ASSERT_FALSE(blob);
    EXPECT_EQ(blob.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(blob.error().id, "device.ak.scheme");
  }
}

TEST_F(TpmTest, ABlobOfAnotherTpmIsForeign) {
  const std::unique_ptr<Tpm> tpm = Open();
  KeyBlob blob = MakeKeys(*tpm).blob;
  Result<std::unique_ptr<SwTpm>> other = SwTpm::Start();
  ASSERT_TRUE(other);
  const Result<std::unique_ptr<Tpm>> other_tpm = Tpm::Open((*other)->tcti());
  ASSERT_TRUE(other_tpm);
  const Result<Tpm::Key> ek = (*other_tpm)->CreateEndorsementKey(KeyKind::kRsa2048);
  ASSERT_TRUE(ek);
  const Result<Tpm::Key> ak = (*other_tpm)->LoadAttestationKey(*ek, blob);
  ASSERT_FALSE(ak);
  EXPECT_EQ(ak.error().code, ErrorCode::kUntrusted) << ak.error().message;
  EXPECT_EQ(ak.error().id, "device.ak.foreign");
}

TEST_F(TpmTest, ADamagedBlobIsRefused) {
  const std::unique_ptr<Tpm> tpm = Open();
  Result<Tpm::Key> ek = tpm->CreateEndorsementKey(KeyKind::kRsa2048);
  ASSERT_TRUE(ek);
  const Result<KeyBlob> blob = tpm->CreateAttestationKey(
      *ek, KeyKind::kRsa2048, AlgorithmId::kRsaSsa, HashAlgorithm::kSha256);
  ASSERT_TRUE(blob);
  const auto code = [&](const KeyBlob& damaged) {
    const Result<Tpm::Key> ak = tpm->LoadAttestationKey(*ek, damaged);
    EXPECT_FALSE(ak);
    return ak ? ErrorCode::kInternal : ak.error().code;
  };
  KeyBlob damaged = *blob;
  damaged.public_area.pop_back();
  EXPECT_EQ(code(damaged), ErrorCode::kMalformed);
  damaged = *blob;
  damaged.public_area.clear();
  EXPECT_EQ(code(damaged), ErrorCode::kMalformed);
  damaged = *blob;
  damaged.private_area.resize(100'000);
  EXPECT_EQ(code(damaged), ErrorCode::kMalformed);
  damaged = *blob;
  damaged.private_area.back() ^= 1U;
  EXPECT_EQ(code(damaged), ErrorCode::kUntrusted);
  damaged.private_area.resize(damaged.private_area.size() / 2);
  EXPECT_EQ(code(damaged), ErrorCode::kUntrusted);
  damaged.private_area.clear();
  EXPECT_EQ(code(damaged), ErrorCode::kUntrusted);
  damaged = *blob;
  damaged.public_area[damaged.public_area.size() - 3] ^= 1U;
  EXPECT_EQ(code(damaged), ErrorCode::kUntrusted);
}

TEST_F(TpmTest, ACredentialForAnotherKeyIsRefused) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  const Result<KeyBlob> other = tpm->CreateAttestationKey(
      keys.ek, KeyKind::kRsa2048, AlgorithmId::kRsaSsa, HashAlgorithm::kSha256);
  ASSERT_TRUE(other);
  const Bytes other_name = tpm::PublicArea::FromTpmt(other->public_area)->Name();
  Result<tpm::Credential> credential =
      tpm::MakeCredential(keys.ek.public_area(), other_name, ToBytes("secret"));
  ASSERT_TRUE(credential);
  const auto expect_refused = [&](const tpm::Credential& wrong) {
    const Result<Secret> released = tpm->ActivateCredential(keys.ak, keys.ek, wrong);
    ASSERT_FALSE(released);
    EXPECT_EQ(released.error().code, ErrorCode::kUntrusted) << released.error().message;
    EXPECT_EQ(released.error().id, "device.credential");
  };
  expect_refused(*credential);
  credential =
      tpm::MakeCredential(keys.ek.public_area(), keys.ak.public_area().Name(), ToBytes("secret"));
  ASSERT_TRUE(credential);
  tpm::Credential damaged = *credential;
  damaged.id_object.back() ^= 1U;
  expect_refused(damaged);
  damaged = *credential;
  damaged.encrypted_secret.back() ^= 1U;
  expect_refused(damaged);
  damaged = *credential;
  damaged.encrypted_secret.pop_back();
  expect_refused(damaged);
  damaged = *credential;
  damaged.id_object.resize(3);
  expect_refused(damaged);
  EXPECT_TRUE(tpm->ActivateCredential(keys.ak, keys.ek, *credential)) << "and the TPM is well";
}

TEST_F(TpmTest, Quirk_A27_AnOversizedCredentialIsMalformed) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  for (const tpm::Credential& credential : {tpm::Credential{Bytes(5000, 1), Bytes(256, 1)},
                                            tpm::Credential{Bytes(68, 1), Bytes(5000, 1)}}) {
    const Result<Secret> released = tpm->ActivateCredential(keys.ak, keys.ek, credential);
    ASSERT_FALSE(released);
    EXPECT_EQ(released.error().code, ErrorCode::kMalformed);
  }
}

TEST_F(TpmTest, APersistentEndorsementKeyStays) {
  constexpr TPM2_HANDLE kPersistent = 0x81010001;
  const std::unique_ptr<Tpm> tpm = Open();
  Bytes expected;
  {
    const Result<Tpm::Key> ek = tpm->CreateEndorsementKey(KeyKind::kRsa2048);
    ASSERT_TRUE(ek);
    expected = ek->public_area().tpmt();
    const Raw raw(swtpm_->tcti());
    ESYS_TR transient = ESYS_TR_NONE;
    ASSERT_EQ(Esys_TR_FromTPMPublic(raw.esys(), ek->handle(), ESYS_TR_NONE, ESYS_TR_NONE,
                                    ESYS_TR_NONE, &transient),
              TSS2_RC_SUCCESS);
    ESYS_TR persistent = ESYS_TR_NONE;
    ASSERT_EQ(Esys_EvictControl(raw.esys(), ESYS_TR_RH_OWNER, transient, ESYS_TR_PASSWORD,
                                ESYS_TR_NONE, ESYS_TR_NONE, kPersistent, &persistent),
              TSS2_RC_SUCCESS);
  }
  for (int i = 0; i < 2; ++i) {
    Result<Tpm::Key> ek = tpm->OpenEndorsementKey(kPersistent);
    ASSERT_TRUE(ek) << ek.error().message;
    EXPECT_EQ(ek->public_area().tpmt(), expected);
    EXPECT_TRUE(tpm->CreateAttestationKey(*ek, KeyKind::kRsa2048, AlgorithmId::kRsaSsa,
                                          HashAlgorithm::kSha256));
  }
  EXPECT_EQ(Raw(swtpm_->tcti()).Handles(TPM2_PERSISTENT_FIRST),
            std::vector<TPM2_HANDLE>{kPersistent});
}

TEST_F(TpmTest, OnlyPersistentHandlesAreOpened) {
  const std::unique_ptr<Tpm> tpm = Open();
  for (const std::uint32_t handle : {0x80000000U, 0x01c00002U, 0x4000000bU, 0U}) {
    const Result<Tpm::Key> ek = tpm->OpenEndorsementKey(handle);
    ASSERT_FALSE(ek);
    EXPECT_EQ(ek.error().id, "device.ek_handle");
  }
  const Result<Tpm::Key> absent = tpm->OpenEndorsementKey(0x81010001);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, ErrorCode::kUnavailable);
}

TEST_F(TpmTest, AnUnknownPolicyOfTheEndorsementKeyIsRefused) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  // An attestation key has no policy at all.
  const auto blob = tpm->CreateAttestationKey(keys.ak, KeyKind::kRsa2048, AlgorithmId::kRsaSsa,
                                              HashAlgorithm::kSha256);
  ASSERT_FALSE(blob);
  EXPECT_EQ(blob.error().id, "device.ek.policy");
}

}  // namespace
}  // namespace limequat::device
