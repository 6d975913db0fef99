#include <array>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/attestation_steps.h"
#include "limequat/appraise/ima_appraisal.h"
#include "limequat/appraise/ima_entry_steps.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/ima/list.h"

namespace limequat::appraise {

namespace {

using ima::TemplateDigests;

// A list and the state that it goes on from.
struct Part {
  ByteView bytes;
  ima::Replay start;
};

// The list cannot be read as far as the quote goes. Other templates than ours are a
// matter of configuration; everything else should not come from a kernel.
Finding Unreadable(const Error& error) {
  const bool unsupported = error.code == ErrorCode::kUnsupported;
  const std::string detail =
      fmt::format("the list cannot be read up to the quote: {}", error.message);
  return unsupported ? NotEvaluated("ima.replay", detail) : Failed("ima.replay", detail);
}

Finding CheckOffset(const Case& about) {
  constexpr std::string_view kCheck = "ima.offset";
  const std::uint64_t first = about.answer.ima_first;
  const std::uint64_t asked = about.challenge.full ? 0 : about.challenge.ima_from;
  if (first != asked && first != 0) {
    return Failed(kCheck,
                  fmt::format("the list begins at entry {}, entry {} was asked for", first, asked));
  }
  return Passed(kCheck, fmt::format("entry {}", first));
}

// A list from the beginning must pass through the state that was verified before: it
// is not shorter, and nothing in front was exchanged (attack A05).
std::optional<ima::Prefix> FindKnownState(const Case& about, ByteView list, Appraisal& out) {
  constexpr std::string_view kCheck = "ima.continuity";
  const ima::Replay& known = about.before->replay;
  const std::array starts = {ima::Replay(about.bank, known.kind())};
  const auto prefix =
      ima::FindQuotedPrefixEitherWay(list, ima::Format::kAscii, starts, known.pcr());
  if (!prefix) {
    Add(out,
        Failed(kCheck, fmt::format("the list cannot be read up to entry {}, which was verified "
                                   "before: {}",
                                   known.entries(), prefix.error().message)));
    return std::nullopt;
  }
  if (!*prefix || (*prefix)->entries != known.entries()) {
    Add(out, Failed(kCheck, fmt::format("the list does not lead to the state that was verified "
                                        "before in this boot, at entry {}: it is shorter, or was "
                                        "changed",
                                        known.entries())));
    return std::nullopt;
  }
  Add(out, Passed(kCheck, fmt::format("the list leads to the state verified before, at entry {}",
                                      known.entries())));
  return **prefix;
}

// The quoted part of a list. The first evidence of a boot decides how its kernel
// makes template digests; later evidence is held to it (attack A08).
std::optional<QuotedEntries> FindQuoted(const Case& about, const Part& part,
                                        const crypto::Digest& quoted, Appraisal& out) {
  const bool undecided = about.before == nullptr && about.bank != crypto::HashAlgorithm::kSha1;
  const std::array starts = {part.start, ima::Replay(about.bank, TemplateDigests::kZeroPadded)};
  const auto found = ima::FindQuotedPrefixEitherWay(
      part.bytes, ima::Format::kAscii, std::span(starts).first(undecided ? 2 : 1), quoted);
  if (!found) {
    Add(out, Unreadable(found.error()));
    return std::nullopt;
  }
  const std::optional<ima::Prefix>& prefix = *found;
  if (!prefix) {
    Add(out, Comparing(Failed("ima.replay",
                              fmt::format("no part of the list leads from entry {} to the "
                                          "quoted PCR {} = {}",
                                          part.start.entries(), tpm::kImaPcr, quoted.hex())),
                       {quoted.hex()}, {}));
    return std::nullopt;
  }
  const std::uint64_t end = part.start.entries() + prefix->entries;
  Add(out, Passed("ima.replay", fmt::format("{} entries lead to PCR {} ({} template digests)", end,
                                            tpm::kImaPcr, ima::TemplateDigestsName(prefix->kind))));
  return QuotedEntries{.parts = {{.list = part.bytes, .prefix = *prefix}},
                       .first = part.start.entries(),
                       .replay = ima::Replay(quoted, end, prefix->kind),
                       .is_ahead = prefix->bytes < part.bytes.size()};
}

// Entries of a full list that were appraised before are appraised again: the policy
// may be another one.
QuotedEntries FromTheBeginning(QuotedEntries entries, const ListPart& before) {
  entries.parts.insert(entries.parts.begin(), before);
  entries.first = 0;
  return entries;
}

Finding CheckList(const QuotedEntries& entries) {
  if (entries.replay.entries() == 0) {
    return Failed("ima.list",
                  "nothing was measured in this boot: the list is empty, or the quote covers none "
                  "of it",
                  Cause::kConfiguration);
  }
  return Passed("ima.list", fmt::format("{} entries verified", entries.replay.entries()));
}

std::optional<QuotedEntries> Join(const Case& about, ByteView list, const crypto::Digest& quoted,
                                  Appraisal& out) {
  if (about.before == nullptr) {
    const Part whole{.bytes = list, .start = ima::Replay(about.bank, TemplateDigests::kNative)};
    return FindQuoted(about, whole, quoted, out);
  }
  const ima::Replay& known = about.before->replay;
  if (about.answer.ima_first != 0) {
    return FindQuoted(about, {.bytes = list, .start = known}, quoted, out);
  }
  const std::optional<ima::Prefix> before = FindKnownState(about, list, out);
  if (!before) return std::nullopt;
  const Part rest{.bytes = list.subspan(before->bytes), .start = known};
  auto entries = FindQuoted(about, rest, quoted, out);
  if (!entries || !about.challenge.full) return entries;
  return FromTheBeginning(*std::move(entries), {.list = list, .prefix = *before});
}

}  // namespace

std::optional<QuotedEntries> FindQuotedEntries(const Case& about, const crypto::Digest& quoted,
                                               Appraisal& out) {
  if (!about.answer.ima_list) {
    Add(out, Failed("ima.list", "the machine has no IMA measurement list", Cause::kConfiguration));
    return std::nullopt;
  }
  Finding offset = CheckOffset(about);
  const bool usable = offset.passed();
  Add(out, std::move(offset));
  if (!usable) return std::nullopt;
  std::optional<QuotedEntries> entries = Join(about, AsBytes(*about.answer.ima_list), quoted, out);
  if (entries) Add(out, CheckList(*entries));
  return entries;
}

namespace {

// The policy as it is in effect for the entries of a list, one after the other.
class PolicyOfEntries {
 public:
  explicit PolicyOfEntries(const Case& about) : about_(about) {
    if (about.reference.policy == nullptr) return;
    Emplace(about.now);
    if (policy_->says_nothing()) policy_.reset();
    if (!policy_ || !policy_->set().retires() || about.before == nullptr) return;
    times_ = about.before->first_verified.get();
  }
  // Null without a policy, or with one that says nothing.
  const policy::PolicyAt* For(std::uint64_t index) {
    if (!policy_) return nullptr;
    if (times_ != nullptr) Emplace(times_->Of(index, about_.now));
    return &*policy_;
  }

 private:
  void Emplace(Time first_verified) {
    policy_.emplace(*about_.reference.policy, about_.now, first_verified);
    policy_->UseKeys(about_.reference.verification_keys.get());
  }

  const Case& about_;
  std::optional<policy::PolicyAt> policy_;
  const FirstVerified* times_ = nullptr;  // null: now, of every entry
};

void AppraiseFirst(const Case& about, const ima::Entry& first, const tpm::VerifiedQuote& quote,
                   Appraisal& out) {
  Finding finding = ima::CheckBootAggregate(first, quote.pcrs());
  if (finding.outcome == Outcome::kNotEvaluated && about.reference.waivers.boot_aggregate_bank) {
    finding = Passed(finding.check, "waived for this machine: " + finding.detail);
  }
  Add(out, std::move(finding));
}

// The log is verified only for policies that ask what it says.
void AppraiseCommandLine(const Case& about, const ima::Entry& first,
                         const tpm::VerifiedQuote& quote, const policy::PolicyAt& policy,
                         Learned& learned) {
  if (!policy.set().needs_command_line()) return;
  const eventlog::LogVerification verification = VerifyBootLog(about, quote, {});
  NoteCommandLine(first, quote.pcrs(), verification.log ? &*verification.log : nullptr, policy,
                  learned);
}

}  // namespace

void AppraiseQuotedEntries(const Case& about, const QuotedEntries& entries,
                           const tpm::VerifiedQuote& quote, Learned& learned, Appraisal& out) {
  PolicyOfEntries policy(about);
  std::uint64_t first = entries.first;
  for (const auto& [list, prefix] : entries.parts) {
    ima::ListReader reader(list, ima::Format::kAscii, prefix.line_feeds);
    reader.NumberFrom(first);
    while (reader.offset() < prefix.bytes) {
      const auto entry = reader.Next();
      // These bytes were read a moment ago; should that ever not hold, it is no pass.
      if (!entry) return Add(out, Unreadable(entry.error()));
      if (!*entry) break;
      const policy::PolicyAt* asked = policy.For((*entry)->index);
      if ((*entry)->index == 0) {
        AppraiseFirst(about, **entry, quote, out);
        if (asked != nullptr) AppraiseCommandLine(about, **entry, quote, *asked, learned);
      }
      AppraiseEntry(**entry, asked, learned, out);
    }
    first += prefix.entries;
  }
}

}  // namespace limequat::appraise
