#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/check.h"
#include "limequat/crypto/cipher.h"
#include "limequat/http/server.h"
#include "limequat/http/test_support.h"
#include "limequat/json/value.h"
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

struct Answer {
  int status = 0;
  std::string content_type;
  std::string body;
  json::Value document;

  json::Value At(std::initializer_list<std::string_view> path) const {
    const json::Value* value = &document;
    for (const std::string_view name : path) {
      const json::Object* object = value->as_object();
      value = object == nullptr ? nullptr : object->Find(name);
      if (value == nullptr) return {};
    }
    return *value;
  }
  std::string Text(std::initializer_list<std::string_view> path) const {
    const json::Value value = At(path);
    return value.as_string() != nullptr ? *value.as_string() : "(no text)";
  }
  // "404 …": status and text of Keylime's envelope.
  std::string Told() const {
    if (At({"code"}).as_int64() != status || At({"results"}).as_object() == nullptr)
      return fmt::format("{} without an envelope: {}", status, body);
    return fmt::format("{} {}", status, Text({"status"}));
  }
  // "404 registrar.unknown_agent": an error of /api/v1.
  std::string Error() const { return fmt::format("{} {}", status, Text({"error", "id"})); }
};

// How a caller comes: with an operator's certificate, with a service's, without one,
// or over plain HTTP.
enum class As { kOperator, kService, kNobody, kPlain };

class RegistrarApiTest : public ::testing::Test {
 protected:
  RegistrarApiTest() {
    store_ = *Store::Open("sqlite:" + folder_ / "registrar.db");
    router_ = MakeRouter({.store = *store_, .trust = std::make_shared<tpm::EkTrust>(trust_)});
    plain_ = *http::Server::Listen(runtime_, router_, {});
    http::ListenOptions options;
    options.tls = http::TlsOf(servers_.Server());
    options.tls->client_authorities = {
        {.role = std::string(kOperatorRole), .anchors = {operators_.certificate()}},
        {.role = "service", .anchors = {services_.certificate()}}};
    secure_ = *http::Server::Listen(runtime_, router_, std::move(options));
    const http::Identity alice = operators_.Client("alice");
    const http::Identity service = services_.Client("a service");
    AddCaller(&alice);
    AddCaller(&service);
    AddCaller(nullptr);
  }

  Answer Call(http::Method method, const std::string& target, std::string body = {},
              As as = As::kOperator) {
    const bool tls = as != As::kPlain;
    const http::Endpoint endpoint{.host = "127.0.0.1",
                                  .port = tls ? secure_->port() : plain_->port(),
                                  .tls = tls,
                                  .trust = tls ? http::Anchored(servers_.certificate()) : nullptr};
    const auto& caller = callers_.at(tls ? static_cast<std::size_t>(as) : 2);
    const auto response = caller->SendAndWait(
        endpoint, {.method = method, .target = target, .headers = {}, .body = std::move(body)},
        http::In(std::chrono::seconds(10)));
    if (!response) {
      ADD_FAILURE() << target << ": " << response.error().message;
      return {};
    }
    Answer answer{.status = response->status,
                  .content_type = std::string(response->headers.Find("Content-Type").value_or("")),
                  .body = response->body,
                  .document = {}};
    if (auto document = json::Parse(answer.body)) answer.document = *std::move(document);
    return answer;
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

  void AddCaller(const http::Identity* identity) {
    http::ClientOptions options;
    if (identity != nullptr) {
      options.chain = {identity->certificate};
      options.private_key_pem = identity->key.ExposePem();
    }
    callers_.push_back(*http::Client::Create(runtime_, std::move(options)));
  }

  const http::TestCa servers_{"servers"};
  const http::TestCa operators_{"operators"};
  const http::TestCa services_{"services"};
  testing::Manufacturer manufacturer_;
  tpm::EkTrust trust_{
      .anchors = {manufacturer_.certificate()}, .intermediates = {}, .require_valid_time = false};
  SoftwareTpm tpm_{manufacturer_};
  sql::TemporaryFolder folder_;
  http::Runtime runtime_{{}};
  std::unique_ptr<Store> store_;
  std::shared_ptr<const http::Router> router_;
  std::vector<std::unique_ptr<http::Client>> callers_;
  std::unique_ptr<http::Server> plain_;
  std::unique_ptr<http::Server> secure_;
};

}  // namespace limequat::registrar
