#include <algorithm>
#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/key.h"
#include "limequat/crypto/key_testing.h"

namespace limequat::crypto {
namespace {

// --- Private keys ---

TEST(PrivateKey, RoundTripsThroughPem) {
  for (const PrivateKey* key : {&Rsa(), &Ec(), &Ec(Curve::kP384), &Ec(Curve::kP521)}) {
    const std::string pem = key->ExposePem();
    EXPECT_TRUE(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    const Result<PrivateKey> back = PrivateKey::FromPem(pem);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->public_key(), key->public_key());
    EXPECT_EQ(back->ExposePem(), pem);
  }
}

std::string WriteKey(const std::function<int(BIO*)>& write) {
  BIO* bio = BIO_new(BIO_s_mem());
  EXPECT_EQ(write(bio), 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return pem;
}

TEST(PrivateKey, ReadsTraditionalPem) {
  for (const PrivateKey* key : {&Rsa(), &Ec()}) {
    const PkeyOwner pkey = Native(*key);
    const std::string pem = WriteKey([&](BIO* bio) {
      return PEM_write_bio_PrivateKey_traditional(bio, pkey.get(), nullptr, nullptr, 0, nullptr,
                                                  nullptr);
    });
    const Result<PrivateKey> back = PrivateKey::FromPem(pem);
    ASSERT_TRUE(back) << pem;
    EXPECT_EQ(back->public_key(), key->public_key());
  }
}

TEST(PrivateKey, ReadsTheKeyBehindItsCurve) {
  // As `openssl ecparam -genkey` writes it: P-256 in a block of its own.
  const std::string parameters = PemOf("EC PARAMETERS", *HexDecode("06082a8648ce3d030107"));
  const Result<PrivateKey> key = PrivateKey::FromPem(parameters + Ec().ExposePem());
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_key(), Ec().public_key());
}

TEST(PrivateKey, RefusesEverythingElse) {
  const PkeyOwner pkey = Native(Ec());
  const std::string encrypted = WriteKey([&](BIO* bio) {
    return PEM_write_bio_PKCS8PrivateKey(bio, pkey.get(), EVP_aes_128_cbc(), "secret", 6, nullptr,
                                         nullptr);
  });
  unsigned char passphrase[] = "secret";
  const std::string traditional = WriteKey([&](BIO* bio) {
    return PEM_write_bio_PrivateKey_traditional(bio, pkey.get(), EVP_aes_128_cbc(), passphrase, 6,
                                                nullptr, nullptr);
  });
  const std::string good = Ec().ExposePem();
  const std::string cases[] = {
      "",
      "hello",
      good.substr(0, good.size() / 2),
      Ec().public_key().ToPem(),
      PemOf("PRIVATE KEY", Bytes{1, 2, 3}),
      PemOf("EC PARAMETERS", *HexDecode("06082a8648ce3d030107")),
      encrypted,
      traditional,
  };
  for (const std::string& pem : cases) {
    SCOPED_TRACE(pem.substr(0, 100));
    ExpectError(PrivateKey::FromPem(pem), ErrorCode::kMalformed, "crypto.key.private");
  }
}

TEST(PrivateKey, RefusesAKeyUnderAnotherLabel) {
  std::string pem = Ec().ExposePem();
  for (std::size_t at = 0; (at = pem.find("PRIVATE KEY")) != std::string::npos;) {
    pem.replace(at, 11, "SECRET KEY");
  }
  ExpectError(PrivateKey::FromPem(pem), ErrorCode::kMalformed, "crypto.key.private");
}

TEST(PrivateKey, RefusesAKeyThatSaysItIsEncrypted) {
  const std::string pem = Ec().ExposePem();
  const std::size_t line = pem.find('\n') + 1;
  ExpectError(PrivateKey::FromPem(pem.substr(0, line) +
                                  "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
                                  "00000000000000000000000000000000\n\n" +
                                  pem.substr(line)),
              ErrorCode::kMalformed, "crypto.key.private");
}

TEST(PrivateKey, ReadsEncryptedPemWithItsPassphraseOnly) {
  const PkeyOwner pkey = Native(Ec());
  unsigned char passphrase[] = "secret";
  const std::string pems[] = {
      WriteKey([&](BIO* bio) {
        return PEM_write_bio_PKCS8PrivateKey(bio, pkey.get(), EVP_aes_256_cbc(), "secret", 6,
                                             nullptr, nullptr);
      }),
      WriteKey([&](BIO* bio) {
        return PEM_write_bio_PrivateKey_traditional(bio, pkey.get(), EVP_aes_128_cbc(), passphrase,
                                                    6, nullptr, nullptr);
      }),
  };
  for (const std::string& pem : pems) {
    SCOPED_TRACE(pem.substr(0, 100));
    EXPECT_TRUE(PrivateKey::IsEncrypted(pem));
    const auto key = PrivateKey::FromEncryptedPem(pem, Secret(ToBytes("secret")));
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->public_key(), Ec().public_key());
    for (const std::string& wrong : {std::string(), std::string("secre"), std::string(5000, 's')}) {
      ExpectError(PrivateKey::FromEncryptedPem(pem, Secret(ToBytes(wrong))),
                  ErrorCode::kPermissionDenied, "crypto.key.passphrase");
    }
    ExpectError(
        PrivateKey::FromEncryptedPem(pem.substr(0, pem.size() / 2), Secret(ToBytes("secret"))),
        ErrorCode::kMalformed, "crypto.key.private");
  }
}

TEST(PrivateKey, TellsEncryptedKeysFromOthers) {
  EXPECT_FALSE(PrivateKey::IsEncrypted(""));
  EXPECT_FALSE(PrivateKey::IsEncrypted(Ec().ExposePem()));
  EXPECT_FALSE(PrivateKey::IsEncrypted(Ec().public_key().ToPem()));
  ExpectError(PrivateKey::FromEncryptedPem(Ec().ExposePem(), Secret(ToBytes("secret"))),
              ErrorCode::kMalformed, "crypto.key.private");
}

TEST(PrivateKey, RefusesBytesBehindTheKey) {
  const PkeyOwner pkey = Native(Ec());
  unsigned char* der = nullptr;
  const int size = i2d_PrivateKey(pkey.get(), &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  EXPECT_TRUE(PrivateKey::FromPem(PemOf("EC PRIVATE KEY", bytes)));
  bytes.push_back(0);
  ExpectError(PrivateKey::FromPem(PemOf("EC PRIVATE KEY", bytes)), ErrorCode::kMalformed,
              "crypto.key.private");
}

TEST(PrivateKey, RefusesHalvesThatDoNotBelongTogether) {
  const PkeyOwner pkey = Native(Ec());
  unsigned char* der = nullptr;
  const int size = i2d_PrivateKey(pkey.get(), &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  // SEC 1, C.4: version, the private number, the curve, the point. Another number
  // with the same point.
  const Bytes head = {0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20};
  ASSERT_TRUE(std::ranges::equal(ByteView(bytes).first(7), head));
  bytes[38] ^= 1U;
  ExpectError(PrivateKey::FromPem(PemOf("EC PRIVATE KEY", bytes)), ErrorCode::kMalformed,
              "crypto.key.private");
}

TEST(PrivateKey, DoesNotSignWithTheWrongScheme) {
  ExpectError(Rsa().Sign(SignatureScheme::kEcdsa, kSha256, kMessage), ErrorCode::kUnsupported,
              "crypto.sign");
  ExpectError(Ec().Sign(SignatureScheme::kRsaSsa, kSha256, kMessage), ErrorCode::kUnsupported,
              "crypto.sign");
  ExpectError(Ec().Sign(SignatureScheme::kRsaPss, kSha256, kMessage), ErrorCode::kUnsupported,
              "crypto.sign");
}

TEST(PrivateKey, DoesNotSignWhatDoesNotFit) {
  // 1024 bits have no room for two SHA-512 digests and the padding.
  ExpectError(PrivateKey::GenerateRsa(1024).Sign(SignatureScheme::kRsaPss, HashAlgorithm::kSha512,
                                                 kMessage),
              ErrorCode::kUnsupported, "crypto.sign");
}

}  // namespace
}  // namespace limequat::crypto
