#include "limequat/device/tpm.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/digest.h"
#include "limequat/device/swtpm_for_test.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/quote.h"

namespace limequat::device {
namespace {

using crypto::HashAlgorithm;
using tpm::AlgorithmId;

// Direct access beside the code under test.
class Raw {
 public:
  explicit Raw(const std::string& tcti) {
    EXPECT_EQ(Tss2_TctiLdr_Initialize(tcti.c_str(), &tcti_), TSS2_RC_SUCCESS);
    EXPECT_EQ(Esys_Initialize(&esys_, tcti_, nullptr), TSS2_RC_SUCCESS);
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  ~Raw() {
    Esys_Finalize(&esys_);
    Tss2_TctiLdr_Finalize(&tcti_);
  }
  ESYS_CONTEXT* esys() const { return esys_; }

  std::vector<TPM2_HANDLE> Handles(TPM2_HANDLE first) const {
    TPMI_YES_NO more = TPM2_NO;
    TPMS_CAPABILITY_DATA* data = nullptr;
    EXPECT_EQ(Esys_GetCapability(esys_, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
                                 first, 16, &more, &data),
              TSS2_RC_SUCCESS);
    const TPML_HANDLE& list = data->data.handles;
    std::vector<TPM2_HANDLE> handles(list.handle, list.handle + list.count);
    Esys_Free(data);
    return handles;
  }
  // Objects, and sessions in either state.
  std::vector<TPM2_HANDLE> Leftovers() const {
    std::vector<TPM2_HANDLE> all = Handles(TPM2_TRANSIENT_FIRST);
    for (const TPM2_HANDLE first : {TPM2_LOADED_SESSION_FIRST, TPM2_ACTIVE_SESSION_FIRST}) {
      const std::vector<TPM2_HANDLE> sessions = Handles(first);
      all.insert(all.end(), sessions.begin(), sessions.end());
    }
    return all;
  }

  ESYS_TR DefineNv(TPM2_HANDLE index, std::size_t size, TPMA_NV attributes) const {
    TPM2B_NV_PUBLIC area{};
    area.nvPublic.nvIndex = index;
    area.nvPublic.nameAlg = TPM2_ALG_SHA256;
    area.nvPublic.attributes = attributes;
    area.nvPublic.dataSize = static_cast<UINT16>(size);
    const TPM2B_AUTH no_auth{};
    ESYS_TR handle = ESYS_TR_NONE;
    EXPECT_EQ(Esys_NV_DefineSpace(esys_, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                  ESYS_TR_NONE, &no_auth, &area, &handle),
              TSS2_RC_SUCCESS);
    return handle;
  }
  static constexpr TPMA_NV kReadable = TPMA_NV_OWNERWRITE | TPMA_NV_AUTHREAD | TPMA_NV_OWNERREAD;

  void WriteNv(TPM2_HANDLE index, const Bytes& bytes, TPMA_NV attributes = kReadable) const {
    const ESYS_TR handle = DefineNv(index, bytes.size(), attributes);
    for (std::size_t at = 0; at < bytes.size(); at += 512) {
      TPM2B_MAX_NV_BUFFER buffer{};
      buffer.size = static_cast<UINT16>(std::min<std::size_t>(512, bytes.size() - at));
      std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), buffer.size, buffer.buffer);
      EXPECT_EQ(Esys_NV_Write(esys_, ESYS_TR_RH_OWNER, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                              ESYS_TR_NONE, &buffer, static_cast<UINT16>(at)),
                TSS2_RC_SUCCESS);
    }
  }

  void Extend(ESYS_TR pcr, std::uint8_t value) const {
    TPML_DIGEST_VALUES values{};
    values.count = 1;
    values.digests[0].hashAlg = TPM2_ALG_SHA256;
    values.digests[0].digest.sha256[0] = value;
    EXPECT_EQ(Esys_PCR_Extend(esys_, pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &values),
              TSS2_RC_SUCCESS);
  }

 private:
  TSS2_TCTI_CONTEXT* tcti_ = nullptr;
  ESYS_CONTEXT* esys_ = nullptr;
};

class TpmTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<SwTpm>> started = SwTpm::Start();
    if (!started && started.error().code == ErrorCode::kNotFound)
      GTEST_SKIP() << started.error().message;
    ASSERT_TRUE(started) << started.error().message;
    swtpm_ = *std::move(started);
  }

  std::unique_ptr<Tpm> Open() const {
    Result<std::unique_ptr<Tpm>> tpm = Tpm::Open(swtpm_->tcti());
    EXPECT_TRUE(tpm) << tpm.error().message;
    return *std::move(tpm);
  }

  std::unique_ptr<SwTpm> swtpm_;
};

struct KindCase {
  KeyKind kind;
  AlgorithmId scheme;
  HashAlgorithm hash;
  const char* name;
};

constexpr std::array<KindCase, 5> kKinds{{
    {KeyKind::kRsa2048, AlgorithmId::kRsaSsa, HashAlgorithm::kSha256, "rsa2048_rsassa"},
    {KeyKind::kRsa2048, AlgorithmId::kRsaPss, HashAlgorithm::kSha256, "rsa2048_rsapss"},
    {KeyKind::kRsa2048, AlgorithmId::kRsaSsa, HashAlgorithm::kSha384, "rsa2048_sha384"},
    {KeyKind::kEcc256, AlgorithmId::kEcdsa, HashAlgorithm::kSha256, "ecc256"},
    {KeyKind::kEcc384, AlgorithmId::kEcdsa, HashAlgorithm::kSha384, "ecc384"},
}};

class KindTest : public TpmTest, public testing::WithParamInterface<KindCase> {};

// Keys in use, made anew.
struct Keys {
  Tpm::Key ek;
  KeyBlob blob;
  Tpm::Key ak;
};

Keys MakeKeys(Tpm& tpm, const KindCase& kind = kKinds[0]) {
  Result<Tpm::Key> ek = tpm.CreateEndorsementKey(kind.kind);
  EXPECT_TRUE(ek) << ek.error().message;
  Result<KeyBlob> blob = tpm.CreateAttestationKey(*ek, kind.kind, kind.scheme, kind.hash);
  EXPECT_TRUE(blob) << blob.error().message;
  Result<Tpm::Key> ak = tpm.LoadAttestationKey(*ek, *blob);
  EXPECT_TRUE(ak) << ak.error().message;
  return {*std::move(ek), *std::move(blob), *std::move(ak)};
}

void ExpectVerifies(const Tpm::Key& ak, const Quote& quote, const QuoteRequest& request) {
  tpm::QuoteRequirements requirements;
  requirements.nonce = request.nonce;
  requirements.pcrs = {{tpm::IdOf(request.bank), request.pcrs}};
  const auto verification = tpm::VerifyQuote(ak.public_area().key(), quote.attest, quote.signature,
                                             quote.values, requirements);
  ASSERT_TRUE(verification) << verification.error().message;
  for (const Finding& finding : verification->findings) {
    EXPECT_EQ(finding.outcome, Outcome::kPassed) << finding.check << ": " << finding.detail;
  }
  EXPECT_TRUE(verification->quote);
  EXPECT_EQ(quote.selection, requirements.pcrs);
}

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

TEST(TpmOpen, OnlyTransportsToATpmAreLetThrough) {
  for (const std::string_view tcti :
       {"cmd:/bin/true", "libtpms:", "libtss2-tcti-device.so", "pcap:swtpm", "Device:/dev/tpm0",
        ":", "devicex:/dev/tpm0", " device:/dev/tpm0"}) {
    const auto tpm = Tpm::Open(tcti);
    ASSERT_FALSE(tpm) << tcti;
    EXPECT_EQ(tpm.error().code, ErrorCode::kMalformed) << tcti;
    EXPECT_EQ(tpm.error().id, "device.tcti") << tcti;
  }
  const auto zero = Tpm::Open(std::string_view("device:\0/dev/tpm0", 17));
  ASSERT_FALSE(zero);
  EXPECT_EQ(zero.error().id, "device.tcti");
}

TEST(TpmOpen, ATpmThatIsNotThereIsUnavailable) {
  for (const std::string_view tcti : {"device:/nonexistent/tpm", "swtpm:host=127.0.0.1,port=1"}) {
    const auto tpm = Tpm::Open(tcti);
    ASSERT_FALSE(tpm) << tcti;
    EXPECT_EQ(tpm.error().code, ErrorCode::kUnavailable) << tcti;
    EXPECT_EQ(tpm.error().id, "device.tpm.open") << tcti;
    EXPECT_THAT(tpm.error().message, testing::HasSubstr(std::string(tcti)));
  }
}

TEST_F(TpmTest, ASimulatorSaysSo) { EXPECT_TRUE(Open()->says_it_is_software()); }

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

TEST_F(TpmTest, TheBindingIsInPcr16) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  const crypto::Digest digest = crypto::Hash(HashAlgorithm::kSha256, AsBytes("key"));
  Raw(swtpm_->tcti()).Extend(ESYS_TR_PCR16, 9);
  const QuoteRequest request{.nonce = {},
                             .bank = HashAlgorithm::kSha256,
                             .pcrs = tpm::PcrSet::Of(16) | tpm::PcrSet::Of(10),
                             .binding = digest};
  for (int i = 0; i < 2; ++i) {
    const Result<Quote> quote = tpm->TakeQuote(keys.ak, request);
    ASSERT_TRUE(quote) << quote.error().message;
    ExpectVerifies(keys.ak, *quote, request);
    EXPECT_EQ(*quote->values.Find(HashAlgorithm::kSha256, 16),
              crypto::Extend(crypto::Digest(HashAlgorithm::kSha256), digest.bytes()));
  }
}

TEST_F(TpmTest, Quirk_A26_ALongNonceIsAnError) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  QuoteRequest request{.nonce = Bytes(5000, 'n'),
                       .bank = HashAlgorithm::kSha256,
                       .pcrs = tpm::PcrSet::Of(10),
                       .binding = std::nullopt};
  const Result<Quote> quote = tpm->TakeQuote(keys.ak, request);
  ASSERT_FALSE(quote);
  EXPECT_EQ(quote.error().code, ErrorCode::kMalformed);
}

// PCRs that change while they are read and quoted: the values still belong to the quote.
TEST_F(TpmTest, ValuesBelongToTheQuoteWhilePcrsChange) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  std::atomic<bool> done = false;
  std::thread extender([&] {
    const Raw raw(swtpm_->tcti());
    for (int i = 0; i < 100; ++i) raw.Extend(ESYS_TR_PCR10, 1);
    done = true;
  });
  const QuoteRequest request{.nonce = ToBytes("n"),
                             .bank = HashAlgorithm::kSha256,
                             .pcrs = tpm::PcrSet::Range(0, 16),
                             .binding = std::nullopt};
  while (!done) {
    const Result<Quote> quote = tpm->TakeQuote(keys.ak, request);
    if (quote) {
      ExpectVerifies(keys.ak, *quote, request);
    } else {
      EXPECT_EQ(quote.error().id, "device.tpm.busy_pcrs") << quote.error().message;
    }
  }
  extender.join();
  const Result<Quote> quote = tpm->TakeQuote(keys.ak, request);
  ASSERT_TRUE(quote) << quote.error().message;
  ExpectVerifies(keys.ak, *quote, request);
}

class InactiveBankTest : public TpmTest {
 protected:
  void SetUp() override {
    TpmTest::SetUp();
    if (!swtpm_) return;
    {
      const Raw raw(swtpm_->tcti());
      TPML_PCR_SELECTION banks{};
      for (const TPM2_ALG_ID bank :
           {TPM2_ALG_SHA1, TPM2_ALG_SHA256, TPM2_ALG_SHA384, TPM2_ALG_SHA512}) {
        TPMS_PCR_SELECTION& selection = banks.pcrSelections[banks.count++];
        selection.hash = bank;
        selection.sizeofSelect = 3;
        std::fill_n(selection.pcrSelect, 3, static_cast<BYTE>(bank == TPM2_ALG_SHA256 ? 0xff : 0));
      }
      TPMI_YES_NO done = TPM2_NO;
      std::uint32_t most = 0;
      std::uint32_t needed = 0;
      std::uint32_t available = 0;
      ASSERT_EQ(Esys_PCR_Allocate(raw.esys(), ESYS_TR_RH_PLATFORM, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                  ESYS_TR_NONE, &banks, &done, &most, &needed, &available),
                TSS2_RC_SUCCESS);
      ASSERT_EQ(done, TPM2_YES);
      ASSERT_EQ(Esys_Shutdown(raw.esys(), ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_SU_CLEAR),
                TSS2_RC_SUCCESS);
    }
    ASSERT_TRUE(swtpm_->Reboot());
  }
};

TEST_F(InactiveBankTest, Quirk_A24_IsFoundAtStart) {
  const std::unique_ptr<Tpm> tpm = Open();
  EXPECT_TRUE(tpm->CheckBank(HashAlgorithm::kSha256));
  for (const HashAlgorithm bank :
       {HashAlgorithm::kSha1, HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    const Status status = tpm->CheckBank(bank);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kUnsupported);
    EXPECT_EQ(status.error().id, "device.tpm.bank");
  }
}

TEST_F(InactiveBankTest, Quirk_A24_EndsAQuote) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  const QuoteRequest request{.nonce = {},
                             .bank = HashAlgorithm::kSha1,
                             .pcrs = tpm::PcrSet::Of(10),
                             .binding = std::nullopt};
  const Result<Quote> quote = tpm->TakeQuote(keys.ak, request);
  ASSERT_FALSE(quote);
  EXPECT_EQ(quote.error().id, "device.tpm.bank");
}

TEST_F(TpmTest, NoCertificateIsAbsent) {
  const std::unique_ptr<Tpm> tpm = Open();
  EXPECT_EQ(tpm->ReadEkCertificates(KeyKind::kRsa2048).state, EkCertificates::State::kAbsent);
}

Bytes Sequence(std::size_t size, std::uint8_t fill) {
  Bytes bytes{0x30, 0x82, static_cast<std::uint8_t>(size >> 8U),
              static_cast<std::uint8_t>(size & 0xffU)};
  bytes.resize(4 + size, fill);
  return bytes;
}

TEST_F(TpmTest, ACertificateIsReadWithoutItsPadding) {
  const Bytes certificate = Sequence(1100, 1);
  Bytes padded = certificate;
  padded.resize(1500, 0xff);
  {
    const Raw raw(swtpm_->tcti());
    raw.WriteNv(0x01c0000a, padded);
    // Readable for the owner only.
    raw.WriteNv(0x01c00016, Sequence(40, 2), TPMA_NV_OWNERWRITE | TPMA_NV_OWNERREAD);
  }
  const std::unique_ptr<Tpm> tpm = Open();
  const EkCertificates read = tpm->ReadEkCertificates(KeyKind::kEcc256);
  EXPECT_EQ(read.state, EkCertificates::State::kPresent) << read.reason;
  EXPECT_EQ(read.der, certificate);
  EXPECT_TRUE(read.chain.empty());
  EXPECT_EQ(tpm->ReadEkCertificates(KeyKind::kEcc384).der, Sequence(40, 2));
  EXPECT_EQ(tpm->ReadEkCertificates(KeyKind::kRsa2048).state, EkCertificates::State::kAbsent);
}

TEST_F(TpmTest, Quirk_A19_TheChainEndsWithItsRange) {
  {
    const Raw raw(swtpm_->tcti());
    raw.WriteNv(0x01c00002, Sequence(300, 1));
    raw.WriteNv(0x01c00100, Sequence(200, 2));
    raw.WriteNv(0x01c001ff, Sequence(210, 3));
    raw.WriteNv(0x01c00200, Sequence(220, 4));
    raw.WriteNv(0x01c08000, Sequence(230, 5));
  }
  const EkCertificates read = Open()->ReadEkCertificates(KeyKind::kRsa2048);
  EXPECT_EQ(read.der, Sequence(300, 1));
  EXPECT_EQ(read.chain, (std::vector<Bytes>{Sequence(200, 2), Sequence(210, 3)}));
}

TEST_F(TpmTest, AChainElementMaySpanIndices) {
  const Bytes whole = Sequence(600, 7);
  const auto middle = whole.begin() + 250;
  {
    const Raw raw(swtpm_->tcti());
    raw.WriteNv(0x01c00002, Sequence(300, 1));
    raw.WriteNv(0x01c00100, Bytes(whole.begin(), middle));
    raw.WriteNv(0x01c00101, Bytes(middle, whole.end()));
  }
  EXPECT_EQ(Open()->ReadEkCertificates(KeyKind::kRsa2048).chain, std::vector<Bytes>{whole});
}

TEST_F(TpmTest, AChainIndexThatCannotBeReadEndsTheChain) {
  {
    const Raw raw(swtpm_->tcti());
    raw.WriteNv(0x01c00002, Sequence(300, 1));
    raw.WriteNv(0x01c00100, Sequence(200, 2));
    raw.DefineNv(0x01c00101, 10, Raw::kReadable);
    raw.WriteNv(0x01c00102, Sequence(200, 3));
  }
  EXPECT_EQ(Open()->ReadEkCertificates(KeyKind::kRsa2048).chain,
            std::vector<Bytes>{Sequence(200, 2)});
}

TEST_F(TpmTest, Quirk_A22_UnreadableIsNotAbsent) {
  {
    const Raw raw(swtpm_->tcti());
    raw.DefineNv(0x01c00002, 100, Raw::kReadable);  // never written
    raw.WriteNv(0x01c0000a, Bytes(100, 0xff));      // no certificate
  }
  const std::unique_ptr<Tpm> tpm = Open();
  const EkCertificates unwritten = tpm->ReadEkCertificates(KeyKind::kRsa2048);
  EXPECT_EQ(unwritten.state, EkCertificates::State::kUnreadable);
  EXPECT_THAT(unwritten.reason, testing::HasSubstr("nv_read"));
  const EkCertificates garbage = tpm->ReadEkCertificates(KeyKind::kEcc256);
  EXPECT_EQ(garbage.state, EkCertificates::State::kUnreadable);
  EXPECT_THAT(garbage.reason, testing::HasSubstr("0x01c0000a"));
  swtpm_->Stop();
  EXPECT_EQ(tpm->ReadEkCertificates(KeyKind::kEcc384).state, EkCertificates::State::kUnreadable);
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

// swtpm has three slots and no resource manager: one handle left in a round would show.
TEST_F(TpmTest, Quirk_A23_NothingIsLeftBehind) {
  for (int round = 0; round < 20; ++round) {
    const std::unique_ptr<Tpm> tpm = Open();
    const Keys keys = MakeKeys(*tpm, kKinds[static_cast<std::size_t>(round) % kKinds.size()]);
    const QuoteRequest request{.nonce = ToBytes("n"),
                               .bank = HashAlgorithm::kSha256,
                               .pcrs = tpm::PcrSet::Of(10),
                               .binding = std::nullopt};
    ASSERT_TRUE(tpm->TakeQuote(keys.ak, request)) << round;
    EXPECT_FALSE(tpm->ActivateCredential(keys.ak, keys.ek, {Bytes(68, 1), Bytes(256, 1)}));
    EXPECT_FALSE(tpm->LoadAttestationKey(keys.ek, {keys.blob.public_area, Bytes(10, 1)}));
  }
  EXPECT_THAT(Raw(swtpm_->tcti()).Leftovers(), testing::IsEmpty());
}

TEST_F(TpmTest, AKeyThatIsMovedIsFlushedOnce) {
  const std::unique_ptr<Tpm> tpm = Open();
  {
    Keys keys = MakeKeys(*tpm);
    Result<Tpm::Key> second = tpm->LoadAttestationKey(keys.ek, keys.blob);
    ASSERT_TRUE(second);
    keys.ak = *std::move(second);
    EXPECT_EQ(Raw(swtpm_->tcti()).Handles(TPM2_TRANSIENT_FIRST).size(), 2U);
    Tpm::Key moved = std::move(keys.ak);
    EXPECT_EQ(Raw(swtpm_->tcti()).Handles(TPM2_TRANSIENT_FIRST).size(), 2U);
  }
  EXPECT_THAT(Raw(swtpm_->tcti()).Leftovers(), testing::IsEmpty());
}

TEST_F(TpmTest, AKeyMayOutliveItsTpm) {
  {
    std::unique_ptr<Tpm> tpm = Open();
    const Keys keys = MakeKeys(*tpm);
    tpm.reset();
  }
  EXPECT_THAT(Raw(swtpm_->tcti()).Leftovers(), testing::IsEmpty());
}

TEST_F(TpmTest, LeftoversOfAKilledProcessAreFlushedByName) {
  const std::unique_ptr<Tpm> tpm = Open();
  Keys keys = MakeKeys(*tpm);
  const Bytes name = keys.ak.public_area().Name();
  const TPM2_HANDLE ek = keys.ek.handle();
  // What a killed process leaves looks exactly like a key that is still in use.
  ASSERT_TRUE(tpm->FlushLeftovers(Bytes(34, 0)));
  EXPECT_EQ(Raw(swtpm_->tcti()).Handles(TPM2_TRANSIENT_FIRST).size(), 2U);
  ASSERT_TRUE(tpm->FlushLeftovers(name));
  EXPECT_EQ(Raw(swtpm_->tcti()).Handles(TPM2_TRANSIENT_FIRST), std::vector<TPM2_HANDLE>{ek});
}

TEST_F(TpmTest, ABrokenConnectionIsReplaced) {
  const std::unique_ptr<Tpm> tpm = Open();
  Keys keys = MakeKeys(*tpm);
  const QuoteRequest request{.nonce = ToBytes("n"),
                             .bank = HashAlgorithm::kSha256,
                             .pcrs = tpm::PcrSet::Of(10),
                             .binding = std::nullopt};
  swtpm_->Stop();
  const Result<Quote> while_away = tpm->TakeQuote(keys.ak, request);
  ASSERT_FALSE(while_away);
  EXPECT_TRUE(IsLost(while_away.error())) << while_away.error().id;
  ASSERT_TRUE(swtpm_->Resume());
  const Result<Quote> afterwards = tpm->TakeQuote(keys.ak, request);
  ASSERT_FALSE(afterwards) << "ESYS does not recover by itself";
  EXPECT_TRUE(IsLost(afterwards.error())) << afterwards.error().id;
  ASSERT_TRUE(tpm->Reopen());
  // Keys of the old connection are refused, whatever their handle now means.
  EXPECT_EQ(tpm->TakeQuote(keys.ak, request).error().id, "device.tpm.lost");
  EXPECT_EQ(tpm->LoadAttestationKey(keys.ek, keys.blob).error().id, "device.tpm.lost");
  EXPECT_EQ(tpm->ActivateCredential(keys.ak, keys.ek, {}).error().id, "device.tpm.lost");
  EXPECT_EQ(tpm->CreateAttestationKey(keys.ek, KeyKind::kRsa2048, AlgorithmId::kRsaSsa,
                                      HashAlgorithm::kSha256)
                .error()
                .id,
            "device.tpm.lost");
  keys.ek = *tpm->CreateEndorsementKey(KeyKind::kRsa2048);
  Result<Tpm::Key> ak = tpm->LoadAttestationKey(keys.ek, keys.blob);
  ASSERT_TRUE(ak) << ak.error().message;
  keys.ak = *std::move(ak);
  const Result<Quote> quote = tpm->TakeQuote(keys.ak, request);
  ASSERT_TRUE(quote) << quote.error().message;
  ExpectVerifies(keys.ak, *quote, request);
}

TEST_F(TpmTest, WhatTheTpmRefusesIsNotALostConnection) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  const QuoteRequest request{.nonce = ToBytes("n"),
                             .bank = HashAlgorithm::kSha256,
                             .pcrs = tpm::PcrSet::Of(10),
                             .binding = std::nullopt};
  ASSERT_TRUE(swtpm_->ResetWithoutStartup());
  const Result<Quote> quote = tpm->TakeQuote(keys.ak, request);
  ASSERT_FALSE(quote);
  EXPECT_EQ(quote.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(quote.error().id, "device.tpm.pcr_read");
  EXPECT_FALSE(IsLost(quote.error()));
}

TEST_F(TpmTest, AKeyThatSomebodyElseFlushedIsLost) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  ASSERT_TRUE(Open()->FlushLeftovers(keys.ak.public_area().Name()));
  const Result<Quote> quote = tpm->TakeQuote(keys.ak, {.nonce = ToBytes("n"),
                                                       .bank = HashAlgorithm::kSha256,
                                                       .pcrs = tpm::PcrSet::Of(10),
                                                       .binding = std::nullopt});
  ASSERT_FALSE(quote);
  EXPECT_TRUE(IsLost(quote.error())) << quote.error().id << quote.error().message;
}

TEST_F(TpmTest, AConnectionThatCannotBeReplacedIsUnavailable) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  swtpm_->Stop();
  const Status reopened = tpm->Reopen();
  ASSERT_FALSE(reopened);
  EXPECT_EQ(reopened.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(tpm->CheckBank(HashAlgorithm::kSha256).error().id, "device.tpm.lost");
  EXPECT_EQ(tpm->FlushLeftovers({}).error().id, "device.tpm.lost");
  EXPECT_EQ(tpm->CreateEndorsementKey(KeyKind::kRsa2048).error().id, "device.tpm.lost");
  EXPECT_EQ(tpm->OpenEndorsementKey(0x81010001).error().id, "device.tpm.lost");
  EXPECT_EQ(tpm->ReadEkCertificates(KeyKind::kRsa2048).state, EkCertificates::State::kUnreadable);
  ASSERT_TRUE(swtpm_->Resume());
  ASSERT_TRUE(tpm->Reopen());
  EXPECT_TRUE(tpm->CheckBank(HashAlgorithm::kSha256));
}

TEST_F(TpmTest, ATpmThatGoesAwayIsUnavailable) {
  const std::unique_ptr<Tpm> tpm = Open();
  const Keys keys = MakeKeys(*tpm);
  swtpm_->Stop();
  const QuoteRequest request{.nonce = ToBytes("n"),
                             .bank = HashAlgorithm::kSha256,
                             .pcrs = tpm::PcrSet::Of(10),
                             .binding = std::nullopt};
  const Result<Quote> quote = tpm->TakeQuote(keys.ak, request);
  ASSERT_FALSE(quote);
  EXPECT_EQ(quote.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(tpm->CheckBank(HashAlgorithm::kSha256));
  EXPECT_FALSE(tpm->FlushLeftovers(Bytes(34, 0)));
  EXPECT_FALSE(tpm->CreateEndorsementKey(KeyKind::kRsa2048));
}

}  // namespace
}  // namespace limequat::device
