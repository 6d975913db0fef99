#include "limequat/appraise/ima_appraisal.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/ima_entry_steps.h"
#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/tpm/pcr.h"

namespace limequat::appraise {

namespace {

// An unknown or changed file is looked into, not waved through: the next step shows all
// that is known of the machine and never is to extend the policy. AGENT stands for itself:
// nothing of the evidence is in a command (attack A15).
constexpr std::string_view kInvestigate = "limequat explain AGENT";
// Findings stay in memory for a whole boot: a path keeps no more than the kernel allows.
constexpr std::size_t kKeptPath = 4096;
constexpr std::size_t kShownDigests = 4;
constexpr std::size_t kLookedAtDigests = 1024;

// Whether a policy can list the digest at all: it lists the bytes of digests of files,
// whose size tells the algorithm. SM3 and SHA-256 have the same size; an fs-verity
// digest is one of a file's description.
bool IsListable(const ima::Entry& entry) {
  if (!entry.digest_type.empty() && entry.digest_type != "ima") return false;
  return entry.digest_algorithm == "sha224" || crypto::HashFromName(entry.digest_algorithm);
}

// "DIGEST in layer 'base', retired 2026-11-25T09:00:00Z"
std::string Described(const policy::ListedDigest& listed, const policy::PolicyAt& policy) {
  std::string text = listed.digest;
  if (policy.set().layers().size() > 1) {
    text += fmt::format(" in layer '{}'", EscapeForDisplay(listed.layer->name, 128));
  }
  if (listed.retired) text += ", retired " + FormatRfc3339(*listed.retired);
  return text;
}

// The path is listed, with other digests or with one that is no longer good. That `signer`
// signed the file, if it is not empty, does not help.
void AddNotListed(const ima::Entry& entry, const policy::PolicyAt& policy,
                  const std::string& signer, Appraisal& out) {
  std::vector<policy::ListedDigest> listed = policy.DigestsOf(entry.path, kLookedAtDigests);
  const std::string digest = HexEncode(entry.file_digest);
  const auto same = std::ranges::find(listed, digest, &policy::ListedDigest::digest);
  const bool retired = same != listed.end() && same->retired;
  if (retired) std::rotate(listed.begin(), same, same + 1);  // shown first
  std::string text;
  for (std::size_t i = 0; i < std::min(listed.size(), kShownDigests); ++i) {
    text += fmt::format("{}{}", i == 0 ? "" : ", ", Described(listed[i], policy));
  }
  AddAbout(entry,
           Failed("ima.digest",
                  fmt::format(
                      "{} is {}, the policy lists {}{}", PathOf(entry), FileDigestOf(entry), text,
                      signer.empty() ? "" : "; that key " + signer + " signed it changes nothing"),
                  retired ? Cause::kPolicyLag : Cause::kTamper),
           out);
}

void AppraiseDigest(const ima::Entry& entry, const policy::PolicyAt& policy,
                    const ima::Keyring& learned, Appraisal& out) {
  const bool listable = IsListable(entry);
  const policy::PathAnswer answer = policy.Look(entry.path, entry.file_digest);
  if (answer == policy::PathAnswer::kListed && listable) return;
  // Entry 0 is held against the quoted PCRs of its own boot; a policy made from files
  // cannot list it. One that does list it is obeyed.
  const bool first = entry.index == 0 && entry.path == ima::kBootAggregate;
  if (first && answer == policy::PathAnswer::kUnknownPath) return;
  switch (policy.Excludes(entry.path)) {
    case policy::Exclusion::kExcluded:
      return;
    case policy::Exclusion::kLimitHit:
      AddFailure(entry, "ima.exclude_limit",
                 fmt::format("an exclude expression gave up on {}: it counts as not excluded",
                             PathOf(entry)),
                 out);
      break;
    case policy::Exclusion::kNo:
      break;
  }
  const std::string signer = SignerOf(entry, policy, learned, out);
  // A signature speaks for files that the policy does not list. Where it lists digests,
  // these are meant: an old program keeps its good signature.
  if (!signer.empty() && answer != policy::PathAnswer::kOtherDigest) return;
  if (answer == policy::PathAnswer::kUnknownPath) {
    AddFailure(entry, "ima.path",
               fmt::format("{} ({}) ran or was read; the policy does not know this path",
                           PathOf(entry), FileDigestOf(entry)),
               out);
    return;
  }
  if (!listable) {
    AddAbout(entry,
             NotEvaluated("ima.digest_kind",
                          fmt::format("{} is {}: a runtime policy lists SHA-1 and SHA-2 digests "
                                      "of files and cannot say whether it is good",
                                      PathOf(entry), FileDigestOf(entry))),
             out);
    return;
  }
  AddNotListed(entry, policy, signer, out);
}

// Nothing in `digests` or `excludes` of a policy is about entries that are no file's, even
// if it has their name.
void AppraiseContent(const ima::Entry& entry, const policy::PolicyAt& policy, ima::Keyring& learned,
                     Appraisal& out) {
  // Nothing covers the name of a template. Called a custom one, an entry would show as
  // its digest what in truth is, say, an attribute that whoever wrote the file chose.
  if (!ima::Template::IsKernels(entry.template_name)) {
    AddAbout(
        entry,
        NotEvaluated("ima.template",
                     fmt::format("'{}' is a custom template: nothing proves which of its "
                                 "fields is the digest of {}",
                                 EscapeForDisplay(entry.template_name, kShownPath), PathOf(entry)),
                     Cause::kTamper),
        out);
    return;
  }
  const bool named =
      entry.Find(ima::Field::kNNg) != nullptr || entry.Find(ima::Field::kN) != nullptr;
  if (!named || entry.file_digest.empty()) {
    AddAbout(entry,
             NotEvaluated("ima.template",
                          fmt::format("entries of template '{}' do not have both a name and a "
                                      "digest: nothing can be looked up",
                                      EscapeForDisplay(entry.template_name, kShownPath))),
             out);
    return;
  }
  if (entry.Find(ima::Field::kBuf) != nullptr) {
    AppraiseBuffer(entry, policy, learned, out);
  } else {
    AppraiseDigest(entry, policy, learned, out);
  }
}

}  // namespace

std::string PathOf(const ima::Entry& entry) { return EscapeForDisplay(entry.path, kShownPath); }

std::string FileDigestOf(const ima::Entry& entry) {
  return fmt::format("{}{}{}:{}", EscapeForDisplay(entry.digest_type, 32),
                     entry.digest_type.empty() ? "" : ":",
                     EscapeForDisplay(entry.digest_algorithm, 32), HexEncode(entry.file_digest));
}

void AddAbout(const ima::Entry& entry, Finding finding, Appraisal& out) {
  finding.subject.path = std::string(entry.path.substr(0, kKeptPath));
  finding.subject.pcr = entry.pcr;
  finding.subject.event = entry.index;
  finding.next = std::string(kInvestigate);
  Add(out, std::move(finding));
}

void AddFailure(const ima::Entry& entry, std::string_view check, std::string detail,
                Appraisal& out) {
  AddAbout(entry, Failed(check, std::move(detail), Cause::kTamper), out);
}

void AppraiseEntry(const ima::Entry& entry, const policy::PolicyAt* policy, ima::Keyring& learned,
                   Appraisal& out) {
  if (entry.pcr != tpm::kImaPcr) {
    AddFailure(entry, "ima.pcr",
               fmt::format("{} was measured into PCR {}, not {}: no quote of the list covers it",
                           PathOf(entry), entry.pcr, tpm::kImaPcr),
               out);
  }
  if (entry.index > 0 && entry.path == ima::kBootAggregate &&
      entry.Find(ima::Field::kBuf) == nullptr) {
    AddFailure(entry, "ima.boot_aggregate_repeated",
               "a second boot_aggregate: another kernel was started without a reset (kexec)", out);
  }
  if (entry.violation) {
    // The TPM vouches for the fact alone, not for a word of the entry.
    AddFailure(
        entry, "ima.violation",
        fmt::format("{} changed while it was measured, or was open for writing", PathOf(entry)),
        out);
    return;
  }
  if (ima::CheckStatedDigest(entry) != ima::StatedDigest::kMatches) {
    AddFailure(entry, "ima.template_digest",
               fmt::format("the list states the template digest {} for {}, which is not the hash "
                           "of its template data",
                           HexEncode(entry.template_digest), PathOf(entry)),
               out);
  }
  if (policy != nullptr) AppraiseContent(entry, *policy, learned, out);
}

namespace {

struct Located {
  std::optional<ima::Prefix> prefix;  // nullopt: no part of the list leads to the value
  ima::TemplateDigests kind = ima::TemplateDigests::kNative;
};

// The first entries of `list` that lead to `pcr`, with native template digests or,
// if those do not, zero-padded ones.
Result<Located> Locate(ByteView list, ima::Format format, const crypto::Digest& pcr) {
  Located located;
  for (const auto kind : {ima::TemplateDigests::kNative, ima::TemplateDigests::kZeroPadded}) {
    LQ_ASSIGN_OR_RETURN(located.prefix, ima::FindQuotedPrefix(
                                            list, format, ima::Replay(pcr.algorithm(), kind), pcr));
    located.kind = kind;
    if (located.prefix) break;
  }
  return located;
}

// Holds the list against the PCR. The part of the list that counts: all of it, if
// nothing leads to the value, so that everything wrong with it is told.
Result<ByteView> Replay(ByteView list, ima::Format format, const crypto::Digest& pcr,
                        Appraisal& out) {
  LQ_ASSIGN_OR_RETURN(const Located located, Locate(list, format, pcr));
  if (!located.prefix) {
    Add(out, Failed("ima.replay", fmt::format("no part of the list leads to PCR {} = {}",
                                              tpm::kImaPcr, pcr.hex())));
    return list;
  }
  Add(out, Passed("ima.replay", fmt::format("{} entries lead to PCR {} ({} template digests)",
                                            located.prefix->entries, tpm::kImaPcr,
                                            ima::TemplateDigestsName(located.kind))));
  if (located.prefix->bytes < list.size()) {
    Add(out, Passed("ima.unquoted",
                    fmt::format("{} bytes of the list follow the quoted state: not appraised",
                                list.size() - located.prefix->bytes)));
  }
  return list.first(located.prefix->bytes);
}

Status AppraiseEntries(ByteView list, ima::Format format, const policy::PolicyAt& policy,
                       Appraisal& out) {
  ima::ListReader reader(list, format);
  ima::Keyring learned;
  bool first = true;
  const policy::PolicyAt* asked = policy.says_nothing() ? nullptr : &policy;
  while (true) {
    LQ_ASSIGN_OR_RETURN(const std::optional<ima::Entry> entry, reader.Next());
    if (!entry) return {};
    // Without quoted PCRs only the policy can say whether the boot was the right one.
    if (first && policy.Look(entry->path, entry->file_digest) == policy::PathAnswer::kUnknownPath &&
        entry->path == ima::kBootAggregate) {
      Finding finding = NotEvaluated("ima.boot_aggregate",
                                     "without a quote there are no PCRs 0-9 to compare "
                                     "boot_aggregate with, and the policy does not list it");
      finding.subject.pcr = entry->pcr;
      finding.subject.event = entry->index;
      Add(out, std::move(finding));
    }
    first = false;
    AppraiseEntry(*entry, asked, learned, out);
  }
}

}  // namespace

Result<Appraisal> AppraiseImaList(ByteView list, ima::Format format, const policy::PolicyAt& policy,
                                  const std::optional<PcrClaim>& pcr) {
  Appraisal out;
  out.policed = !policy.says_nothing();
  out.evaluated_at = policy.now();
  ByteView counts = list;
  if (pcr) {
    LQ_ASSIGN_OR_RETURN(counts, Replay(list, format, pcr->value, out));
  }
  if (counts.empty()) {
    Add(out, Failed("ima.list", "the list has no entry that counts", Cause::kConfiguration));
  } else {
    Add(out, Passed("ima.list", pcr ? "" : "the list alone: no PCR value to hold it against"));
  }
  for (const std::string& member : policy.set().unevaluated()) {
    Add(out, NotEvaluated("policy.unevaluated",
                          fmt::format("the policy's '{}' is not evaluated by this version",
                                      EscapeForDisplay(member, 64))));
  }
  LQ_RETURN_IF_ERROR(AppraiseEntries(counts, format, policy, out));
  return out;
}

}  // namespace limequat::appraise
