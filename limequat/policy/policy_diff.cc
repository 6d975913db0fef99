#include "limequat/policy/policy_diff.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/policy/policy_document.h"

namespace limequat::policy {

namespace {

template <class Set>
ListChange CompareLists(const Set& before, const Set& after) {
  ListChange change;
  std::ranges::set_difference(after, before, std::back_inserter(change.added));
  std::ranges::set_difference(before, after, std::back_inserter(change.removed));
  return change;
}

std::vector<NamedChange> Compare(const DigestsByName& before, const DigestsByName& after) {
  static const std::set<std::string> kNone;
  std::set<std::string> names;
  for (const auto& [name, digests] : before) names.insert(name);
  for (const auto& [name, digests] : after) names.insert(name);
  std::vector<NamedChange> changes;
  for (const std::string& name : names) {
    const auto old_one = before.find(name);
    const auto new_one = after.find(name);
    NamedChange change{.name = name,
                       .was_listed = old_one != before.end(),
                       .is_listed = new_one != after.end(),
                       .digests = CompareLists(old_one == before.end() ? kNone : old_one->second,
                                               new_one == after.end() ? kNone : new_one->second)};
    if (!change.digests.empty()) changes.push_back(std::move(change));
  }
  return changes;
}

void CompareValue(std::string_view member, const std::string& before, const std::string& after,
                  std::vector<ValueChange>& out) {
  if (before == after) return;
  out.push_back({.member = std::string(member), .before = before, .after = after});
}

std::string Shown(const std::optional<Time>& time) { return time ? FormatRfc3339(*time) : ""; }

Result<PolicyDocument> Read(std::string_view text, std::string_view which) {
  PolicyDocument document;
  if (Status added = AddPolicy(text, document); !added) {
    return std::move(added).error().In(which);
  }
  return document;
}

}  // namespace

Result<PolicyDiff> DiffRuntimePolicies(std::string_view first, std::string_view second) {
  LQ_ASSIGN_OR_RETURN(const PolicyDocument before, Read(first, "first policy"));
  LQ_ASSIGN_OR_RETURN(const PolicyDocument after, Read(second, "second policy"));
  PolicyDiff diff{.digests = Compare(before.digests, after.digests),
                  .keyrings = Compare(before.keyrings, after.keyrings),
                  .buffers = Compare(before.buffers, after.buffers),
                  .coverage = Compare(before.coverage, after.coverage),
                  .command_line = Compare(before.command_line, after.command_line),
                  .excludes = CompareLists(before.excludes, after.excludes),
                  .ignored_keyrings = CompareLists(before.ignored_keyrings, after.ignored_keyrings),
                  .values = {}};
  CompareValue("ima.log_hash_alg", before.log_hash, after.log_hash, diff.values);
  CompareValue("verification-keys", before.verification_keys, after.verification_keys, diff.values);
  const PolicyWindow from = before.window.value_or(PolicyWindow());
  const PolicyWindow to = after.window.value_or(PolicyWindow());
  CompareValue("meta.effective_from", Shown(from.effective_from), Shown(to.effective_from),
               diff.values);
  CompareValue("meta.retire_after", Shown(from.retire_after), Shown(to.retire_after), diff.values);
  CompareValue("ima.dm_policy", json::Serialize(before.dm_policy), json::Serialize(after.dm_policy),
               diff.values);
  CompareValue("ima.ignore_violations", json::Serialize(before.ignore_violations),
               json::Serialize(after.ignore_violations), diff.values);
  CompareValue("release", fmt::format("{}", before.release), fmt::format("{}", after.release),
               diff.values);
  return diff;
}

}  // namespace limequat::policy
