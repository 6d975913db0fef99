// The halves of the bootstrap key, which Keylime's tenant and verifier send.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/agent/service_for_test.h"
#include "limequat/base/encoding.h"
#include "limequat/crypto/mac.h"

namespace limequat::agent {
namespace {

using crypto::HashAlgorithm;

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

}  // namespace
}  // namespace limequat::agent
