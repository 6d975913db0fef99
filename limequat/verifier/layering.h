#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/policy/policy_set.h"
#include "limequat/verifier/enrolment.h"
#include "limequat/verifier/policy_shelf.h"
#include "limequat/verifier/store.h"

namespace limequat::verifier {

// A machine's layers and what they make together: nullptr without any.
struct Layered {
  std::vector<BoundLayer> layers;
  std::shared_ptr<const policy::PolicySet> set;
};

// Makes machines' policies of the labels and names that they are bound by. Each label and each
// policy is read and each list composed once, however many machines have it. Lives as long as
// one change of the fleet does: what others store meanwhile is not seen.
class Layering {
 public:
  Layering(Store& store, PolicyShelf& shelf) : store_(store), shelf_(shelf) {}

  // As if `policy` had been put under the name, where it becomes a new version if it is not
  // the present one (Store::PutPolicy). Errors of the store.
  Status Assume(std::string_view name, std::shared_ptr<const policy::RuntimePolicy> policy);

  // As if the label were kept as this list.
  void AssumeLabel(std::string_view label, std::vector<std::string> policies);

  // What a machine is held to that is bound by this: the layers of its labels in their order,
  // then its own. A policy that several of them name is one layer, where it comes first.
  // kMalformed ("policy.layers") for more than policy::kMaxLayers, or a name that one list has
  // twice: no policy is read then. kNotFound ("verifier.unknown_label") for a label that is not
  // kept, ("verifier.unknown_policy") for a name that was never pushed, kInternal
  // ("verifier.policy_lost") for content that is gone or cannot be read, kMalformed
  // ("verifier.policy_says_nothing") for several layers that together say nothing: the machine
  // would be unpoliced (attack A10), and whoever gives it layers does not mean that. Also the
  // errors of PolicySet::Compose.
  Result<Layered> Of(const Binding& bound);

 private:
  struct Known {
    std::shared_ptr<const policy::RuntimePolicy> policy;
    std::int64_t version = 0;
  };
  Result<Known> Find(const std::string& name);
  Result<std::vector<std::string>> PoliciesOf(const std::string& label);
  // The layers of `bound` without their versions.
  Result<std::vector<BoundLayer>> Expand(const Binding& bound);

  Store& store_;
  PolicyShelf& shelf_;
  std::map<std::string, Known, std::less<>> policies_;
  std::map<std::string, std::vector<std::string>, std::less<>> labels_;
  std::map<Binding, Layered> lists_;
};

}  // namespace limequat::verifier
