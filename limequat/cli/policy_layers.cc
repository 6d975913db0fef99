#include "limequat/cli/policy_layers.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/text.h"

namespace limequat::cli {

Result<policy::SignedPolicy> LayerReader::ReadOne(const std::string& file) {
  if (const auto known = known_.find(file); known != known_.end()) return known->second;
  std::string text;
  if (auto before = texts_.extract(file)) {
    text = std::move(before.mapped());
  } else {
    LQ_ASSIGN_OR_RETURN(text, ReadInput(file, kMaxPolicyInput));
  }
  auto one = policy::ReadSignedPolicy(text, signers_);
  if (!one) return std::move(one).error().In(Shown(file));
  known_.emplace(file, *one);
  return one;
}

Result<Layers> LayerReader::Read(const std::vector<std::string>& files) {
  Layers layers;
  std::vector<policy::PolicyLayer> read;
  for (const std::string& file : files) {
    LQ_ASSIGN_OR_RETURN(policy::SignedPolicy one, ReadOne(file));
    if (one.policy == nullptr) {
      layers.not_vouched_for = std::move(one);
      return layers;
    }
    std::ranges::move(one.findings, std::back_inserter(layers.findings));
    const std::string& name = one.policy->name();
    read.push_back({.name = name.empty() ? file : name, .policy = std::move(one.policy)});
  }
  LQ_ASSIGN_OR_RETURN(layers.set, policy::PolicySet::Compose(std::move(read)));
  return layers;
}

}  // namespace limequat::cli
