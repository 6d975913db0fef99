#include "limequat/ima/keyring.h"

#include <string>

#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/prehashed.h"

namespace limequat::ima {
namespace {

using crypto::Certificate;
using crypto::Curve;
using crypto::PrivateKey;

const PrivateKey& Rsa() {
  static const PrivateKey key = PrivateKey::GenerateRsa(2048);
  return key;
}
const PrivateKey& Ec() {
  static const PrivateKey key = PrivateKey::GenerateEc(Curve::kP256);
  return key;
}

Certificate CertificateOf(const PrivateKey& key) {
  crypto::CertificateRequest request;
  request.common_name = "signer";
  request.not_after = Time(std::chrono::seconds(1'800'000'000));
  return *crypto::Issue(request, key.public_key(), nullptr, key);
}

std::string ErrorOf(ByteView encoded) {
  const auto key = ParseKey(encoded);
  if (key) return "none";
  return key.error().id + (key.error().code == ErrorCode::kUnsupported ? " unsupported" : "");
}

Key KeyOf(ByteView encoded) { return ParseKey(encoded).value(); }

// A key with the id of another one.
Key WithId(Key key, std::uint32_t id) {
  key.id = id;
  return key;
}
Key NewKey() { return KeyOf(PrivateKey::GenerateEc(Curve::kP256).public_key().ToSpkiDer()); }

TEST(ParseKey, EveryForm) {
  for (const PrivateKey* key : {&Rsa(), &Ec()}) {
    const Certificate certificate = CertificateOf(*key);
    for (const Bytes& form : {certificate.ToDer(), ToBytes(certificate.ToPem()),
                              key->public_key().ToSpkiDer(), ToBytes(key->public_key().ToPem())}) {
      const Key read = KeyOf(form);
      EXPECT_EQ(read.key, key->public_key());
      EXPECT_EQ(read.id_v1.has_value(), key == &Rsa());
    }
    EXPECT_EQ(KeyOf(certificate.ToDer()).certificate, certificate);
    EXPECT_EQ(KeyOf(ToBytes(certificate.ToPem())).certificate, certificate);
    EXPECT_FALSE(KeyOf(key->public_key().ToSpkiDer()).certificate);
  }
  const Bytes rsa = crypto::SubjectPublicKeyOf(Rsa().public_key());
  EXPECT_EQ(KeyOf(rsa).key, Rsa().public_key());
}

TEST(ParseKey, WhatIsNoKey) {
  EXPECT_EQ(ErrorOf({}), "ima.key");
  EXPECT_EQ(ErrorOf(ToBytes("dm_version=4.45.0;")), "ima.key");
  EXPECT_EQ(ErrorOf(ToBytes("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")),
            "ima.key");
  EXPECT_EQ(ErrorOf(ToBytes("-----BEGIN ")), "ima.key");
  Bytes longer = Ec().public_key().ToSpkiDer();
  longer.push_back(0);
  EXPECT_EQ(ErrorOf(longer), "ima.key");
  Bytes rsa = crypto::SubjectPublicKeyOf(Rsa().public_key());
  rsa.push_back(0);
  EXPECT_EQ(ErrorOf(rsa), "ima.key");
}

TEST(ParseKey, KindsThatSignNoFiles) {
  // Ed25519, from RFC 8410, and secp256k1.
  EXPECT_EQ(ErrorOf(*HexDecode("302a300506032b6570032100"
                               "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1")),
            "ima.key unsupported");
  EXPECT_EQ(ErrorOf(*HexDecode("3056301006072a8648ce3d020106052b8104000a03420004"
                               "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
                               "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")),
            "ima.key unsupported");
}

TEST(ParseKey, LongestKey) {
  const auto key = ParseKey(Bytes(kMaxKeyBytes + 1));
  ASSERT_FALSE(key);
  EXPECT_NE(key.error().message.find("bytes"), std::string::npos);
}

TEST(KeyId, OfACertificateIsItsSubjectKeyIdentifier) {
  // vm__keys/rsa.der of the corpus: the identifier ends with 60bfa5a6.
  const Certificate certificate = CertificateOf(Rsa());
  const auto extension = certificate.extension("2.5.29.14");
  ASSERT_TRUE(extension);
  const std::string hex = HexEncode(*extension);
  EXPECT_EQ(KeyIdText(KeyOf(certificate.ToDer()).id), hex.substr(hex.size() - 8));
}

TEST(KeyId, OfABareKeyIsTheHashOfItsBits) {
  const Bytes bits = crypto::SubjectPublicKeyOf(Ec().public_key());
  const std::string hash = crypto::Hash(crypto::HashAlgorithm::kSha1, bits).hex();
  EXPECT_EQ(KeyIdText(KeyOf(Ec().public_key().ToSpkiDer()).id), hash.substr(32));
  EXPECT_EQ(KeyIdText(0x0102), "00000102");
}

// What `evmctl` shows for data/ima/keys/rsa.der.
TEST(KeyId, KnownValues) {
  const auto key = crypto::PublicKey::FromPem(
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIVTZFN4rHlHs3ooZB5mcT/HGoWe1\n"
      "8pW8nx2LSMlkk4nk5QPLAg/CGpmZebc6SZqVtHxAPKAlYa1i4MX19yu5Eg==\n"
      "-----END PUBLIC KEY-----\n");
  ASSERT_TRUE(key);
  EXPECT_EQ(KeyOf(key->ToSpkiDer()).id, 1041517257U);
}

TEST(Keyring, FindsByBothIds) {
  Keyring keyring;
  EXPECT_TRUE(keyring.empty());
  const Key rsa = KeyOf(Rsa().public_key().ToSpkiDer());
  const Key ec = KeyOf(Ec().public_key().ToSpkiDer());
  ASSERT_TRUE(keyring.Add(rsa, ".ima"));
  ASSERT_TRUE(keyring.Add(ec, ".evm"));
  EXPECT_EQ(keyring.size(), 2U);
  ASSERT_EQ(keyring.Find(ec.id).size(), 1U);
  EXPECT_EQ(keyring.Find(ec.id)[0]->keyring, ".evm");
  EXPECT_TRUE(keyring.Find(ec.id + 1).empty());
  ASSERT_EQ(keyring.FindV1(*rsa.id_v1).size(), 1U);
  EXPECT_EQ(keyring.FindV1(*rsa.id_v1)[0]->keyring, ".ima");
  EXPECT_TRUE(keyring.FindV1(ByteView(*rsa.id_v1).first(7)).empty());
}

TEST(Keyring, TheSameKeyIsThereOnce) {
  Keyring keyring;
  const Key key = NewKey();
  ASSERT_TRUE(keyring.Add(key, ".ima"));
  ASSERT_TRUE(keyring.Add(key, ".evm"));
  EXPECT_EQ(keyring.size(), 1U);
  // With a certificate it can be named in another way.
  const PrivateKey other = PrivateKey::GenerateEc(Curve::kP256);
  ASSERT_TRUE(keyring.Add(WithId(KeyOf(other.public_key().ToSpkiDer()), 7), ".ima"));
  ASSERT_TRUE(keyring.Add(WithId(KeyOf(CertificateOf(other).ToDer()), 7), ".ima"));
  EXPECT_EQ(keyring.size(), 3U);
}

TEST(Keyring, KeysOfOneIdHaveALimit) {
  Keyring keyring;
  for (std::size_t i = 0; i < kMaxKeysOfOneId; ++i) {
    ASSERT_TRUE(keyring.Add(WithId(NewKey(), 7), ".ima"));
  }
  const Status refused = keyring.Add(WithId(NewKey(), 7), ".ima");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "ima.keyring.full");
  EXPECT_EQ(keyring.Find(7).size(), kMaxKeysOfOneId);
  EXPECT_TRUE(keyring.Add(WithId(NewKey(), 8), ".ima"));
}

TEST(Keyring, HasALimit) {
  Keyring keyring;
  const Key key = NewKey();
  for (std::uint32_t i = 0; i < kMaxKeys; ++i) ASSERT_TRUE(keyring.Add(WithId(key, i), ".ima"));
  EXPECT_FALSE(keyring.Add(WithId(key, kMaxKeys), ".ima"));
  EXPECT_EQ(keyring.size(), kMaxKeys);
  EXPECT_TRUE(keyring.Add(WithId(key, 0), ".ima"));  // there already
}

}  // namespace
}  // namespace limequat::ima
