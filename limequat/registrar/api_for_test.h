#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/check.h"
#include "limequat/crypto/cipher.h"
#include "limequat/http/api_for_test.h"
#include "limequat/http/server.h"
#include "limequat/registrar/api.h"
#include "limequat/registrar/clock.h"
#include "limequat/registrar/testing.h"
#include "limequat/sql/temporary_folder_test.h"
#include "limequat/tpm/credential.h"
#include "limequat/wire/registration.h"

// What the tests of the API share: a TPM in software, and a registrar with both of its
// listeners.

namespace limequat::registrar {

// RSA keys take long to make: the tests of one process share theirs.
inline const crypto::PrivateKey& EkKey(int number) {
  static std::map<int, crypto::PrivateKey> keys;
  const auto known = keys.find(number);
  if (known != keys.end()) return known->second;
  return keys.emplace(number, crypto::PrivateKey::GenerateRsa(2048)).first->second;
}

// A TPM whose endorsement key is here: it releases what was encrypted to it (TPM 2.0
// part 1, 24.5: ActivateCredential).
class SoftwareTpm {
 public:
  explicit SoftwareTpm(const testing::Manufacturer& manufacturer, int number = 1)
      : ek_(EkKey(number)), certificate_(manufacturer.CertificateFor(ek_.public_key())) {}

  wire::Registration Registration() const {
    return {.aik_tpm = ak_.tpm2b(),
            .ek_tpm = Ek().tpm2b(),
            .ek_certificate_pem = certificate_.ToPem(),
            .ip = "127.0.0.1",
            .port = 9002,
            .transport_certificate_pem = "disabled"};
  }

  // The secret in the credential, or nothing of it for another key's.
  Bytes Release(ByteView blob) const {
    const auto credential = tpm::ParseCredentialBlob(blob);
    LQ_CHECK(credential.has_value());
    const Bytes seed = DecryptSeed(credential->encrypted_secret);
    ByteReader object(credential->id_object);
    LQ_CHECK(object.SizedU16Be("integrity").has_value());
    const auto encrypted = object.Take(object.remaining(), "identity");
    const Bytes key =
        tpm::Kdfa(crypto::HashAlgorithm::kSha256, seed, "STORAGE", ak_.Name(), {}, 128);
    const auto identity = crypto::AesCfb128DecryptZeroIv(key, *encrypted);
    return identity && identity->size() > 2 ? Bytes(identity->begin() + 2, identity->end())
                                            : Bytes();
  }

 private:
  tpm::PublicArea Ek() const {
    return tpm::testing::MakePublicArea(tpm::testing::EkTemplate(), ek_.public_key());
  }

  Bytes DecryptSeed(ByteView encrypted) const {
    const std::string pem = ek_.ExposePem();
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key, nullptr);
    EVP_PKEY_decrypt_init(context);
    EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING);
    EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256());
    constexpr std::string_view kLabel("IDENTITY\0", 9);
    void* label = OPENSSL_memdup(kLabel.data(), kLabel.size());
    EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, static_cast<int>(kLabel.size()));
    Bytes seed(512);
    std::size_t size = seed.size();
    if (EVP_PKEY_decrypt(context, seed.data(), &size, encrypted.data(), encrypted.size()) != 1)
      size = 0;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(bio);
    seed.resize(size);
    return seed;
  }

  crypto::PrivateKey ek_;
  tpm::PublicArea ak_ = tpm::testing::MakePublicArea(
      tpm::testing::AkTemplate(tpm::AlgorithmId::kEcdsa),
      crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key());
  crypto::Certificate certificate_;
};

using http::As;
using Answer = http::ApiAnswer;

class RegistrarApiTest : public ::testing::Test {
 protected:
  RegistrarApiTest() {
    store_ = *Store::Open("sqlite:" + folder_ / "registrar.db");
    router_ = MakeRouter({.store = *store_, .trust = std::make_shared<tpm::EkTrust>(trust_)});
    plain_ = *http::Server::Listen(runtime_, router_, {});
    secure_ = *http::Server::Listen(runtime_, router_, callers_.Secure());
  }

  Answer Call(http::Method method, const std::string& target, std::string body = {},
              As as = As::kOperator) {
    const http::Server& server = as == As::kPlain ? *plain_ : *secure_;
    return callers_.Call(server.port(), as, method, target, std::move(body));
  }
  Answer Get(const std::string& target, As as = As::kOperator) {
    return Call(http::Method::kGet, target, {}, as);
  }
  // As agents do: over plain HTTP.
  Answer Register(std::string_view id, const wire::Registration& registration) {
    return Call(http::Method::kPost, fmt::format("/v2.6/agents/{}", id),
                wire::WriteRegistration(registration), As::kPlain);
  }
  Answer Activate(std::string_view id, ByteView secret) {
    return Call(http::Method::kPut, fmt::format("/v2.6/agents/{}", id),
                wire::WriteActivation(wire::AuthTag(secret, *wire::AgentId::Parse(id))),
                As::kPlain);
  }
  Bytes SecretOf(const Answer& registered) {
    const auto blob = wire::ParseRegistrationResults(registered.At({"results"}));
    EXPECT_TRUE(blob) << registered.body;
    return blob ? tpm_.Release(*blob) : Bytes();
  }
  // Registers and activates `tpm_`.
  void Activated(std::string_view id) {
    ASSERT_EQ(Activate(id, SecretOf(Register(id, tpm_.Registration()))).Told(), "200 Success");
  }

  void Execute(const std::string& statement) {
    const Status done = store_->database().Write({}, [&](sql::Connection& connection) -> Status {
      const auto changed = connection.Execute(statement);
      return changed ? Status() : Status(changed.error());
    });
    EXPECT_TRUE(done) << done.error().message;
  }

  testing::Manufacturer manufacturer_;
  tpm::EkTrust trust_{
      .anchors = {manufacturer_.certificate()}, .intermediates = {}, .require_valid_time = false};
  SoftwareTpm tpm_{manufacturer_};
  sql::TemporaryFolder folder_;
  http::Runtime runtime_{{}};
  http::ApiCallers callers_{runtime_, std::string(kOperatorRole)};
  std::unique_ptr<Store> store_;
  std::shared_ptr<const http::Router> router_;
  std::unique_ptr<http::Server> plain_;
  std::unique_ptr<http::Server> secure_;
};

}  // namespace limequat::registrar
