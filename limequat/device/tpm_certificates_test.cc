// Endorsement certificates in the TPM's NV memory.

#include <cstdint>
#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/device/tpm_for_test.h"

namespace limequat::device {
namespace {

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

}  // namespace
}  // namespace limequat::device
