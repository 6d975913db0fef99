#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "limequat/policy/boot_reference.h"
#include "limequat/policy/boot_rule.h"

// What the files of the policy `example` share.
namespace limequat::policy {

inline constexpr std::string_view kCheckEvent = "boot.event";
inline constexpr std::string_view kCheckSecureBoot = "boot.secure_boot";
inline constexpr std::string_view kCheckKey = "boot.key";
inline constexpr std::string_view kCheckRevocation = "boot.revocation";
inline constexpr std::string_view kCheckAuthority = "boot.authority";
inline constexpr std::string_view kCheckCommandLine = "boot.command_line";

// How much of a text is shown.
inline constexpr std::size_t kShownText = 512;

// EV_EFI_VARIABLE_DRIVER_CONFIG and EV_EFI_VARIABLE_AUTHORITY in PCR 7. `reference` must
// outlive the rules.
EventRule ConfigurationRule(const BootReference& reference);
EventRule AuthorityRule(const BootReference& reference);
// EV_EFI_VARIABLE_BOOT in PCR 1.
EventRule BootVariableRule();

// A command line or command of GRUB's that was measured.
struct GrubLine {
  eventlog::VerifiedEvent event;
  std::string_view text;  // in the log
};

// What GRUB measured into PCR 8: the commands that it ran and the command lines that it made of
// those that load a kernel. The key that tells the two apart is in the log alone: somebody with a
// shell of GRUB can have a good command line measured as a command, load a kernel with another,
// and exchange the keys. The command that loaded the kernel stays, and so does the text of its
// command line.
class GrubTexts {
 public:
  // EV_IPL in PCR 8: objections to this event.
  Findings Take(const eventlog::VerifiedEvent& event);
  // What the log calls command lines, in its order.
  const std::vector<GrubLine>& command_lines() const { return command_lines_; }
  // Objections to all of them together, behind the last.
  Findings Check() const;

 private:
  std::vector<GrubLine> command_lines_;
  std::vector<GrubLine> load_commands_;
  std::vector<GrubLine> unknown_;
};

}  // namespace limequat::policy
