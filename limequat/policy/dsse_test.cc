#include "limequat/policy/dsse.h"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/json/value.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {
namespace {

using crypto::Curve;
using crypto::HashAlgorithm;
using crypto::PrivateKey;
using crypto::SignatureScheme;
using ::testing::HasSubstr;

const Time kNow = Time(std::chrono::seconds(1'795'597'445));  // 2026-11-25
constexpr std::string_view kPayload = R"({"what": "a policy"})";

const PrivateKey& Key(std::size_t number = 0) {
  static const PrivateKey keys[] = {PrivateKey::GenerateEc(Curve::kP256),
                                    PrivateKey::GenerateEc(Curve::kP256),
                                    PrivateKey::GenerateEc(Curve::kP256)};
  return keys[number];
}

EnvelopeSignature SignatureOf(const PrivateKey& key, std::string_view key_id = {}) {
  return *SignPayload(kKeylimePayloadType, kPayload, key, key_id);
}

std::string Envelope(const std::vector<EnvelopeSignature>& signatures,
                     std::string_view payload = kPayload,
                     std::string_view type = kKeylimePayloadType) {
  return WriteEnvelope(type, payload, signatures);
}

EnvelopeVerification Verify(const std::string& text, const TrustedSigners& signers) {
  auto envelope = UnverifiedEnvelope::Parse(text);
  EXPECT_TRUE(envelope) << envelope.error().message;
  return VerifyEnvelope(*std::move(envelope), signers);
}

TrustedSigners Trust(std::initializer_list<const PrivateKey*> keys, std::size_t threshold = 1) {
  TrustedSigners signers;
  for (const PrivateKey* key : keys) signers.keys.push_back(key->public_key());
  signers.threshold = threshold;
  signers.at = kNow;
  return signers;
}

std::string DetailOf(const EnvelopeVerification& verification, std::string_view check) {
  const Finding* finding = FindCheck(verification.findings, check);
  return finding == nullptr ? "(absent)" : finding->detail;
}

void ExpectRefused(const EnvelopeVerification& verification, std::string_view check) {
  EXPECT_FALSE(verification.envelope);
  const Finding* finding = FindCheck(verification.findings, check);
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->outcome, Outcome::kFailed);
}

// --- Reading ---

TEST(ParseEnvelope, ReadsWhatIsWritten) {
  const std::string text = Envelope({SignatureOf(Key()), SignatureOf(Key(1), "named")});
  const auto envelope = UnverifiedEnvelope::Parse(text);
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->payload_type(), kKeylimePayloadType);
  EXPECT_EQ(envelope->unverified_payload(), kPayload);
  ASSERT_EQ(envelope->signatures().size(), 2U);
  EXPECT_EQ(envelope->signatures()[0].key_id, KeyIdOf(Key().public_key()));
  EXPECT_EQ(envelope->signatures()[1].key_id, "named");
  EXPECT_EQ(envelope->hash(), crypto::Hash(HashAlgorithm::kSha256, AsBytes(text)));
  EXPECT_EQ(WriteEnvelope(envelope->payload_type(), envelope->unverified_payload(),
                          envelope->signatures()),
            text);
}

TEST(ParseEnvelope, HasKeylimesOrderOfMembers) {
  EXPECT_EQ(Envelope({{.key_id = "k", .signature = {1, 2, 3}}, {.key_id = "", .signature = {4}}}),
            R"({"payload":"eyJ3aGF0IjogImEgcG9saWN5In0=",)"
            R"("payloadType":"application/vnd.keylime+json",)"
            R"("signatures":[{"keyid":"k","sig":"AQID"},{"sig":"BA=="}]})");
}

TEST(ParseEnvelope, TakesEverySpellingThatKeylimeTakes) {
  const auto payload_of = [](std::string_view payload) {
    const auto envelope = UnverifiedEnvelope::Parse(R"({"payload":")" + std::string(payload) +
                                                    R"(","payloadType":"t","signatures":[]})");
    return envelope ? std::string(envelope->unverified_payload()) : envelope.error().message;
  };
  EXPECT_EQ(payload_of("/+/+"), "\xff\xef\xfe");
  EXPECT_EQ(payload_of("_-_-"), "\xff\xef\xfe");
  EXPECT_EQ(payload_of("ffeffe"), "\xff\xef\xfe");
  // Quirk Q24: four hexadecimal digits are two bytes, not three in base64.
  EXPECT_EQ(payload_of("ABCD"), "\xab\xcd");
}

TEST(ParseEnvelope, IgnoresMembersNobodyKnowsAndTakesAnAbsentKeyId) {
  const auto envelope = UnverifiedEnvelope::Parse(
      R"({"x":[{}],"payload":"AQID","payloadType":"t","signatures":[{"sig":"AQID","y":1},)"
      R"({"sig":"AQID","keyid":null}]})");
  ASSERT_TRUE(envelope) << envelope.error().message;
  EXPECT_EQ(envelope->signatures()[0].key_id, "");
  EXPECT_EQ(envelope->signatures()[1].key_id, "");
}

std::string With(std::string_view payload, std::string_view type, std::string_view signatures) {
  return R"({"payload":)" + std::string(payload) + R"(,"payloadType":)" + std::string(type) +
         R"(,"signatures":)" + std::string(signatures) + "}";
}

TEST(ParseEnvelope, RefusesWhatIsNoEnvelope) {
  const std::string good = With(R"("AQID")", R"("t")", R"([{"sig":"AQID"}])");
  ASSERT_TRUE(UnverifiedEnvelope::Parse(good));
  std::string many = "[";
  for (std::size_t i = 0; i < kMaxSignatures; ++i) many += R"({"sig":"AQID"},)";
  std::string too_many = many + R"({"sig":"AQID"}])";
  many.back() = ']';
  ASSERT_TRUE(UnverifiedEnvelope::Parse(With(R"("AQID")", R"("t")", many)));
  const std::string longest(255, 't');
  ASSERT_TRUE(UnverifiedEnvelope::Parse(With(R"("AQID")", '"' + longest + '"', "[]")));

  const std::string cases[] = {
      "",
      "[]",
      "{}",
      good + " x",
      R"({"payload":"AQID","payload":"AQID","payloadType":"t","signatures":[]})",
      R"({"payload":"AQID","payloadType":"t"})",
      R"({"payload":"AQID","signatures":[]})",
      R"({"payloadType":"t","signatures":[]})",
      With("1", R"("t")", "[]"),
      With(R"("")", R"("t")", "[]"),
      With(R"("AQI")", R"("t")", "[]"),
      With(R"("AQI*")", R"("t")", "[]"),
      With(R"("AQID")", "null", "[]"),
      With(R"("AQID")", R"("")", "[]"),
      With(R"("AQID")", R"("t\u00e9")", "[]"),
      With(R"("AQID")", R"("t\n")", "[]"),
      With(R"("AQID")", R"("t\u007f")", "[]"),
      With(R"("AQID")", '"' + longest + "t\"", "[]"),
      With(R"("AQID")", R"("t")", "{}"),
      With(R"("AQID")", R"("t")", "[1]"),
      With(R"("AQID")", R"("t")", "[{}]"),
      With(R"("AQID")", R"("t")", R"([{"sig":""}])"),
      With(R"("AQID")", R"("t")", R"([{"sig":"*"}])"),
      With(R"("AQID")", R"("t")", R"([{"sig":1}])"),
      With(R"("AQID")", R"("t")", R"([{"sig":"AQID","keyid":1}])"),
      With(R"("AQID")", R"("t")", too_many),
      With(R"("AQID")", R"("t")",
           R"([{"sig":")" + std::string(2 * kMaxSignatureBytes + 4, 'A') + R"("}])"),
      With(R"("AQID")", R"("t")",
           R"([{"sig":"AQID","keyid":")" + std::string(kMaxKeyIdBytes + 1, 'A') + R"("}])"),
  };
  for (const std::string& text : cases) {
    const auto envelope = UnverifiedEnvelope::Parse(text);
    ASSERT_FALSE(envelope) << text.substr(0, 200);
    EXPECT_EQ(envelope.error().code, ErrorCode::kMalformed);
    EXPECT_EQ(envelope.error().id, "policy.envelope");
  }
}

TEST(ParseEnvelope, EndsOnHostileSizesWithoutReadingThemTwice) {
  EXPECT_FALSE(UnverifiedEnvelope::Parse(std::string(kMaxEnvelopeBytes + 1, ' ')));
  std::string deep(100'000, '[');
  EXPECT_FALSE(UnverifiedEnvelope::Parse(deep));
  // A value takes more memory than its two characters: their number is limited.
  std::string values = R"({"payload":"AQID","payloadType":"t","signatures":[],"x":[1)";
  for (int i = 0; i < 10'000; ++i) values += ",1";
  const auto envelope = UnverifiedEnvelope::Parse(values + "]}");
  ASSERT_FALSE(envelope);
  EXPECT_THAT(envelope.error().message, HasSubstr("too many values"));
}

// --- Signatures ---

TEST(PreAuthEncoding, IsThatOfTheStandard) {
  EXPECT_EQ(AsText(PreAuthEncoding("http://example.com/HelloWorld", "hello world")),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  EXPECT_EQ(AsText(PreAuthEncoding("", "")), "DSSEv1 0  0 ");
}

TEST(VerifyEnvelope, TakesWhatEveryKindOfKeySigns) {
  const PrivateKey keys[] = {PrivateKey::GenerateEc(Curve::kP256),
                             PrivateKey::GenerateEc(Curve::kP384),
                             PrivateKey::GenerateEc(Curve::kP521), PrivateKey::GenerateEd25519(),
                             PrivateKey::GenerateRsa(2048)};
  for (const PrivateKey& key : keys) {
    const EnvelopeVerification verification = Verify(Envelope({SignatureOf(key)}), Trust({&key}));
    EXPECT_TRUE(AllPassed(verification.findings))
        << DetailOf(verification, "policy.signature.threshold");
    ASSERT_TRUE(verification.envelope);
    EXPECT_EQ(verification.envelope->payload(), kPayload);
    EXPECT_EQ(verification.envelope->payload_type(), kKeylimePayloadType);
    ASSERT_EQ(verification.signatures.size(), 1U);
    EXPECT_TRUE(verification.signatures[0].counts);
    EXPECT_EQ(verification.signatures[0].signer, KeyIdOf(key.public_key()));
    EXPECT_FALSE(Verify(Envelope({SignatureOf(key)}), Trust({&Key()})).envelope);
  }
}

TEST(CheckSigningKey, RefusesKeysOfCurvesThatSignNoPolicies) {
  if (!crypto::IsAvailable(HashAlgorithm::kSm3_256)) GTEST_SKIP() << "OpenSSL without SM2";
  const PrivateKey key = PrivateKey::GenerateEc(Curve::kSm2);
  const Status fits = CheckSigningKey(key.public_key());
  ASSERT_FALSE(fits);
  EXPECT_EQ(fits.error().id, "policy.signing_key");
}

EnvelopeSignature Raw(const PrivateKey& key, SignatureScheme scheme, HashAlgorithm hash) {
  return {.key_id = "",
          .signature = *key.Sign(scheme, hash, PreAuthEncoding(kKeylimePayloadType, kPayload))};
}

TEST(VerifyEnvelope, TakesTheHashOfTheCurvesSizeToo) {
  const PrivateKey p384 = PrivateKey::GenerateEc(Curve::kP384);
  const PrivateKey p521 = PrivateKey::GenerateEc(Curve::kP521);
  const PrivateKey rsa = PrivateKey::GenerateRsa(2048);
  const auto takes = [](const PrivateKey& key, SignatureScheme scheme, HashAlgorithm hash) {
    return Verify(Envelope({Raw(key, scheme, hash)}), Trust({&key})).envelope.has_value();
  };
  EXPECT_TRUE(takes(p384, SignatureScheme::kEcdsa, HashAlgorithm::kSha384));
  EXPECT_TRUE(takes(p521, SignatureScheme::kEcdsa, HashAlgorithm::kSha512));
  EXPECT_TRUE(takes(rsa, SignatureScheme::kRsaPss, HashAlgorithm::kSha384));
  EXPECT_TRUE(takes(rsa, SignatureScheme::kRsaPss, HashAlgorithm::kSha512));

  EXPECT_FALSE(takes(Key(), SignatureScheme::kEcdsa, HashAlgorithm::kSha1));
  EXPECT_FALSE(takes(Key(), SignatureScheme::kEcdsa, HashAlgorithm::kSha384));
  EXPECT_FALSE(takes(p384, SignatureScheme::kEcdsa, HashAlgorithm::kSha512));
  EXPECT_FALSE(takes(p521, SignatureScheme::kEcdsa, HashAlgorithm::kSha384));
  EXPECT_FALSE(takes(rsa, SignatureScheme::kRsaPss, HashAlgorithm::kSha1));
  EXPECT_FALSE(takes(rsa, SignatureScheme::kRsaSsa, HashAlgorithm::kSha256));
}

TEST(VerifyEnvelope, TakesNoRsaKeyBelow2048Bits) {
  const PrivateKey weak = PrivateKey::GenerateRsa(1024);
  const auto text = Envelope({Raw(weak, SignatureScheme::kRsaPss, HashAlgorithm::kSha256)});
  ExpectRefused(Verify(text, Trust({&weak})), "policy.signature.threshold");
  EXPECT_EQ(CheckSigningKey(weak.public_key()).error().id, "policy.signing_key");
  EXPECT_TRUE(CheckSigningKey(Key().public_key()));
  const auto signature = SignPayload(kKeylimePayloadType, kPayload, weak);
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().id, "policy.signing_key");
}

TEST(VerifyEnvelope, RefusesEveryChange) {
  const EnvelopeSignature good = SignatureOf(Key());
  const TrustedSigners trust = Trust({&Key()});
  ASSERT_TRUE(Verify(Envelope({good}), trust).envelope);
  for (std::size_t i = 0; i < good.signature.size(); ++i) {
    EnvelopeSignature changed = good;
    changed.signature[i] ^= 1U;
    ASSERT_FALSE(Verify(Envelope({changed}), trust).envelope) << i;
  }
  for (std::size_t i = 0; i < kPayload.size(); ++i) {
    std::string changed(kPayload);
    changed[i] = static_cast<char>(changed[i] ^ 1);
    ASSERT_FALSE(Verify(Envelope({good}, changed), trust).envelope) << i;
  }
  ExpectRefused(Verify(Envelope({}), trust), "policy.signature.threshold");
}

// The type is signed: what was signed as something else is no policy, even if the type
// that is claimed, or the one that was signed, is accepted.
TEST(VerifyEnvelope, Attack_A11_RefusesAnotherPayloadType) {
  TrustedSigners trust = Trust({&Key()});
  const EnvelopeSignature other = *SignPayload("text/plain", kPayload, Key());
  ExpectRefused(Verify(Envelope({other}), trust), "policy.signature.threshold");
  const EnvelopeVerification honest = Verify(Envelope({other}, kPayload, "text/plain"), trust);
  ExpectRefused(honest, "policy.signature.payload_type");
  EXPECT_EQ(DetailOf(honest, "policy.signature.payload_type"),
            "the type is text/plain, expected application/vnd.keylime+json");
  trust.payload_types = {"text/plain"};
  EXPECT_TRUE(Verify(Envelope({other}, kPayload, "text/plain"), trust).envelope);
  EXPECT_FALSE(Verify(Envelope({other}), trust).envelope);
}

TEST(VerifyEnvelope, TakesTheKeyIdForAHint) {
  const TrustedSigners trust = Trust({&Key()});
  EnvelopeSignature junk{.key_id = KeyIdOf(Key().public_key()), .signature = ToBytes("junk")};
  EXPECT_TRUE(Verify(Envelope({junk, SignatureOf(Key(), "another's")}), trust).envelope);
  ExpectRefused(Verify(Envelope({junk}), trust), "policy.signature.threshold");
  ExpectRefused(Verify(Envelope({SignatureOf(Key(1), KeyIdOf(Key().public_key()))}), trust),
                "policy.signature.threshold");
}

TEST(VerifyEnvelope, Attack_A11_IsNotEvaluatedWithoutAKey) {
  const EnvelopeVerification verification = Verify(Envelope({SignatureOf(Key())}), {});
  EXPECT_FALSE(verification.envelope);
  const Finding* finding = FindCheck(verification.findings, "policy.signature.threshold");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->outcome, Outcome::kNotEvaluated);
  ASSERT_EQ(verification.signatures.size(), 1U);
  EXPECT_FALSE(verification.signatures[0].counts);
}

// --- Several keys ---

TEST(VerifyEnvelope, Attack_A11_TheThresholdCountsDistinctKeys) {
  const EnvelopeSignature a = SignatureOf(Key(0));
  const EnvelopeSignature again = SignatureOf(Key(0), "another name");
  const EnvelopeSignature b = SignatureOf(Key(1));
  const EnvelopeSignature stranger = SignatureOf(Key(2));
  const auto accepted = [&](const std::vector<EnvelopeSignature>& signatures,
                            const TrustedSigners& trust) {
    return Verify(Envelope(signatures), trust).envelope.has_value();
  };
  const TrustedSigners two = Trust({&Key(0), &Key(1)}, 2);
  EXPECT_TRUE(accepted({a, b}, two));
  EXPECT_TRUE(accepted({stranger, b, a}, two));
  EXPECT_FALSE(accepted({a}, two));
  EXPECT_FALSE(accepted({a, a}, two));
  EXPECT_FALSE(accepted({a, again}, two));
  EXPECT_FALSE(accepted({a, stranger}, two));
  // A key that is given twice is one key.
  EXPECT_FALSE(accepted({a, again}, Trust({&Key(0), &Key(0)}, 2)));
  EXPECT_TRUE(accepted({a}, Trust({&Key(0), &Key(1)}, 1)));
  EXPECT_TRUE(accepted({a}, Trust({&Key(0)}, 0)));
  EXPECT_FALSE(accepted({stranger}, Trust({&Key(0)}, 0)));
  EXPECT_FALSE(accepted({a, b}, Trust({&Key(0), &Key(1)}, 3)));

  const EnvelopeVerification refused = Verify(Envelope({a, stranger}), two);
  EXPECT_EQ(DetailOf(refused, "policy.signature.threshold"),
            "signed by 1 trusted key, needed: 2; signature 2: it fits no given key");
  ASSERT_EQ(refused.signatures.size(), 2U);
  EXPECT_TRUE(refused.signatures[0].counts);
  EXPECT_FALSE(refused.signatures[1].counts);
  EXPECT_EQ(refused.signatures[1].key_id, KeyIdOf(Key(2).public_key()));
}

// --- Certificates ---

struct Signer {
  PrivateKey key;
  crypto::Certificate certificate;
};

crypto::CertificateRequest RequestFor(std::string_view name) {
  crypto::CertificateRequest request;
  request.common_name = name;
  request.not_before = kNow - std::chrono::days(5);
  request.not_after = kNow + std::chrono::days(5);
  return request;
}

Signer IssuedBy(const Signer* issuer, const crypto::CertificateRequest& request) {
  PrivateKey key = PrivateKey::GenerateEc(Curve::kP256);
  crypto::Certificate certificate =
      *crypto::Issue(request, key.public_key(), issuer == nullptr ? nullptr : &issuer->certificate,
                     issuer == nullptr ? key : issuer->key);
  return {std::move(key), std::move(certificate)};
}

Signer Authority(std::string_view name, const Signer* issuer = nullptr) {
  crypto::CertificateRequest request = RequestFor(name);
  request.ca = true;
  return IssuedBy(issuer, request);
}

EnvelopeSignature SignedWith(const PrivateKey& key,
                             const std::vector<const crypto::Certificate*>& certificates) {
  std::string pem;
  for (const crypto::Certificate* certificate : certificates) pem += certificate->ToPem();
  return SignatureOf(key, Base64Encode(AsBytes(pem)));
}

TrustedSigners TrustRoot(const crypto::Certificate& root) {
  TrustedSigners signers;
  signers.anchors = {root};
  signers.at = kNow;
  return signers;
}

TEST(VerifyEnvelope, TakesACertificateThatLeadsToAGivenRoot) {
  const Signer root = Authority("root");
  const Signer middle = Authority("middle", &root);
  const Signer direct = IssuedBy(&root, RequestFor("direct"));
  const Signer leaf = IssuedBy(&middle, RequestFor("leaf"));
  const TrustedSigners trust = TrustRoot(root.certificate);
  const EnvelopeVerification verification =
      Verify(Envelope({SignedWith(direct.key, {&direct.certificate})}), trust);
  ASSERT_TRUE(verification.envelope) << DetailOf(verification, "policy.signature.threshold");
  EXPECT_EQ(verification.signatures[0].signer, KeyIdOf(direct.key.public_key()));
  EXPECT_TRUE(
      Verify(Envelope({SignedWith(leaf.key, {&leaf.certificate, &middle.certificate})}), trust)
          .envelope);
  EXPECT_FALSE(Verify(Envelope({SignedWith(leaf.key, {&leaf.certificate})}), trust).envelope);
  // Keylime's own are their own root.
  const Signer own = IssuedBy(nullptr, RequestFor("own"));
  EXPECT_TRUE(
      Verify(Envelope({SignedWith(own.key, {&own.certificate})}), TrustRoot(own.certificate))
          .envelope);
}

TEST(VerifyEnvelope, Quirk_Q11_Attack_A11_TrustsNoCertificateBecauseItCameAlong) {
  const Signer root = Authority("root");
  const Signer forged_root = Authority("root");
  const Signer forged = IssuedBy(&forged_root, RequestFor("policy signer"));
  const Signer self = IssuedBy(nullptr, RequestFor("policy signer"));
  for (const TrustedSigners& trust :
       {TrustRoot(root.certificate), Trust({&Key()}), TrustedSigners()}) {
    for (const std::string& text :
         {Envelope({SignedWith(self.key, {&self.certificate})}),
          Envelope({SignedWith(forged.key, {&forged.certificate, &forged_root.certificate})})}) {
      EXPECT_FALSE(Verify(text, trust).envelope);
    }
  }
}

TEST(VerifyEnvelope, RefusesCertificatesThatDoNotFit) {
  const Signer root = Authority("root");
  const Signer leaf = IssuedBy(&root, RequestFor("leaf"));
  const Signer other = IssuedBy(&root, RequestFor("other"));
  TrustedSigners trust = TrustRoot(root.certificate);
  const auto detail = [&](const EnvelopeSignature& signature) {
    const EnvelopeVerification verification = Verify(Envelope({signature}), trust);
    ExpectRefused(verification, "policy.signature.threshold");
    return DetailOf(verification, "policy.signature.threshold");
  };
  EXPECT_THAT(detail(SignedWith(leaf.key, {&other.certificate})),
              HasSubstr("not the certificate that came with it"));
  EXPECT_THAT(detail(SignedWith(leaf.key, {&other.certificate, &leaf.certificate})),
              HasSubstr("not the certificate that came with it"));
  for (const std::string_view key_id : {"*", "", "AQID"}) {
    EXPECT_THAT(detail(SignatureOf(leaf.key, key_id)), HasSubstr("came with no certificate"));
  }
  std::vector<const crypto::Certificate*> too_many(kMaxEnvelopeCertificates + 1, &leaf.certificate);
  EXPECT_THAT(detail(SignedWith(leaf.key, too_many)), HasSubstr("came with no certificate"));

  trust.at = kNow + std::chrono::days(6);
  EXPECT_THAT(detail(SignedWith(leaf.key, {&leaf.certificate})), HasSubstr("is valid from"));
}

TEST(VerifyEnvelope, RefusesCertificatesForAnotherUse) {
  const Signer root = Authority("root");
  crypto::CertificateRequest server = RequestFor("server");
  server.server_auth = true;
  crypto::CertificateRequest agent = RequestFor("agent");
  agent.client_auth = true;
  const Signer signers[] = {IssuedBy(&root, server), IssuedBy(&root, agent),
                            Authority("certifies only", &root)};
  for (const Signer& signer : signers) {
    const EnvelopeVerification verification = Verify(
        Envelope({SignedWith(signer.key, {&signer.certificate})}), TrustRoot(root.certificate));
    ExpectRefused(verification, "policy.signature.threshold");
    EXPECT_THAT(DetailOf(verification, "policy.signature.threshold"),
                HasSubstr("is not for signing"));
  }
}

TEST(VerifyEnvelope, Attack_A11_AKeyCountsOnceHoweverItIsTrusted) {
  const Signer root = Authority("root");
  const Signer leaf = IssuedBy(&root, RequestFor("leaf"));
  const crypto::Certificate renewed =
      *crypto::Issue(RequestFor("renewed"), leaf.key.public_key(), &root.certificate, root.key);
  TrustedSigners trust = TrustRoot(root.certificate);
  trust.threshold = 2;
  const EnvelopeSignature old_one = SignedWith(leaf.key, {&leaf.certificate});
  const EnvelopeSignature new_one = SignedWith(leaf.key, {&renewed});
  ExpectRefused(Verify(Envelope({old_one, new_one}), trust), "policy.signature.threshold");
  trust.keys = {leaf.key.public_key()};
  ExpectRefused(Verify(Envelope({SignatureOf(leaf.key), new_one}), trust),
                "policy.signature.threshold");
  const Signer second = IssuedBy(&root, RequestFor("second"));
  EXPECT_TRUE(
      Verify(Envelope({old_one, SignedWith(second.key, {&second.certificate})}), trust).envelope);
}

// --- What it is for ---

TEST(VerifiedEnvelope, GivesAPolicyThatGoesByTheHashOfTheEnvelope) {
  constexpr std::string_view kPolicy =
      R"({"meta":{"version":1,"generator":3},"release":0,"digests":{"/a":["1111111111111111111111111111111111111111"]},"excludes":[],"keyrings":{},"ima":{"ignored_keyrings":[],"log_hash_alg":"sha1","dm_policy":null},"ima-buf":{},"verification-keys":""})";
  const auto text = WriteEnvelope(kKeylimePayloadType, kPolicy,
                                  {*SignPayload(kKeylimePayloadType, kPolicy, Key())});
  const EnvelopeVerification verification = Verify(text, Trust({&Key()}));
  ASSERT_TRUE(verification.envelope);
  const auto policy = RuntimePolicy::Parse(*verification.envelope);
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ((*policy)->paths(), 1U);
  EXPECT_EQ((*policy)->hash(), crypto::Hash(HashAlgorithm::kSha256, AsBytes(text)));
  EXPECT_EQ((*policy)->DigestsOf("/a").size(), 1U);
  EXPECT_FALSE(RuntimePolicy::Parse(text)) << "an envelope is no policy";
}

TEST(NotSigned, IsAFailure) {
  EXPECT_EQ(NotSigned().check, "policy.signature.present");
  EXPECT_EQ(NotSigned().outcome, Outcome::kFailed);
}

}  // namespace
}  // namespace limequat::policy
