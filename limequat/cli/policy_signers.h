#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/verdict.h"
#include "limequat/json/value.h"
#include "limequat/policy/dsse.h"

namespace limequat::cli {

// Whose signatures on a policy count, as options name them.
struct SignerOptions {
  std::vector<std::string> keys;   // files, each one public key in PEM
  std::vector<std::string> trust;  // files of certificates in PEM: roots
  std::optional<std::size_t> threshold;

  bool given() const { return !keys.empty() || !trust.empty(); }
};

// Reads the files. A usage error for a threshold without a key, or above what the given
// keys can reach; otherwise the errors of reading, with the file's name: kMalformed
// (a certificate is no key: its own kind of trust is --trust), kUnsupported
// ("policy.signing_key") for a key that cannot sign policies.
Result<policy::TrustedSigners> LoadSigners(const SignerOptions& options, Time at);

// What became of each signature, for a result document.
json::Array ToJson(const std::vector<policy::SignatureOutcome>& signatures);

// The verdict where nobody vouches for what evidence was to be held against: it is not read
// any further, and no evidence is. `findings`: about the signatures.
VerdictDocument NotVouchedFor(Findings findings,
                              const std::vector<policy::SignatureOutcome>& signatures, Time at);

}  // namespace limequat::cli
