#include "limequat/agent/service.h"

#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limequat/agent/api.h"
#include "limequat/agent/test_support.h"
#include "limequat/base/encoding.h"
#include "limequat/crypto/mac.h"
#include "limequat/device/swtpm_for_test.h"
#include "limequat/tpm/quote.h"
#include "limequat/wire/attestation.h"

namespace limequat::agent {
namespace {

using crypto::HashAlgorithm;
using testing::HasSubstr;

// The lists that the machine of these tests has measured.
constexpr std::string_view kImaList =
    "10 1d8d532d463c9f8c205d0df7787669a85f93e260 ima-ng "
    "sha1:0000000000000000000000000000000000000000 boot_aggregate\n"
    "10 2d8d532d463c9f8c205d0df7787669a85f93e260 ima-ng "
    "sha1:1111111111111111111111111111111111111111 /bin/sh\n"
    "10 3d8d532d463c9f8c205d0df7787669a85f93e260 ima-ng "
    "sha1:2222222222222222222222222222222222222222 /bin/\xe9t\xe9\n";
constexpr std::string_view kBootLog = "firmware log\x01\x02";

void WriteFile(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// A machine with a TPM and its state, without a program.
class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<device::SwTpm>> started = device::SwTpm::Start();
    if (!started && started.error().code == ErrorCode::kNotFound)
      GTEST_SKIP() << started.error().message;
    ASSERT_TRUE(started) << started.error().message;
    swtpm_ = *std::move(started);
    WriteFile(folder_.path() / "ima", kImaList);
    WriteFile(folder_.path() / "boot", kBootLog);
    WriteFile(folder_.path() / "clients.pem", ca_.certificate().ToPem());
    config_.id = "agent-1";
    config_.port = 0;
    config_.contact_port = 9002;
    config_.state_dir = folder_.path() / "state";
    config_.registrar_port = registrar_.port();
    config_.registrar_retry = std::chrono::milliseconds(1);
    config_.registrar_max_retries = 1;
    config_.trusted_client_ca = {folder_.path() / "clients.pem"};
    config_.tcti = swtpm_->tcti();
    config_.ima_log = folder_.path() / "ima";
    config_.boot_log = folder_.path() / "boot";
  }

  Result<std::unique_ptr<Service>> Open() { return Service::Open(runtime_, config_); }
  std::string OpenError() {
    const Result<std::unique_ptr<Service>> service = Open();
    EXPECT_FALSE(service);
    return service ? "" : service.error().id;
  }

  const TemporaryFolder folder_;
  const http::TestCa ca_{"clients"};
  const http::Identity client_identity_ = ca_.Client();
  FakeRegistrar registrar_;
  std::unique_ptr<device::SwTpm> swtpm_;
  config::AgentConfig config_;
  http::Runtime runtime_{RuntimeOptions()};
};

// The same with an agent that serves.
class ServiceTest : public MachineTest {
 protected:
  void SetUp() override {
    MachineTest::SetUp();
    if (swtpm_) Start();
  }

  void Start() {
    Result<std::unique_ptr<Service>> service = Open();
    ASSERT_TRUE(service) << service.error().message;
    service_ = *std::move(service);
    const Status started = service_->Start({});
    ASSERT_TRUE(started) << started.error().message;
    registered_ = registrar_.registration();
    ASSERT_TRUE(registered_);
    const auto certificate =
        crypto::Certificate::FromPem(registered_->transport_certificate.value->pem);
    ASSERT_TRUE(certificate);
    endpoint_ = {.host = "127.0.0.1",
                 .port = service_->port(),
                 .tls = true,
                 .trust = http::Pinned(*certificate)};
    client_ =
        *http::Client::Create(runtime_, {.chain = {client_identity_.certificate},
                                         .private_key_pem = client_identity_.key.ExposePem()});
  }

  struct Answer {
    int status = 0;
    std::string text;
    json::Value results;
    http::Headers headers;
    std::string body;
  };
  Answer Send(http::Method method, std::string target, std::string body = "",
              std::string_view type = "application/json") {
    http::ClientRequest request;
    request.method = method;
    request.target = std::move(target);
    if (!body.empty() || method == http::Method::kPost) request.headers.Set("Content-Type", type);
    request.body = std::move(body);
    Result<http::ClientResponse> response =
        client_->SendAndWait(endpoint_, std::move(request), http::In(std::chrono::seconds(30)));
    EXPECT_TRUE(response) << response.error().message;
    if (!response) return {};
    Answer answer{.status = response->status,
                  .text = {},
                  .results = {},
                  .headers = response->headers,
                  .body = response->body};
    if (const Result<wire::Envelope> envelope = wire::ParseEnvelope(response->body)) {
      EXPECT_EQ(envelope->code, response->status);
      answer.text = envelope->status;
      answer.results = envelope->results;
    }
    return answer;
  }
  Answer Get(std::string target) { return Send(http::Method::kGet, std::move(target)); }
  Answer Post(std::string target, const json::Object& body) {
    return Send(http::Method::kPost, std::move(target), json::Serialize(body));
  }
  void ExpectRefused(const std::string& target, int status, std::string_view text) {
    const Answer answer = Get(target);
    EXPECT_EQ(answer.status, status) << target;
    EXPECT_EQ(answer.text, text) << target;
    EXPECT_EQ(answer.results, json::Value(json::Object())) << target;
  }

  tpm::PublicArea Ak() const { return *tpm::PublicArea::FromTpm2b(registered_->aik_tpm); }

  // The quote of `answer` if it verifies for `nonce` and has `pcrs`.
  std::optional<tpm::VerifiedQuote> Verify(const wire::QuoteAnswer& answer, std::string_view nonce,
                                           tpm::PcrSet pcrs) {
    const Result<tpm::QuoteString> quote = tpm::ParseQuoteString(answer.quote);
    EXPECT_TRUE(quote) << quote.error().message;
    tpm::QuoteRequirements requirements;
    requirements.nonce = ToBytes(nonce);
    requirements.pcrs = {{tpm::AlgorithmId::kSha256, pcrs}};
    auto verification = tpm::VerifyQuote(Ak().key(), quote->attest, quote->signature,
                                         quote->pcrs.values, requirements);
    EXPECT_TRUE(verification) << verification.error().message;
    for (const Finding& finding : verification->findings) {
      EXPECT_EQ(finding.outcome, Outcome::kPassed) << finding.check << finding.detail;
    }
    EXPECT_EQ(quote->pcrs.selection, requirements.pcrs) << "no more than that";
    return std::move(verification->quote);
  }

  std::optional<wire::RegistrationRequest> registered_;
  std::unique_ptr<Service> service_;
  http::Endpoint endpoint_;
  std::unique_ptr<http::Client> client_;
};

TEST_F(ServiceTest, RegistersWhatItIs) {
  EXPECT_EQ(registrar_.activations(), 1);
  EXPECT_EQ(registered_->ip.value, "127.0.0.1");
  EXPECT_EQ(registered_->port.value, 9002);
  EXPECT_TRUE(registered_->ek_certificate.present);
  EXPECT_FALSE(registered_->ek_certificate.value) << "this TPM has no certificate, and says so";
  const tpm::PublicArea ek = *tpm::PublicArea::FromTpm2b(*registered_->ek_tpm.value);
  EXPECT_EQ(tpm::CheckEndorsementKey(ek).outcome, Outcome::kPassed);
  EXPECT_EQ(tpm::CheckAttestationKey(Ak()).outcome, Outcome::kPassed);
}

TEST_F(ServiceTest, SaysItsVersions) {
  const Answer answer = Get("/version");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.results, json::Value(wire::WriteAgentVersions()));
  EXPECT_EQ(answer.headers.Find("Content-Type"), "application/json");
}

TEST_F(ServiceTest, SaysWhoItIs) {
  const Answer answer = Get("/v2.6/agent/info");
  ASSERT_EQ(answer.status, 200);
  const json::Object& info = *answer.results.as_object();
  EXPECT_EQ(*info.Find("agent_uuid"), json::Value("agent-1"));
  EXPECT_EQ(*info.Find("tpm_hash_alg"), json::Value("sha256"));
  EXPECT_EQ(*info.Find("tpm_enc_alg"), json::Value("rsa2048"));
  EXPECT_EQ(*info.Find("tpm_sign_alg"), json::Value("rsassa"));
  EXPECT_TRUE(info.Find("ak_handle")->as_int64());
  EXPECT_EQ(*Get("/v2.4/agent/info").results.as_object()->Find("tpm_enc_alg"), json::Value("rsa"));
  EXPECT_EQ(Get("/v2.1/agent/info").status, 400) << "not there yet";
}

TEST_F(ServiceTest, EveryVersionIsServed) {
  for (const wire::ApiVersion& version : wire::AgentVersions()) {
    const Answer answer = Get("/v" + version.ToString() + "/keys/pubkey");
    EXPECT_EQ(answer.status, 200) << version.ToString();
  }
  // The verifier negotiates anew on exactly these words.
  ExpectRefused("/v2.7/quotes/integrity?nonce=a&mask=0x0&partial=0", 400,
                "API version not supported: v2.7");
  ExpectRefused("/v3.0/quotes/integrity?nonce=a&mask=0x0&partial=0", 400,
                "API version not supported: v3.0");
}

TEST_F(ServiceTest, AnIdentityQuoteBindsTheTransportKey) {
  const Answer answer = Get("/v2.6/quotes/identity?nonce=abcDEF0123456789wxyz");
  ASSERT_EQ(answer.status, 200) << answer.text;
  const Result<wire::QuoteAnswer> quote = wire::ParseQuoteAnswer(answer.body);
  ASSERT_TRUE(quote) << quote.error().message;
  EXPECT_EQ(quote->hash_alg, "sha256");
  EXPECT_EQ(quote->enc_alg, "rsa2048");
  EXPECT_EQ(quote->sign_alg, "rsassa");
  EXPECT_EQ(quote->ima_measurement_list, std::nullopt);
  EXPECT_EQ(quote->mb_measurement_list, std::nullopt);
  ASSERT_TRUE(quote->pubkey);
  const auto verified = Verify(*quote, "abcDEF0123456789wxyz", tpm::PcrSet::Of(16));
  ASSERT_TRUE(verified);
  const crypto::Digest key_digest = crypto::Hash(HashAlgorithm::kSha256, AsBytes(*quote->pubkey));
  EXPECT_EQ(*verified->Pcr(HashAlgorithm::kSha256, 16),
            crypto::Extend(crypto::Digest(HashAlgorithm::kSha256), key_digest.bytes()));
  EXPECT_EQ(*Get("/v2.6/keys/pubkey").results.as_object()->Find("pubkey"),
            json::Value(*quote->pubkey));
  EXPECT_EQ(*Get("/v2.1/quotes/identity?nonce=").results.as_object()->Find("enc_alg"),
            json::Value("rsa"));
}

TEST_F(ServiceTest, AnIntegrityQuoteHasPcrsAndLogs) {
  const Answer answer = Get("/v2.6/quotes/integrity?nonce=n1&mask=0x400&partial=0&ima_ml_entry=0");
  ASSERT_EQ(answer.status, 200) << answer.text;
  const Result<wire::QuoteAnswer> quote = wire::ParseQuoteAnswer(answer.body);
  ASSERT_TRUE(quote) << quote.error().message;
  EXPECT_TRUE(Verify(*quote, "n1", tpm::PcrSet::Of(10) | tpm::PcrSet::Of(16)));
  EXPECT_TRUE(quote->pubkey);
  EXPECT_EQ(quote->ima_measurement_list_entry, 0U);
  EXPECT_EQ(quote->mb_measurement_list, std::nullopt) << "PCR 0 was not asked for";
}

TEST_F(ServiceTest, APartialQuoteHasNoKey) {
  const Result<wire::QuoteAnswer> quote =
      wire::ParseQuoteAnswer(Get("/v2.6/quotes/integrity?nonce=n&mask=0&partial=1").body);
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->pubkey, std::nullopt);
  EXPECT_TRUE(Verify(*quote, "n", tpm::PcrSet::Of(16)));
}

TEST_F(ServiceTest, TheBootLogComesWithPcrZero) {
  const Result<wire::QuoteAnswer> quote = wire::ParseQuoteAnswer(
      Get("/v2.6/quotes/integrity?nonce=n&mask=0xffff&partial=1&ima_ml_entry=3").body);
  ASSERT_TRUE(quote);
  EXPECT_TRUE(Verify(*quote, "n", tpm::PcrSet::Range(0, 16)));
  EXPECT_EQ(quote->mb_measurement_list, Base64Encode(AsBytes(kBootLog)));
}

TEST_F(ServiceTest, TheMeasurementListIsSentFromAnEntry) {
  const auto list = [this](const std::string& entry) {
    return wire::ParseQuoteAnswer(
        Get("/v2.6/quotes/integrity?nonce=n&mask=0x400&partial=1" + entry).body);
  };
  const std::size_t second = kImaList.find('\n') + 1;
  const std::size_t third = kImaList.find('\n', second) + 1;
  EXPECT_EQ(list("&ima_ml_entry=1")->ima_measurement_list->substr(0, third - second),
            kImaList.substr(second, third - second));
  EXPECT_EQ(list("&ima_ml_entry=1")->ima_measurement_list_entry, 1U);
  EXPECT_EQ(list("&ima_ml_entry=3")->ima_measurement_list, "");
  EXPECT_EQ(list("&ima_ml_entry=3")->ima_measurement_list_entry, 3U);
  const std::string whole = *list("")->ima_measurement_list;
  // A bookmark behind the end, and what is no number (quirk A38).
  for (const std::string& entry : {"&ima_ml_entry=4", "&ima_ml_entry=", "&ima_ml_entry=x",
                                   "&ima_ml_entry=-1", "&ima_ml_entry=99999999999999999999999"}) {
    EXPECT_EQ(list(entry)->ima_measurement_list, whole) << entry;
    EXPECT_EQ(list(entry)->ima_measurement_list_entry, 0U) << entry;
  }
  std::ofstream(folder_.path() / "ima", std::ios::app) << "10 new\n";
  EXPECT_EQ(list("&ima_ml_entry=3")->ima_measurement_list, "10 new\n");
}

// JSON cannot carry such a name; the verifier must see that something is wrong.
TEST_F(ServiceTest, Quirk_A39_ANameThatIsNotUtf8IsSentVisiblyChanged) {
  const Result<wire::QuoteAnswer> quote =
      wire::ParseQuoteAnswer(Get("/v2.6/quotes/integrity?nonce=n&mask=0x400&partial=1").body);
  ASSERT_TRUE(quote) << quote.error().message;
  EXPECT_THAT(*quote->ima_measurement_list, HasSubstr("/bin/\xef\xbf\xbdt\xef\xbf\xbd\n"));
}

TEST_F(ServiceTest, BadQuestionsAreRefusedInKeylimesWords) {
  const std::string identity = "/v2.6/quotes/identity";
  const std::string integrity = "/v2.6/quotes/integrity";
  const std::string long_nonce(65, 'n');
  ExpectRefused(identity, 400, "Query deserialize error: missing field `nonce`");
  ExpectRefused(identity + "?nonce=a&nonce=b", 400,
                "Query deserialize error: duplicate field `nonce`");
  ExpectRefused(identity + "?nonce=a-b", 400, "Parameters should be strictly alphanumeric: a-b");
  ExpectRefused(identity + "?nonce=a%0ab", 400, "Parameters should be strictly alphanumeric: a\nb");
  ExpectRefused(identity + "?nonce=" + long_nonce, 400,
                "Nonce is too long (max size 64): " + long_nonce);
  ExpectRefused(integrity, 400, "Query deserialize error: missing field `nonce`");
  ExpectRefused(integrity + "?nonce=a&partial=0", 400,
                "Query deserialize error: missing field `mask`");
  ExpectRefused(integrity + "?nonce=a&mask=0x0", 400,
                "Query deserialize error: missing field `partial`");
  ExpectRefused(integrity + "?nonce=a&mask=0x0&mask=0x1&partial=0", 400,
                "Query deserialize error: duplicate field `mask`");
  ExpectRefused(integrity + "?nonce=a&mask=0x0&partial=0&ima_ml_entry=0&ima_ml_entry=1", 400,
                "Query deserialize error: duplicate field `ima_ml_entry`");
  ExpectRefused(integrity + "?nonce=a.b&mask=!&partial=2", 400,
                "nonce should be strictly alphanumeric: a.b");
  ExpectRefused(integrity + "?nonce=" + long_nonce + "&mask=0x-1&partial=2", 400,
                "mask should be strictly alphanumeric: 0x-1");
  ExpectRefused(integrity + "?nonce=a&mask=0xg&partial=2", 400,
                "mask should be a hex encoded 32-bit integer: 0xg");
  ExpectRefused(integrity + "?nonce=a&mask=&partial=2", 400,
                "mask should be a hex encoded 32-bit integer: ");
  ExpectRefused(integrity + "?nonce=a&mask=0x100000000&partial=0", 400,
                "mask should be a hex encoded 32-bit integer: 0x100000000");
  ExpectRefused(integrity + "?nonce=" + long_nonce + "&mask=0x0&partial=2", 400,
                "Nonce is too long (max size: 64): 65");
  ExpectRefused(integrity + "?nonce=a&mask=0x0&partial=2", 400,
                "uri must contain key 'partial' and value '0' or '1'");
  ExpectRefused(integrity + "?nonce=a&mask=0x0&partial=true", 400,
                "uri must contain key 'partial' and value '0' or '1'");
}

TEST_F(ServiceTest, Quirk_A25_AMaskOfNoRegisterTouchesNothing) {
  ExpectRefused("/v2.6/quotes/integrity?nonce=a&mask=0x1000000&partial=0", 500,
                "Unable to retrieve quote");
  ExpectRefused("/v2.6/quotes/integrity?nonce=a&mask=0xffffffff&partial=0", 500,
                "Unable to retrieve quote");
}

TEST_F(ServiceTest, ANonceOfTheMostBytesIsQuoted) {
  const std::string nonce(wire::kMaxNonce, 'n');
  const Answer answer = Get("/v2.6/quotes/identity?nonce=" + nonce);
  ASSERT_EQ(answer.status, 200) << answer.text;
  EXPECT_TRUE(Verify(*wire::ParseQuoteAnswer(answer.body), nonce, tpm::PcrSet::Of(16)));
}

TEST_F(ServiceTest, TroubleOfTheTpmIsFiveHundredAndPasses) {
  swtpm_->Stop();
  ExpectRefused("/v2.6/quotes/integrity?nonce=a&mask=0x400&partial=0", 500,
                "Unable to retrieve quote");
  ExpectRefused("/v2.6/quotes/identity?nonce=a", 500, "Unable to retrieve quote");
  EXPECT_EQ(Get("/version").status, 200) << "and the rest goes on";
  // A power cycle of the TPM: all that was loaded is gone.
  ASSERT_TRUE(swtpm_->Resume());
  const Answer answer = Get("/v2.6/quotes/identity?nonce=abc");
  ASSERT_EQ(answer.status, 200) << answer.text;
  EXPECT_TRUE(Verify(*wire::ParseQuoteAnswer(answer.body), "abc", tpm::PcrSet::Of(16)))
      << "the same attestation key";
}

TEST_F(ServiceTest, AListThatCannotBeReadIsFiveHundred) {
  std::filesystem::resize_file(folder_.path() / "ima", device::ImaLog::kMaxPart + 1);
  ExpectRefused("/v2.6/quotes/integrity?nonce=a&mask=0x400&partial=0", 500,
                "Unable to retrieve quote");
}

TEST_F(ServiceTest, ABootLogThatCannotBeReadIsLeftOut) {
  std::filesystem::resize_file(folder_.path() / "boot", device::BootLog::kMaxSize + 1);
  const Result<wire::QuoteAnswer> quote =
      wire::ParseQuoteAnswer(Get("/v2.6/quotes/integrity?nonce=n&mask=0x1&partial=0").body);
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->mb_measurement_list, std::nullopt);
}

// Many at once: one after another in front of the TPM, all of them right.
TEST_F(ServiceTest, QuotesWaitForEachOther) {
  std::vector<std::thread> askers;
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([this, i] {
      const std::string nonce = "nonce" + std::to_string(i);
      const Answer answer = Get("/v2.6/quotes/integrity?nonce=" + nonce + "&mask=0x7ff&partial=0");
      ASSERT_EQ(answer.status, 200) << answer.text;
      EXPECT_TRUE(Verify(*wire::ParseQuoteAnswer(answer.body), nonce,
                         tpm::PcrSet::Range(0, 10) | tpm::PcrSet::Of(16)));
    });
  }
  for (std::thread& asker : askers) asker.join();
}

class KeysTest : public ServiceTest {
 protected:
  std::string Encrypt(ByteView half) {
    const json::Value pubkey = *Get("/v2.6/keys/pubkey").results.as_object()->Find("pubkey");
    const auto key = crypto::PublicKey::FromPem(*pubkey.as_string());
    return Base64Encode(*key->EncryptOaep(HashAlgorithm::kSha1, {}, half));
  }
  const Bytes k_ = *HexDecode("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  const Bytes u_ = Bytes(32, 0xa5);
  Bytes V() const {
    Bytes v = k_;
    for (std::uint8_t& byte : v) byte ^= 0xa5;
    return v;
  }
  std::string Tag() const {
    return crypto::Hmac(HashAlgorithm::kSha384, k_, AsBytes("agent-1")).hex();
  }
  void ExpectBad(const std::string& path, const json::Object& body, const std::string& text) {
    const Answer answer = Post(path, body);
    EXPECT_EQ(answer.status, 400) << text;
    EXPECT_THAT(answer.text, testing::StartsWith(text));
  }
};

TEST_F(KeysTest, TheTenantLearnsThatTheVerifierIsContent) {
  ExpectRefused("/v2.6/keys/verify?challenge=abc", 400, "Bootstrap key not yet available.");
  const Answer u = Post("/v2.6/keys/ukey", {{"encrypted_key", Encrypt(u_)}, {"auth_tag", Tag()}});
  EXPECT_EQ(u.status, 200) << u.text;
  EXPECT_TRUE(u.results.is_null()) << "quirk A35";
  ExpectRefused("/v2.6/keys/verify?challenge=abc", 400, "Bootstrap key not yet available.");
  const Answer v = Post("/v2.6/keys/vkey", {{"encrypted_key", Encrypt(V())}});
  EXPECT_EQ(v.status, 200) << v.text;
  EXPECT_TRUE(v.results.is_null());
  const Answer proof = Get("/v2.6/keys/verify?challenge=abc");
  ASSERT_EQ(proof.status, 200);
  EXPECT_EQ(*proof.results.as_object()->Find("hmac"),
            json::Value(crypto::Hmac(HashAlgorithm::kSha384, k_, AsBytes("abc")).hex()));
  ExpectRefused("/v2.6/keys/verify", 400, "Query deserialize error: missing field `challenge`");
  ExpectRefused("/v2.6/keys/verify?challenge=", 400, "No challenge provided.");
  ExpectRefused("/v2.6/keys/verify?challenge=a_b", 400,
                "Parameters should be strictly alphanumeric: a_b");
}

TEST_F(KeysTest, PayloadsAreRefused) {
  for (const json::Value& none : {json::Value(nullptr), json::Value("")}) {
    EXPECT_EQ(Post("/v2.6/keys/ukey",
                   {{"encrypted_key", Encrypt(u_)}, {"auth_tag", Tag()}, {"payload", none}})
                  .status,
              200);
  }
  const Answer answer =
      Post("/v2.6/keys/ukey",
           {{"encrypted_key", Encrypt(u_)}, {"auth_tag", Tag()}, {"payload", "AAAA"}});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.text, "payloads are not supported by this agent");
}

TEST_F(KeysTest, BadHalvesAreRefusedInKeylimesWords) {
  for (const std::string path : {"/v2.6/keys/ukey", "/v2.6/keys/vkey"}) {
    const std::string wrong_length =
        path.ends_with("ukey") ? "Invalid decrypted key: " : "Decrypted key is invalid: ";
    ExpectBad(path, {{"encrypted_key", "*"}, {"auth_tag", Tag()}},
              "Invalid base64 encoding in encrypted_key: ");
    ExpectBad(path, {{"encrypted_key", "AAAA"}, {"auth_tag", Tag()}},
              "Failed to decrypt encrypted_key: ");
    ExpectBad(path, {{"encrypted_key", ""}, {"auth_tag", Tag()}},
              "Failed to decrypt encrypted_key: ");
    ExpectBad(path, {{"encrypted_key", Encrypt(Bytes(31, 1))}, {"auth_tag", Tag()}}, wrong_length);
    ExpectBad(path, {{"encrypted_key", Encrypt({})}, {"auth_tag", Tag()}}, wrong_length);
    ExpectBad(path, {{"encrypted_key", 1}, {"auth_tag", Tag()}}, "Json deserialize error: ");
    ExpectBad(path, {{"auth_tag", Tag()}}, "Json deserialize error: ");
    EXPECT_EQ(Send(http::Method::kPost, path, "{").text.substr(0, 24), "Json deserialize error: ");
    EXPECT_EQ(Send(http::Method::kPost, path, "").status, 400);
    EXPECT_EQ(Send(http::Method::kPost, path,
                   "{\"encrypted_key\":\"a\",\"encrypted_key\":\"a\",\"auth_tag\":\"\"}")
                  .status,
              400);
    EXPECT_EQ(Send(http::Method::kPost, path, "{}", "text/plain").text, "Content type error");
    EXPECT_EQ(Send(http::Method::kPost, path, std::string(5U << 20U, ' ')).status, 413);
  }
  const std::string half = Encrypt(u_);
  ExpectBad("/v2.6/keys/ukey", {{"encrypted_key", half}, {"auth_tag", "zz"}},
            "Invalid hex encoding in auth_tag: ");
  ExpectBad("/v2.6/keys/ukey", {{"encrypted_key", half}, {"auth_tag", "00"}},
            "auth tag length 1 does not correspond to valid SHA-384 HMAC");
  ExpectBad("/v2.6/keys/ukey", {{"encrypted_key", half}}, "Json deserialize error: ");
  ExpectBad("/v2.6/keys/ukey", {{"encrypted_key", half}, {"auth_tag", Tag()}, {"payload", 1}},
            "Json deserialize error: ");
  EXPECT_EQ(Send(http::Method::kPost, "/v2.6/keys/vkey",
                 json::Serialize(json::Object{{"encrypted_key", half}}),
                 "Application/JSON; charset=utf-8")
                .status,
            200);
}

TEST_F(ServiceTest, RevocationNoticesAreTakenAndOnlyTold) {
  const Answer answer = Post("/v2.6/notifications/revocation",
                             {{"msg", "{\"type\": \"revocation\"}"}, {"signature", ""}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.results.is_null());
  EXPECT_EQ(Post("/v2.6/notifications/revocation", {{"msg", 1}, {"signature", ""}}).status, 400);
  EXPECT_EQ(Post("/v2.6/notifications/revocation", {{"msg", "x"}}).status, 400);
  EXPECT_EQ(Send(http::Method::kPost, "/v2.6/notifications/revocation", "{").status, 400);
  EXPECT_EQ(Send(http::Method::kPost, "/v2.6/notifications/revocation", "{}", "text/plain").text,
            "Content type error");
}

TEST_F(ServiceTest, UnknownPathsAreAnsweredAsKeylimeDoes) {
  EXPECT_EQ(Get("/").status, 400);
  ExpectRefused(
      "/v2.6/keys/x", 400,
      "URI not supported, only /pubkey and /verify are supported for GET in /keys interface");
  const Answer unknown = Send(http::Method::kPut, "/v2.6/quotes/x", "{}");
  EXPECT_EQ(unknown.status, 405);
  EXPECT_EQ(unknown.headers.Find("Allow"), "GET");
  const Answer known = Send(http::Method::kPost, "/v2.6/quotes/identity?nonce=a", "{}");
  EXPECT_EQ(known.status, 405);
  EXPECT_EQ(known.headers.Find("Allow"), "GET");
  EXPECT_EQ(known.body, "");
}

TEST_F(ServiceTest, NobodyIsServedWithoutACertificateOfTheAuthority) {
  const http::TestCa stranger("stranger");
  const http::Identity wrong = stranger.Client();
  const http::Identity self_signed = http::SelfSigned(http::Named("client"));
  const http::Identity server = ca_.Server();
  for (const http::Identity* identity :
       std::vector<const http::Identity*>{nullptr, &wrong, &self_signed, &server}) {
    http::RawClient raw(service_->port());
    // With TLS 1.3 the refusal may arrive after the client's side of the handshake.
    if (raw.StartTls(identity)) {
      EXPECT_FALSE(raw.Exchange("GET /version HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
  }
  http::RawClient plain(service_->port());
  EXPECT_FALSE(plain.Exchange("GET /version HTTP/1.1\r\nHost: a\r\n\r\n"));
  http::RawClient good(service_->port());
  ASSERT_TRUE(good.StartTls(&client_identity_));
  EXPECT_EQ(good.Exchange("GET /version HTTP/1.1\r\nHost: a\r\n\r\n")->status, 200);
}

// The queue in front of the TPM is bounded, and a full one is never 503: Keylime's
// verifier would give the machine up.
TEST_F(ServiceTest, AFullQueueIsFiveHundred) {
  // Behind the work that runs, as many as the queue takes.
  const auto release = std::make_shared<http::Gate>();
  http::Gate running;
  ASSERT_TRUE(runtime_.Post(http::Lane::kEvidence, [release, &running] {
    running.Open();
    EXPECT_TRUE(release->Wait());
  }));
  ASSERT_TRUE(running.Wait());
  while (runtime_.Post(http::Lane::kEvidence, [] {})) {
  }
  ExpectRefused("/v2.6/quotes/identity?nonce=a", 500, "the agent is busy");
  EXPECT_EQ(Get("/version").status, 200) << "the rest goes on";
  release->Open();
  EXPECT_TRUE(
      http::Eventually([this] { return Get("/v2.6/quotes/identity?nonce=a").status == 200; }));
}

TEST_F(ServiceTest, OneAgentForOneState) { EXPECT_EQ(OpenError(), "agent.state.in_use"); }

// Answers to the recorded questions of Keylime's tenant and verifier have the members
// of the recorded answers, in their order, with values of the same types.
TEST_F(ServiceTest, Replay_RecordedQuestionsAreAnsweredAlike) {
  const auto shape = [](const json::Value& value) {
    std::vector<std::pair<std::string, std::string>> members;
    if (const json::Object* object = value.as_object()) {
      for (const auto& [name, member] : *object) members.emplace_back(name, member.type_name());
    }
    return members;
  };
  int seen = 0;
  for (const std::string scenario :
       {"pull-pass", "pull-ima-fail", "agent-restart", "tenant-tour"}) {
    std::ifstream file(std::string(LQ_SOURCE_DIR) + "/../shared/corpus/wire/" + scenario +
                       "/server-agent.jsonl");
    for (std::string line; std::getline(file, line);) {
      const json::Value record = *json::Parse(line);
      const auto text = [&record](std::string_view name) {
        return *record.as_object()->Find(name)->as_string();
      };
      // The halves of keys are encrypted for another machine.
      if (!record.as_object()->Contains("method") || text("path").find("key") != std::string::npos)
        continue;
      const std::string target = text("path") + (text("query").empty() ? "" : "?" + text("query"));
      const std::string request =
          *record.as_object()->Find("request_body")->as_object()->Find("text")->as_string();
      const Answer answer =
          text("method") == "GET" ? Get(target) : Send(http::Method::kPost, target, request);
      EXPECT_EQ(answer.status, record.as_object()->Find("status")->as_int64()) << target;
      const std::string recorded =
          *record.as_object()->Find("response_body")->as_object()->Find("text")->as_string();
      EXPECT_EQ(shape(answer.results), shape(wire::ParseEnvelope(recorded)->results)) << target;
      ++seen;
    }
  }
  if (seen == 0) GTEST_SKIP() << "the recorded conversations (../shared/corpus/wire) are absent";
}

TEST_F(MachineTest, EveryRouteWantsACertificate) {
  const std::unique_ptr<device::Tpm> tpm = *device::Tpm::Open(swtpm_->tcti());
  const StateFolder state = *StateFolder::Open(config_.state_dir);
  const device::Tpm::Key ek = *tpm->CreateEndorsementKey(device::KeyKind::kRsa2048);
  const crypto::PrivateKey key = *ObtainTransportKey(state);
  const wire::AgentId id = *wire::AgentId::Parse("agent-1");
  Evidence evidence(*tpm, *ObtainAttestationKey(*tpm, ek, {}, state), {}, {}, key.public_key(), {});
  BootstrapKey bootstrap_key(id);
  const http::Router router = MakeRouter(
      {.id = id, .transport_key = key, .evidence = evidence, .bootstrap_key = bootstrap_key});
  // 2.1 has no agent/info.
  EXPECT_EQ(router.routes().size(), 1U + 6U * 8U - 1U);
  for (const http::Router::Route& route : router.routes()) {
    EXPECT_FALSE(route.access.is_public()) << route.pattern;
    EXPECT_FALSE(route.access.Allows({})) << route.pattern;
  }
}

TEST_F(MachineTest, Attack_A17_ALabsAuthorityIsRefusedOutsideALab) {
  crypto::CertificateRequest request = http::Named("lab");
  request.ca = true;
  request.lab = true;
  const http::Identity lab = http::SelfSigned(request);
  WriteFile(folder_.path() / "clients.pem", ca_.certificate().ToPem() + lab.certificate.ToPem());
  const Status checked = CheckConfiguration(config_);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().id, "config.lab");
  EXPECT_EQ(OpenError(), "config.lab");
  config_.lab = true;
  EXPECT_TRUE(CheckConfiguration(config_));
  EXPECT_TRUE(Open());
}

TEST_F(MachineTest, AConfigurationThatCannotWorkIsRefused) {
  const config::AgentConfig good = config_;
  ASSERT_TRUE(CheckConfiguration(good));
  const auto refused = [&](const std::function<void(config::AgentConfig&)>& change) {
    config_ = good;
    change(config_);
    const Status status = CheckConfiguration(config_);
    EXPECT_FALSE(status);
    EXPECT_EQ(OpenError(), status ? "" : status.error().id);
    return status ? "" : status.error().id;
  };
  EXPECT_EQ(refused([](config::AgentConfig& c) { c.id = "../x"; }), "wire.agent_id");
  EXPECT_EQ(refused([](config::AgentConfig& c) { c.tpm_key = "rsa1024"; }), "agent.algorithm");
  EXPECT_EQ(refused([](config::AgentConfig& c) { c.tpm_key = "ecc256"; }), "agent.algorithm")
      << "with rsassa";
  EXPECT_EQ(refused([](config::AgentConfig& c) { c.ek_handle = "0x8101zz"; }), "agent.ek_handle");
  EXPECT_EQ(refused([](config::AgentConfig& c) { c.ek_handle = "0x8101000100"; }),
            "agent.ek_handle");
  EXPECT_EQ(refused([&](config::AgentConfig& c) {
              c.trusted_client_ca = {folder_.path() / "absent.pem"};
            }),
            "config.file");
  config_ = good;
  config_.ek_handle = "80000001";
  EXPECT_EQ(OpenError(), "device.ek_handle");
  config_ = good;
  config_.tcti = "cmd:/bin/true";
  EXPECT_EQ(OpenError(), "device.tcti");
}

TEST_F(MachineTest, WithoutATpmThereIsNoAgent) {
  swtpm_->Stop();
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_FALSE(service);
  EXPECT_EQ(service.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(service.error().id, "device.tpm.open");
}

TEST_F(MachineTest, AnAgentThatIsNotRegisteredDoesNotServe) {
  FakeRegistrar refusing([](const http::Request& request, int) -> std::optional<http::Response> {
    if (request.method == http::Method::kPut) return Envelope(403, "no");
    return std::nullopt;
  });
  // A port of our choice, so that it can be tried.
  const std::uint16_t port = http::TestServer(http::Router()).port();
  config_.port = port;
  config_.registrar_port = refusing.port();
  {
    const Result<std::unique_ptr<Service>> service = Open();
    ASSERT_TRUE(service);
    const Status started = (*service)->Start({});
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, ErrorCode::kConflict);
  }
  config_.registrar_port = registrar_.port();
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service);
  EXPECT_TRUE((*service)->Start({})) << "nobody listened on the port";
  EXPECT_EQ((*service)->port(), port);
}

TEST_F(MachineTest, APortThatIsTakenIsUnavailable) {
  const http::TestServer other{http::Router()};
  config_.port = other.port();
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service);
  const Status started = (*service)->Start({});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
}

TEST_F(MachineTest, StoppingEndsTheWaitForARegistrar) {
  http::CancelSource stopping;
  FakeRegistrar broken([&stopping](const http::Request&, int) -> std::optional<http::Response> {
    stopping.Cancel();
    return Envelope(500, "later");
  });
  config_.registrar_port = broken.port();
  config_.registrar_retry = std::chrono::hours(1);
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service);
  const Status started = (*service)->Start(stopping.token());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::kUnavailable);
}

TEST_F(MachineTest, TheIdentifierMayBeTheHashOfTheEndorsementKey) {
  config_.id = "hash_ek";
  config_.contact_port = 0;
  config_.port = http::TestServer(http::Router()).port();
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service);
  ASSERT_TRUE((*service)->Start({}));
  const tpm::PublicArea ek = *tpm::PublicArea::FromTpm2b(*registrar_.registration()->ek_tpm.value);
  EXPECT_EQ((*service)->id().text(), EkHash(ek));
  EXPECT_EQ(registrar_.registration()->port.value, config_.port);
}

TEST_F(MachineTest, EveryKindOfKeyAttests) {
  for (const auto& [key, signing, hash] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"rsa2048", "rsapss", "sha256"},
           {"ecc256", "ecdsa", "sha256"},
           {"ecc384", "ecdsa", "sha384"}}) {
    config_.tpm_key = key;
    config_.tpm_signing = signing;
    config_.tpm_hash = hash;
    const Result<std::unique_ptr<Service>> service = Open();
    ASSERT_TRUE(service) << key << service.error().message;
    EXPECT_TRUE((*service)->Start({})) << key;
  }
  EXPECT_EQ(registrar_.activations(), 3);
}

// swtpm has three slots and no resource manager.
TEST_F(MachineTest, Quirk_A23_ManyStartsLeaveNothingBehind) {
  Bytes aik;
  std::string certificate;
  for (int round = 0; round < 10; ++round) {
    const Result<std::unique_ptr<Service>> service = Open();
    ASSERT_TRUE(service) << round << service.error().message;
    // Every other time it ends before it was registered.
    if (round % 2 == 1) continue;
    ASSERT_TRUE((*service)->Start({})) << round;
    const auto registered = registrar_.registration();
    if (round == 0) {
      aik = registered->aik_tpm;
      certificate = registered->transport_certificate.value->pem;
    }
    EXPECT_EQ(registered->aik_tpm, aik) << "the same attestation key";
    EXPECT_EQ(registered->transport_certificate.value->pem, certificate);
  }
  // Three keys fit: none of the slots is taken.
  const std::unique_ptr<device::Tpm> tpm = *device::Tpm::Open(swtpm_->tcti());
  std::vector<device::Tpm::Key> keys;
  for (int i = 0; i < 3; ++i) {
    Result<device::Tpm::Key> ek = tpm->CreateEndorsementKey(device::KeyKind::kEcc256);
    ASSERT_TRUE(ek) << i << ek.error().message;
    keys.push_back(*std::move(ek));
  }
}

// A process that dies leaves its attestation key in the TPM; the next one finds it.
TEST_F(MachineTest, Quirk_A23_AKilledAgentComesBack) {
  const auto aik = [this] {
    const Result<std::unique_ptr<Service>> service = Open();
    EXPECT_TRUE(service) << service.error().message;
    if (!service) return Bytes();
    EXPECT_TRUE((*service)->Start({}));
    return registrar_.registration()->aik_tpm;
  };
  const Bytes before = aik();
  for (int i = 0; i < 6; ++i) {
    // Only this thread exists in the child: it opens the keys and dies with them.
    const pid_t child = ::fork();
    if (child == 0) {
      const std::unique_ptr<device::Tpm> tpm = *device::Tpm::Open(config_.tcti);
      const StateFolder state = *StateFolder::Open(config_.state_dir);
      if (!FlushOldAttestationKey(*tpm, state)) ::_exit(2);
      Result<device::Tpm::Key> ek = tpm->CreateEndorsementKey(device::KeyKind::kRsa2048);
      if (!ek) ::_exit(3);
      const Result<device::Tpm::Key> ak = ObtainAttestationKey(*tpm, *ek, {}, state);
      if (!ak) ::_exit(4);
      {
        const device::Tpm::Key flushed = *std::move(ek);
      }
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0) << "round " << i;
  }
  EXPECT_EQ(aik(), before);
}

TEST_F(MachineTest, LogsThatAreNotThereAreNoEvidence) {
  config_.ima_log = folder_.path() / "absent";
  config_.boot_log = folder_.path() / "absent";
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service) << service.error().message;
}

TEST_F(MachineTest, TheOperatorsCertificateIsRegistered) {
  const http::Identity own = ca_.Server("agent");
  const std::filesystem::path certificate = folder_.path() / "own.pem";
  const std::filesystem::path key = folder_.path() / "own.key";
  WriteFile(certificate, own.certificate.ToPem());
  WriteFile(key, own.key.ExposePem());
  std::filesystem::permissions(
      key, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  config_.server_certificate = certificate;
  config_.server_key = key;
  const Result<std::unique_ptr<Service>> service = Open();
  ASSERT_TRUE(service) << service.error().message;
  ASSERT_TRUE((*service)->Start({}));
  EXPECT_EQ(registrar_.registration()->transport_certificate.value->pem, own.certificate.ToPem());
}

}  // namespace
}  // namespace limequat::agent
