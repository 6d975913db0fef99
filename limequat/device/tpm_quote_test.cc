// Quotes of the TPM.

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/device/tpm_for_test.h"
#include "limequat/tpm/attest.h"

namespace limequat::device {
namespace {

using crypto::HashAlgorithm;

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

}  // namespace
}  // namespace limequat::device
