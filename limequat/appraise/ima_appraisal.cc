#include "limequat/appraise/ima_appraisal.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/ima_entry_steps.h"
#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/eventlog/verify.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/ima/kernel_hash.h"
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

// "DIGEST in layer 'base', retired 2026-11-25T09:00:00Z"
std::string Described(const policy::ListedDigest& listed, const policy::PolicyAt& policy) {
  std::string text = listed.digest;
  if (policy.set().layers().size() > 1) {
    text += fmt::format(" in layer '{}'", EscapeForDisplay(listed.layer->name, 128));
  }
  if (listed.retired) text += ", retired " + FormatRfc3339(*listed.retired);
  return text;
}

// Whether the newest finding is this one, about the entry `index`.
bool LastIs(const Appraisal& out, std::string_view check, Outcome outcome, std::uint64_t index) {
  if (out.findings.empty()) return false;
  const Finding& last = out.findings.back();
  return last.check == check && last.outcome == outcome && last.subject.event == index;
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
  std::vector<std::string> good;
  for (const policy::ListedDigest& one : listed) {
    if (!one.retired) good.push_back(one.digest);
  }
  // An update that the policy has not learned and a program that was replaced look the same
  // in a list. Only a bad signature tells: an update would have a good one.
  const bool badly_signed = LastIs(out, "ima.signature", Outcome::kFailed, entry.index);
  AddUnlisted(
      entry,
      Failed(
          "ima.digest",
          fmt::format("{} is {}, the policy lists {}{}", PathOf(entry), FileDigestOf(entry), text,
                      signer.empty() ? "" : "; that key " + signer + " signed it changes nothing"),
          badly_signed && !retired ? Cause::kTamper : Cause::kPolicyLag),
      good, out);
}

void AppraiseDigest(const ima::Entry& entry, const policy::PolicyAt& policy, const Learned& learned,
                    Appraisal& out) {
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
  const std::string signer = SignerOf(entry, policy, learned.keys, out);
  // A signature speaks for files that the policy does not list. Where it lists digests,
  // these are meant: an old program keeps its good signature.
  if (!signer.empty() && answer != policy::PathAnswer::kOtherDigest) return;
  if (answer == policy::PathAnswer::kUnknownPath) {
    AddUnlisted(entry,
                Failed("ima.path",
                       fmt::format("{} ({}) ran or was read; the policy does not know this path",
                                   PathOf(entry), FileDigestOf(entry))),
                {}, out);
    return;
  }
  if (!listable) {
    AddAbout(entry,
             NotEvaluated("ima.digest_kind",
                          fmt::format("{} is {}: a runtime policy lists digests of files by SHA-1, "
                                      "SHA-2, SHA-3 and SM3, and cannot say whether it is good",
                                      PathOf(entry), FileDigestOf(entry))),
             out);
    return;
  }
  AddNotListed(entry, policy, signer, out);
}

// Nothing in `digests` or `excludes` of a policy is about entries that are no file's, even
// if it has their name.
void AppraiseContent(const ima::Entry& entry, const policy::PolicyAt& policy, Learned& learned,
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
  NoteCoverage(entry, policy, learned);
  if (entry.Find(ima::Field::kBuf) != nullptr) {
    AppraiseBuffer(entry, policy, learned, out);
  } else {
    AppraiseDigest(entry, policy, learned, out);
  }
}

}  // namespace

bool IsListableHash(std::string_view name) {
  return name == "sha1" || ima::IsStrongKernelHash(name);
}

bool IsListable(const ima::Entry& entry) {
  if (!entry.digest_type.empty() && entry.digest_type != "ima") return false;
  return IsListableHash(entry.digest_algorithm);
}

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

void AddUnlisted(const ima::Entry& entry, Finding finding, const std::vector<std::string>& listed,
                 Appraisal& out) {
  AddAbout(entry, Comparing(std::move(finding), listed, FileDigestOf(entry)), out);
}

void AppraiseChecked(const ima::Entry& entry, ima::StatedDigest stated,
                     const policy::PolicyAt* policy, Learned& learned, Appraisal& out) {
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
    // What stands in the place of boot_aggregate proves no boot.
    if (policy != nullptr && policy->ignores_violations() && entry.index > 0) {
      ++learned.ignored_violations;
      return;
    }
    // The TPM vouches for the fact alone, not for a word of the entry.
    AddFailure(
        entry, "ima.violation",
        fmt::format("{} changed while it was measured, or was open for writing", PathOf(entry)),
        out);
    return;
  }
  if (stated != ima::StatedDigest::kMatches) {
    AddFailure(entry, "ima.template_digest",
               fmt::format("the list states the template digest {} for {}, which is not the hash "
                           "of its template data",
                           HexEncode(entry.template_digest), PathOf(entry)),
               out);
  }
  if (policy != nullptr) AppraiseContent(entry, *policy, learned, out);
}

void AppraiseEntry(const ima::Entry& entry, const policy::PolicyAt* policy, Learned& learned,
                   Appraisal& out) {
  if (policy != nullptr) policy->Fetch(entry.path);
  AppraiseChecked(entry, ima::CheckStatedDigest(entry), policy, learned, out);
}

void AppraiseTogether(const policy::PolicyAt& policy, const Learned& learned, Appraisal& out) {
  if (policy.says_nothing()) return;
  AppraiseRequiredDevices(policy, learned, out);
  if (learned.ignored_violations > 0) {
    Add(out, Passed("ima.violations_ignored",
                    fmt::format("{} files changed while they were measured: nothing is known of "
                                "them, and the policy ignores that",
                                learned.ignored_violations)));
  }
  AppraiseCoverage(policy, learned, out);
}

namespace {

// The entries of a list that count, and what is wrong with them.
struct Judged {
  std::uint64_t read = 0;             // entries
  std::optional<ima::Prefix> quoted;  // absent: nothing leads to the PCR; all entries count
  Appraisal entries;
  Learned learned;
};

// What a list is held against.
struct Against {
  const policy::PolicyAt& policy;
  const BootClaim* boot = nullptr;             // the PCRs and log of its boot
  const eventlog::VerifiedLog* log = nullptr;  // as far as the PCRs cover it
};

// Without the PCRs of the boot only the policy can say whether it was the right one; but a list
// that leads to a PCR 10 begins with its boot. Without that, too, it may be a part of a list.
void AppraiseFirst(const ima::Entry& entry, const Against& against, bool leads_to_a_pcr,
                   Judged& judged) {
  if (against.boot != nullptr) {
    Add(judged.entries, ima::CheckBootAggregate(entry, against.boot->pcrs));
    NoteCommandLine(entry, against.boot->pcrs, against.log, against.policy, judged.learned);
    return;
  }
  if (leads_to_a_pcr) {
    if (auto finding = ima::NotABootAggregate(entry))
      return Add(judged.entries, *std::move(finding));
  }
  if (entry.path != ima::kBootAggregate ||
      against.policy.Look(entry.path, entry.file_digest) != policy::PathAnswer::kUnknownPath) {
    return;
  }
  Finding finding = NotEvaluated("ima.boot_aggregate",
                                 "without a quote there are no PCRs 0-9 to compare "
                                 "boot_aggregate with, and the policy does not list it");
  finding.subject.path = ima::kBootAggregate;
  finding.subject.pcr = entry.pcr;
  finding.subject.event = entry.index;
  Add(judged.entries, Comparing(std::move(finding), {}, FileDigestOf(entry)));
}

// A list, and as far as is known how to read it and where its quoted part ends.
struct List {
  ByteView bytes;
  ima::Format format;
  std::optional<ima::Prefix> quoted;
};

// Reads the list once: each entry is judged as it extends the PCR, and none behind the one that
// leads to `claim`, or behind the quoted part that is known, is read, so that nothing unquoted has
// an effect (attack A06). What was found before counts for nothing until that entry is there.
Result<Judged> Judge(const List& list, const Against& against,
                     const std::optional<PcrClaim>& claim) {
  Judged judged;
  const ima::Prefix part = list.quoted.value_or(ima::Prefix{.bytes = list.bytes.size()});
  ima::ListReader reader(list.bytes, list.format, part.line_feeds);
  const policy::PolicyAt* asked = against.policy.says_nothing() ? nullptr : &against.policy;
  ima::Replay replay(claim ? claim->value.algorithm() : crypto::HashAlgorithm::kSha256,
                     ima::TemplateDigests::kNative);
  while (claim ? replay.pcr() != claim->value : reader.offset() < part.bytes) {
    const Result<std::optional<ima::Entry>> next = reader.Next();
    if (!next) return next.error();
    if (!*next) return judged;
    ++judged.read;
    const ima::Entry& entry = **next;
    if (reader.index() == 1) AppraiseFirst(entry, against, claim || list.quoted, judged);
    // One hash is calculated while the place in the policy's table comes from memory, two while
    // the record does.
    if (asked != nullptr) asked->Expect(entry.path);
    const ima::StatedDigest stated = ima::CheckStatedDigest(entry);
    if (asked != nullptr) asked->Fetch(entry.path);
    if (claim) replay.Extend(entry);
    AppraiseChecked(entry, stated, asked, judged.learned, judged.entries);
  }
  judged.quoted =
      claim ? ima::Prefix{.entries = reader.index(), .bytes = reader.offset()} : list.quoted;
  return judged;
}

// Where native template digests lead nowhere as the list looks: zero-padded ones, and the list
// as its digests say.
std::optional<ima::Prefix> FindOtherwise(const List& list, const crypto::Digest& pcr) {
  const std::array starts = {ima::Replay(pcr.algorithm(), ima::TemplateDigests::kNative),
                             ima::Replay(pcr.algorithm(), ima::TemplateDigests::kZeroPadded)};
  const auto padded = ima::FindQuotedPrefix(list.bytes, list.format, starts[1], pcr);
  if (padded && *padded) return *padded;
  return ima::FindQuotedPrefixByDigests(list.bytes, list.format, starts, pcr);
}

void TellReplay(const Judged& judged, ByteView list, const crypto::Digest& pcr, Appraisal& out) {
  if (!judged.quoted) {
    Add(out, Comparing(Failed("ima.replay", fmt::format("no part of the list leads to PCR {} = {}",
                                                        tpm::kImaPcr, pcr.hex())),
                       {pcr.hex()}, {}));
    return;
  }
  Add(out, Passed("ima.replay", fmt::format("{} entries lead to PCR {} ({} template digests)",
                                            judged.quoted->entries, tpm::kImaPcr,
                                            ima::TemplateDigestsName(judged.quoted->kind))));
  if (judged.quoted->bytes < list.size()) {
    Add(out, Passed("ima.unquoted",
                    fmt::format("{} bytes of the list follow the quoted state: not appraised",
                                list.size() - judged.quoted->bytes)));
  }
}

}  // namespace

Result<Appraisal> AppraiseImaList(ByteView list, ima::Format format, const policy::PolicyAt& policy,
                                  const std::optional<PcrClaim>& pcr) {
  Against against{.policy = policy};
  std::optional<eventlog::LogVerification> verification;
  if (pcr && pcr->boot) {
    against.boot = &*pcr->boot;
    LQ_ASSIGN_OR_RETURN(verification,
                        eventlog::VerifyLogByValues({.firmware = pcr->boot->log, .user_space = {}},
                                                    pcr->boot->pcrs, pcr->value.algorithm(), {}));
    if (verification->log) against.log = &*verification->log;
  }
  List whole{.bytes = list, .format = format, .quoted = {}};
  Result<Judged> read = Judge(whole, against, pcr);
  if (pcr && (!read || !read->quoted)) {
    whole.quoted = FindOtherwise(whole, pcr->value);
    if (whole.quoted) read = Judge(whole, against, std::nullopt);
  }
  LQ_ASSIGN_OR_RETURN(const Judged judged, std::move(read));
  Appraisal out;
  out.policed = !policy.says_nothing();
  out.evaluated_at = policy.now();
  if (pcr) TellReplay(judged, list, pcr->value, out);
  if (judged.read == 0) {
    Add(out, Failed("ima.list", "the list has no entry that counts", Cause::kConfiguration));
  } else {
    Add(out, Passed("ima.list", pcr ? "" : "the list alone: no PCR value to hold it against"));
  }
  for (const Finding& finding : judged.entries.findings) Add(out, finding);
  out.not_shown += judged.entries.not_shown;
  AppraiseTogether(policy, judged.learned, out);
  return out;
}

}  // namespace limequat::appraise
