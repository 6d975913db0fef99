#include "limequat/crypto/signed_data.h"

#include <algorithm>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/certificate_testing.h"
#include "limequat/crypto/prehashed.h"

namespace limequat::crypto {
namespace {

Identity NewSigner(PrivateKey key) {
  Certificate certificate = *Issue(RequestFor("signer"), key.public_key(), nullptr, key);
  return {.key = std::move(key), .certificate = std::move(certificate)};
}

const Identity& Rsa() {
  static const Identity signer = NewSigner(PrivateKey::GenerateRsa(2048));
  return signer;
}
const Identity& Ec() {
  static const Identity signer = NewSigner(PrivateKey::GenerateEc(Curve::kP256));
  return signer;
}

template <class T, class Free>
std::unique_ptr<T, Free> Owned(T* pointer, Free free) {
  return {pointer, free};
}

Bytes Message(const Identity& signer, unsigned flags, const EVP_MD* md = EVP_sha256(),
              int signers = 1, int carried = 0) {
  const std::string key_pem = signer.key.ExposePem();
  const Bytes certificate_der = signer.certificate.ToDer();
  const unsigned char* at = certificate_der.data();
  const auto certificate =
      Owned(d2i_X509(nullptr, &at, static_cast<long>(certificate_der.size())), X509_free);
  const auto bio =
      Owned(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())), BIO_free_all);
  const auto key =
      Owned(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  const auto content = Owned(BIO_new_mem_buf("content", 7), BIO_free_all);
  flags |= CMS_BINARY;
  if (carried == 0) flags |= CMS_NOCERTS;
  const auto message = Owned(CMS_sign(nullptr, nullptr, nullptr, nullptr, flags | CMS_PARTIAL),
                             CMS_ContentInfo_free);
  for (int i = 0; i < signers; ++i) {
    EXPECT_NE(CMS_add1_signer(message.get(), certificate.get(), key.get(), md, flags), nullptr);
  }
  for (int i = 1; i < carried; ++i) {  // the signer's is there
    const Bytes other = SelfSigned(RequestFor("other")).certificate.ToDer();
    at = other.data();
    EXPECT_EQ(CMS_add0_cert(message.get(), d2i_X509(nullptr, &at, static_cast<long>(other.size()))),
              1);
  }
  if (signers > 0) {
    EXPECT_EQ(CMS_final(message.get(), content.get(), nullptr, flags), 1);
  }
  unsigned char* der = nullptr;
  const int size = i2d_CMS_ContentInfo(message.get(), &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

constexpr unsigned kAppended = CMS_DETACHED | CMS_NOATTR;

std::string ErrorOf(ByteView der) {
  const auto read = ParseSignedData(der);
  return read ? "none" : read.error().id;
}

TEST(SignedData, AppendedSignatureIsOverTheDigestOfTheContent) {
  for (const Identity* signer : {&Rsa(), &Ec()}) {
    const auto read = ParseSignedData(Message(*signer, kAppended));
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->is_detached);
    ASSERT_EQ(read->signers.size(), 1U);
    const SignerInfo& info = read->signers[0];
    EXPECT_EQ(info.digest_algorithm, "sha256");
    EXPECT_TRUE(info.is_prehashed_kind);
    EXPECT_FALSE(info.has_signed_attributes);
    EXPECT_TRUE(NamesCertificate(info, signer->certificate));
    EXPECT_EQ(
        VerifyPrehashed(signer->key.public_key(), info.digest_algorithm,
                        Hash(HashAlgorithm::kSha256, ToBytes("content")).bytes(), info.signature),
        SignatureCheck::kValid);
  }
}

TEST(SignedData, AttributesAndContentAreTold) {
  EXPECT_TRUE(ParseSignedData(Message(Rsa(), CMS_DETACHED))->signers[0].has_signed_attributes);
  EXPECT_FALSE(ParseSignedData(Message(Rsa(), CMS_NOATTR))->is_detached);
}

TEST(SignedData, CertificatesAreNamedInTwoWays) {
  for (const unsigned flags : {kAppended, kAppended | CMS_USE_KEYID}) {
    const auto read = ParseSignedData(Message(Rsa(), flags));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->signers[0].issuer.empty(), flags != kAppended);
    EXPECT_TRUE(NamesCertificate(read->signers[0], Rsa().certificate));
    // The other certificate has the same name, another number and another key.
    EXPECT_FALSE(NamesCertificate(read->signers[0], Ec().certificate));
  }
  EXPECT_FALSE(NamesCertificate(SignerInfo(), Rsa().certificate));
}

TEST(SignedData, SerialNumberAloneIsNotEnough) {
  auto read = ParseSignedData(Message(Rsa(), kAppended));
  ASSERT_TRUE(read);
  read->signers[0].issuer.back() ^= 1U;
  EXPECT_FALSE(NamesCertificate(read->signers[0], Rsa().certificate));
}

TEST(SignedData, WhatVerifyPrehashedDoesNotCheckIsMarked) {
  EXPECT_EQ(ParseSignedData(Message(Rsa(), kAppended, EVP_md5()))->signers[0].digest_algorithm, "");
  // The digest's name exchanged: the signature's algorithm (ECDSA with SHA-256) says otherwise.
  Bytes message = Message(Ec(), kAppended);
  const Bytes sha256 = *HexDecode("0609608648016503040201");
  const Bytes sha384 = *HexDecode("0609608648016503040202");
  const auto found = std::ranges::search(message, sha256);
  std::ranges::copy(sha384, found.begin());
  const auto second = std::search(found.begin() + 1, message.end(), sha256.begin(), sha256.end());
  ASSERT_NE(second, message.end());
  std::ranges::copy(sha384, second);
  const auto read = ParseSignedData(message);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->signers[0].digest_algorithm, "sha384");
  EXPECT_FALSE(read->signers[0].is_prehashed_kind);
}

TEST(SignedData, MalformedMessages) {
  const Bytes good = Message(Rsa(), kAppended);
  EXPECT_EQ(ErrorOf(good), "none");
  EXPECT_EQ(ErrorOf({}), "crypto.signed_data");
  for (std::size_t size = 1; size < good.size(); size += 7) {
    EXPECT_EQ(ErrorOf(ByteView(good).first(size)), "crypto.signed_data") << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(ErrorOf(longer), "crypto.signed_data");
  // ContentInfo of plain data.
  EXPECT_EQ(ErrorOf(*HexDecode("300f06092a864886f70d010701a0020400")), "crypto.signed_data");
}

TEST(SignedData, NumberOfSigners) {
  EXPECT_EQ(ErrorOf(Message(Rsa(), kAppended, EVP_sha256(), 0)), "crypto.signed_data");
  EXPECT_EQ(ErrorOf(Message(Rsa(), kAppended, EVP_sha256(), kMaxSigners)), "none");
  EXPECT_EQ(ErrorOf(Message(Rsa(), kAppended, EVP_sha256(), kMaxSigners + 1)),
            "crypto.signed_data");
}

TEST(SignedData, LongestMessage) {
  const Bytes long_one(kMaxSignedData + 1);
  const auto read = ParseSignedData(long_one);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("bytes"), std::string::npos);
}

TEST(SignedData, CarriesCertificates) {
  EXPECT_TRUE(ParseSignedData(Message(Ec(), kAppended))->certificates.empty());
  const auto read = ParseSignedData(Message(Ec(), kAppended, EVP_sha256(), 1, 3));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->certificates.size(), 3U);
  EXPECT_EQ(std::ranges::count(read->certificates, Ec().certificate), 1);
  const int most = static_cast<int>(kMaxCarriedCertificates);
  EXPECT_EQ(ErrorOf(Message(Ec(), kAppended, EVP_sha256(), 1, most)), "none");
  EXPECT_EQ(ErrorOf(Message(Ec(), kAppended, EVP_sha256(), 1, most + 1)), "crypto.signed_data");
}

}  // namespace
}  // namespace limequat::crypto
