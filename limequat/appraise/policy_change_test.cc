#include "limequat/appraise/policy_change.h"

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/appraise/testing/machine.h"
#include "limequat/base/encoding.h"
#include "limequat/ima/testing/sign.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using ima::testing::FileSigner;
using testing::FakeMachine;
using testing::ParsePolicy;

crypto::Digest DigestOf(std::string_view content) {
  return crypto::Hash(HashAlgorithm::kSha256, AsBytes(content));
}

// Each digest of the additions as one step: a copy of them without it.
std::vector<policy::PolicyAdditions> WithoutOne(const policy::PolicyAdditions& all) {
  std::vector<policy::PolicyAdditions> smaller;
  for (const auto place : {&policy::PolicyAdditions::digests, &policy::PolicyAdditions::keyrings,
                           &policy::PolicyAdditions::buffers}) {
    for (const auto& [name, digests] : all.*place) {
      for (const std::string& digest : digests) {
        policy::PolicyAdditions less = all;
        auto& left = (less.*place)[name];
        left.erase(digest);
        if (left.empty()) (less.*place).erase(name);
        smaller.push_back(std::move(less));
      }
    }
  }
  return smaller;
}

class PolicyChangeTest : public ::testing::Test {
 protected:
  PolicyChangeTest() {
    machine_.Boot();
    machine_.Run("/usr/bin/listed", "listed 1");
    policy_ = machine_.PolicyText({"/tmp/"});
  }

  Appraisal Appraised(const std::string& policy) const {
    const auto set = ParsePolicy(policy);
    auto appraisal = AppraiseImaList(AsBytes(machine_.list()), ima::Format::kAscii,
                                     policy::PolicyAt(*set, Time{}), std::nullopt);
    EXPECT_TRUE(appraisal.has_value());
    return appraisal ? *std::move(appraisal) : Appraisal();
  }
  PolicyChange Change() const {
    const auto set = ParsePolicy(policy_);
    auto change = ChangeForImaList(AsBytes(machine_.list()), ima::Format::kAscii,
                                   policy::PolicyAt(*set, Time{}), std::nullopt);
    EXPECT_TRUE(change.has_value());
    return change ? *std::move(change) : PolicyChange();
  }
  // The policy as an operator makes it: merged with what the change says.
  std::string Merged(const policy::PolicyAdditions& additions) const {
    if (additions.empty()) return policy_;
    const auto fragment = policy::WriteAdditions(additions, "sha1");
    EXPECT_TRUE(fragment.has_value());
    const auto merged = policy::MergeRuntimePolicies(policy_, *fragment);
    EXPECT_TRUE(merged.has_value()) << merged.error().message;
    return merged.value_or("");
  }
  void ExpectExact() const {
    const PolicyChange change = Change();
    EXPECT_TRUE(change.suffices());
    EXPECT_EQ(Appraised(Merged(change.runtime)).verdict(), Verdict::kPass);
    for (const policy::PolicyAdditions& less : WithoutOne(change.runtime)) {
      EXPECT_EQ(Appraised(Merged(less)).verdict(), Verdict::kFail);
    }
  }
  void AddKey(const FileSigner& signer, std::string_view keyring) {
    const Bytes key = signer.key().key.ToSpkiDer();
    machine_.MeasureWith("ima-buf", keyring, crypto::Hash(HashAlgorithm::kSha256, key), key);
  }

  FakeMachine machine_;
  std::string policy_;
};

TEST_F(PolicyChangeTest, NamesTheDigestsThatAreMissing) {
  machine_.Run("/usr/bin/listed", "listed 2");
  machine_.Run("/opt/new", "new 1");
  machine_.Run("/opt/new", "new 2");
  machine_.Run("/tmp/excluded", "x");
  const PolicyChange change = Change();
  const policy::DigestsByName& digests = change.runtime.digests;
  ASSERT_EQ(digests.size(), 3U);  // and boot_aggregate, which no quote vouches for here
  EXPECT_EQ(digests.at("/usr/bin/listed"), std::set<std::string>{DigestOf("listed 2").hex()});
  EXPECT_EQ(digests.at("/opt/new"),
            (std::set<std::string>{DigestOf("new 1").hex(), DigestOf("new 2").hex()}));
  EXPECT_EQ(digests.at("boot_aggregate").size(), 1U);
  EXPECT_TRUE(change.runtime.keyrings.empty());
  EXPECT_TRUE(change.runtime.buffers.empty());
  ExpectExact();
}

TEST_F(PolicyChangeTest, NothingMoreThanTheEvidencePasses) {
  machine_.Run("/opt/new", "new 1");
  const std::string merged = Merged(Change().runtime);
  ASSERT_EQ(Appraised(merged).verdict(), Verdict::kPass);
  machine_.Run("/opt/new", "new 2");
  EXPECT_EQ(Appraised(merged).verdict(), Verdict::kFail);
}

TEST_F(PolicyChangeTest, NamesBuffersAndKeys) {
  const FileSigner signer(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256));
  AddKey(signer, ".ima");
  const std::string buffer = "a buffer";
  machine_.MeasureWith("ima-buf", "kexec-cmdline", DigestOf(buffer), ToBytes(buffer));
  const PolicyChange change = Change();
  EXPECT_EQ(change.runtime.keyrings.count(".ima"), 1U);
  EXPECT_EQ(change.runtime.buffers.count("kexec-cmdline"), 1U);
  ExpectExact();
}

// With its key in the policy a signed file needs no digest: proposing it would be too much.
TEST_F(PolicyChangeTest, WhatAnAddedKeySignsNeedsNoDigest) {
  const FileSigner signer(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256));
  const std::string content = "signed 1";
  machine_.MeasureWith("ima-sig", "/opt/before", DigestOf(content), signer.Sign(AsBytes(content)));
  AddKey(signer, ".ima");
  machine_.MeasureWith("ima-sig", "/opt/after", DigestOf(content), signer.Sign(AsBytes(content)));
  const PolicyChange change = Change();
  EXPECT_EQ(change.runtime.digests.count("/opt/before"), 1U);
  EXPECT_EQ(change.runtime.digests.count("/opt/after"), 0U);
  ExpectExact();
}

// Whatever a machine ran: with the change it passes, and with less it does not.
TEST_F(PolicyChangeTest, IsExactForAnyList) {
  std::mt19937 random(20261128);  // NOLINT(bugprone-random-generator-seed): repeatable
  for (int round = 0; round < 60; ++round) {
    machine_.Boot();
    std::vector<FileSigner> signers;
    for (int i = 0; i < 2; ++i) {
      signers.emplace_back(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256));
    }
    for (unsigned entries = 1 + random() % 8; entries > 0; --entries) {
      const std::string number = std::to_string(random() % 3);
      const FileSigner& signer = signers[random() % 2];
      switch (random() % 6) {
        case 0:
          machine_.Run("/usr/bin/listed", "listed 1");
          break;
        case 1:
          machine_.Run("/usr/bin/listed", "listed " + number);
          break;
        case 2:
          machine_.Run("/opt/" + number, "new");
          break;
        case 3:
          AddKey(signer, ".ima" + number);
          break;
        case 4:
          machine_.MeasureWith("ima-buf", "buffer" + number, DigestOf(number), ToBytes(number));
          break;
        default:
          machine_.MeasureWith("ima-sig", "/opt/signed" + number, DigestOf(number),
                               signer.Sign(AsBytes(number)));
      }
    }
    ExpectExact();
    if (HasFailure()) FAIL() << "round " << round << "\n" << machine_.list();
  }
}

TEST_F(PolicyChangeTest, NeverProposesAnExcludeExpression) {
  machine_.Run("/opt/new", "new 1");
  const auto json = ToJson(Change(), "sha1");
  ASSERT_TRUE(json.has_value());
  const json::Value& fragment = *json->as_object()->Find("runtime_policy");
  EXPECT_TRUE(fragment.as_object()->Find("excludes")->as_array()->empty());
  EXPECT_EQ(*fragment.as_object()->Find("verification-keys")->as_string(), "");
}

TEST_F(PolicyChangeTest, SaysWhatNoPolicyAccepts) {
  machine_.Measure("/opt/elsewhere", DigestOf("x"), 11);
  const PolicyChange change = Change();
  EXPECT_FALSE(change.suffices());
  ASSERT_EQ(change.unchangeable.size(), 1U);
  EXPECT_EQ(change.unchangeable[0].check, "ima.pcr");
  EXPECT_EQ(change.unchangeable[0].subject.path, "/opt/elsewhere");
  EXPECT_FALSE(change.unchangeable[0].why.empty());
  const Appraisal with = Appraised(Merged(change.runtime));
  EXPECT_EQ(with.verdict(), Verdict::kFail);
  for (const Finding& finding : with.findings) {
    EXPECT_TRUE(finding.passed() || finding.check == "ima.pcr") << finding.check;
  }
}

TEST_F(PolicyChangeTest, APolicyThatSaysNothingIsNotMadeGood) {
  policy_ = machine_.PolicyText({".*"});
  machine_.Run("/opt/new", "new 1");
  const PolicyChange change = Change();
  EXPECT_FALSE(change.suffices());
}

Finding About(std::string_view check, std::string_view path, std::string_view found) {
  Finding finding = Comparing(Failed(check, "detail"), {}, found);
  finding.subject.path = path;
  finding.subject.event = 7;
  return finding;
}

const std::string kHex(64, 'a');

TEST(ChangeFor, Attack_A15_NamesThatDoNotShowAsTheyAreAreNotProposed) {
  for (const std::string& path :
       {std::string("/opt/a\nb"), std::string("/opt/\x1b[2J"), std::string("/opt/\xff"),
        std::string(R"(/opt/a\x0ab)"), std::string(), std::string(5000, 'x')}) {
    const PolicyChange change = ChangeFor({About("ima.path", path, "sha256:" + kHex)}, 0);
    EXPECT_TRUE(change.runtime.empty()) << path;
    EXPECT_EQ(change.unchangeable.size(), 1U) << path;
  }
  EXPECT_FALSE(ChangeFor({About("ima.path", "/opt/a", "sha256:" + kHex)}, 0).runtime.empty());
}

TEST(ChangeFor, OnlyDigestsThatAPolicyLists) {
  for (const std::string& found :
       {std::string(), kHex, "streebog256:" + kHex, "verity:sha256:" + kHex,
        "sha256:" + kHex.substr(1), "sha256:" + std::string(64, 'A'),
        "sha256:" + std::string(38, 'a'), "sha512:" + std::string(130, 'a'),
        std::string("sha256:")}) {
    const PolicyChange change = ChangeFor({About("ima.digest", "/opt/a", found)}, 0);
    EXPECT_TRUE(change.runtime.empty()) << found;
    EXPECT_FALSE(change.suffices()) << found;
  }
}

TEST(ChangeFor, WhatWasNotEvaluatedIsNotMadeGoodByADigest) {
  for (const std::string_view check : {"ima.path", "ima.digest", "ima.key", "ima.buffer"}) {
    Finding finding = About(check, "/opt/a", "sha256:" + kHex);
    finding.outcome = Outcome::kNotEvaluated;
    EXPECT_TRUE(ChangeFor({finding}, 0).runtime.empty()) << check;
    EXPECT_FALSE(ChangeFor({finding}, 0).suffices()) << check;
  }
  Finding mismatch = About("ima.boot_aggregate", "boot_aggregate", "sha256:" + kHex);
  EXPECT_FALSE(ChangeFor({mismatch}, 0).suffices());
}

TEST(ChangeFor, ABadSignatureNoLongerCountsOnceTheDigestIsListed) {
  const Finding signature = About("ima.signature", "/opt/a", "");
  const Finding path = About("ima.path", "/opt/a", "sha256:" + kHex);
  EXPECT_TRUE(ChangeFor({signature, path}, 0).suffices());
  EXPECT_FALSE(ChangeFor({signature}, 0).suffices());
  Finding other = signature;
  other.subject.event = 8;
  EXPECT_FALSE(ChangeFor({other, path}, 0).suffices());
}

TEST(ChangeFor, ValuesOfPcrs) {
  Finding finding = Comparing(Failed("pcr.policy", ""), {}, kHex);
  EXPECT_FALSE(ChangeFor({finding}, 0).suffices());  // of which PCR?
  finding.subject.pcr = 14;
  const PolicyChange change = ChangeFor({finding}, 0);
  EXPECT_TRUE(change.suffices());
  EXPECT_EQ(change.pcrs.at(14), std::set<std::string>{kHex});
  EXPECT_EQ(*ToJson(change, "sha1")->as_object()->Find("tpm_policy")->as_object()->Find("14"),
            json::Value(json::Array{kHex}));
}

TEST(ChangeFor, WhatWasOnlyCountedIsNotCovered) {
  EXPECT_TRUE(ChangeFor({Passed("a")}, 0).suffices());
  EXPECT_FALSE(ChangeFor({Passed("a")}, 1).suffices());
}

// What a policy could accept is not said to be accepted by none.
TEST(ChangeFor, SaysWhatIsNotProposedAndWhy) {
  const std::vector<std::pair<std::string_view, std::string_view>> told = {
      {"ima.coverage", "ima.coverage.entries"},
      {"ima.violation", "ima.ignore_violations"},
      {"ima.exclude_limit", "listing the file's digest"},
      {"ima.device_mapper.event", "ima.dm_policy"}};
  for (const auto& [check, what] : told) {
    const PolicyChange change = ChangeFor({Failed(check, "")}, 0);
    EXPECT_TRUE(change.runtime.empty()) << check;
    ASSERT_EQ(change.unchangeable.size(), 1U) << check;
    EXPECT_TRUE(change.unchangeable[0].why.starts_with("not proposed: "));
    EXPECT_NE(change.unchangeable[0].why.find(what), std::string::npos) << check;
  }
}

TEST(ChangeFor, SignaturesAndReplaysAreAcceptedByNoPolicy) {
  for (const std::string_view check :
       {"tpm.quote.signature", "tpm.quote.nonce", "ima.replay", "ima.continuity", "boot.baseline",
        "boot.image", "policy.unevaluated", "eventlog.replay", "ima.violation"}) {
    const PolicyChange change = ChangeFor({Failed(check, "")}, 0);
    EXPECT_TRUE(change.runtime.empty());
    ASSERT_EQ(change.unchangeable.size(), 1U) << check;
    EXPECT_FALSE(change.unchangeable[0].why.empty());
  }
}

}  // namespace
}  // namespace limequat::appraise
