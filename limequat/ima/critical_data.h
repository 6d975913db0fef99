#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/ima/entry.h"

namespace limequat::ima {

// What the kernel calls the command line that kexec was given.
inline constexpr std::string_view kKexecCommandLineName = "kexec-cmdline";

// Buffers besides keys and device-mapper events whose contents are known: critical data
// and commands that kernels measure by themselves.
enum class CriticalDataKind : std::uint8_t {
  kSelinuxState,       // selinux-state: switches of SELinux
  kSelinuxPolicyHash,  // selinux-policy-hash: hash of the loaded policy
  kKernelVersion,      // kernel_version: release of the running kernel
  kKexecCommandLine,   // kexec-cmdline: of the kernel that is to be started
  kImaKexec,           // begin_copy_ima_log, kexec_load, …: sizes of the list that is carried on
};
std::string_view CriticalDataName(CriticalDataKind kind);  // "selinux-state"

// One "key=value" of a text; views into the entry.
struct Assignment {
  std::string_view key;
  std::string_view value;
};

// Views into the entry.
struct CriticalData {
  CriticalDataKind kind = CriticalDataKind::kSelinuxState;
  std::vector<Assignment> state;  // of states: each key once, in order
  std::string_view text;          // of version and command line, without a final NUL
  ByteView hash;                  // of the policy
};

// Whether and as what the buffer of `entry` is known, by its name: nullopt for other
// names. kMalformed ("ima.critical_data"): states that are not "key=value;" again and
// again, with each key once; a hash that has no hash's size; a text with a NUL inside.
// Hostile input; trusted as far as the entry is. No more memory than some times the buffer.
Result<std::optional<CriticalData>> ParseCriticalData(const Entry& entry);

}  // namespace limequat::ima
