#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/cli/quote_input.h"
#include "limequat/ima/list.h"

namespace limequat::cli {

// limequat policy learn: a runtime policy of what an IMA list says ran, if a quote that
// verifies covers it: its PCR 10 ends what is learned (attack A06). kUntrusted
// ("policy.learn.quote", "policy.learn.pcr", and those of policy::AddListDigests) if it does
// not. `unattested`: of any lists, at their word; the policy says so.
struct PolicyLearn {
  std::vector<std::string> lists;
  QuoteInput quote;  // with it, one list
  bool unattested = false;
  std::optional<std::string> output;  // absent or "-": the policy is the result
  std::optional<std::string> base;    // a policy whose digests stay good
  std::vector<std::string> excludes;  // of the policy; paths that they match are not learned
  std::optional<ima::Format> format;
  bool allow_sha1_digests = false;
  bool keyrings = false;                       // keys of keyrings, too, which may then sign files
  std::vector<std::string> verification_keys;  // files with keys that may sign any file
  std::vector<std::string> ignored_keyrings;   // of the policy; their keys are not learned
  bool buffers = false;                        // and all other measured buffers
  Time now{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
