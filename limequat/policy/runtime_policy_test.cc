#include "limequat/policy/runtime_policy.h"

#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/json/escaped_bytes.h"
#include "limequat/json/value.h"
#include "limequat/policy/device_mapper_policy.h"
#include "limequat/policy/testing/device_mapper.h"

namespace limequat::policy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kOne(64, '1');
const std::string kTwo(40, '2');

json::Object Ima() {
  return {{"ignored_keyrings", json::Array()}, {"log_hash_alg", "sha1"}, {"dm_policy", nullptr}};
}

// A policy that lists one program under two digests; tests change members of it.
json::Object Good() {
  return {
      {"meta",
       json::Object{{"version", 1}, {"generator", 3}, {"timestamp", "2026-11-25 09:00:00.000000"}}},
      {"release", 0},
      {"digests",
       json::Object{{"/bin/true", json::Array{kOne, kTwo}}, {"boot_aggregate", json::Array{kTwo}}}},
      {"excludes", json::Array{"/tmp/.*"}},
      {"keyrings", json::Object()},
      {"ima", Ima()},
      {"ima-buf", json::Object()},
      {"verification-keys", ""}};
}

json::Object With(std::string_view name, json::Value value) {
  json::Object policy = Good();
  policy.Set(name, std::move(value));
  return policy;
}

std::shared_ptr<const RuntimePolicy> Parsed(const json::Object& policy) {
  auto parsed = RuntimePolicy::Parse(json::Serialize(policy));
  EXPECT_TRUE(parsed) << parsed.error().message;
  return parsed.value_or(nullptr);
}

std::string ErrorOf(const json::Object& policy) {
  const auto parsed = RuntimePolicy::Parse(json::Serialize(policy));
  if (parsed) return "";
  EXPECT_EQ(parsed.error().code, ErrorCode::kMalformed);
  return parsed.error().id;
}

Bytes FromHex(std::string_view hex) { return HexDecode(hex).value_or(Bytes()); }

// Keylime takes the policy out of a payload, with or without what else an envelope has.
TEST(RuntimePolicy, Attack_A11_APayloadBesideAPolicy) {
  for (const json::Value& payload :
       {json::Value("e30="), json::Value(1), json::Value(true), json::Value(json::Array{1})}) {
    EXPECT_EQ(ErrorOf(With("payload", payload)), "policy.schema");
  }
  for (const json::Value& none : {json::Value(nullptr), json::Value(""), json::Value(0),
                                  json::Value(false), json::Value(json::Object())}) {
    EXPECT_EQ(ErrorOf(With("payload", none)), "");
  }
}

TEST(RuntimePolicy, LooksUpDigestsByPath) {
  const auto policy = Parsed(Good());
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->paths(), 2U);
  EXPECT_EQ(policy->digests(), 3U);
  EXPECT_EQ(policy->Look("/bin/true", FromHex(kOne)), PathAnswer::kListed);
  EXPECT_EQ(policy->Look("/bin/true", FromHex(kTwo)), PathAnswer::kListed);
  EXPECT_EQ(policy->Look("/bin/true", FromHex(std::string(64, '2'))), PathAnswer::kOtherDigest);
  EXPECT_EQ(policy->Look("/bin/true", FromHex(std::string(40, '1'))),
            PathAnswer::kOtherDigest);  // a part of it
  EXPECT_EQ(policy->Look("/bin/true", {}), PathAnswer::kOtherDigest);
  EXPECT_EQ(policy->Look("/bin/false", FromHex(kOne)), PathAnswer::kUnknownPath);
  EXPECT_THAT(policy->DigestsOf("/bin/true"), ElementsAre(kOne, kTwo));
  EXPECT_THAT(policy->DigestsOf("/bin/true", 1), ElementsAre(kOne));
  EXPECT_THAT(policy->DigestsOf("/bin/false"), IsEmpty());
  EXPECT_FALSE(policy->says_nothing());
  EXPECT_EQ(policy->device_mapper(), nullptr);
  EXPECT_FALSE(policy->learns());
}

TEST(RuntimePolicy, HashIsOverTheTextItself) {
  const std::string text = json::Serialize(Good());
  const auto a = RuntimePolicy::Parse(text);
  const auto b = RuntimePolicy::Parse(text + "\n");
  ASSERT_TRUE(a && b);
  EXPECT_EQ((*a)->hash(), crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(text)));
  EXPECT_NE((*a)->hash(), (*b)->hash());
}

TEST(RuntimePolicy, Excludes) {
  const auto policy = Parsed(Good());
  EXPECT_EQ(policy->Excludes("/tmp/x"), Exclusion::kExcluded);
  EXPECT_EQ(policy->Excludes("/bin/true"), Exclusion::kNo);
}

TEST(RuntimePolicy, Attack_A10_ExcludesNeverApplyToBootAggregate) {
  for (const std::string_view expression : {"boot_aggregate", ".*", "boot", ""}) {
    const auto policy = Parsed(With("excludes", json::Array{expression}));
    ASSERT_TRUE(policy);
    EXPECT_EQ(policy->Excludes("boot_aggregate"), Exclusion::kNo) << expression;
  }
  const auto policy = Parsed(With("excludes", json::Array{"boot_aggregate"}));
  EXPECT_EQ(policy->Excludes("boot_aggregate2"), Exclusion::kExcluded);
}

TEST(RuntimePolicy, Attack_A10_ExcludingEverythingSaysNothing) {
  const auto policy = Parsed(With("excludes", json::Array{"/tmp", "/.*"}));
  ASSERT_TRUE(policy);
  EXPECT_TRUE(policy->says_nothing());
  EXPECT_TRUE(policy->excludes_everything());
  EXPECT_THAT(policy->why_it_says_nothing(), HasSubstr("no place where programs lie"));
}

TEST(RuntimePolicy, Attack_A10_ExcludingEveryFolderSaysNothing) {
  const auto policy = Parsed(With("excludes", json::Array{"/[^/]+/"}));
  ASSERT_TRUE(policy);
  EXPECT_TRUE(policy->says_nothing());
}

TEST(RuntimePolicy, WatchingOnlyListedPathsSaysSomething) {
  // All of a system but one program, which is listed.
  const auto policy = Parsed(With("excludes", json::Array{"/(?!bin/true$)"}));
  ASSERT_TRUE(policy);
  EXPECT_FALSE(policy->says_nothing()) << policy->why_it_says_nothing();
  EXPECT_FALSE(policy->excludes_everything());
}

// As `keylime-policy` writes a name in Linux that is not UTF-8.
TEST(RuntimePolicy, PathsMayHoldBytesThatAreNoText) {
  const std::string text = json::SerializeWithEscapedBytes(
      With("digests", json::Object{{"/bin/\xff", json::Array{kOne}}}));
  ASSERT_THAT(text, HasSubstr("/bin/\\udcff"));
  const auto policy = RuntimePolicy::Parse(text);
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ((*policy)->Look("/bin/\xff", FromHex(kOne)), PathAnswer::kListed);
  EXPECT_EQ((*policy)->Look("/bin/\xfe", FromHex(kOne)), PathAnswer::kUnknownPath);
}

TEST(RuntimePolicy, NothingElseMayHoldBytesThatAreNoText) {
  const json::Object bytes{{"\xff", json::Array{kOne}}};
  for (const json::Object& policy :
       {With("keyrings", bytes), With("ima-buf", bytes), With("excludes", json::Array{"/\xff"}),
        With("verification-keys", "\xff"),
        With("digests", json::Object{{"/a", json::Array{"\xff"}}}), With("a\xff", 1),
        With("digests", json::Array{"\xff"})}) {
    const auto parsed = RuntimePolicy::Parse(json::SerializeWithEscapedBytes(policy));
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().id, "policy.json");
    EXPECT_THAT(parsed.error().message, HasSubstr("no text"));
  }
  const auto twice = RuntimePolicy::Parse(R"({"digests":{"\udcff":[],"\uDCFF":[]}})");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().id, "policy.json");
}

// docs/keylime-differences.md lists these: Keylime's own code takes each of them.
TEST(RuntimePolicy, RefusesWhatKeylimeReadsInItsOwnWay) {
  EXPECT_EQ(ErrorOf(With("digests", json::Object{{"/a", json::Array{std::string(41, '1')}}})),
            "policy.digest");
  EXPECT_EQ(ErrorOf(With("release", 0.0)), "policy.schema");
  for (const char* expression : {"(?x)/a", "(?a)/a"}) {
    EXPECT_EQ(ErrorOf(With("excludes", json::Array{expression})), "policy.exclude") << expression;
  }
  json::Value deep;
  for (int level = 0; level < 32; ++level) deep = json::Array{std::move(deep)};
  EXPECT_EQ(ErrorOf(With("comment", std::move(deep))), "policy.json");
  std::string twice = json::Serialize(Good());
  twice.insert(1, R"("release":0,)");
  const auto parsed = RuntimePolicy::Parse(twice);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().id, "policy.json");
}

TEST(RuntimePolicy, NoDigestsSaysNothing) {
  const auto policy = Parsed(With("digests", json::Object()));
  ASSERT_TRUE(policy);
  EXPECT_TRUE(policy->says_nothing());
  EXPECT_FALSE(policy->excludes_everything());
  EXPECT_THAT(policy->why_it_says_nothing(), HasSubstr("no digests"));
  EXPECT_EQ(policy->Look("/bin/true", FromHex(kOne)), PathAnswer::kUnknownPath);
}

TEST(RuntimePolicy, GeneratorOfTheEmptyPolicySaysNothing) {
  for (const int generator : {0, 1}) {
    const auto policy =
        Parsed(With("meta", json::Object{{"version", 1}, {"generator", generator}}));
    ASSERT_TRUE(policy);
    EXPECT_TRUE(policy->says_nothing());
    EXPECT_THAT(policy->why_it_says_nothing(), HasSubstr("generator"));
  }
  EXPECT_FALSE(
      Parsed(With("meta", json::Object{{"version", 1}, {"generator", 2}}))->says_nothing());
}

TEST(RuntimePolicy, DeviceMapperRules) {
  json::Object ima = Ima();
  ima.Set("dm_policy", testing::DeviceMapperRules({{"root", testing::VerityRule()}}));
  json::Object good = With("ima", ima);
  const auto policy = Parsed(good);
  ASSERT_NE(policy->device_mapper(), nullptr);
  EXPECT_EQ(policy->device_mapper()->rules.size(), 1U);
  EXPECT_TRUE(policy->learns());
  good.Set("digests", json::Object());
  EXPECT_FALSE(Parsed(good)->says_nothing());
  ima.Set("dm_policy", json::Object{{"version", 1}});
  EXPECT_EQ(ErrorOf(With("ima", ima)), "policy.device_mapper");
}

TEST(RuntimePolicy, KeysAndBuffersByName) {
  for (const bool keys : {true, false}) {
    const auto policy = Parsed(
        With(keys ? "keyrings" : "ima-buf", json::Object{{".ima", json::Array{kOne, kTwo}}}));
    const auto look = [&](std::string_view name, std::string_view digest) {
      return keys ? policy->LookKey(name, FromHex(digest))
                  : policy->LookBuffer(name, FromHex(digest));
    };
    EXPECT_EQ(look(".ima", kTwo), PathAnswer::kListed);
    EXPECT_EQ(look(".ima", std::string(64, '2')), PathAnswer::kOtherDigest);
    EXPECT_EQ(look(".evm", kOne), PathAnswer::kUnknownPath);
    // One list is not another.
    EXPECT_EQ(look("/bin/true", kOne), PathAnswer::kUnknownPath);
    EXPECT_EQ(policy->Look(".ima", FromHex(kOne)), PathAnswer::kUnknownPath);
    EXPECT_EQ(
        keys ? policy->LookBuffer(".ima", FromHex(kOne)) : policy->LookKey(".ima", FromHex(kOne)),
        PathAnswer::kUnknownPath);
    EXPECT_EQ(policy->learns(), keys);
  }
}

TEST(RuntimePolicy, IgnoresViolationsIfItSaysSo) {
  EXPECT_EQ(Parsed(Good())->ignores_violations(), std::nullopt);
  json::Object ima = Ima();
  ima.Set("ignore_violations", nullptr);
  EXPECT_EQ(Parsed(With("ima", ima))->ignores_violations(), std::nullopt);
  ima.Set("ignore_violations", false);
  EXPECT_EQ(Parsed(With("ima", ima))->ignores_violations(), false);
  EXPECT_FALSE(Parsed(With("ima", ima))->learns());
  ima.Set("ignore_violations", true);
  const auto policy = Parsed(With("ima", ima));
  EXPECT_EQ(policy->ignores_violations(), true);
  EXPECT_TRUE(policy->learns());
  ima.Set("ignore_violations", 1);
  EXPECT_EQ(ErrorOf(With("ima", ima)), "policy.schema");
}

TEST(RuntimePolicy, Coverage) {
  EXPECT_THAT(Parsed(Good())->coverage(), IsEmpty());
  const auto with = [](json::Value coverage) {
    json::Object ima = Ima();
    ima.Set("coverage", std::move(coverage));
    return With("ima", ima);
  };
  EXPECT_THAT(Parsed(with(nullptr))->coverage(), IsEmpty());
  const auto policy = Parsed(
      with(json::Object{{"entries", json::Object{{"/etc/ima/ima-policy", json::Array{kOne}}}}}));
  EXPECT_THAT(policy->coverage(), ElementsAre("/etc/ima/ima-policy"));
  EXPECT_EQ(policy->LookCoverage("/etc/ima/ima-policy", FromHex(kOne)), PathAnswer::kListed);
  EXPECT_EQ(policy->LookCoverage("/bin/true", FromHex(kOne)), PathAnswer::kUnknownPath);
  EXPECT_EQ(policy->Look("/etc/ima/ima-policy", FromHex(kOne)), PathAnswer::kUnknownPath);
  EXPECT_TRUE(policy->learns());
  // What a later version may ask for is not silently left out.
  for (json::Value bad :
       {json::Value(7), json::Value(json::Object()),
        json::Value(json::Object{{"entries", json::Object()}}),
        json::Value(json::Object{{"entries", json::Object{{"a", json::Array{kOne}}}}, {"more", 1}}),
        json::Value(json::Object{{"entries", json::Object{{"a", json::Array()}}}})}) {
    EXPECT_EQ(ErrorOf(with(bad)), "policy.schema");
  }
  EXPECT_EQ(ErrorOf(with(json::Object{{"entries", json::Object{{"a", json::Array{"x"}}}}})),
            "policy.digest");
  json::Object many;
  for (std::size_t i = 0; i <= kMaxCoverageEntries; ++i) {
    many.Set(std::to_string(i), json::Array{kOne});
  }
  EXPECT_EQ(ErrorOf(with(json::Object{{"entries", many}})), "policy.limit");
}

TEST(RuntimePolicy, CoverageByTheCommandLine) {
  const auto with = [](json::Value parameters) {
    json::Object ima = Ima();
    ima.Set("coverage", json::Object{{"command_line", std::move(parameters)}});
    return With("ima", ima);
  };
  EXPECT_TRUE(Parsed(Good())->command_line().empty());
  const auto policy = Parsed(with(json::Object{
      {"ima_policy", json::Array{"tcb", "tcb|appraise_tcb"}}, {"ima_tcb", json::Array{""}}}));
  EXPECT_EQ(policy->command_line(),
            (ParameterValues{{"ima_policy", {"tcb", "tcb|appraise_tcb"}}, {"ima_tcb", {""}}}));
  EXPECT_TRUE(policy->learns());
  EXPECT_THAT(policy->coverage(), IsEmpty());
  const auto values = [](json::Value list) {
    return json::Object{{"ima_policy", std::move(list)}};
  };
  json::Array many_values;
  for (std::size_t i = 0; i <= kMaxCoverageValues; ++i) many_values.emplace_back(std::to_string(i));
  for (json::Value bad :
       {json::Value("tcb"), json::Value(json::Object()), json::Value(values("tcb")),
        json::Value(values(json::Array())), json::Value(values(json::Array{1})),
        json::Value(values(json::Array{"a b"})), json::Value(values(json::Array{"\"tcb\""})),
        json::Value(values(json::Array{std::string(257, 'a')})),
        json::Value(values(json::Array{"\xc3\xa4"})), json::Value(values(many_values)),
        json::Value(json::Object{{"lsm", json::Array{"x"}}}),
        json::Value(json::Object{{"ima-policy", json::Array{"tcb"}}}),
        json::Value(json::Object{{"ima_Policy", json::Array{"tcb"}}}),
        json::Value(json::Object{{"ima_" + std::string(256, 'a'), json::Array{"tcb"}}})}) {
    EXPECT_EQ(ErrorOf(with(bad)), "policy.schema") << json::Serialize(bad);
  }
  json::Object many;
  for (std::size_t i = 0; i <= kMaxCoverageParameters; ++i) {
    many.Set("ima_" + std::to_string(i), json::Array{"x"});
  }
  EXPECT_EQ(ErrorOf(with(many)), "policy.limit");
}

TEST(RuntimePolicy, IgnoredKeyrings) {
  json::Object ima = Ima();
  ima.Set("ignored_keyrings", json::Array{".evm", ".machine"});
  const auto some = Parsed(With("ima", ima));
  EXPECT_TRUE(some->IgnoresKeyring(".machine"));
  EXPECT_FALSE(some->IgnoresKeyring(".ima"));
  EXPECT_FALSE(some->IgnoresKeyring("*"));
  ima.Set("ignored_keyrings", json::Array{"*"});
  EXPECT_TRUE(Parsed(With("ima", ima))->IgnoresKeyring(".ima"));
  EXPECT_FALSE(Parsed(Good())->IgnoresKeyring(".ima"));
}

constexpr std::string_view kKeyText =
    R"({"pubkeys": ["MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEIVTZFN4rHlHs3ooZB5mcT/HGoWe18pW8nx2LSMlkk4nk5QPLAg/CGpmZebc6SZqVtHxAPKAlYa1i4MX19yu5Eg=="], "keyids": [0]})";

TEST(RuntimePolicy, VerificationKeys) {
  EXPECT_TRUE(Parsed(Good())->verification_keys().empty());
  EXPECT_EQ(Parsed(With("verification-keys", kKeyText))->verification_keys().size(), 1U);
  EXPECT_EQ(Parsed(With("verification-keys", json::Serialize(json::Value(kKeyText))))
                ->verification_keys()
                .size(),
            1U);
  EXPECT_EQ(ErrorOf(With("verification-keys", R"({"pubkeys": ["AAAA"], "keyids": [0]})")),
            "policy.verification_keys");
}

// Signed files, keys or buffers can be judged without a list of digests.
TEST(RuntimePolicy, KeysAloneSaySomething) {
  json::Object policy = With("digests", json::Object());
  EXPECT_TRUE(Parsed(policy)->says_nothing());
  for (const std::string_view name : {"keyrings", "ima-buf"}) {
    json::Object with = policy;
    with.Set(name, json::Object{{".ima", json::Array{kOne}}});
    EXPECT_FALSE(Parsed(with)->says_nothing()) << name;
  }
  policy.Set("verification-keys", R"({"pubkeys": [], "keyids": []})");
  EXPECT_TRUE(Parsed(policy)->says_nothing());
  policy.Set("verification-keys", kKeyText);
  EXPECT_FALSE(Parsed(policy)->says_nothing());
}

TEST(RuntimePolicy, NotJson) {
  for (const std::string_view text : {"", "x", "{", "{} x"}) {
    const auto parsed = RuntimePolicy::Parse(text);
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().id, "policy.json") << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kMalformed);
  }
  EXPECT_EQ(RuntimePolicy::Parse("{}").error().id, "policy.schema");
  EXPECT_EQ(RuntimePolicy::Parse("[]").error().id, "policy.schema");
  EXPECT_EQ(RuntimePolicy::Parse("null").error().id, "policy.schema");
}

TEST(RuntimePolicy, APathTwiceIsRefused) {
  std::string text = json::Serialize(Good());
  const std::string member = "\"/bin/true\":";
  text.insert(text.find(member), member + "[\"" + kOne + "\"],");
  const auto parsed = RuntimePolicy::Parse(text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().id, "policy.json");
}

TEST(RuntimePolicy, EveryMemberIsRequired) {
  for (const auto& [absent, value] : Good()) {
    json::Object policy;
    for (const auto& [name, member] : Good()) {
      if (name != absent) policy.Set(name, member);
    }
    EXPECT_EQ(ErrorOf(policy), "policy.schema") << absent;
  }
}

TEST(RuntimePolicy, EveryMemberHasItsType) {
  for (const auto& [name, value] : Good()) {
    EXPECT_EQ(ErrorOf(With(name, 7.5)), "policy.schema") << name;
    EXPECT_EQ(ErrorOf(With(name, nullptr)), "policy.schema") << name;
  }
  EXPECT_EQ(ErrorOf(With("release", -1)), "policy.schema");
  EXPECT_EQ(ErrorOf(With("excludes", json::Array{1})), "policy.schema");
}

TEST(RuntimePolicy, Meta) {
  EXPECT_EQ(ErrorOf(With("meta", json::Object{{"version", 1}})), "policy.schema");
  EXPECT_EQ(ErrorOf(With("meta", json::Object{{"generator", 3}})), "policy.schema");
  EXPECT_EQ(ErrorOf(With("meta", json::Object{{"version", -1}, {"generator", 3}})),
            "policy.schema");
  EXPECT_EQ(ErrorOf(With("meta", json::Object{{"version", 1}, {"generator", 4}})), "policy.schema");
  EXPECT_EQ(ErrorOf(With("meta", json::Object{{"version", 1}, {"generator", "3"}})),
            "policy.schema");
  EXPECT_EQ(ErrorOf(With("meta", json::Object{{"version", 1}, {"generator", 3}, {"timestamp", 1}})),
            "policy.schema");
}

TEST(RuntimePolicy, ImaMember) {
  for (const auto& [absent, value] : Ima()) {
    json::Object ima;
    for (const auto& [name, member] : Ima()) {
      if (name != absent) ima.Set(name, member);
    }
    EXPECT_EQ(ErrorOf(With("ima", ima)), "policy.schema") << absent;
  }
  json::Object ima = Ima();
  ima.Set("log_hash_alg", "md5");
  EXPECT_EQ(ErrorOf(With("ima", ima)), "policy.schema");
}

TEST(RuntimePolicy, DigestsMustBeDigests) {
  const auto error = [](json::Value digest) {
    return ErrorOf(With("digests", json::Object{{"/x", json::Array{std::move(digest)}}}));
  };
  EXPECT_EQ(error(std::string(40, 'a')), "");
  EXPECT_EQ(error(std::string(58, 'a')), "");  // an algorithm nobody knows
  EXPECT_EQ(error(std::string(128, 'a')), "");
  EXPECT_EQ(error(std::string(38, 'a')), "policy.digest");
  EXPECT_EQ(error(std::string(130, 'a')), "policy.digest");
  EXPECT_EQ(error(std::string(41, 'a')), "policy.digest");
  EXPECT_EQ(error(std::string(40, 'A')), "policy.digest");  // as Keylime's schema has it
  EXPECT_EQ(error(std::string(40, 'g')), "policy.digest");
  EXPECT_EQ(error("sha256:" + std::string(64, 'a')), "policy.digest");
  EXPECT_EQ(error(1), "policy.digest");
  EXPECT_EQ(ErrorOf(With("digests", json::Object{{"/x", kOne}})), "policy.schema");
  EXPECT_EQ(ErrorOf(With("digests", json::Object{{"/x", json::Array()}})), "policy.schema");
  EXPECT_EQ(ErrorOf(With("keyrings", json::Object{{"k", json::Array()}})), "policy.schema");
  EXPECT_EQ(ErrorOf(With("keyrings", json::Object{{"k", json::Array{"x"}}})), "policy.digest");
  EXPECT_EQ(ErrorOf(With("ima-buf", json::Object{{"b", 1}})), "policy.schema");
}

TEST(RuntimePolicy, VerificationKeysMustBeAKeyring) {
  EXPECT_EQ(ErrorOf(With("verification-keys", "x")), "policy.schema");
  EXPECT_EQ(ErrorOf(With("verification-keys", R"({"pubkeys": []})")), "policy.schema");
  EXPECT_EQ(ErrorOf(With("verification-keys", R"({"pubkeys": [1], "keyids": []})")),
            "policy.schema");
}

TEST(RuntimePolicy, Quirk_Q19_InvalidExpressionIsRefused) {
  EXPECT_EQ(ErrorOf(With("excludes", json::Array{"/tmp", "*bad("})), "policy.exclude");
}

TEST(RuntimePolicy, TooLarge) {
  const std::string text(kMaxPolicyBytes + 1, ' ');
  const auto parsed = RuntimePolicy::Parse(text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().id, "policy.limit");
}

TEST(RuntimePolicy, Attack_A15_PathsAreEscapedInMessages) {
  const auto parsed = RuntimePolicy::Parse(
      json::Serialize(With("digests", json::Object{{"/\x1b[2J", json::Array{"x"}}})));
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, HasSubstr("/\\x1b[2J"));
}

TEST(RuntimePolicy, UnknownMembersAreAllowed) {
  EXPECT_EQ(ErrorOf(With("exclude", json::Array{"x"})), "");
}

}  // namespace
}  // namespace limequat::policy
