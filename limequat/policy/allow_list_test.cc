#include "limequat/policy/allow_list.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/json/value.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kTime = "2026-11-25 09:00:00.000000";
const std::string kOne(64, '1');
const std::string kTwo(40, '2');

ConvertedPolicy Converted(std::string_view text, std::string_view excludes = "") {
  auto converted = ConvertPolicy(text, excludes, kTime);
  EXPECT_TRUE(converted) << converted.error().message;
  return converted ? *std::move(converted) : ConvertedPolicy();
}

std::shared_ptr<const RuntimePolicy> PolicyOf(std::string_view text,
                                              std::string_view excludes = "") {
  auto policy = RuntimePolicy::Parse(Converted(text, excludes).json);
  EXPECT_TRUE(policy) << policy.error().message;
  return policy.value_or(nullptr);
}

json::Value DocumentOf(std::string_view text, std::string_view excludes = "") {
  return json::Parse(Converted(text, excludes).json).value_or(json::Value());
}

Error ErrorOf(std::string_view text, std::string_view excludes = "") {
  const auto converted = ConvertPolicy(text, excludes, kTime);
  EXPECT_FALSE(converted);
  return converted ? Error() : converted.error();
}

TEST(ConvertPolicy, ReadsAFlatList) {
  const auto policy =
      PolicyOf(kOne + "  /usr/bin/a\n\n  \r\n" + kTwo + "\t/usr/bin/a\r\n" + kOne + " /b");
  ASSERT_NE(policy, nullptr);
  EXPECT_EQ(policy->paths(), 2U);
  EXPECT_THAT(policy->DigestsOf("/usr/bin/a"), ElementsAre(kOne, kTwo));
  EXPECT_THAT(policy->DigestsOf("/b"), ElementsAre(kOne));
  EXPECT_EQ(Converted(kOne + " /b").form, PolicyForm::kFlatAllowList);
}

TEST(ConvertPolicy, WritesWhatKeylimesConverterWrites) {
  EXPECT_EQ(
      Converted(kOne + " /b\n" + kTwo + " %keyring:.ima\n").json,
      R"({"meta":{"version":1,"generator":3,"timestamp":"2026-11-25 09:00:00.000000"},"release":0,"digests":{"/b":[")" +
          kOne + R"("]},"excludes":[],"keyrings":{".ima":[")" + kTwo +
          R"("]},"ima":{"ignored_keyrings":[],"log_hash_alg":"sha1","dm_policy":null},"ima-buf":{},"verification-keys":""})");
}

TEST(ConvertPolicy, RepairsAndSaysSo) {
  const ConvertedPolicy converted =
      Converted("sha256:" + std::string(64, 'A') + " /with blank\n" + kTwo + " /b\n");
  const auto policy = RuntimePolicy::Parse(converted.json);
  ASSERT_TRUE(policy);
  EXPECT_THAT((*policy)->DigestsOf("/with_blank"), ElementsAre(std::string(64, 'a')));
  ASSERT_EQ(converted.notes.size(), 2U);
  EXPECT_THAT(converted.notes[0], HasSubstr("1 digests"));
  EXPECT_THAT(converted.notes[1], HasSubstr("1 paths"));
  EXPECT_TRUE(Converted(kOne + " /b").notes.empty());
}

TEST(ConvertPolicy, RefusesLinesThatKeylimeSkips) {
  EXPECT_THAT(ErrorOf(kOne + " /a\n" + kOne + "\n").message, HasSubstr("line 2"));
  EXPECT_EQ(ErrorOf(kOne + "\n").id, "policy.convert");
  EXPECT_EQ(ErrorOf("abc /a\n").id, "policy.digest");
  EXPECT_THAT(ErrorOf(kOne + " /a\nabc /a\n").message, HasSubstr("line 2"));
  EXPECT_EQ(ErrorOf("md5:" + std::string(32, 'a') + " /a\n").id, "policy.digest");
  EXPECT_EQ(ErrorOf("sha256:" + kTwo + " /a\n").id, "policy.digest") << "not of that size";
  EXPECT_EQ(ErrorOf("# comment\n").id, "policy.digest");
  EXPECT_EQ(ErrorOf(kOne + " /a\n" + kOne + " %keyring:\xff\n").id, "policy.convert");
  EXPECT_EQ(ErrorOf("").id, "policy.convert");
  EXPECT_EQ(ErrorOf("\n \n").id, "policy.convert");
  EXPECT_EQ(ErrorOf(kTwo + " %keyring:.ima\n").id, "policy.convert") << "no file at all";
}

TEST(ConvertPolicy, ReadsAJsonAllowList) {
  const std::string text = R"({"meta":{"version":0},"release":7,"hashes":{"/a":[")" + kOne +
                           R"("]},"keyrings":{".ima":[")" + kTwo + R"("]},"ima-buf":{"k":[")" +
                           kTwo +
                           R"("]},"excludes":["/tmp/.*"],"ima":{"ignored_keyrings":[".x"]},)"
                           R"("verification-keys":""})";
  const ConvertedPolicy converted = Converted(text);
  EXPECT_EQ(converted.form, PolicyForm::kJsonAllowList);
  EXPECT_EQ(
      converted.json,
      R"({"meta":{"version":1,"generator":3,"timestamp":"2026-11-25 09:00:00.000000"},"release":7,"digests":{"/a":[")" +
          kOne + R"("]},"excludes":["/tmp/.*"],"keyrings":{".ima":[")" + kTwo +
          R"("]},"ima":{"ignored_keyrings":[".x"],"log_hash_alg":"sha1","dm_policy":null},"ima-buf":{"k":[")" +
          kTwo + R"("]},"verification-keys":""})");
}

TEST(ConvertPolicy, TellsPoliciesByTheirVersion) {
  const auto form = [](std::string_view meta) {
    const ConvertedPolicy converted =
        Converted("{" + std::string(meta) + R"("digests":{"/a":[")" + kOne + R"("]}})");
    const auto document = json::Parse(converted.json);
    const auto generator = document->as_object()->Find("meta")->as_object()->Find("generator");
    return fmt::format("{} {}", PolicyFormName(converted.form), *generator->as_int64());
  };
  EXPECT_EQ(form(""), "runtime policy of an older version 2");
  EXPECT_EQ(form(R"("meta":{"version":0},)"), "runtime policy of an older version 2");
  EXPECT_EQ(form(R"("meta":{"version":"1"},)"), "runtime policy of an older version 2");
  EXPECT_EQ(form(R"("meta":7,)"), "runtime policy of an older version 2");
  EXPECT_EQ(form(R"("meta":{"version":1},)"), "runtime policy 3");
}

// A member that is empty, zero or null is left out, as Keylime does.
TEST(ConvertPolicy, LeavesOutWhatSaysNothing) {
  for (const std::string_view nothing : {"null", "{}", "[]", "\"\"", "0", "0.0", "false"}) {
    for (const std::string_view name :
         {"keyrings", "ima-buf", "excludes", "ima", "release", "verification-keys", "hashes"}) {
      const std::string text = R"({"digests":{"/a":[")" + kOne + R"("]},")" + std::string(name) +
                               "\":" + std::string(nothing) + "}";
      EXPECT_TRUE(ConvertPolicy(text, "", kTime)) << text;
    }
  }
}

TEST(ConvertPolicy, RefusesMembersOfOtherTypes) {
  const auto with = [](std::string_view member) {
    return R"({"digests":{"/a":[")" + kOne + R"("]},)" + std::string(member) + "}";
  };
  for (const std::string_view member :
       {R"("keyrings":7)", R"("ima-buf":["x"])", R"("excludes":{"a":1})", R"("excludes":[1])",
        R"("ima":"x")", R"("ima":{"ignored_keyrings":7})", R"("ima":{"log_hash_alg":7})",
        R"("ima":{"dm_policy":{"version":1}})", R"("release":"1")", R"("release":-1)",
        R"("verification-keys":["x"])", R"("keyrings":{".ima":7})", R"("keyrings":{".ima":[7]})",
        R"("keyrings":{".ima":[]})"}) {
    EXPECT_EQ(ErrorOf(with(member)).id, "policy.convert") << member;
  }
  EXPECT_EQ(ErrorOf(with(R"("ima":{"log_hash_alg":"md5"})")).id, "policy.schema");
  EXPECT_EQ(ErrorOf(with(R"("excludes":["("])")).id, "policy.exclude");
  EXPECT_EQ(ErrorOf(R"({"hashes":{"/a":["x"]}})").id, "policy.digest");
  EXPECT_EQ(ErrorOf(R"({"hashes":{"/a":[]}})").id, "policy.convert");
  EXPECT_EQ(ErrorOf(R"({"hashes":[1]})").id, "policy.convert");
  EXPECT_EQ(ErrorOf(R"({"testdata":"x"})").id, "policy.convert");
  EXPECT_EQ(ErrorOf("[]").id, "policy.convert");
  EXPECT_EQ(ErrorOf("{").id, "policy.json");
  EXPECT_EQ(ErrorOf(R"({"digests":{},"digests":{}})").id, "policy.json");
  EXPECT_EQ(ErrorOf(R"({"digests":{}})").id, "policy.convert");
}

TEST(ConvertPolicy, ReadsAnExcludeList) {
  const auto document = DocumentOf(kOne + " /a", "# what changes\n/var/log/.*\n\n/tmp/x \n/a\r\n");
  const json::Array& excludes = *document.as_object()->Find("excludes")->as_array();
  EXPECT_EQ(excludes, (json::Array{"/a", "/tmp/x", "/var/log/.*"}));
  const Error invalid = ErrorOf(kOne + " /a", "/tmp\n\n(\n");
  EXPECT_EQ(invalid.id, "policy.exclude");
  EXPECT_THAT(invalid.message, HasSubstr("exclude list, line 3"));
}

TEST(ConvertPolicy, Attack_A10_RefusesAListThatExcludesEverything) {
  EXPECT_EQ(ErrorOf(kOne + " /a", ".*\n").id, "policy.exclude_everything");
}

TEST(ConvertPolicy, RefusesWhatIsTooLarge) {
  const std::string large(kMaxPolicyBytes + 1, '\n');
  EXPECT_EQ(ErrorOf(large).id, "policy.limit");
  EXPECT_EQ(ErrorOf(kOne + " /a", large).id, "policy.limit");
}

// The lists of Keylime's own tests.
TEST(ConvertPolicy, ConvertsTheCorpus) {
  const fs::path folder = fs::path(LQ_SOURCE_DIR) / ".." / "shared" / "corpus" / "policy";
  if (!fs::exists(folder)) GTEST_SKIP() << "no corpus at " << folder;
  const auto read = [&](std::string_view name) {
    std::ifstream in(folder / name, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  };
  const auto paths = [&](std::string_view name) {
    const auto converted = ConvertPolicy(read(name), "", kTime);
    if (!converted) return converted.error().id;
    return std::to_string((*RuntimePolicy::Parse(converted->json))->paths());
  };
  EXPECT_EQ(paths("allowlist/keylime-tests_allowlist.txt"), "1");
  EXPECT_EQ(paths("allowlist/keylime-tests_test4_allowlist-1"), "4");
  EXPECT_EQ(paths("allowlist/keylime_allowlist-sha1.txt"), "1");
  EXPECT_EQ(paths("allowlist/keylime_allowlist-sha256.txt"), "1");
  EXPECT_EQ(paths("allowlist/keylime_allowlist-sha384.txt"), "1");
  EXPECT_EQ(paths("allowlist/keylime_allowlist-sha512.txt"), "1");
  EXPECT_EQ(paths("allowlist/keylime_allowlist-sm3_256.txt"), "1");
  EXPECT_EQ(paths("allowlist/keylime_allowlist-unknown.txt"), "policy.digest");
  EXPECT_EQ(paths("allowlist/keylime_ima-allowlist-short.txt"), "21");
  EXPECT_EQ(paths("allowlist/keylime_td_allowlist.json"), "policy.convert");
  EXPECT_EQ(paths("allowlist/keylime_runtime-policy-bad.sig"), "policy.digest");
  EXPECT_EQ(paths("runtime/keylime_runtime-policy-test.json"), "21");
  EXPECT_EQ(paths("runtime/keylime-tests_base_policy.json"), "2");
  EXPECT_EQ(paths("runtime/keylime_sign_runtime-policy-bogus.json"), "policy.json");
  EXPECT_EQ(paths("runtime/keylime_sign_runtime-policy-empty.json"), "policy.convert");
  for (const auto& kernel : fs::directory_iterator(folder / "ima-policy")) {
    EXPECT_EQ(paths("ima-policy/" + kernel.path().filename().string()), "policy.digest")
        << "the kernel's rules are no list";
  }
  const auto excluded = ConvertPolicy(read("allowlist/keylime-tests_allowlist.txt"),
                                      read("allowlist/keylime_archive_exclude.txt"), kTime);
  ASSERT_TRUE(excluded);
  EXPECT_THAT(excluded->json, HasSubstr(R"("/sys/fs/.*","/var/log/wtmp")"));
}

}  // namespace
}  // namespace limequat::policy
