#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/cli/policy_signers.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/list.h"

namespace limequat::cli {

// limequat appraise ima: an IMA list against a runtime policy of one or more layers. Without a PCR
// value nothing says that the list is a machine's: the verdict is about the list alone.
struct AppraiseIma {
  std::string list;
  std::vector<std::string> policies;  // layers in this order, plain or signed
  SignerOptions signers;              // with any of them, each must be signed (attack A11)
  std::optional<crypto::Digest> pcr;  // PCR 10 of a bank, from a verified quote
  // Instead: all PCR values of that quote, and the firmware's event log of the same boot, for
  // boot_aggregate and the command line that a policy may ask for. Both or none.
  std::optional<std::string> pcrs;
  std::optional<std::string> boot_log;
  std::optional<ima::Format> format;
  std::optional<Time> first_seen;     // when the list was first verified; absent: `at`
  std::vector<std::string> packages;  // that files are looked for in
  bool all = false;
  // Where the digests go that the policy would have to list; nothing is written if there
  // are none.
  std::optional<std::string> change;
  Time at{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
