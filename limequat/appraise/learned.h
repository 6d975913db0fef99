#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "limequat/crypto/digest.h"
#include "limequat/ima/keyring.h"

namespace limequat::appraise {

// How many block devices are followed on one machine; an event that would add another fails.
inline constexpr std::size_t kMaxMappedDevices = 1024;

// A table of a block device that a rule of the policy allows.
struct MappedTable {
  std::string rule;
  crypto::Digest load;  // SHA-256 of its load event, by which later events name it
};

// A block device, as the events of a list told.
struct MappedDevice {
  std::optional<MappedTable> active;    // in use, since a resume
  std::optional<MappedTable> inactive;  // loaded, not yet in use
};

// What entries of a list leave behind that later entries of the same boot depend on. It comes
// only from entries that a quote covers (attack A06), appraised with one policy; a value.
struct Learned {
  // Keys that the policy lists for the keyrings they were added to.
  ima::Keyring keys;
  // By what the policy's rules tell devices apart, name or uuid: text of the evidence.
  std::map<std::string, MappedDevice, std::less<>> devices;
  // Violations that the policy ignores.
  std::uint64_t ignored_violations = 0;
  // What of the policy's coverage an entry has proven: names of the policy.
  std::set<std::string, std::less<>> proven;
  // Why the boot does not prove the command line that the policy needs (policy::ObjectToBoot):
  // empty if it does, absent if no boot was looked at.
  std::optional<std::string> command_line_objection = std::nullopt;
};

}  // namespace limequat::appraise
