#pragma once

#include <cstdint>
#include <string_view>

namespace limequat::policy {

// What GRUB did that measured a text into PCR 8. It measures commands and command lines there, and
// what tells them apart is not measured. Judged by the first word behind any "!", which GRUB
// measures and leaves out when it looks for the command.
enum class GrubText : std::uint8_t {
  kHarmless,     // a command after which nothing runs that is not measured here, or an assignment
  kCommand,      // another command: it may start or change something
  kLoadsKernel,  // `linux` and its like: the words behind it are a command line
  kLine,         // begins with a file, as no command does
  kUnknown,      // a function, or the line of a kernel in a block list or on a network: "8+20 ro"
};
GrubText GrubTextOf(std::string_view text);
// The command line in a command that loads a kernel; empty: it has no words.
std::string_view KernelOf(std::string_view text);
// Whether behind this command one may run that starts or loads something and that PCR 8 does not
// show (`time`, `lua`, `rmmod tpm`), or it starts something else than what `linux` loaded itself.
bool EscapesMeasurement(std::string_view text);

}  // namespace limequat::policy
