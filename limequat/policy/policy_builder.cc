#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/utf8.h"
#include "limequat/json/escaped_bytes.h"
#include "limequat/json/value.h"
#include "limequat/policy/policy_document.h"
#include "limequat/policy/runtime_policy.h"
#include "limequat/policy/verification_keys.h"

namespace limequat::policy {

namespace {

void AddDigests(const json::Value& object, DigestsByName& out) {
  for (const auto& [name, digests] : *object.as_object()) {
    auto& of_name = out[name];
    for (const json::Value& digest : *digests.as_array()) of_name.insert(*digest.as_string());
  }
}

void AddStrings(const json::Value& array, std::set<std::string, std::less<>>& out) {
  for (const json::Value& value : *array.as_array()) out.insert(*value.as_string());
}

void AddDigests(const DigestsByName& digests, DigestsByName& out) {
  for (const auto& [name, of_name] : digests) out[name].insert(of_name.begin(), of_name.end());
}

// Takes `value` over, unless another one is there already.
Status Agree(std::string& kept, const std::string& value, std::string_view what) {
  if (!kept.empty() && !value.empty() && kept != value) {
    return Conflict("policy.merge", fmt::format("the policies differ in {}", what));
  }
  if (kept.empty()) kept = value;
  return {};
}

// A policy that does not say whether violations are ignored leaves it to the others.
Status AddOurs(const json::Value& ima, PolicyDocument& out) {
  if (const json::Object* entries = CoverageEntries(ima)) AddDigests(*entries, out.coverage);
  for (auto& [name, values] : CoverageCommandLine(ima)) {
    out.command_line[name].insert(values.begin(), values.end());
  }
  const json::Value* ignore = ima.as_object()->Find("ignore_violations");
  if (ignore == nullptr || ignore->is_null()) return {};
  if (!out.ignore_violations.is_null() && out.ignore_violations != *ignore) {
    return Conflict("policy.merge", "the policies differ in ima.ignore_violations");
  }
  out.ignore_violations = *ignore;
  return {};
}

}  // namespace

Status AddPolicy(std::string_view text, PolicyDocument& out) {
  LQ_RETURN_IF_ERROR(RuntimePolicy::Parse(text));
  LQ_ASSIGN_OR_RETURN(const json::Value policy, ReadPolicyJson(text));
  const json::Value& ima = Member(policy, "ima");
  AddDigests(Member(policy, "digests"), out.digests);
  AddDigests(Member(policy, "keyrings"), out.keyrings);
  AddDigests(Member(policy, "ima-buf"), out.buffers);
  AddStrings(Member(policy, "excludes"), out.excludes);
  AddStrings(Member(ima, "ignored_keyrings"), out.ignored_keyrings);
  out.release = std::max(out.release, Member(policy, "release").as_uint64().value_or(0));
  LQ_RETURN_IF_ERROR(
      Agree(out.log_hash, *Member(ima, "log_hash_alg").as_string(), "ima.log_hash_alg"));
  LQ_RETURN_IF_ERROR(Agree(out.verification_keys, *Member(policy, "verification-keys").as_string(),
                           "verification-keys"));
  // A policy without it accepts more than one with it: it is not dropped.
  const json::Value& dm_policy = Member(ima, "dm_policy");
  if (!out.dm_policy.is_null() && !dm_policy.is_null() && out.dm_policy != dm_policy) {
    return Conflict("policy.merge", "the policies differ in ima.dm_policy");
  }
  if (out.dm_policy.is_null()) out.dm_policy = dm_policy;
  LQ_ASSIGN_OR_RETURN(const PolicyWindow window, ReadPolicyWindow(policy));
  if (out.window && *out.window != window) {
    return Conflict("policy.merge",
                    "the policies hold in different windows (meta.effective_from, "
                    "meta.retire_after): bind them as layers instead");
  }
  out.window = window;
  out.unattested = out.unattested || IsMarkedUnattested(policy);
  out.marked_empty = out.marked_empty || IsMarkedEmpty(policy);
  LQ_RETURN_IF_ERROR(AddOurs(ima, out));
  const json::Value* timestamp = Member(policy, "meta").as_object()->Find("timestamp");
  const std::string* time = timestamp == nullptr ? nullptr : timestamp->as_string();
  if (time != nullptr && !time->empty()) out.timestamp = *time;
  return {};
}

Result<std::string> WriteCheckedPolicy(const PolicyDocument& document) {
  std::string text = WritePolicyDocument(document);
  LQ_ASSIGN_OR_RETURN(const auto policy, RuntimePolicy::Parse(text));
  if (policy->excludes_everything()) {
    return Malformed("policy.exclude_everything",
                     "the exclude expressions leave no place where programs lie: such a policy "
                     "checks nothing");
  }
  return text;
}

void RuntimePolicyBuilder::AddDigest(std::string_view path, std::string_view digest_hex) {
  std::string name(path);
  std::ranges::replace(name, ' ', '_');
  std::string hex(digest_hex);
  std::ranges::transform(hex, hex.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  found_.digests[std::move(name)].insert(std::move(hex));
}

void RuntimePolicyBuilder::AddExclude(std::string_view expression) {
  excludes_.emplace(expression);
}

void RuntimePolicyBuilder::AddIgnoredKeyring(std::string_view name) {
  ignored_keyrings_.emplace(name);
}

void RuntimePolicyBuilder::SetVerificationKeys(const ima::Keyring& keys) {
  verification_keys_ = WriteVerificationKeys(keys);
}

void RuntimePolicyBuilder::Add(const PolicyAdditions& additions) {
  AddDigests(additions.digests, found_.digests);
  AddDigests(additions.keyrings, found_.keyrings);
  AddDigests(additions.buffers, found_.buffers);
}

Result<std::string> RuntimePolicyBuilder::ToJson(std::string_view timestamp,
                                                 crypto::HashAlgorithm log_hash) const {
  for (const DigestsByName* named : {&found_.keyrings, &found_.buffers}) {
    for (const auto& [name, digests] : *named) {
      if (!IsUtf8(name)) {
        return Malformed("policy.path", fmt::format("'{}' is not UTF-8: no policy can name it",
                                                    EscapeForDisplay(name, 256)));
      }
    }
  }
  PolicyDocument document;
  document.timestamp = timestamp;
  document.digests = found_.digests;
  document.keyrings = found_.keyrings;
  document.buffers = found_.buffers;
  document.excludes = excludes_;
  document.ignored_keyrings = ignored_keyrings_;
  document.verification_keys = verification_keys_;
  document.log_hash = crypto::HashName(log_hash);
  document.unattested = unattested_;
  return WriteCheckedPolicy(document);
}

Result<std::string> WriteAdditions(const PolicyAdditions& additions, std::string_view log_hash) {
  PolicyDocument document;
  document.log_hash = log_hash;
  document.digests = additions.digests;
  document.keyrings = additions.keyrings;
  document.buffers = additions.buffers;
  return WriteCheckedPolicy(document);
}

Result<std::string> LabelPolicy(std::string_view json, const PolicyLabel& label) {
  LQ_ASSIGN_OR_RETURN(json::Value policy, ReadPolicyJson(json));
  json::Object& members = *policy.as_object();
  json::Object meta = *Member(policy, "meta").as_object();
  if (label.name) meta.Set("name", *label.name);
  SetWindow(label.window, meta);
  members.Set("meta", std::move(meta));
  if (label.release) members.Set("release", *label.release);
  std::string text = json::SerializeWithEscapedBytes(policy);
  LQ_RETURN_IF_ERROR(RuntimePolicy::Parse(text));
  return text;
}

Result<std::string> MergeRuntimePolicies(std::string_view base_json, std::string_view other_json) {
  return MergeRuntimePolicies(std::array{base_json, other_json});
}

Result<std::string> MergeRuntimePolicies(std::span<const std::string_view> policies) {
  PolicyDocument document;
  std::size_t number = 0;
  for (const std::string_view policy : policies) {
    ++number;
    if (Status added = AddPolicy(policy, document); !added) {
      return std::move(added).error().In(fmt::format("policy {}", number));
    }
    // What is merged says what it lists: digests that counted for nothing would be good.
    if (document.marked_empty) {
      return Conflict("policy.merge",
                      fmt::format("policy {}: its generator is Keylime's mark of an empty policy, "
                                  "and nothing that it lists counts",
                                  number));
    }
  }
  return WriteCheckedPolicy(document);
}

}  // namespace limequat::policy
