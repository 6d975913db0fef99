#pragma once

#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat::policy {

// What a log was made of, if it is not what reference states are for.
enum class SecureBootWanted { kOn, kEither };

// A reference state made of a log.
struct MadeBootReference {
  // As `keylime-policy create measured-boot` writes it, member by member. No line feed.
  std::string json;
  // Why this reference state accepts no boot, or less than it seems: sentences that are
  // safe to show.
  std::vector<std::string> notes;
};

// Makes a reference state of a firmware's log: what that boot did is good. The log is of a
// machine that its owner trusts; nothing vouches for it here, but what it shows of
// variables has to be what was measured. Memory is linear in the log.
//
// Errors: those of LogReader; kUnsupported "policy.boot_reference.bank" (no SHA-256),
// "policy.boot_reference.secure_boot" (off, and not wanted so),
// "policy.boot_reference.chain" (the images are not shim, GRUB and, with Secure Boot, a
// kernel: a reference state without kernels accepts nothing, and Keylime writes it all the
// same); kUntrusted "policy.boot_reference.variable". Hostile input.
Result<MadeBootReference> MakeBootReference(ByteView log, SecureBootWanted wanted);

}  // namespace limequat::policy
