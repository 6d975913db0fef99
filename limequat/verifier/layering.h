#pragma once

#include <cstdint>
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

// Makes machines' policies of the names that they are bound by. Each policy is read and each
// list composed once, however many machines have it. Lives as long as one change of the
// fleet does: what others store meanwhile is not seen.
class Layering {
 public:
  Layering(Store& store, PolicyShelf& shelf) : store_(store), shelf_(shelf) {}

  // As if `policy` had been put under the name, where it becomes a new version if it is not
  // the present one (Store::PutPolicy). Errors of the store.
  Status Assume(std::string_view name, std::shared_ptr<const policy::RuntimePolicy> policy);

  // What stands under these names, in this order. kNotFound ("verifier.unknown_policy") for a
  // name that was never pushed, kInternal ("verifier.policy_lost") for content that is gone or
  // cannot be read, kMalformed ("verifier.policy_says_nothing") for several layers that
  // together say nothing: the machine would be unpoliced (attack A10), and whoever gives it
  // layers does not mean that. Also the errors of PolicySet::Compose.
  Result<Layered> Of(const std::vector<std::string>& names);

 private:
  struct Known {
    std::shared_ptr<const policy::RuntimePolicy> policy;
    std::int64_t version = 0;
  };
  Result<Known> Find(const std::string& name);

  Store& store_;
  PolicyShelf& shelf_;
  std::map<std::string, Known, std::less<>> policies_;
  std::map<std::vector<std::string>, Layered> lists_;
};

}  // namespace limequat::verifier
