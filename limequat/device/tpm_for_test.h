#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include "limequat/crypto/digest.h"
#include "limequat/device/swtpm_for_test.h"
#include "limequat/device/tpm.h"
#include "limequat/tpm/quote.h"

// What the tests of the live TPM share: one in software, the same behind our backs, and
// keys in it.

namespace limequat::device {

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
  tpm::AlgorithmId scheme;
  crypto::HashAlgorithm hash;
  const char* name;
};

inline constexpr std::array<KindCase, 5> kKinds{{
    {KeyKind::kRsa2048, tpm::AlgorithmId::kRsaSsa, crypto::HashAlgorithm::kSha256,
     "rsa2048_rsassa"},
    {KeyKind::kRsa2048, tpm::AlgorithmId::kRsaPss, crypto::HashAlgorithm::kSha256,
     "rsa2048_rsapss"},
    {KeyKind::kRsa2048, tpm::AlgorithmId::kRsaSsa, crypto::HashAlgorithm::kSha384,
     "rsa2048_sha384"},
    {KeyKind::kEcc256, tpm::AlgorithmId::kEcdsa, crypto::HashAlgorithm::kSha256, "ecc256"},
    {KeyKind::kEcc384, tpm::AlgorithmId::kEcdsa, crypto::HashAlgorithm::kSha384, "ecc384"},
}};

// Keys in use, made anew.
struct Keys {
  Tpm::Key ek;
  KeyBlob blob;
  Tpm::Key ak;
};

inline Keys MakeKeys(Tpm& tpm, const KindCase& kind = kKinds[0]) {
  Result<Tpm::Key> ek = tpm.CreateEndorsementKey(kind.kind);
  EXPECT_TRUE(ek) << ek.error().message;
  Result<KeyBlob> blob = tpm.CreateAttestationKey(*ek, kind.kind, kind.scheme, kind.hash);
  EXPECT_TRUE(blob) << blob.error().message;
  Result<Tpm::Key> ak = tpm.LoadAttestationKey(*ek, *blob);
  EXPECT_TRUE(ak) << ak.error().message;
  return {*std::move(ek), *std::move(blob), *std::move(ak)};
}

inline void ExpectVerifies(const Tpm::Key& ak, const Quote& quote, const QuoteRequest& request) {
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

}  // namespace limequat::device
