#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "limequat/appraise/boot_criteria.h"
#include "limequat/appraise/testing/machine.h"
#include "limequat/json/value.h"
#include "limequat/policy/testing/boot.h"

// Machines with an event log, for the tests of this module only.
namespace limequat::appraise::testing {

inline std::shared_ptr<const BootCriteria> Criteria(policy::BootPolicy policy,
                                                    std::string_view reference = {}) {
  return *BootCriteria::Create(policy, reference);
}

// `example` with the reference of policy::testing::Boot.
inline std::shared_ptr<const BootCriteria> Example() {
  return Criteria(policy::BootPolicy::kExample, json::Serialize(policy::testing::Reference()));
}

// The machine boots as this log says, and runs its first program.
inline void BootFrom(FakeMachine& machine, Bytes log) {
  machine.BootFromLog(std::move(log));
  machine.Run("/usr/bin/init", "init 1");
}

}  // namespace limequat::appraise::testing
