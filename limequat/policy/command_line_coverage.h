#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "limequat/eventlog/verify.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {

// What the command line of a kernel proves of IMA's rules (attack A02): `ima_policy=tcb` is the
// choice of the rules that the kernel is built with, in force until somebody loads others. A
// policy that is loaded by its path is measured (RuntimePolicy::coverage); one whose text is
// written to the kernel is not, unless the kernel asks for a signed one.

// The longest command line that a kernel reads as a whole (x86-64, 64-bit Arm).
inline constexpr std::size_t kMaxKernelCommandLine = 2047;
// Of a name or a value in a policy.
inline constexpr std::size_t kMaxParameterText = 256;

// Whether a parameter of this name is one of IMA's: it is "ima", or begins with "ima_" or "ima.".
bool IsImaParameter(std::string_view name);
// Whether a value can stand in a command line as it is: no blanks, no quotes, and not longer
// than kMaxParameterText.
bool IsPlainParameterText(std::string_view value);

// Why a kernel that was started with `line` has not the parameters that `needed` asks for;
// empty: it has. Each of them must be there, every time with one of its values, and no other
// parameter for IMA: the first of several counts for some, the last for others. Nor may the line
// be added to (bootconfig) or leave out parts of the kernel (initcall_blacklist). Read as the
// kernel reads it (quotes, "--", '-' for '_'), and where that is in doubt there is an objection.
// Hostile input: line. Time: linear.
std::string ObjectToCommandLine(std::string_view line, const ParameterValues& needed);

// Why the covered part of a log does not prove that this boot's kernel was started with such a
// command line; empty: it does. It tells a command line by digests and texts that were measured,
// never by what the log calls an event:
//   - with GRUB: every text of PCR 8 is a command that is known to start nothing else, or begins
//     with a kernel's file ('/', '('), and what follows it, there or behind `linux`, is such a
//     line;
//   - without (PCR 8 has no event): a text of PCR 12 whose digest is the first of two that PCR 9
//     was extended with, which is what the kernel's EFI stub says that it was started with; the
//     other is its initrd. Of one event nobody knows which of the two it is, and an initrd is
//     what its owner likes. PCR 12 alone proves nothing: after the boot anybody may extend it.
// The caller has to know that PCRs 8 and 9 are as the kernel found them (BindsLoaderPcrs). The
// line is worth what loaders (with the modules of GRUB) and kernel are worth: those are a boot
// policy's question, or a baseline's.
// Not proven for images that hold their command line, whose text no log shows, for kernels whose
// stub does not measure its options, and for those that it starts without an initrd.
std::string ObjectToBoot(const eventlog::VerifiedLog& log, const ParameterValues& needed);

}  // namespace limequat::policy
