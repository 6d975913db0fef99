#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "limequat/appraise/boot_criteria.h"
#include "limequat/base/result.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/verifier/interned.h"

namespace limequat::verifier {

// What boots are appraised by, one object for each policy and reference state, shared by
// all machines bound to it. Thread-safe.
class BootShelf {
 public:
  // `usual`: the policy for machines whose enrolment names none, as over Keylime's API.
  explicit BootShelf(policy::BootPolicy usual = policy::BootPolicy::kExample) : usual_(usual) {}

  // The criteria for a machine of `model` ("": not known) that chose `policy`, or (nullopt)
  // the usual one, with `body`: the text of a reference state or of boot reference values,
  // or an envelope that was verified before it was stored. kMalformed
  // ("verifier.boot_policy") for a text that is none.
  Result<std::shared_ptr<const appraise::BootCriteria>> Get(
      std::optional<policy::BootPolicy> policy, std::string_view body, std::string_view model = {});

 private:
  const policy::BootPolicy usual_;
  Interned<appraise::BootCriteria> criteria_;
};

}  // namespace limequat::verifier
