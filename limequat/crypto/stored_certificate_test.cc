#include "limequat/crypto/stored_certificate.h"

#include <gtest/gtest.h>

#include "limequat/crypto/certificate_testing.h"

// Every form in which a certificate is stored has its file in data/ekcert/made, which the
// tests of the command go through (tests/cli/test_ekcert.py). Here: the bounds.

namespace limequat::crypto {
namespace {

const Bytes kOne{0x30, 0x02, 0x05, 0x00};

std::vector<Bytes> Split(const Bytes& content) {
  std::vector<Bytes> found;
  for (const ByteView der : SplitNvCertificates(content).der) found.push_back(ToBytes(der));
  return found;
}

TEST(SplitNvCertificates, TakesSequencesUpToPadding) {
  Bytes nv = kOne;
  Append(nv, kOne);
  Append(nv, Bytes{0x00, 0x00, 0xff});
  EXPECT_EQ(Split(nv), (std::vector<Bytes>{kOne, kOne}));
}

TEST(SplitNvCertificates, GivesNothingForWhatIsNoSequence) {
  EXPECT_TRUE(Split({}).empty());
  EXPECT_TRUE(Split({0x30}).empty());
  EXPECT_TRUE(Split({0x31, 0x01, 0x00}).empty());
  EXPECT_TRUE(Split({0x30, 0x00}).empty()) << "an empty one is padding, and would not end";
  EXPECT_TRUE(Split({0x30, 0x80, 0x00, 0x00}).empty()) << "indefinite length";
  EXPECT_TRUE(SplitNvCertificates(Bytes(100, 0xff)).notes.empty());
}

TEST(SplitNvCertificates, Quirk_A21_TruncatedLengthsEndTheChain) {
  EXPECT_TRUE(Split({0x30, 0x82}).empty());
  EXPECT_TRUE(Split({0x30, 0x82, 0x01}).empty());
  EXPECT_TRUE(Split({0x30, 0x05, 0x00}).empty());
  Bytes nv = kOne;
  Append(nv, Bytes{0x30, 0x82, 0x10, 0x00, 0x00});
  EXPECT_EQ(Split(nv), std::vector<Bytes>{kOne});
}

TEST(SplitNvCertificates, TakesNoMoreThanItsLimit) {
  Bytes nv;
  for (std::size_t i = 0; i < kMaxNvCertificates + 5; ++i) Append(nv, kOne);
  const NvCertificates found = SplitNvCertificates(nv);
  EXPECT_EQ(found.der.size(), kMaxNvCertificates);
  ASSERT_EQ(found.notes.size(), 1U);
  EXPECT_EQ(found.notes[0].id, "certificate.trailing");
}

TEST(ReadStoredCertificates, TakesNoMoreThanItsLimit) {
  const std::string pem = SelfSigned(RequestFor("a")).certificate.ToPem();
  EXPECT_EQ(ReadStoredCertificates(AsBytes(pem + pem + pem), 2)->certificates.size(), 2U);
}

}  // namespace
}  // namespace limequat::crypto
