#include <iostream>

#include "limequat/policy/exclude_list.h"
#include "limequat/policy/runtime_policy.h"

int main() {
  using namespace limequat;
  const std::vector<std::string> expressions = {"/tmp/(?!keep)"};
  const auto excludes = policy::ExcludeList::Compile(expressions);
  std::cout << (excludes->Match("/tmp/x") == policy::Exclusion::kExcluded)
            << (excludes->Match("/tmp/keep") == policy::Exclusion::kExcluded) << ' '
            << policy::RuntimePolicy::Parse("{").error().id << '\n';
}
