#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "limequat/crypto/key.h"
#include "limequat/crypto/key_testing.h"

namespace limequat::crypto {
namespace {

// --- OAEP ---

TEST(Oaep, RoundTripsWithAnEmptyLabel) {
  for (const HashAlgorithm hash : {HashAlgorithm::kSha1, kSha256, HashAlgorithm::kSha384}) {
    const Result<Bytes> ciphertext = Rsa().public_key().EncryptOaep(hash, {}, kMessage);
    ASSERT_TRUE(ciphertext);
    EXPECT_EQ(ciphertext->size(), 256U);
    const Result<Secret> plaintext = Rsa().DecryptOaep(hash, *ciphertext);
    ASSERT_TRUE(plaintext);
    EXPECT_EQ(ToBytes(plaintext->Expose()), kMessage);
    EXPECT_NE(*Rsa().public_key().EncryptOaep(hash, {}, kMessage), *ciphertext) << "a fresh seed";
  }
}

TEST(Oaep, PutsTheLabelOnTheWire) {
  using namespace std::string_view_literals;
  constexpr std::string_view kLabel = "IDENTITY\0"sv;
  const Bytes ciphertext = *Rsa().public_key().EncryptOaep(kSha256, AsBytes(kLabel), kMessage);
  const PkeyOwner pkey = Native(Rsa());
  const auto decrypt = [&](std::string_view label) {
    const ContextOwner context(EVP_PKEY_CTX_new(pkey.get(), nullptr), EVP_PKEY_CTX_free);
    EVP_PKEY_decrypt_init(context.get());
    EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING);
    EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), EVP_sha256());
    EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), EVP_sha256());
    EVP_PKEY_CTX_set0_rsa_oaep_label(context.get(), OPENSSL_memdup(label.data(), label.size()),
                                     static_cast<int>(label.size()));
    Bytes plaintext(256);
    std::size_t size = plaintext.size();
    const int answer = EVP_PKEY_decrypt(context.get(), plaintext.data(), &size, ciphertext.data(),
                                        ciphertext.size());
    ERR_clear_error();
    plaintext.resize(answer == 1 ? size : 0);
    return plaintext;
  };
  EXPECT_EQ(decrypt(kLabel), kMessage);
  EXPECT_EQ(decrypt("IDENTITY"), Bytes()) << "the terminating zero counts";
}

TEST(Oaep, GivesOneErrorForEveryFailure) {
  const Bytes good = *Rsa().public_key().EncryptOaep(kSha256, {}, kMessage);
  Bytes changed = good;
  changed[100] ^= 1U;
  std::vector<std::pair<HashAlgorithm, Bytes>> cases = {
      {kSha256, changed},
      {kSha256, Bytes()},
      {kSha256, Bytes(256, 0)},
      {kSha256, Bytes(256, 0xff)},
      {kSha256, Bytes(good.begin(), good.end() - 1)},
      {HashAlgorithm::kSha1, good},
      {kSha256, *Rsa().public_key().EncryptOaep(kSha256, AsBytes("label"), kMessage)},
      {kSha256, *PrivateKey::GenerateRsa(2048).public_key().EncryptOaep(kSha256, {}, kMessage)},
  };
  Bytes longer = good;
  longer.push_back(0);
  cases.emplace_back(kSha256, longer);
  for (const auto& [hash, ciphertext] : cases) {
    const Result<Secret> plaintext = Rsa().DecryptOaep(hash, ciphertext);
    ExpectError(plaintext, ErrorCode::kMalformed, "crypto.oaep");
    EXPECT_EQ(plaintext.error().message, "the ciphertext does not decrypt");
  }
  ExpectError(Ec().DecryptOaep(kSha256, good), ErrorCode::kMalformed, "crypto.oaep");
}

TEST(Oaep, RefusesWhatDoesNotFit) {
  const PublicKey key = Rsa().public_key();
  EXPECT_TRUE(key.EncryptOaep(kSha256, {}, Bytes(190)));
  ExpectError(key.EncryptOaep(kSha256, {}, Bytes(191)), ErrorCode::kUnsupported,
              "crypto.oaep.size");
  ExpectError(
      PrivateKey::GenerateRsa(1024).public_key().EncryptOaep(HashAlgorithm::kSha512, {}, {}),
      ErrorCode::kUnsupported, "crypto.oaep.size");
  ExpectError(Ec().public_key().EncryptOaep(kSha256, {}, kMessage), ErrorCode::kUnsupported,
              "crypto.oaep.key");
}

// --- Agreement ---

TEST(AgreeEphemeral, GivesTheOtherSideTheSameSecret) {
  for (const Curve curve : {Curve::kP256, Curve::kP384, Curve::kP521}) {
    const Result<EphemeralAgreement> agreement = AgreeEphemeral(Ec(curve).public_key());
    ASSERT_TRUE(agreement);
    EXPECT_EQ(agreement->public_x.size(), CurveBytes(curve));
    EXPECT_EQ(agreement->public_y.size(), CurveBytes(curve));

    const Result<PublicKey> ephemeral =
        PublicKey::FromEcPoint(curve, agreement->public_x, agreement->public_y);
    ASSERT_TRUE(ephemeral);
    const Bytes spki = ephemeral->ToSpkiDer();
    const unsigned char* at = spki.data();
    const PkeyOwner other(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())), EVP_PKEY_free);
    const PkeyOwner own = Native(Ec(curve));
    const ContextOwner context(EVP_PKEY_CTX_new(own.get(), nullptr), EVP_PKEY_CTX_free);
    ASSERT_EQ(EVP_PKEY_derive_init(context.get()), 1);
    ASSERT_EQ(EVP_PKEY_derive_set_peer(context.get(), other.get()), 1);
    Bytes shared(CurveBytes(curve));
    std::size_t size = shared.size();
    ASSERT_EQ(EVP_PKEY_derive(context.get(), shared.data(), &size), 1);
    EXPECT_EQ(ToBytes(agreement->shared_x.Expose()), shared);
    EXPECT_EQ(agreement->shared_x.size(), CurveBytes(curve)) << "padded";
  }
}

TEST(AgreeEphemeral, IsFreshEveryTime) {
  const EphemeralAgreement first = *AgreeEphemeral(Ec().public_key());
  const EphemeralAgreement second = *AgreeEphemeral(Ec().public_key());
  EXPECT_NE(first.public_x, second.public_x);
  EXPECT_FALSE(Equal(first.shared_x.Expose(), second.shared_x.Expose()));
}

TEST(AgreeEphemeral, NeedsAnEcKey) {
  ExpectError(AgreeEphemeral(Rsa().public_key()), ErrorCode::kUnsupported, "crypto.key.curve");
  ExpectError(PointOf(Rsa().public_key()), ErrorCode::kUnsupported, "crypto.key.curve");
}

}  // namespace
}  // namespace limequat::crypto
