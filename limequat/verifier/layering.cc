#include "limequat/verifier/layering.h"

#include <algorithm>
#include <set>
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

// Adds those of one list, which names each at most once, to what there is. Any number of names
// costs no more than policy::kMaxLayers do.
Status AddLayers(const std::vector<std::string>& policies, const std::string& label,
                 std::vector<BoundLayer>& layers) {
  const std::size_t before = layers.size();
  std::set<std::string_view> named;
  for (const std::string& policy : policies) {
    if (!named.insert(policy).second) {
      return Malformed("policy.layers",
                       fmt::format("two layers are named '{}'", EscapeForDisplay(policy, 128)));
    }
    const auto end = layers.begin() + static_cast<std::ptrdiff_t>(before);
    if (std::ranges::find(layers.begin(), end, policy, &BoundLayer::policy) != end) continue;
    if (layers.size() == policy::kMaxLayers) {
      return Malformed("policy.layers",
                       fmt::format("more than {} layers, labels included", policy::kMaxLayers));
    }
    layers.push_back({.policy = policy, .version = 0, .label = label});
  }
  return {};
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

void Layering::AssumeLabel(std::string_view label, std::vector<std::string> policies) {
  labels_[std::string(label)] = std::move(policies);
}

Result<std::vector<std::string>> Layering::PoliciesOf(const std::string& label) {
  if (const auto known = labels_.find(label); known != labels_.end()) return known->second;
  LQ_ASSIGN_OR_RETURN(auto found, store_.FindLabel(label));
  if (!found) {
    return NotFound("verifier.unknown_label",
                    fmt::format("there is no label {}", EscapeForDisplay(label, 128)));
  }
  return labels_.emplace(label, std::move(found->policies)).first->second;
}

Result<std::vector<BoundLayer>> Layering::Expand(const Binding& bound) {
  std::vector<BoundLayer> layers;
  for (const std::string& label : bound.labels) {
    LQ_ASSIGN_OR_RETURN(const auto policies, PoliciesOf(label));
    LQ_RETURN_IF_ERROR(AddLayers(policies, label, layers));
  }
  LQ_RETURN_IF_ERROR(AddLayers(bound.policies, "", layers));
  return layers;
}

Result<Layered> Layering::Of(const Binding& bound) {
  if (const auto known = lists_.find(bound); known != lists_.end()) return known->second;
  Layered made;
  LQ_ASSIGN_OR_RETURN(made.layers, Expand(bound));
  std::vector<policy::PolicyLayer> layers;
  for (BoundLayer& layer : made.layers) {
    LQ_ASSIGN_OR_RETURN(Known known, Find(layer.policy));
    layer.version = known.version;
    layers.push_back({.name = layer.policy, .policy = std::move(known.policy)});
  }
  if (!layers.empty()) {
    LQ_ASSIGN_OR_RETURN(made.set, shelf_.Compose(std::move(layers)));
  }
  if (made.layers.size() > 1 && made.set->says_nothing()) {
    return Malformed("verifier.policy_says_nothing",
                     "the layers are refused together: " + made.set->why_it_says_nothing());
  }
  return lists_.emplace(bound, std::move(made)).first->second;
}

}  // namespace limequat::verifier
