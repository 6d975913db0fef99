#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/verify.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/policy/boot_reference.h"
#include "limequat/policy/boot_values.h"
#include "limequat/tpm/pcr.h"

namespace limequat::appraise {

// What boots are appraised by: a policy, and for `example` a reference state of Keylime's or
// boot reference values (policy/boot_values.h). Made once for each content and shared; it
// does not change, and threads may use it at once.
class BootCriteria {
 public:
  // `reference`: the JSON text of a reference state or of reference values, told apart by
  // their content, used by `example` alone; empty is one that says nothing. `model`: what
  // the machine was enrolled as, for values that ask for it. Errors are those of
  // BootReference::Parse and BootValues::Parse, whatever the policy: a text that cannot be
  // read is never accepted because nothing looks at it. Hostile input: reference.
  static Result<std::shared_ptr<const BootCriteria>> Create(policy::BootPolicy policy,
                                                            std::string_view reference,
                                                            std::string_view model = {});

  // Of the policy's name, the model and the bytes of the reference: equal for equal criteria.
  static crypto::Digest HashOf(policy::BootPolicy policy, std::string_view reference,
                               std::string_view model = {});

  policy::BootPolicy policy() const { return policy_; }
  // nullptr if it is not by reference values.
  const policy::BootValues* values() const { return values_ ? &*values_ : nullptr; }
  // HashOf what it was made of.
  const crypto::Digest& hash() const { return hash_; }
  // Whether a boot is held against values that somebody named. `measured-only` asks what
  // was measured and not whether it is good; `accept-all` and a reference state that says
  // nothing ask nothing.
  bool compares() const;
  // Whether a log is looked at: by `measured-only`, and whatever compares.
  bool looks() const { return compares() || policy_ == policy::BootPolicy::kMeasuredOnly; }
  // The PCRs that must be signed, and to whose signed values the log must lead; none if no
  // log is looked at.
  tpm::PcrSet pcrs() const;

  // Appraises the covered part of a verified log; nullptr: no PCR is covered, and every
  // check that looks is not evaluated. Sets out.policed if a boot is asked for anything.
  //   boot.policy          what the policy does, where it does not compare: measured-only
  //                        passes, accept-all passes, reject-all fails; a reference state
  //                        that says nothing passes
  //   eventlog.*           as of ReadSecureBoot and ReadBootChain
  //   boot.*               as of AppraiseByExample or AppraiseByValues
  void Appraise(const eventlog::VerifiedLog* log, Appraisal& out) const;

 private:
  BootCriteria() = default;
  void AppraiseExample(const eventlog::VerifiedLog& log, Appraisal& out) const;
  void AppraiseNothing(Appraisal& out) const;
  // The names of what compares.
  const std::vector<std::string_view>& checks() const;

  policy::BootPolicy policy_ = policy::BootPolicy::kRejectAll;
  policy::BootReference reference_;
  std::optional<policy::BootValues> values_;
  std::string model_;
  crypto::Digest hash_{crypto::HashAlgorithm::kSha256};
};

}  // namespace limequat::appraise
