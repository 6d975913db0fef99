// What Keylime's own code answers for real lists and policies, as far as digests and
// exclude expressions go.

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/json/value.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {
namespace {

namespace fs = std::filesystem;

const fs::path kCorpus = fs::path(LQ_SOURCE_DIR) / ".." / "shared" / "corpus";

// Cases in which this library answers otherwise, and why.
const std::map<std::string, std::string, std::less<>> kDiffer = {
    {"embrave/exclude-bad-regex",
     "Keylime ignores all expressions and accepts (quirk Q19); the policy is refused here"},
    {"vm__violation-61/hash-changed",
     "a line feed in a name: Keylime skips the broken lines, they are rejoined here"},
    {"vm__violation-61/path-missing", "the same"},
    {"upstream/policy-sm3_256",
     "Keylime compares the template digest's length with ima.log_hash_alg first"},
    {"upstream/policy-unknown", "the same"},
};

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

const json::Value& Member(const json::Value& value, std::string_view name) {
  static const json::Value kNull;
  const json::Object* object = value.as_object();
  const json::Value* member = object == nullptr ? nullptr : object->Find(name);
  return member == nullptr ? kNull : *member;
}

std::string Text(const json::Value& value) {
  return value.as_string() == nullptr ? "" : *value.as_string();
}

// "/digests/~1bin~1sh": the member's name behind the first part (RFC 6901).
std::string Unescape(std::string text) {
  for (const auto& [escaped, plain] : {std::pair("~1", "/"), std::pair("~0", "~")}) {
    for (std::size_t at = text.find(escaped); at != std::string::npos;
         at = text.find(escaped, at + 1)) {
      text.replace(at, 2, plain);
    }
  }
  return text;
}

json::Object Without(const json::Object& object, std::string_view name) {
  json::Object rest;
  for (const auto& [member, value] : object) {
    if (member != name) rest.Set(member, value);
  }
  return rest;
}

// RFC 6902, as far as these files use it.
void ApplyPatch(json::Value& policy, const json::Value& patch) {
  for (const json::Value& operation : *patch.as_array()) {
    const std::string path = Text(Member(operation, "path"));
    const std::size_t second = path.find('/', 1);
    const std::string first(path.substr(1, second - 1));
    if (second == std::string::npos) {
      policy.as_object()->Set(first, Member(operation, "value"));
      continue;
    }
    json::Object object = *Member(policy, first).as_object();
    const std::string name = Unescape(path.substr(second + 1));
    if (Text(Member(operation, "op")) == "remove") {
      object = Without(object, name);
    } else {
      object.Set(name, Member(operation, "value"));
    }
    policy.as_object()->Set(first, std::move(object));
  }
}

using Events = std::map<std::string, std::uint64_t>;

// Keylime's events for the entries of a list; nullopt if the list cannot be read.
std::optional<Events> Appraise(ByteView list, const RuntimePolicy& policy) {
  Events events;
  ima::ListReader reader(list, ima::DetectFormat(list));
  while (true) {
    const auto next = reader.Next();
    if (!next) return std::nullopt;
    if (!*next) return events;
    const ima::Entry& entry = **next;
    if (entry.violation) {
      ++events["ima.validation.tomtou"];
      continue;
    }
    const PathAnswer answer = policy.Look(entry.path, entry.file_digest);
    if (answer == PathAnswer::kListed || policy.Excludes(entry.path) == Exclusion::kExcluded)
      continue;
    ++events[answer == PathAnswer::kUnknownPath ? "ima.validation.ima-ng.not_in_allowlist"
                                                : "ima.validation.ima-ng.runtime_policy_hash"];
  }
}

bool PcrIsReached(ByteView list, const json::Value& test) {
  const auto bank = crypto::HashFromName(Text(Member(test, "pcr_bank")));
  if (!bank) return true;
  const auto pcr = crypto::Digest::FromHex(*bank, Text(Member(test, "pcr10")));
  const auto prefix =
      ima::FindQuotedPrefix(list, ima::DetectFormat(list),
                            ima::Replay(*bank, ima::TemplateDigests::kNative), pcr.value());
  return prefix && *prefix;
}

enum class Checked { kAgrees, kDiffers, kNoPolicy };

Checked CheckCase(const json::Value& test) {
  const std::string name = Text(Member(test, "name"));
  SCOPED_TRACE(name);
  const std::string list = ReadFile(kCorpus / Text(Member(test, "log")));
  // Keylime could make none from the list.
  if (Text(Member(test, "policy")).empty()) return Checked::kNoPolicy;

  auto document = json::Parse(ReadFile(kCorpus / Text(Member(test, "policy"))));
  EXPECT_TRUE(document);
  ApplyPatch(*document, Member(test, "json_patch"));
  const auto policy = RuntimePolicy::Parse(json::Serialize(*document));
  std::optional<Events> events = policy ? Appraise(AsBytes(list), **policy) : std::nullopt;
  if (events && !PcrIsReached(AsBytes(list), test)) ++(*events)["ima.pcr_mismatch"];

  Events expected;
  for (const auto& [event, count] : *Member(Member(test, "keylime"), "events").as_object()) {
    expected[event] = count.as_uint64().value_or(0);
  }
  const bool agrees = events && *events == expected &&
                      events->empty() == *Member(Member(test, "keylime"), "accept").as_bool();
  EXPECT_EQ(agrees, !kDiffer.contains(name));
  return agrees ? Checked::kAgrees : Checked::kDiffers;
}

TEST(VerdictCorpus, DigestsAndExcludes) {
  const std::string text = ReadFile(kCorpus / "policy" / "verdict" / "IMA_VERDICTS.json");
  if (text.empty()) GTEST_SKIP() << "the shared corpus is not beside the source tree";
  const auto tests = json::Parse(text);
  ASSERT_TRUE(tests);
  std::map<Checked, int> counts;
  for (const json::Value& test : *tests->as_array()) ++counts[CheckCase(test)];
  EXPECT_EQ(counts[Checked::kDiffers], static_cast<int>(kDiffer.size()));
  EXPECT_GE(counts[Checked::kAgrees], 20);
  EXPECT_EQ(counts[Checked::kNoPolicy], 2);
}

TEST(VerdictCorpus, Quirk_Q19_PolicyWithABadExpressionIsRefused) {
  const std::string text = ReadFile(kCorpus / "policy" / "verdict" / "embrave.json");
  if (text.empty()) GTEST_SKIP() << "the shared corpus is not beside the source tree";
  auto document = json::Parse(text);
  ASSERT_TRUE(document);
  ASSERT_TRUE(RuntimePolicy::Parse(json::Serialize(*document)));
  document->as_object()->Set("excludes", json::Array{"*bad("});
  EXPECT_FALSE(RuntimePolicy::Parse(json::Serialize(*document)));
}

// Keylime's schema refuses these files too.
bool KeylimeRefuses(const std::string& name) {
  return name == "keylime-mcp_runtime_policy.json" ||
         name == "keylime-mcp_valid_runtime_policy.json" ||
         name == "keylime_runtime-policy-test.json" ||
         name == "keylime_sign_runtime-policy-bogus.json";
}

TEST(VerdictCorpus, AllPoliciesAreRead) {
  std::error_code error;
  int count = 0;
  for (const std::string_view folder : {"runtime", "verdict"}) {
    for (const auto& file : fs::directory_iterator(kCorpus / "policy" / folder, error)) {
      const std::string name = file.path().filename().string();
      if (!name.ends_with(".json") || name == "IMA_VERDICTS.json") continue;
      const auto policy = RuntimePolicy::Parse(ReadFile(file.path()));
      EXPECT_EQ(policy.has_value(), !KeylimeRefuses(name))
          << name << (policy ? "" : ": " + policy.error().message);
      ++count;
    }
  }
  if (count == 0) GTEST_SKIP() << "the shared corpus is not beside the source tree";
  EXPECT_GE(count, 40);
}

}  // namespace
}  // namespace limequat::policy
