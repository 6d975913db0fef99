#include "limequat/appraise/ima_appraisal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/appraise/testing/machine.h"

namespace limequat::appraise {
namespace {

using crypto::HashAlgorithm;
using testing::FakeMachine;
using testing::MachineOptions;
using testing::ParsePolicy;

crypto::Digest Evil() { return crypto::Hash(HashAlgorithm::kSha256, ToBytes("evil")); }

// The policy, if there is one, at any time.
struct At {
  explicit At(const policy::PolicySet* set) {
    if (set != nullptr) policy.emplace(*set, FromUnixSeconds(7));
  }
  const policy::PolicyAt* get() const { return policy ? &*policy : nullptr; }
  std::optional<policy::PolicyAt> policy;
};

// Appraises each entry of the machine's list.
Appraisal AppraiseEach(const FakeMachine& machine, const policy::PolicySet* policy) {
  Appraisal out;
  Learned learned;
  ima::ListReader reader(AsBytes(machine.list()), ima::Format::kAscii);
  while (true) {
    const auto entry = reader.Next();
    EXPECT_TRUE(entry.has_value());
    if (!entry || !*entry) return out;
    AppraiseEntry(**entry, At(policy).get(), learned, out);
  }
}

std::vector<std::string> Checks(const Appraisal& appraisal) {
  std::vector<std::string> checks;
  for (const Finding& finding : appraisal.findings) checks.push_back(finding.check);
  return checks;
}

using Names = std::vector<std::string>;

class EntryTest : public ::testing::Test {
 protected:
  EntryTest() {
    machine_.Boot();
    machine_.Run("/usr/bin/good", "good 1");
    machine_.Run("/usr/bin/good", "good 2");
    policy_ = ParsePolicy(machine_.PolicyText());
  }

  Appraisal Appraised() const { return AppraiseEach(machine_, policy_.get()); }

  FakeMachine machine_;
  std::shared_ptr<const policy::PolicySet> policy_;
};

TEST_F(EntryTest, GoodEntriesAddNothing) { EXPECT_TRUE(Appraised().findings.empty()); }

TEST_F(EntryTest, UnknownPath) {
  machine_.Measure("/tmp/evil", Evil());
  const Appraisal out = Appraised();
  ASSERT_EQ(Checks(out), Names{"ima.path"});
  const Finding& finding = out.findings.front();
  EXPECT_EQ(finding.outcome, Outcome::kFailed);
  EXPECT_EQ(finding.subject.path, "/tmp/evil");
  EXPECT_EQ(finding.subject.event, 3U);
  EXPECT_NE(finding.detail.find("sha256:" + Evil().hex()), std::string::npos);
  EXPECT_EQ(finding.next, "limequat explain AGENT");
  EXPECT_TRUE(finding.expected.empty());
  EXPECT_EQ(finding.found, "sha256:" + Evil().hex());
  EXPECT_EQ(finding.cause, Cause::kTamper);
}

TEST_F(EntryTest, OtherDigestNamesTheListedOnes) {
  machine_.Measure("/usr/bin/good", Evil());
  const Appraisal out = Appraised();
  ASSERT_EQ(Checks(out), Names{"ima.digest"});
  const std::string first = crypto::Hash(HashAlgorithm::kSha256, ToBytes("good 1")).hex();
  const std::string second = crypto::Hash(HashAlgorithm::kSha256, ToBytes("good 2")).hex();
  const std::string& detail = out.findings.front().detail;
  EXPECT_TRUE(detail.find(first + ", " + second) != std::string::npos ||
              detail.find(second + ", " + first) != std::string::npos)
      << detail;
  const Finding& finding = out.findings.front();
  EXPECT_THAT(finding.expected, ::testing::UnorderedElementsAre(first, second));
  EXPECT_EQ(finding.found, "sha256:" + Evil().hex());
  EXPECT_EQ(finding.cause, Cause::kPolicyLag);
}

TEST_F(EntryTest, ExcludedPath) {
  policy_ = ParsePolicy(machine_.PolicyText({"/tmp/", "/usr/bin/good"}));
  machine_.Measure("/tmp/anything", Evil());
  machine_.Measure("/usr/bin/good", Evil());
  machine_.Measure("/var/tmp/anything", Evil());  // expressions match from the beginning
  EXPECT_EQ(Checks(Appraised()), Names{"ima.path"});
}

TEST_F(EntryTest, Attack_A10_ExpressionThatHitsItsLimitExcludesNothing) {
  policy_ = ParsePolicy(machine_.PolicyText({"/tmp/(a+)+$"}));
  machine_.Measure("/tmp/" + std::string(4000, 'a') + "!", Evil());
  const Appraisal out = Appraised();
  EXPECT_EQ(Checks(out), (Names{"ima.exclude_limit", "ima.path"}));
  EXPECT_EQ(out.findings.front().outcome, Outcome::kFailed);
}

TEST_F(EntryTest, Attack_A10_ExcludesDoNotApplyToBootAggregate) {
  std::string text = machine_.PolicyText({"boot_aggregate"});
  text.replace(text.find(R"("digests":{)"), 11,
               R"("digests":{"boot_aggregate":[")" + std::string(64, '0') + R"("],)");
  policy_ = ParsePolicy(text);
  EXPECT_EQ(Checks(Appraised()), Names{"ima.digest"});
}

TEST_F(EntryTest, ListedBootAggregateIsCompared) {
  std::string text = machine_.PolicyText();
  const std::size_t at = text.find(R"("digests":{)") + 11;
  ima::ListReader reader(AsBytes(machine_.list()), ima::Format::kAscii);
  const auto first = reader.Next();
  const auto digest =
      crypto::Digest::FromBytes(HashAlgorithm::kSha256, first.value().value().file_digest);
  text.insert(at, R"("boot_aggregate":[")" + digest->hex() + R"("],)");
  policy_ = ParsePolicy(text);
  EXPECT_TRUE(Appraised().findings.empty());
  text.replace(text.find(digest->hex()), 64, std::string(64, '0'));
  policy_ = ParsePolicy(text);
  EXPECT_EQ(Checks(Appraised()), Names{"ima.digest"});
}

// An entry of any template, with a stated digest that is right. Owns what it points to.
struct AnyEntry {
  AnyEntry(const std::vector<ima::Field>& fields, std::string_view path, std::string_view algorithm,
           ByteView digest) {
    for (const ima::Field field : fields) values.push_back({.field = field, .bytes = {}});
    entry.index = 7;
    entry.pcr = 10;
    entry.template_name = "ima-modsig";
    entry.template_digest = stated.bytes();
    entry.path = path;
    entry.digest_algorithm = algorithm;
    entry.file_digest = digest;
    entry.fields = values;
  }
  AnyEntry(const AnyEntry&) = delete;
  AnyEntry& operator=(const AnyEntry&) = delete;

  std::vector<ima::FieldValue> values;
  crypto::Digest stated = crypto::Hash(HashAlgorithm::kSha1, {});
  ima::Entry entry;
};

using ima::Field;

class OtherTemplates : public EntryTest {
 protected:
  Appraisal Appraise(const AnyEntry& any, const policy::PolicySet* policy) const {
    Appraisal out;
    Learned learned;
    AppraiseEntry(any.entry, At(policy).get(), learned, out);
    return out;
  }
  // The one finding, which is not evaluated.
  void ExpectNotEvaluated(const AnyEntry& any, std::string_view check) {
    const Appraisal out = Appraise(any, policy_.get());
    ASSERT_EQ(Checks(out), Names{std::string(check)});
    EXPECT_EQ(out.findings.front().outcome, Outcome::kNotEvaluated);
    EXPECT_EQ(out.findings.front().subject.event, 7U);
    EXPECT_FALSE(out.findings.front().next.empty());
    EXPECT_TRUE(Appraise(any, nullptr).findings.empty());
  }

  crypto::Digest good_ = crypto::Hash(HashAlgorithm::kSha256, ToBytes("good 1"));
};

TEST_F(OtherTemplates, FieldsBesideDigestAndNameDoNotMatter) {
  AnyEntry any({Field::kDNgV2, Field::kNNg, Field::kEvmSig, Field::kUid}, "/usr/bin/good", "sha256",
               good_.bytes());
  EXPECT_TRUE(Appraise(any, policy_.get()).findings.empty());
  any.entry.digest_type = "ima";
  EXPECT_TRUE(Appraise(any, policy_.get()).findings.empty());
}

TEST_F(OtherTemplates, WithoutNameOrDigestNothingCanBeLookedUp) {
  policy_ = ParsePolicy(machine_.PolicyText({"/usr/"}));
  ExpectNotEvaluated(AnyEntry({Field::kDNg, Field::kSig}, "", "sha256", good_.bytes()),
                     "ima.template");
  ExpectNotEvaluated(AnyEntry({Field::kNNg, Field::kSig}, "/usr/bin/good", "", {}), "ima.template");
}

// Nothing covers a template's name. A file with another content in the place of a listed
// one, measured as "d-ng|n-ng|xattrvalues" with an attribute that spells the digest of the
// listed content, is called "xattrvalues|n-ng|d-ng" by whoever changes the list.
TEST_F(OtherTemplates, Attack_A07_ACustomTemplateDoesNotChooseTheDigest) {
  AnyEntry any({Field::kXattrValues, Field::kNNg, Field::kDNg}, "/usr/bin/good", "sha256",
               good_.bytes());
  any.entry.template_name = "xattrvalues|n-ng|d-ng";
  ExpectNotEvaluated(any, "ima.template");
  any.entry.template_name = "n-ng|d-ng";
  ExpectNotEvaluated(any, "ima.template");
}

TEST_F(OtherTemplates, Attack_DigestOfAnotherAlgorithmNeverMatches) {
  for (const std::string_view algorithm :
       {"streebog256", "rmd256", "wp256", "tgr192", "md5", "sha2"}) {
    ExpectNotEvaluated(
        AnyEntry({Field::kDNg, Field::kNNg}, "/usr/bin/good", algorithm, good_.bytes()),
        "ima.digest_kind");
  }
}

// A policy has no names of algorithms: no file can be made that has the listed digest in one of
// these.
TEST_F(OtherTemplates, DigestsOfStrongAlgorithmsAreListable) {
  for (const std::string_view algorithm : {"sm3", "sm3-256", "sm3_256", "sha3-256", "sha256"}) {
    EXPECT_TRUE(
        Appraise(AnyEntry({Field::kDNg, Field::kNNg}, "/usr/bin/good", algorithm, good_.bytes()),
                 policy_.get())
            .findings.empty())
        << algorithm;
    EXPECT_EQ(Checks(Appraise(AnyEntry({Field::kDNg, Field::kNNg}, "/usr/bin/good", algorithm,
                                       crypto::Hash(crypto::HashAlgorithm::kSha256, {}).bytes()),
                              policy_.get())),
              Names{"ima.digest"})
        << algorithm;
  }
}

TEST_F(OtherTemplates, Attack_FsVerityDigestNeverMatchesThatOfAFile) {
  AnyEntry any({Field::kDNgV2, Field::kNNg}, "/usr/bin/good", "sha256", good_.bytes());
  any.entry.digest_type = "verity";
  ExpectNotEvaluated(any, "ima.digest_kind");
}

TEST_F(OtherTemplates, UnknownPathsAreFailuresWhateverTheirDigest) {
  const AnyEntry any({Field::kDNg, Field::kNNg}, "/tmp/evil", "sm3", good_.bytes());
  EXPECT_EQ(Checks(Appraise(any, policy_.get())), Names{"ima.path"});
  policy_ = ParsePolicy(machine_.PolicyText({"/tmp/"}));
  EXPECT_TRUE(Appraise(any, policy_.get()).findings.empty());
}

TEST_F(EntryTest, Attack_A04_SecondBootAggregate) {
  machine_.Measure("boot_aggregate", Evil());
  EXPECT_EQ(Checks(Appraised()), (Names{"ima.boot_aggregate_repeated", "ima.path"}));
  EXPECT_EQ(Checks(AppraiseEach(machine_, nullptr)), Names{"ima.boot_aggregate_repeated"});
}

TEST_F(EntryTest, OtherPcr) {
  machine_.Measure("/usr/bin/good", crypto::Hash(HashAlgorithm::kSha256, ToBytes("good 1")), 11);
  EXPECT_EQ(Checks(Appraised()), Names{"ima.pcr"});
  EXPECT_EQ(Checks(AppraiseEach(machine_, nullptr)), Names{"ima.pcr"});
}

TEST_F(EntryTest, ViolationSaysNothingOfTheFile) {
  machine_.Violate("/tmp/unknown");
  EXPECT_EQ(Checks(Appraised()), Names{"ima.violation"});
  EXPECT_EQ(Checks(AppraiseEach(machine_, nullptr)), Names{"ima.violation"});
}

TEST_F(EntryTest, StatedDigestThatIsNotTheHash) {
  std::string list = machine_.list();
  const std::size_t at = list.find("10 ", list.find('\n')) + 3;
  list.replace(at, 40, std::string(40, 'a'));
  machine_.ReplaceList(list);
  EXPECT_EQ(Checks(Appraised()), Names{"ima.template_digest"});
  EXPECT_EQ(Checks(AppraiseEach(machine_, nullptr)), Names{"ima.template_digest"});
}

TEST_F(EntryTest, Attack_A15_PathsAreEscapedInDetailsAndNeverInNext) {
  const std::string path = "/tmp/\x1b]0;$(reboot)\x07";
  machine_.Measure(path, Evil());
  machine_.Measure(path, Evil(), 11);
  machine_.Violate(path);
  const Appraisal out = Appraised();
  ASSERT_EQ(out.findings.size(), 4U);
  for (const Finding& finding : out.findings) {
    EXPECT_EQ(finding.subject.path, path);
    EXPECT_EQ(finding.detail.find('\x1b'), std::string::npos) << finding.check;
    EXPECT_EQ(finding.detail.find('\x07'), std::string::npos) << finding.check;
    EXPECT_EQ(finding.next.find("reboot"), std::string::npos);
  }
}

TEST_F(EntryTest, LongPathsAreNotKeptInFull) {
  machine_.Measure("/tmp/" + std::string(500'000, 'a'), Evil());
  const Appraisal out = Appraised();
  ASSERT_EQ(Checks(out), Names{"ima.path"});
  EXPECT_EQ(out.findings.front().subject.path.size(), 4096U);
  EXPECT_LT(out.findings.front().detail.size(), 1000U);
}

Result<Appraisal> AppraiseList(const FakeMachine& machine, const policy::PolicySet& policy,
                               std::optional<crypto::Digest> pcr) {
  std::optional<PcrClaim> claim;
  if (pcr) claim = PcrClaim{.value = *pcr};
  return AppraiseImaList(AsBytes(machine.list()), ima::Format::kAscii,
                         policy::PolicyAt(policy, FromUnixSeconds(7)), claim);
}

class ListTest : public EntryTest {
 protected:
  ListTest() {
    // As `keylime-policy create runtime` writes them: with the machine's boot_aggregate.
    std::string text = machine_.PolicyText();
    ima::ListReader reader(AsBytes(machine_.list()), ima::Format::kAscii);
    const auto first = reader.Next();
    const auto digest =
        crypto::Digest::FromBytes(HashAlgorithm::kSha256, first.value().value().file_digest);
    text.insert(text.find(R"("digests":{)") + 11,
                R"("boot_aggregate":[")" + digest->hex() + R"("],)");
    policy_ = ParsePolicy(text);
  }

  crypto::Digest Pcr10(HashAlgorithm bank = HashAlgorithm::kSha256) const {
    return machine_.Pcr(bank, 10);
  }
  Appraisal Appraised(std::optional<crypto::Digest> pcr) const {
    auto appraisal = AppraiseList(machine_, *policy_, pcr);
    EXPECT_TRUE(appraisal.has_value());
    return *std::move(appraisal);
  }
};

TEST_F(ListTest, ListThatLeadsToThePcr) {
  const Appraisal out = Appraised(Pcr10());
  EXPECT_EQ(out.verdict(), Verdict::kPass);
  EXPECT_EQ(out.evaluated_at, FromUnixSeconds(7));
  EXPECT_EQ(Checks(out), (Names{"ima.replay", "ima.list"}));
  EXPECT_EQ(Appraised(Pcr10(HashAlgorithm::kSha1)).verdict(), Verdict::kPass);
}

TEST_F(ListTest, ListAlone) {
  const Appraisal out = Appraised(std::nullopt);
  EXPECT_EQ(out.verdict(), Verdict::kPass);
  EXPECT_EQ(Checks(out), Names{"ima.list"});
  EXPECT_NE(out.findings.front().detail.find("no PCR value"), std::string::npos);
}

TEST_F(ListTest, ListThatDoesNotLeadToThePcr) {
  machine_.Measure("/tmp/evil", Evil());
  const Appraisal out = Appraised(Evil());
  EXPECT_EQ(out.verdict(), Verdict::kFail);
  // What is wrong with the list is told all the same.
  EXPECT_EQ(Checks(out), (Names{"ima.replay", "ima.list", "ima.path"}));
}

TEST_F(ListTest, Attack_A06_EntriesBehindThePcrHaveNoEffect) {
  const crypto::Digest pcr = Pcr10();
  machine_.Measure("/tmp/evil", Evil());
  machine_.ReplaceList(machine_.list() + "garbage");
  const Appraisal out = Appraised(pcr);
  EXPECT_EQ(out.verdict(), Verdict::kPass);
  EXPECT_EQ(Checks(out), (Names{"ima.replay", "ima.unquoted", "ima.list"}));
}

// A file of such a name is measured when anyone runs it.
TEST_F(ListTest, ANameThatLooksLikeARecord) {
  const std::string record = machine_.list().substr(0, machine_.list().find('\n'));
  for (const auto kind : {ima::TemplateDigests::kNative, ima::TemplateDigests::kZeroPadded}) {
    MachineOptions options;
    options.template_digests = kind;
    FakeMachine machine(options);
    machine.Boot();
    machine.Measure("/var/odd\n" + record, Evil());
    const crypto::Digest pcr = machine.Pcr(HashAlgorithm::kSha256, 10);
    machine.Measure("/tmp/evil", Evil());
    const auto out = AppraiseList(machine, *policy_, pcr);
    ASSERT_TRUE(out);
    EXPECT_EQ(Checks(*out), (Names{"ima.replay", "ima.unquoted", "ima.list", "ima.path"}));
    EXPECT_EQ(out->findings.back().subject.path, "/var/odd\n" + record);
  }
}

TEST_F(ListTest, ZeroPaddedBank) {
  MachineOptions options;
  options.template_digests = ima::TemplateDigests::kZeroPadded;
  FakeMachine machine(options);
  machine.Boot();
  machine.Run("/usr/bin/good", "good 1");
  const auto out = AppraiseList(machine, *policy_, machine.Pcr(HashAlgorithm::kSha256, 10));
  ASSERT_TRUE(out.has_value());
  EXPECT_TRUE(FindCheck(out->findings, "ima.replay")->passed());
}

// Whether a bank is padded shows at the end of the list; what is behind the quoted part of a
// padded one was read by then.
TEST_F(ListTest, Attack_A06_EntriesBehindThePcrOfAPaddedBankHaveNoEffect) {
  MachineOptions options;
  options.template_digests = ima::TemplateDigests::kZeroPadded;
  FakeMachine machine(options);
  machine.Boot();
  machine.Run("/usr/bin/good", "good 1");
  const auto checks = [&](const crypto::Digest& pcr) {
    const auto out = AppraiseList(machine, *policy_, pcr);
    return out ? Checks(*out) : Names{out.error().id};
  };
  const crypto::Digest pcr = machine.Pcr(HashAlgorithm::kSha256, 10);
  const Names quoted = checks(pcr);
  machine.Measure("/tmp/evil", Evil());
  Names with_unquoted = quoted;
  with_unquoted.insert(with_unquoted.begin() + 1, "ima.unquoted");
  EXPECT_EQ(checks(pcr), with_unquoted);
  machine.ReplaceList(machine.list() + "garbage");
  EXPECT_EQ(checks(pcr), with_unquoted);
  EXPECT_EQ(checks(Evil()), Names{"ima.truncated"});
}

TEST_F(ListTest, FindingsOfEntriesAreCountedBeyondTheLimit) {
  const std::size_t evil = kMaxFindings + 3;
  for (std::size_t i = 0; i < evil; ++i) {
    machine_.Measure("/tmp/" + std::to_string(i), Evil());
  }
  const Appraisal out = Appraised(Pcr10());
  EXPECT_EQ(out.findings.size(), kMaxFindings);
  // Two are of the list.
  EXPECT_EQ(out.not_shown, evil + 2 - kMaxFindings);
}

TEST_F(ListTest, EmptyListAndPcrBeforeTheFirstEntry) {
  EXPECT_EQ(Checks(Appraised(crypto::Digest(HashAlgorithm::kSha256))),
            (Names{"ima.replay", "ima.unquoted", "ima.list"}));
  EXPECT_EQ(Appraised(crypto::Digest(HashAlgorithm::kSha256)).verdict(), Verdict::kFail);
  for (const char* nothing : {"", "\n", "\n\n"}) {
    machine_.ReplaceList(nothing);
    EXPECT_EQ(Appraised(std::nullopt).verdict(), Verdict::kFail);
  }
}

TEST_F(ListTest, BootAggregateThatNothingVouchesFor) {
  policy_ = ParsePolicy(machine_.PolicyText());
  const Appraisal out = Appraised(Pcr10());
  EXPECT_EQ(out.verdict(), Verdict::kFail);
  // The policy was made from files: that it does not list it says nothing of the machine.
  EXPECT_EQ(Checks(out), (Names{"ima.replay", "ima.list", "ima.boot_aggregate"}));
  const Finding* finding = FindCheck(out.findings, "ima.boot_aggregate");
  ASSERT_NE(finding, nullptr);
  EXPECT_EQ(finding->outcome, Outcome::kNotEvaluated);
  EXPECT_EQ(finding->cause, Cause::kConfiguration);
  EXPECT_EQ(finding->subject.event, 0U);
  EXPECT_TRUE(finding->found.starts_with("sha256:")) << finding->found;
  EXPECT_EQ(Checks(Appraised(std::nullopt)), (Names{"ima.list", "ima.boot_aggregate"}));
}

// Whoever starts without IMA and extends PCR 10 by hand has no boot to show.
TEST_F(ListTest, Attack_A01_AListWithoutItsBootDoesNotLeadToAQuote) {
  policy_ = ParsePolicy(machine_.PolicyText({"boot_aggregate"}));
  const std::string list = machine_.list();
  machine_.ReplaceList(list.substr(list.find('\n') + 1));
  const std::string rest = machine_.list();
  for (const auto digests : {ima::TemplateDigests::kNative, ima::TemplateDigests::kZeroPadded}) {
    ima::Replay replay(HashAlgorithm::kSha256, digests);
    ima::ListReader reader(AsBytes(rest), ima::Format::kAscii);
    for (auto entry = reader.Next(); entry && *entry; entry = reader.Next()) replay.Extend(**entry);
    const Appraisal out = Appraised(replay.pcr());
    EXPECT_EQ(Checks(out), (Names{"ima.replay", "ima.list", "ima.boot_aggregate"}));
    EXPECT_EQ(FindCheck(out.findings, "ima.boot_aggregate")->outcome, Outcome::kFailed);
    EXPECT_EQ(out.verdict(), Verdict::kFail);
  }
  // Nothing says where a list begins that nothing is compared with.
  EXPECT_EQ(Checks(Appraised(std::nullopt)), Names{"ima.list"});
}

TEST_F(ListTest, BootAggregateThatThePolicyListsDecides) {
  EXPECT_EQ(Appraised(std::nullopt).verdict(), Verdict::kPass);
  policy_ = ParsePolicy(
      machine_.PolicyText().insert(machine_.PolicyText().find(R"("digests":{)") + 11,
                                   R"("boot_aggregate":[")" + std::string(64, '0') + R"("],)"));
  const Appraisal out = Appraised(std::nullopt);
  EXPECT_EQ(out.verdict(), Verdict::kFail);
  EXPECT_EQ(Checks(out), (Names{"ima.list", "ima.digest"}));
}

TEST_F(ListTest, PolicyThatSaysNothing) {
  policy_ = ParsePolicy(machine_.PolicyText({".*"}));
  machine_.BootWithoutIma();
  machine_.Measure("/tmp/evil", Evil());
  EXPECT_EQ(Appraised(std::nullopt).verdict(), Verdict::kUnpoliced);
}

TEST_F(ListTest, ListThatCannotBeRead) {
  machine_.ReplaceList("garbage\n" + machine_.list());
  EXPECT_FALSE(AppraiseList(machine_, *policy_, Pcr10()).has_value());
  EXPECT_FALSE(AppraiseList(machine_, *policy_, std::nullopt).has_value());
}

}  // namespace
}  // namespace limequat::appraise
