#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/eventlog/boot_chain.h"
#include "limequat/eventlog/secure_boot.h"
#include "limequat/eventlog/verify.h"
#include "limequat/policy/boot_rule.h"
#include "limequat/policy/boot_values.h"
#include "limequat/policy/boot_values_appraisal.h"

// What the files of the appraisal by reference values share.
namespace limequat::policy {

inline constexpr std::string_view kCheckKernel = "boot.kernel";
inline constexpr std::string_view kCheckImage = "boot.image";
inline constexpr std::string_view kCheckInitrd = "boot.initrd";
inline constexpr std::string_view kCheckCommandLine = "boot.command_line";
inline constexpr std::string_view kCheckSection = "boot.section";
inline constexpr std::string_view kCheckFile = "boot.file";

// A finding about an event, with the command that shows it.
Finding AboutEvent(std::uint32_t pcr, std::uint64_t event, Finding finding);
// "sha256:…"
std::string Shown(const crypto::Digest& digest);
bool IsAmong(const std::vector<NamedDigest>& list, const crypto::Digest& digest);

// Tries texts against rules; after kMaxExpressionTrials expressions every answer is no.
class TextJudge {
 public:
  // `text` is hostile.
  bool IsGood(std::string_view text, const std::vector<TextRule>& rules);
  bool IsGood(std::string_view text, const TextRule& rule);

 private:
  std::size_t trials_ = 0;
};

// A command line that was measured, whatever the log calls it.
struct MeasuredLine {
  std::uint32_t pcr = 0;
  std::uint64_t event = 0;
  crypto::Digest digest{crypto::HashAlgorithm::kSha256};
  std::string text;      // UTF-8; hostile
  bool is_wide = false;  // measured as UTF-16, which is how an EFI stub reads its options
};

// What the covered part of a log shows, as the checks need it.
struct BootEvidence {
  eventlog::BootChain chain;
  std::vector<MeasuredLine> lines;                 // command lines of kernels, and what may be one
  std::vector<eventlog::MeasuredText> commands;    // of GRUB, but for those that load
  std::vector<eventlog::MeasuredText> grub_texts;  // all of PCR 8, whatever the log calls them
  std::uint64_t loader_separator = 0;              // index of PCR 4's; 0: none
  bool has_grub = false;
};
BootEvidence ReadEvidence(const eventlog::VerifiedLog& log);

// UTF-16 with its NUL, as Linux's EFI stub measures what it was started with.
Bytes LoadOptions(std::string_view ascii);

// The events of PCR 7 that are neither separators nor the variables of the configuration;
// for a log that passes ReadSecureBoot.
std::vector<eventlog::VerifiedEvent> OtherSecureBootEvents(const eventlog::VerifiedLog& log);

// PCR 7: "boot.secure_boot", "boot.key", "boot.revocation", "boot.authority".
Findings CheckSecureBoot(const BootValues& values, const eventlog::VerifiedLog& log);

// "boot.kernel", "boot.image", "boot.initrd", "boot.command_line", "boot.section" and
// "boot.file", against the kernel that fits best.
Findings CheckKernels(const BootValues& values, const eventlog::VerifiedLog& log,
                      const BootEvidence& evidence, TextJudge& judge);

}  // namespace limequat::policy
