// What proves that the kernel measures what the policy needs (attack A02).

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/appraise/ima_entry_steps.h"
#include "limequat/base/bytes.h"
#include "limequat/base/escape.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/ima/buffer.h"
#include "limequat/ima/keyring.h"
#include "limequat/policy/command_line_coverage.h"
#include "limequat/tpm/pcr.h"

namespace limequat::appraise {

namespace {

constexpr std::string_view kCheck = "ima.coverage";

// Whether the digest of the entry is that of the buffer or of the file's content. A buffer
// that is a key has its name from whoever made the keyring.
bool SpeaksForTheKernel(const ima::Entry& entry) {
  if (entry.Find(ima::Field::kBuf) == nullptr) return IsListable(entry);
  return ima::CheckBufferDigest(entry) == ima::BufferDigest::kMatches &&
         !ima::ParseKey(entry.buffer);
}

std::string ObjectToCommandLineOf(const ima::Entry& first, const tpm::PcrValues& quoted,
                                  const eventlog::VerifiedLog* log,
                                  const policy::ParameterValues& needed) {
  if (log == nullptr) return "there is no event log that leads to a quoted PCR";
  if (!ima::BindsLoaderPcrs(first, quoted, log->bank())) {
    return fmt::format(
        "boot_aggregate does not say that PCRs 8 and 9 of the {} bank are as the "
        "kernel found them",
        crypto::HashName(log->bank()));
  }
  return policy::ObjectToBoot(*log, needed);
}

// The names of those that no entry has proven, escaped.
std::string AbsentOf(const std::vector<std::string>& names, const Learned& learned) {
  std::string absent;
  for (const std::string& name : names) {
    if (learned.proven.contains(name)) continue;
    absent += fmt::format("{}{}", absent.empty() ? "" : ", ", EscapeForDisplay(name, kShownPath));
  }
  return absent;
}

}  // namespace

void NoteCoverage(const ima::Entry& entry, const policy::PolicyAt& policy, Learned& learned) {
  // Nothing behind another PCR is quoted (attack A06).
  if (entry.pcr != tpm::kImaPcr) return;
  if (policy.LookCoverage(entry.path, entry.file_digest) != policy::PathAnswer::kListed) return;
  if (SpeaksForTheKernel(entry)) learned.proven.emplace(entry.path);
}

void NoteCommandLine(const ima::Entry& first, const tpm::PcrValues& quoted,
                     const eventlog::VerifiedLog* log, const policy::PolicyAt& policy,
                     Learned& learned) {
  const policy::ParameterValues needed = policy.command_line();
  if (needed.empty()) return;
  learned.command_line_objection = ObjectToCommandLineOf(first, quoted, log, needed);
}

void AppraiseCoverage(const policy::PolicyAt& policy, const Learned& learned, Appraisal& out) {
  const std::vector<std::string> names = policy.coverage();
  const bool needs_command_line = !policy.command_line().empty();
  if (names.empty() && !needs_command_line) return;
  std::string why;
  if (const std::string absent = AbsentOf(names, learned); !absent.empty()) {
    why = fmt::format(
        "no entry proves that the kernel measures what the policy needs: nothing, "
        "or something else, is listed for {}",
        absent);
  }
  const std::string objection =
      !needs_command_line ? ""
                          : learned.command_line_objection.value_or(
                                "nothing but the list was shown: an event log and its PCRs would "
                                "have to show the kernel's command line");
  if (!objection.empty()) why += (why.empty() ? "" : "; ") + objection;
  if (!why.empty()) return Add(out, NotEvaluated(kCheck, std::move(why), Cause::kConfiguration));
  std::string by = names.empty() ? "" : fmt::format("{} entries", names.size());
  if (needs_command_line) by += (by.empty() ? "" : " and ") + std::string("the command line");
  Add(out, Passed(kCheck, "proven by " + by));
}

}  // namespace limequat::appraise
