// How a TPM is opened, what is left in it, and what happens when it goes away.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/device/tpm_for_test.h"

namespace limequat::device {
namespace {

using crypto::HashAlgorithm;
using tpm::AlgorithmId;

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
