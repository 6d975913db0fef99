#pragma once

#include <memory>
#include <string_view>

#include "limequat/appraise/attestation.h"
#include "limequat/base/result.h"
#include "limequat/verifier/boot_evidence.h"
#include "limequat/verifier/machine.h"

namespace limequat::verifier {

// What an answer of an agent came to.
struct Evaluated {
  appraise::Attestation attestation;
  // Set if the answer brought an event log that verified.
  std::shared_ptr<const BootEvidence> boot;
};

// Evaluates the body of an HTTP answer to `ask`; pure apart from the time. Errors: kMalformed for
// a body that is no answer, with the member. Hostile input: the body.
Result<Evaluated> Evaluate(const Ask& ask, std::string_view body);

}  // namespace limequat::verifier
