#include "limequat/crypto/certificate_notes.h"

#include <gtest/gtest.h>

#include "limequat/crypto/certificate_notes_internal.h"
#include "limequat/crypto/certificate_testing.h"
#include "limequat/crypto/der.h"

namespace limequat::crypto {
namespace {

// The same certificate with `zeros` before its serial number, signed again by `key`.
Bytes WithZeros(const Certificate& certificate, const PrivateKey& key, std::size_t zeros) {
  const Bytes der = certificate.ToDer();
  DerReader inside(DerReader(der).Next()->content);
  const DerElement tbs = *inside.Next();
  const Bytes algorithm = ToBytes(inside.Next()->whole);
  DerReader fields(tbs.content);
  Bytes content = ToBytes(fields.Next()->whole);
  const DerElement serial = *fields.Next();
  Bytes number(zeros, 0);
  Append(number, serial.content);
  const auto element = [](std::uint8_t tag, const Bytes& bytes) {
    Bytes out{tag, 0x82, static_cast<std::uint8_t>(bytes.size() >> 8U),
              static_cast<std::uint8_t>(bytes.size())};
    Append(out, bytes);
    return out;
  };
  Append(content, element(kDerInteger, number));
  Append(content, fields.rest());
  const Bytes signed_part = element(kDerSequence, content);
  Bytes signature{0};
  Append(signature, *key.Sign(SignatureScheme::kEcdsa, HashAlgorithm::kSha256, signed_part));
  Bytes all = signed_part;
  Append(all, algorithm);
  Append(all, element(kDerBitString, signature));
  return element(kDerSequence, all);
}

class PaddedSerial : public ::testing::Test {
 protected:
  Findings Verify(const Certificate& leaf, ChainPurpose purpose) const {
    ChainOptions options;
    options.purpose = purpose;
    options.at = kTestTime;
    return VerifyChain(leaf, {root_.certificate}, {}, options, "x");
  }
  Identity root_ = SelfSigned(CaRequestFor("root"));
  Bytes der_ = WithZeros(IssuedBy(root_, RequestFor("leaf")).certificate, root_.key, 2);
};

TEST_F(PaddedSerial, IsReadForVendorsOnly) {
  EXPECT_EQ(Certificate::FromDer(der_).error().id, "crypto.certificate.der");
  const Result<Certificate> certificate = Certificate::FromVendorDer(der_);
  ASSERT_TRUE(certificate) << certificate.error().message;
  EXPECT_EQ(certificate->ToDer(), der_);
  EXPECT_EQ(NotesOn(*certificate).front().id, "certificate.serial_not_minimal");
}

TEST_F(PaddedSerial, IsVerifiedAsItCame) {
  EXPECT_TRUE(AllPassed(Verify(*Certificate::FromVendorDer(der_), ChainPurpose::kEndorsementKey)));
  EXPECT_TRUE(AllPassed(Verify(*Certificate::FromVendorDer(der_), ChainPurpose::kAny)));
  // Signed over the form that OpenSSL makes of it, and not over itself.
  const Certificate leaf = IssuedBy(root_, RequestFor("leaf")).certificate;
  const Identity other = SelfSigned(CaRequestFor("root"));
  const Bytes forged = WithZeros(leaf, other.key, 2);
  EXPECT_FALSE(
      AllPassed(Verify(*Certificate::FromVendorDer(forged), ChainPurpose::kEndorsementKey)));
  EXPECT_FALSE(AllPassed(Verify(*Certificate::FromVendorDer(forged), ChainPurpose::kAny)));
}

TEST_F(PaddedSerial, TheFormThatIsReadSaysTheSame) {
  const auto form = WithMinimalSerial(der_);
  ASSERT_TRUE(form);
  const Result<Certificate> read = Certificate::FromDer(form->der);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->serial_hex(), Certificate::FromVendorDer(der_)->serial_hex());
  EXPECT_FALSE(WithMinimalSerial(form->der)) << "nothing is left to do";
  EXPECT_FALSE(WithMinimalSerial(Bytes{0x30, 0x00}));
}

TEST(NotesOn, GoodCertificatesHaveNone) {
  EXPECT_TRUE(NotesOn(SelfSigned(CaRequestFor("root")).certificate).empty());
}

}  // namespace
}  // namespace limequat::crypto
