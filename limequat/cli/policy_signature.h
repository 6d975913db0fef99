#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/cli/policy_signers.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::cli {

// limequat policy check-signature: whether enough of the given keys signed an envelope.
// What the envelope says of policies is not looked at.
struct PolicyCheckSignature {
  std::string envelope;
  SignerOptions signers;
  std::vector<std::string> payload_types;  // empty: Keylime's
  bool all = false;
  Time at{};

  Result<Ending> Run(Console& console) const;
};

// limequat policy sign: makes an envelope of a runtime policy, of boot reference values, of a
// public key that takes over under a name (or, with a payload type, of anything), or adds a
// signature to an envelope.
struct PolicySign {
  std::string file;
  std::string key;  // private key in PEM, in a file that only its owner reads
  std::optional<std::string> passphrase_file;
  std::optional<std::string> key_id;
  std::optional<std::string> certificate;  // PEM, the signer's first: becomes the key id
  std::optional<std::string> payload_type;
  // Put into the policy before it is signed (attack A11): the name it is pushed under,
  // a number that rises with each version of it,
  // and when it holds.
  policy::PolicyLabel label;
  std::optional<std::string> output;  // absent or "-": the envelope is the result
  Time now{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
