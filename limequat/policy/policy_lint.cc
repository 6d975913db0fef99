#include "limequat/policy/policy_lint.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/json/value.h"
#include "limequat/policy/device_mapper_policy.h"
#include "limequat/policy/device_mapper_policy_internal.h"
#include "limequat/policy/exclude_list.h"
#include "limequat/policy/policy_document.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {

namespace {

constexpr std::size_t kExamples = 5;
constexpr std::size_t kShown = 128;

constexpr std::array<std::string_view, 8> kMembers = {
    "meta", "release", "digests", "excludes", "keyrings", "ima", "ima-buf", "verification-keys"};
constexpr std::array<std::string_view, 7> kMetaMembers = {
    "version", "generator", "timestamp", "name", "effective_from", "retire_after", "unattested"};
constexpr std::array<std::string_view, 5> kImaMembers = {
    "ignored_keyrings", "log_hash_alg", "dm_policy", "ignore_violations", "coverage"};
// Where the programs and libraries of a system lie.
constexpr std::array<std::string_view, 12> kProgramFolders = {
    "/bin",     "/sbin",      "/lib",         "/lib64",         "/usr/bin",        "/usr/sbin",
    "/usr/lib", "/usr/lib64", "/usr/libexec", "/usr/local/bin", "/usr/local/sbin", "/boot"};

// Counts what is wrong and keeps the first examples of it.
class Examples {
 public:
  void Add(std::string_view example) {
    if (count_++ >= kExamples) return;
    shown_ += fmt::format("{}'{}'", shown_.empty() ? "" : ", ", EscapeForDisplay(example, kShown));
  }
  // "3 paths have only SHA-1 digests: 'a', 'b', 'c'"
  Finding Judge(std::string_view check, std::string_view what, Cause cause) const {
    if (count_ == 0) return Passed(check);
    return Failed(check,
                  fmt::format("{} {}: {}{}", count_, what, shown_, count_ > kExamples ? ", …" : ""),
                  cause);
  }

 private:
  std::size_t count_ = 0;
  std::string shown_;
};

const json::Object* ObjectAt(const json::Object& from, std::string_view name) {
  const json::Value* value = from.Find(name);
  return value == nullptr ? nullptr : value->as_object();
}

void AddUnknown(const json::Object* object, std::span<const std::string_view> known,
                std::string_view prefix, Examples& out) {
  if (object == nullptr) return;
  for (const auto& [name, value] : *object) {
    if (std::ranges::find(known, name) == known.end()) out.Add(fmt::format("{}{}", prefix, name));
  }
}

Finding CheckMembers(const json::Object& policy) {
  Examples unknown;
  AddUnknown(&policy, kMembers, "", unknown);
  AddUnknown(ObjectAt(policy, "meta"), kMetaMembers, "meta.", unknown);
  AddUnknown(ObjectAt(policy, "ima"), kImaMembers, "ima.", unknown);
  return unknown.Judge("policy.check.members", "members that nobody evaluates",
                       Cause::kConfiguration);
}

// What is wrong with the lists of digests of a policy, by name.
struct DigestProblems {
  Examples malformed{};
  Examples weak{};
  Examples repeated{};

  void Add(std::string_view prefix, const json::Object* lists) {
    if (lists == nullptr) return;
    for (const auto& [name, list] : *lists) AddList(fmt::format("{}{}", prefix, name), list);
  }

 private:
  void AddList(const std::string& name, const json::Value& list) {
    const json::Array* array = list.as_array();
    if (array == nullptr || array->empty()) return malformed.Add(name);
    std::set<std::string_view> seen;
    bool is_malformed = false;
    bool is_strong = false;
    bool is_repeated = false;
    for (const json::Value& value : *array) {
      const auto digest = PolicyDigest::Decode(value, name);
      is_malformed = is_malformed || !digest;
      is_strong = is_strong ||
                  (digest && digest->bytes().size() > DigestSize(crypto::HashAlgorithm::kSha1));
      is_repeated =
          is_repeated || (value.as_string() != nullptr && !seen.insert(*value.as_string()).second);
    }
    if (is_malformed) malformed.Add(name);
    if (!is_strong && !is_malformed) weak.Add(name);
    if (is_repeated) repeated.Add(name);
  }
};

// What is wrong with the expressions, one by one.
struct ExcludeProblems {
  Examples invalid{};
  Examples all{};
  Examples programs{};

  void Add(const json::Array* excludes, std::string_view seed, Examples& repeated) {
    if (excludes == nullptr) return;
    std::set<std::string_view> seen;
    for (const json::Value& value : *excludes) {
      const std::string* text = value.as_string();
      if (text == nullptr) continue;  // the schema says so
      if (!seen.insert(*text).second) {
        repeated.Add(*text);
      } else {
        AddOne(*text, seed);
      }
    }
  }

 private:
  void AddOne(const std::string& expression, std::string_view seed) {
    const auto compiled = ExcludeList::Compile(std::span(&expression, 1));
    if (!compiled) {
      invalid.Add(fmt::format("{}: {}", expression, compiled.error().message));
      return;
    }
    const auto left = compiled->WhatIsLeft(seed);
    if (!left) {
      invalid.Add(fmt::format("{}: {}", expression, left.error().message));
    } else if (*left == Leftover::kNothing) {
      all.Add(expression);
    } else if (ExcludesAFolderOfPrograms(*compiled, seed)) {
      programs.Add(expression);
    }
  }

  // Names made from `seed` that no author can have had in mind.
  static bool ExcludesAFolderOfPrograms(const ExcludeList& list, std::string_view seed) {
    return std::ranges::any_of(kProgramFolders, [&](std::string_view folder) {
      return list.Match(fmt::format("{}/{}", folder, seed.substr(0, 12))) == Exclusion::kExcluded &&
             list.Match(fmt::format("{}/{}.so.1", folder, seed.substr(12, 9))) ==
                 Exclusion::kExcluded;
    });
  }
};

// A rule for whatever comes decides on devices that nobody thought of.
bool IsForAnyDevice(const DeviceRule& rule, DeviceMapperPolicy::Key key, std::string_view seed) {
  const bool by_name = key == DeviceMapperPolicy::Key::kName;
  const DeviceReference& device = by_name ? rule.device_name : rule.device_uuid;
  // Names that no author can have had in mind.
  return device.Accepts(seed.substr(0, 12)) && device.Accepts(seed.substr(12, 20));
}

Finding CheckDevices(const json::Object& policy, std::string_view seed) {
  const json::Object* ima = ObjectAt(policy, "ima");
  const json::Value* member = ima == nullptr ? nullptr : ima->Find("dm_policy");
  const auto read = ReadDeviceMapperPolicy(member == nullptr ? json::Value() : *member);
  Examples any;
  // What are no rules is told by the schema.
  if (read && *read) {
    for (const DeviceRule& rule : (*read)->rules) {
      if (IsForAnyDevice(rule, (*read)->match_on, seed)) any.Add(rule.name);
    }
  }
  return any.Judge("policy.check.devices", "rules are for a device of any name",
                   Cause::kConfiguration);
}

// Read from the text, so that a policy with other faults is told of too.
Finding CheckAttested(const json::Object& policy) {
  constexpr std::string_view kCheck = "policy.check.attested";
  const json::Object* meta = ObjectAt(policy, "meta");
  const json::Value* mark = meta == nullptr ? nullptr : meta->Find("unattested");
  if (mark == nullptr || *mark == json::Value(false) || mark->is_null()) return Passed(kCheck);
  return Failed(kCheck, "digests of it were learned from lists that no quote covers",
                Cause::kConfiguration);
}

// `parsed`: the whole policy, as a machine would be held to it.
Finding CheckSaysSomething(const Result<std::shared_ptr<const RuntimePolicy>>& parsed) {
  constexpr std::string_view kCheck = "policy.check.says_something";
  if (!parsed) return NotEvaluated(kCheck, "it is no policy");
  if (!(*parsed)->says_nothing()) return Passed(kCheck);
  return Failed(kCheck, (*parsed)->why_it_says_nothing(), Cause::kConfiguration);
}

}  // namespace

Result<Findings> CheckRuntimePolicy(std::string_view text) {
  LQ_ASSIGN_OR_RETURN(const json::Value document, ParsePolicyText(text));
  const json::Object* policy = document.as_object();
  if (policy == nullptr) {
    return Malformed("policy.json", fmt::format("it is a JSON {}", document.type_name()));
  }
  const auto parsed = RuntimePolicy::Parse(text);
  const std::string seed = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(text)).hex();

  DigestProblems digests;
  digests.Add("", ObjectAt(*policy, "digests"));
  digests.Add("keyrings.", ObjectAt(*policy, "keyrings"));
  digests.Add("ima-buf.", ObjectAt(*policy, "ima-buf"));
  ExcludeProblems excludes;
  const json::Value* expressions = policy->Find("excludes");
  excludes.Add(expressions == nullptr ? nullptr : expressions->as_array(), seed, digests.repeated);

  return Findings{
      parsed ? Passed("policy.check.schema")
             : Failed("policy.check.schema", parsed.error().message, Cause::kConfiguration),
      CheckMembers(*policy),
      digests.malformed.Judge("policy.check.digests", "names with a malformed digest, or none",
                              Cause::kConfiguration),
      digests.weak.Judge("policy.check.weak_digests", "names have only SHA-1 digests",
                         Cause::kConfiguration),
      digests.repeated.Judge("policy.check.repeated", "digests or expressions are listed twice",
                             Cause::kConfiguration),
      excludes.invalid.Judge("policy.check.excludes", "expressions are invalid",
                             Cause::kConfiguration),
      excludes.all.Judge("policy.check.exclude_all",
                         "expressions leave no place where programs lie", Cause::kConfiguration),
      excludes.programs.Judge("policy.check.exclude_programs",
                              "expressions match a whole folder of programs",
                              Cause::kConfiguration),
      CheckDevices(*policy, seed),
      CheckAttested(*policy),
      CheckSaysSomething(parsed)};
}

}  // namespace limequat::policy
