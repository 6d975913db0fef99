#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::verifier {

// Parsed policies, one object for each content, shared by all machines bound to it.
// A policy is kept as long as a machine holds it. Thread-safe.
class PolicyShelf {
 public:
  // The parsed form of `body`. Errors are those of RuntimePolicy::Parse.
  Result<std::shared_ptr<const policy::RuntimePolicy>> Get(std::string_view body);

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const policy::RuntimePolicy>> by_hash_;
};

}  // namespace limequat::verifier
