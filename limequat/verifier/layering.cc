#include "limequat/verifier/layering.h"

#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"

namespace limequat::verifier {

namespace {

Error Lost(std::string_view name, std::string_view why) {
  return Internal("verifier.policy_lost",
                  fmt::format("the policy {} {}", EscapeForDisplay(name, 128), why));
}

}  // namespace

Status Layering::Assume(std::string_view name,
                        std::shared_ptr<const policy::RuntimePolicy> policy) {
  LQ_ASSIGN_OR_RETURN(const auto versions, store_.ListPolicyVersions(name));
  std::int64_t version = 1;
  if (!versions.empty()) {
    version = versions.front().number + (versions.front().hash == policy->hash() ? 0 : 1);
  }
  policies_[std::string(name)] = {.policy = std::move(policy), .version = version};
  return {};
}

Result<Layering::Known> Layering::Find(const std::string& name) {
  if (const auto known = policies_.find(name); known != policies_.end()) return known->second;
  LQ_ASSIGN_OR_RETURN(const auto versions, store_.ListPolicyVersions(name));
  if (versions.empty()) {
    return NotFound(
        "verifier.unknown_policy",
        fmt::format("Could not find IMA policy with name {}!", EscapeForDisplay(name, 128)));
  }
  const PolicyVersion& present = versions.front();
  std::shared_ptr<const policy::RuntimePolicy> policy = shelf_.Find(present.hash);
  if (policy == nullptr) {
    LQ_ASSIGN_OR_RETURN(const auto stored, store_.FindPolicyByHash(present.hash));
    if (!stored) return Lost(name, "is not in the database");
    auto read = shelf_.GetStored(stored->body);
    if (!read) return Lost(name, "cannot be read: " + read.error().message);
    policy = *std::move(read);
  }
  return policies_.emplace(name, Known{.policy = std::move(policy), .version = present.number})
      .first->second;
}

Result<Layered> Layering::Of(const std::vector<std::string>& names) {
  if (const auto known = lists_.find(names); known != lists_.end()) return known->second;
  Layered made;
  std::vector<policy::PolicyLayer> layers;
  for (const std::string& name : names) {
    LQ_ASSIGN_OR_RETURN(Known known, Find(name));
    made.layers.push_back({.policy = name, .version = known.version});
    layers.push_back({.name = name, .policy = std::move(known.policy)});
  }
  if (!layers.empty()) {
    LQ_ASSIGN_OR_RETURN(made.set, shelf_.Compose(std::move(layers)));
  }
  if (names.size() > 1 && made.set->says_nothing()) {
    return Malformed("verifier.policy_says_nothing",
                     "the layers are refused together: " + made.set->why_it_says_nothing());
  }
  return lists_.emplace(names, std::move(made)).first->second;
}

}  // namespace limequat::verifier
