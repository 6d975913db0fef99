// Signatures of files, keys of keyrings and other measured buffers against a policy.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/appraise/testing/attest.h"
#include "limequat/appraise/testing/machine.h"
#include "limequat/base/encoding.h"
#include "limequat/ima/testing/sign.h"
#include "limequat/json/value.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using ima::testing::FileSigner;
using testing::AttestFull;
using testing::AttestNext;
using testing::FailsOnlyFor;
using testing::FakeMachine;
using testing::ParsePolicy;
using testing::Passes;

using Names = std::vector<std::string>;

crypto::Digest DigestOf(ByteView content) { return crypto::Hash(HashAlgorithm::kSha256, content); }

Names Checks(const Appraisal& appraisal) {
  Names checks;
  for (const Finding& finding : appraisal.findings) checks.push_back(finding.check);
  return checks;
}

class KeysTest : public ::testing::Test {
 protected:
  KeysTest() {
    machine_.Boot();
    machine_.Run("/usr/bin/listed", "listed 1");
    text_ = machine_.PolicyText({"/tmp/"});
  }

  // Sets a member of the policy; `name` may be "ima.ignored_keyrings".
  void Policy(std::string_view name, json::Value value) {
    json::Value policy = *json::Parse(text_);
    if (name == "ignored_keyrings") {
      json::Object ima = *policy.as_object()->Find("ima")->as_object();
      ima.Set(name, std::move(value));
      policy.as_object()->Set("ima", std::move(ima));
    } else {
      policy.as_object()->Set(name, std::move(value));
    }
    text_ = json::Serialize(policy);
  }
  void TrustSigner() {
    const auto spki = signer_.key().key.ToSpkiDer();
    Policy("verification-keys",
           json::Serialize(json::Object{{"pubkeys", json::Array{Base64Encode(spki)}},
                                        {"keyids", json::Array{0}}}));
  }
  void TrustKeyring(std::string_view name) {
    Policy("keyrings", json::Object{{std::string(name), json::Array{DigestOf(KeyBlob()).hex()}}});
  }
  static std::shared_ptr<const ima::Keyring> KeyringOf(const FileSigner& signer) {
    ima::Keyring keys;
    EXPECT_TRUE(keys.Add(signer.key(), "enrolment"));
    return std::make_shared<const ima::Keyring>(std::move(keys));
  }
  Bytes KeyBlob() const { return signer_.key().key.ToSpkiDer(); }

  void RunSigned(std::string_view path, std::string_view content) {
    machine_.MeasureWith("ima-sig", path, DigestOf(AsBytes(content)),
                         signer_.Sign(AsBytes(content)));
  }
  void AddKey(std::string_view keyring, std::uint32_t pcr = tpm::kImaPcr) {
    machine_.MeasureWith("ima-buf", keyring, DigestOf(KeyBlob()), KeyBlob(), pcr);
  }

  Appraisal Appraised() const {
    const auto set = ParsePolicy(text_);
    const policy::PolicyAt policy(*set, Time());
    Appraisal out;
    Learned learned;
    ima::ListReader reader(AsBytes(machine_.list()), ima::Format::kAscii);
    while (true) {
      const auto entry = reader.Next();
      EXPECT_TRUE(entry.has_value());
      if (!entry || !*entry) return out;
      AppraiseEntry(**entry, &policy, learned, out);
    }
  }
  Reference MakeReference() const {
    Reference reference = machine_.MakeReference();
    reference.policy = ParsePolicy(text_);
    return reference;
  }

  FileSigner signer_{crypto::PrivateKey::GenerateEc(crypto::Curve::kP256)};
  FakeMachine machine_;
  std::string text_;
};

TEST_F(KeysTest, SignedFileThatIsNotListed) {
  RunSigned("/usr/bin/new", "new 1");
  EXPECT_EQ(Checks(Appraised()), Names{"ima.path"});
  TrustSigner();
  EXPECT_EQ(Checks(Appraised()), Names{});
  EXPECT_TRUE(Passes(AttestFull(machine_, MakeReference())));
}

// Keys of an enrolment stand in place of the policy's, as with Keylime.
TEST_F(KeysTest, KeysOfTheEnrolment) {
  RunSigned("/usr/bin/new", "new 1");
  Reference reference = MakeReference();
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference), "ima.path"));
  reference.verification_keys = KeyringOf(signer_);
  EXPECT_TRUE(Passes(AttestFull(machine_, reference)));
}

TEST_F(KeysTest, KeysOfTheEnrolmentReplaceThoseOfThePolicy) {
  RunSigned("/usr/bin/new", "new 1");
  TrustSigner();
  Reference reference = MakeReference();
  reference.verification_keys =
      KeyringOf(FileSigner(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256)));
  EXPECT_FALSE(Passes(AttestFull(machine_, reference)));
  reference.verification_keys = std::make_shared<const ima::Keyring>();
  EXPECT_TRUE(FailsOnlyFor(AttestFull(machine_, reference), "ima.path"));
}

TEST_F(KeysTest, SignatureOfAnotherContent) {
  TrustSigner();
  machine_.MeasureWith("ima-sig", "/usr/bin/new", DigestOf(ToBytes("evil")),
                       signer_.Sign(ToBytes("new 1")));
  const Appraisal out = Appraised();
  ASSERT_EQ(Checks(out), (Names{"ima.signature", "ima.path"}));
  EXPECT_EQ(out.findings[0].outcome, Outcome::kFailed);
  EXPECT_EQ(out.findings[0].cause, Cause::kTamper);
  EXPECT_EQ(out.findings[0].subject.path, "/usr/bin/new");
}

TEST_F(KeysTest, SignatureOfAStranger) {
  TrustSigner();
  const FileSigner stranger(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256));
  machine_.MeasureWith("ima-sig", "/usr/bin/new", DigestOf(ToBytes("new 1")),
                       stranger.Sign(ToBytes("new 1")));
  const Appraisal out = Appraised();
  ASSERT_EQ(Checks(out), (Names{"ima.signature", "ima.path"}));
  EXPECT_EQ(out.findings[0].outcome, Outcome::kNotEvaluated);
}

TEST_F(KeysTest, SignatureThatCannotBeRead) {
  TrustSigner();
  machine_.MeasureWith("ima-sig", "/usr/bin/new", DigestOf(ToBytes("new 1")), Bytes{3, 2, 4});
  const Appraisal out = Appraised();
  ASSERT_EQ(Checks(out), (Names{"ima.signature", "ima.path"}));
  EXPECT_EQ(out.findings[0].outcome, Outcome::kFailed);
}

// A listed file needs no signature, and a bad one is not asked about.
TEST_F(KeysTest, ListedFileWithABadSignature) {
  TrustSigner();
  machine_.MeasureWith("ima-sig", "/usr/bin/listed", DigestOf(ToBytes("listed 1")),
                       signer_.Sign(ToBytes("other")));
  EXPECT_EQ(Checks(Appraised()), Names{});
}

TEST_F(KeysTest, UnsignedFileBesideTrustedKeys) {
  TrustSigner();
  machine_.MeasureWith("ima-sig", "/usr/bin/new", DigestOf(ToBytes("new 1")), {});
  EXPECT_EQ(Checks(Appraised()), Names{"ima.path"});
}

// Keylime passes it. An old, vulnerable program keeps the good signature of its maker.
TEST_F(KeysTest, Quirk_GoodSignatureDoesNotOverrideListedDigests) {
  TrustSigner();
  RunSigned("/usr/bin/listed", "listed 0, with a hole");
  const Appraisal out = Appraised();
  ASSERT_EQ(Checks(out), Names{"ima.digest"});
  EXPECT_NE(out.findings[0].detail.find("changes nothing"), std::string::npos);
  EXPECT_EQ(out.findings[0].cause, Cause::kPolicyLag);
}

// What an update would have is a good signature.
TEST_F(KeysTest, AListedFileWithABadSignatureIsNoUpdate) {
  TrustSigner();
  machine_.MeasureWith("ima-sig", "/usr/bin/listed", DigestOf(ToBytes("evil")),
                       signer_.Sign(ToBytes("listed 2")));
  const Appraisal out = Appraised();
  ASSERT_EQ(Checks(out), (Names{"ima.signature", "ima.digest"}));
  EXPECT_EQ(out.findings[1].cause, Cause::kTamper);
}

TEST_F(KeysTest, ExcludedFilesAreNotVerified) {
  TrustSigner();
  machine_.MeasureWith("ima-sig", "/tmp/x", DigestOf(ToBytes("x")), signer_.Sign(ToBytes("y")));
  EXPECT_EQ(Checks(Appraised()), Names{});
}

TEST_F(KeysTest, KeyOfAListedKeyringIsLearned) {
  TrustKeyring(".ima");
  AddKey(".ima");
  RunSigned("/usr/bin/new", "new 1");
  EXPECT_EQ(Checks(Appraised()), Names{});
}

TEST_F(KeysTest, KeyIsNotKnownBeforeItsEntry) {
  TrustKeyring(".ima");
  RunSigned("/usr/bin/new", "new 1");
  AddKey(".ima");
  EXPECT_EQ(Checks(Appraised()), Names{"ima.path"});
}

TEST_F(KeysTest, KeysThatThePolicyDoesNotList) {
  AddKey(".ima");
  RunSigned("/usr/bin/new", "new 1");
  EXPECT_EQ(Checks(Appraised()), (Names{"ima.key", "ima.path"}));
  TrustKeyring(".evm");
  EXPECT_EQ(Checks(Appraised()), (Names{"ima.key", "ima.path"}));
  Policy("keyrings", json::Object{{".ima", json::Array{std::string(64, 'a')}}});
  EXPECT_EQ(Checks(Appraised()), (Names{"ima.key", "ima.path"}));
  // Neither list of digests is about keys.
  Policy("keyrings", json::Object());
  Policy("ima-buf", json::Object{{".ima", json::Array{DigestOf(KeyBlob()).hex()}}});
  EXPECT_EQ(Checks(Appraised()), (Names{"ima.key", "ima.path"}));
}

TEST_F(KeysTest, IgnoredKeyringsTeachNothing) {
  for (const std::string_view ignored : {".ima", "*"}) {
    machine_.Boot();
    TrustKeyring(".ima");
    Policy("ignored_keyrings", json::Array{ignored});
    AddKey(".ima");
    EXPECT_EQ(Checks(Appraised()), Names{});
    RunSigned("/usr/bin/new", "new 1");
    EXPECT_EQ(Checks(Appraised()), Names{"ima.path"}) << ignored;
  }
}

// Whoever calls kexec chooses the whole command line: it may begin like a key, or be one with
// "init=/evil" in its number and the rest behind a NUL.
TEST_F(KeysTest, Attack_ACommandLineInTheFormOfAKey) {
  const std::string_view text(
      "0\x0e"
      "0\x0c\x06 init=/evil");
  for (const std::string_view ignored : {"kexec-cmdline", "*"}) {
    for (const Bytes& buffer : {Bytes(ToBytes(text)), Bytes(KeyBlob())}) {
      machine_.Boot();
      Policy("ignored_keyrings", json::Array{ignored});
      machine_.MeasureWith("ima-buf", "kexec-cmdline", DigestOf(buffer), buffer);
      EXPECT_EQ(Checks(Appraised()), Names{"ima.buffer"}) << ignored;
    }
  }
  // Only a keyring gets what can be read as a key.
  machine_.Boot();
  Policy("ignored_keyrings", json::Array{"*"});
  machine_.MeasureWith("ima-buf", ".ima", DigestOf(ToBytes(text)), ToBytes(text));
  EXPECT_EQ(Checks(Appraised()), Names{"ima.buffer"});
}

// The listed digest beside another key.
TEST_F(KeysTest, Attack_BufferWithTheDigestOfAnother) {
  TrustKeyring(".ima");
  const FileSigner stranger(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256));
  machine_.MeasureWith("ima-buf", ".ima", DigestOf(KeyBlob()), stranger.key().key.ToSpkiDer());
  machine_.MeasureWith("ima-sig", "/usr/bin/new", DigestOf(ToBytes("new 1")),
                       stranger.Sign(ToBytes("new 1")));
  EXPECT_EQ(Checks(Appraised()), (Names{"ima.buffer_digest", "ima.path"}));
}

// Nothing behind another PCR is in a quote of PCR 10: nobody has to measure it.
TEST_F(KeysTest, Attack_A06_KeyMeasuredIntoAnotherPcrIsNotLearned) {
  TrustKeyring(".ima");
  AddKey(".ima", 11);
  RunSigned("/usr/bin/new", "new 1");
  EXPECT_EQ(Checks(Appraised()), (Names{"ima.pcr", "ima.path"}));
}

TEST_F(KeysTest, ListedKeyThatCannotBeUsed) {
  // Ed25519.
  const Bytes key = *HexDecode(
      "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
  Policy("keyrings", json::Object{{".ima", json::Array{DigestOf(key).hex()}}});
  machine_.MeasureWith("ima-buf", ".ima", DigestOf(key), key);
  const Appraisal out = Appraised();
  ASSERT_EQ(Checks(out), Names{"ima.key"});
  EXPECT_EQ(out.findings[0].outcome, Outcome::kNotEvaluated);
}

TEST_F(KeysTest, OtherBuffers) {
  const Bytes state = ToBytes("initialized=1;enforcing=1;");
  machine_.MeasureWith("ima-buf", "selinux-state", DigestOf(state), state);
  EXPECT_EQ(Checks(Appraised()), Names{"ima.buffer"});
  Policy("ima-buf", json::Object{{"selinux-state", json::Array{DigestOf(state).hex()}}});
  EXPECT_EQ(Checks(Appraised()), Names{});
  const Bytes other = ToBytes("initialized=1;enforcing=0;");
  machine_.MeasureWith("ima-buf", "selinux-state", DigestOf(other), other);
  EXPECT_EQ(Checks(Appraised()), Names{"ima.buffer"});
}

TEST_F(KeysTest, Attack_BufferWithTheNameAndDigestOfAFile) {
  const Bytes content = ToBytes("listed 1");
  machine_.MeasureWith("ima-buf", "/usr/bin/listed", DigestOf(content), content);
  EXPECT_EQ(Checks(Appraised()), Names{"ima.buffer"});
}

TEST_F(KeysTest, Attack_ExcludesAndBootAggregateAreNotAboutBuffers) {
  const Bytes content = ToBytes("x");
  machine_.MeasureWith("ima-buf", "/tmp/x", DigestOf(content), content);
  machine_.MeasureWith("ima-buf", "boot_aggregate", DigestOf(content), content);
  machine_.MeasureWith("ima-buf", "/tmp/key", DigestOf(KeyBlob()), KeyBlob());
  EXPECT_EQ(Checks(Appraised()), (Names{"ima.buffer", "ima.buffer", "ima.key"}));
}

TEST_F(KeysTest, KeyLearnedEarlierInTheBootStaysKnown) {
  TrustKeyring(".ima");
  AddKey(".ima");
  const Attestation first = AttestFull(machine_, MakeReference());
  ASSERT_TRUE(Passes(first));
  ASSERT_TRUE(first.progress.value().learned != nullptr);
  EXPECT_EQ(first.progress->learned->keys.size(), 1U);
  RunSigned("/usr/bin/new", "new 1");
  const Attestation next = AttestNext(machine_, MakeReference(), *first.progress);
  EXPECT_TRUE(Passes(next));
  EXPECT_EQ(next.progress.value().learned->keys.size(), 1U);
  // Nothing new: what is known is shared, not copied.
  const Attestation last = AttestNext(machine_, MakeReference(), *next.progress);
  EXPECT_EQ(last.progress.value().learned, next.progress->learned);
}

// After a restart of the verifier the keys are gone: a part of the list proves nothing.
TEST_F(KeysTest, WithoutTheLearnedKeysTheListIsAskedForInFull) {
  TrustKeyring(".ima");
  AddKey(".ima");
  BootProgress before = AttestFull(machine_, MakeReference()).progress.value();
  before.learned = nullptr;
  RunSigned("/usr/bin/new", "new 1");
  EXPECT_EQ(AttestNext(machine_, MakeReference(), before).advice, Advice::kAskInFull);
  EXPECT_TRUE(Passes(AttestFull(machine_, MakeReference(), &before)));
}

TEST_F(KeysTest, APolicyThatLearnsNoKeysKeepsNone) {
  const Attestation first = AttestFull(machine_, MakeReference());
  EXPECT_EQ(first.progress.value().learned, nullptr);
  EXPECT_EQ(AttestNext(machine_, MakeReference(), *first.progress).advice, Advice::kAccept);
}

TEST_F(KeysTest, AFullAnswerLearnsAnew) {
  TrustKeyring(".ima");
  AddKey(".ima");
  const BootProgress before = AttestFull(machine_, MakeReference()).progress.value();
  machine_.Boot();
  RunSigned("/usr/bin/new", "new 1");
  const Attestation rebooted = AttestFull(machine_, MakeReference(), &before);
  EXPECT_TRUE(FailsOnlyFor(rebooted, "ima.path"));
  EXPECT_EQ(rebooted.progress.value().learned->keys.size(), 0U);
}

// The list shows a key that the TPM has never seen.
TEST_F(KeysTest, Attack_A06_UnquotedKeyIsNotLearned) {
  TrustKeyring(".ima");
  FakeMachine other;
  other.Boot();
  other.MeasureWith("ima-buf", ".ima", DigestOf(KeyBlob()), KeyBlob());
  const std::string key_line = other.list().substr(other.list().find('\n') + 1);
  machine_.ReplaceList(machine_.list() + key_line);
  const Attestation first = AttestFull(machine_, MakeReference());
  ASSERT_TRUE(Passes(first));
  EXPECT_TRUE(first.list_is_ahead);
  EXPECT_EQ(first.progress.value().learned->keys.size(), 0U);
}

}  // namespace
}  // namespace limequat::appraise
