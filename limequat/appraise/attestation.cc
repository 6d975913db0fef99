#include "limequat/appraise/attestation.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/attestation_steps.h"
#include "limequat/appraise/ima_entry_steps.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/tpm/signature.h"

namespace limequat::appraise {

namespace {

// Of a quote and a list without news.
constexpr std::size_t kUsualFindings = 24;

// A verified quote and what it was verified with.
struct Verified {
  const tpm::VerifiedQuote& quote;
  const tpm::Signature& signature;
  BankChoice bank;
  // Of any boot: what the transport key and the counters are held against.
  const BootProgress* last;
  BootRelation relation;
};

crypto::Digest PolicyHash(const Reference& reference, Time now) {
  if (reference.policy == nullptr) return crypto::Digest(crypto::HashAlgorithm::kSha256);
  return policy::PolicyAt(*reference.policy, now).hash();
}

bool Learns(const Reference& reference, Time now) {
  return reference.policy != nullptr && policy::PolicyAt(*reference.policy, now).learns();
}

crypto::Digest BootPolicyHash(const Reference& reference) {
  if (reference.boot == nullptr) return crypto::Digest(crypto::HashAlgorithm::kSha256);
  return reference.boot->hash();
}

// Whether what is remembered cannot be gone on from, so that a part of the list
// proves nothing: a new boot, a lost or another state, another policy (attack A20).
bool NeedsFullAnswer(const Reference& reference, const Challenge& challenge, const Verified& it,
                     Time now) {
  if (challenge.full || it.relation == BootRelation::kEarlier) return false;
  if (it.relation != BootRelation::kSame) return true;
  return it.last->policy_hash != PolicyHash(reference, now) ||
         it.last->boot_policy_hash != BootPolicyHash(reference) ||
         (Learns(reference, now) && it.last->learned == nullptr) ||
         it.last->entries() != challenge.ima_from || it.last->entries() == 0 ||
         it.last->replay.pcr().algorithm() != it.bank.bank;
}

// Nothing else can be said of an answer whose quote does not verify.
void AddUnverified(Findings findings, Appraisal& out) {
  for (Finding& finding : findings) Add(out, std::move(finding));
  for (const std::string_view check : {"tpm.quote.bank", "tpm.quote.algorithms",
                                       "tpm.quote.transport_key", "tpm.clock", "ima.replay"}) {
    Add(out, NotEvaluated(check, "the quote did not verify", Cause::kNone));
  }
}

std::string TransportKeyOf(const Answer& answer, const BootProgress* last) {
  if (answer.transport_key_pem) return *answer.transport_key_pem;
  return last == nullptr ? std::string() : last->transport_key_pem;
}

// What holds for this answer alone, and is found anew each time.
void AppraiseQuote(const Case& about, const Verified& it, Findings findings, Appraisal& out) {
  for (Finding& finding : findings) Add(out, std::move(finding));
  Add(out, CheckBank(about, it.bank, it.quote));
  Add(out, CheckAlgorithms(about, it.signature));
  Add(out, CheckTransportKey(about, TransportKeyOf(about.answer, it.last), it.quote));
  AppraisePcrPolicy(about, it.quote, out);
}

bool Passed(const Appraisal& appraisal, std::string_view check) {
  const Finding* finding = FindCheck(appraisal.findings, check);
  return finding != nullptr && finding->passed();
}

// Whether nothing is wrong with the quote itself, the key that signed it and its TPM's counters.
bool IsSound(const Appraisal& of_quote, const Appraisal& of_boot) {
  return Passed(of_boot, "tpm.clock") &&
         std::ranges::all_of(of_quote.findings, [](const Finding& finding) {
           return finding.passed() || !finding.check.starts_with("tpm.");
         });
}

// The failures of this boot: those known, and what was found now. A full answer was
// appraised from the beginning and replaces them.
void Remember(const Case& about, const Appraisal& found, BootProgress& progress) {
  if (!about.challenge.full && about.before != nullptr) {
    progress.failures = about.before->failures;
    progress.failures_not_kept = about.before->failures_not_kept;
  }
  for (const Finding& finding : found.findings) {
    if (finding.passed()) continue;
    if (progress.failures.size() < kMaxFindings) {
      progress.failures.push_back(finding);
    } else {
      ++progress.failures_not_kept;
    }
  }
  progress.failures_not_kept += found.not_shown;
}

// When the entries were first verified: those that were known, and the new ones now.
std::shared_ptr<const FirstVerified> Kept(const Case& about, std::uint64_t entries) {
  const auto* before = about.before == nullptr ? nullptr : about.before->first_verified.get();
  if (before != nullptr && about.before->entries() == entries) return about.before->first_verified;
  auto times = before == nullptr ? std::make_shared<FirstVerified>()
                                 : std::make_shared<FirstVerified>(*before);
  times->Add(entries, about.now);
  return times;
}

BootProgress ProgressOf(const Case& about, const Verified& it, const QuotedEntries& entries,
                        const Appraisal& appraisal, const Appraisal& found) {
  BootProgress progress{.clock_info = it.quote.clock_info(),
                        .replay = entries.replay,
                        .policy_hash = PolicyHash(about.reference, about.now),
                        .boot_policy_hash = BootPolicyHash(about.reference),
                        .transport_key_pem = {},
                        .failures = {},
                        .failures_not_kept = 0};
  if (about.before != nullptr) {
    // A clock that went back is not taken as the new measure.
    progress.clock_info.clock = std::max(progress.clock_info.clock, about.before->clock_info.clock);
  }
  if (Passed(appraisal, "tpm.quote.transport_key")) {
    progress.transport_key_pem = TransportKeyOf(about.answer, it.last);
  } else if (it.last != nullptr) {
    progress.transport_key_pem = it.last->transport_key_pem;
  }
  progress.first_verified = Kept(about, progress.entries());
  Remember(about, found, progress);
  return progress;
}

void AddEarlierFailures(const Case& about, Appraisal& out) {
  if (about.challenge.full || about.before == nullptr) return;
  for (const Finding& failure : about.before->failures) Add(out, failure);
  out.not_shown += about.before->failures_not_kept;
}

// What the entries up to the end of `entries` leave behind, for a policy that learns; shared
// with what was known before if there are no new ones. Adds what the entries come to.
std::shared_ptr<const Learned> AppraiseEntries(const Case& about, const QuotedEntries& entries,
                                               const tpm::VerifiedQuote& quote, Appraisal& out) {
  const bool learns = Learns(about.reference, about.now);
  const bool goes_on =
      learns && entries.first > 0 && about.before != nullptr && about.before->learned != nullptr;
  if (goes_on && entries.parts.back().prefix.entries == 0) return about.before->learned;
  auto learned =
      goes_on ? std::make_shared<Learned>(*about.before->learned) : std::make_shared<Learned>();
  AppraiseQuotedEntries(about, entries, quote, *learned, out);
  return learns ? learned : nullptr;
}

// Appraises a verified quote with its list.
void AppraiseBoot(const Case& about, const Verified& it, Attestation& out) {
  Appraisal found;
  found.findings.reserve(kUsualFindings);
  Add(found, CheckClock(it.quote.clock_info(), it.last));
  const bool bank_is_good = Passed(out.appraisal, "tpm.quote.bank");
  if (about.challenge.full) {
    AppraiseBaseline(about, it.quote, found);
    if (AppraiseBootPolicy(about, it.quote, found) && IsSound(out.appraisal, found)) {
      out.boot_log_pcrs = BootLogPcrs(it.quote, about.bank);
    }
    if (bank_is_good) out.boot_pcrs = BootPcrs(it.quote, about.bank);
  }
  if (bank_is_good) out.bank = about.bank;
  const crypto::Digest* quoted = it.quote.Pcr(about.bank, tpm::kImaPcr);
  const std::optional<QuotedEntries> entries = FindQuotedEntries(about, *quoted, found);
  if (entries) {
    auto learned = AppraiseEntries(about, *entries, it.quote, found);
    // Of the present state, like the PCRs: a device that is set up late is no failure for good.
    if (learned != nullptr) {
      AppraiseTogether(policy::PolicyAt(*about.reference.policy, about.now), *learned,
                       out.appraisal);
    }
    out.list_is_ahead = entries->is_ahead;
    // A boot without entries leaves nothing to go on from.
    if (bank_is_good && entries->replay.entries() > 0) {
      out.progress = ProgressOf(about, it, *entries, out.appraisal, found);
      out.progress->learned = std::move(learned);
    }
  }
  AddEarlierFailures(about, out.appraisal);
  for (Finding& finding : found.findings) Add(out.appraisal, std::move(finding));
  out.appraisal.not_shown += found.not_shown;
}

Appraisal NewAppraisal(const Reference& reference, const Challenge& challenge, Time now) {
  Appraisal appraisal;
  appraisal.findings.reserve(kUsualFindings);
  const bool files =
      reference.policy != nullptr && !policy::PolicyAt(*reference.policy, now).says_nothing();
  appraisal.policed = files || (reference.boot != nullptr && reference.boot->compares());
  appraisal.evidence_time = challenge.nonce_issued;
  appraisal.evaluated_at = now;
  return appraisal;
}

bool NeedsCommandLine(const Reference& reference) {
  return reference.policy != nullptr && reference.policy->needs_command_line();
}

}  // namespace

bool LooksAtBootLog(const Reference& reference) {
  return NeedsCommandLine(reference) || (reference.boot != nullptr && reference.boot->looks());
}

tpm::PcrSet PcrsToAsk(const Reference& reference, bool full) {
  tpm::PcrSet pcrs = (full ? kFullPcrs : tpm::PcrSet::Of(tpm::kImaPcr)) | reference.requested;
  for (const auto& [pcr, allowed] : reference.pcr_policy) pcrs = pcrs | tpm::PcrSet::Of(pcr);
  if (full && reference.boot != nullptr) pcrs = pcrs | reference.boot->pcrs();
  if (full && NeedsCommandLine(reference)) {
    pcrs = pcrs | tpm::PcrSet::Of(eventlog::kCommandLinePcr);
  }
  return pcrs - tpm::PcrSet::Of(kTransportKeyPcr);
}

Result<Attestation> AppraiseAttestation(const Reference& reference, const Challenge& challenge,
                                        const Answer& answer, const BootProgress* before,
                                        Time now) {
  LQ_ASSIGN_OR_RETURN(const tpm::Signature signature, tpm::ParseSignature(answer.quote.signature));
  LQ_ASSIGN_OR_RETURN(const tpm::UnverifiedQuote claimed,
                      tpm::ParseQuoteAttest(answer.quote.attest));
  const BankChoice bank = ChooseBank(reference, before, claimed.selection);
  LQ_ASSIGN_OR_RETURN(
      tpm::QuoteVerification verification,
      tpm::VerifyQuote(reference.ak.key(), answer.quote.attest, signature, answer.quote.pcrs.values,
                       RequirementsOf(reference, challenge, bank.bank)));

  Attestation out;
  out.appraisal = NewAppraisal(reference, challenge, now);
  Add(out.appraisal, tpm::CheckAttestationKey(reference.ak));
  if (!verification.quote) {
    AddUnverified(std::move(verification.findings), out.appraisal);
    return out;
  }
  const BootRelation relation = CompareBoots(verification.quote->clock_info(), before);
  const Verified it{.quote = *verification.quote,
                    .signature = signature,
                    .bank = bank,
                    .last = before,
                    .relation = relation};
  out.rebooted = relation == BootRelation::kAnother || relation == BootRelation::kEarlier;
  if (NeedsFullAnswer(reference, challenge, it, now)) {
    out.advice = Advice::kAskInFull;
    out.appraisal.findings.clear();
    return out;
  }
  // A state of another boot, or in a bank that the enrolment has changed since, cannot
  // be gone on from.
  const bool joins =
      relation == BootRelation::kSame && before->replay.pcr().algorithm() == bank.bank;
  const Case about{.reference = reference,
                   .challenge = challenge,
                   .answer = answer,
                   .before = joins ? before : nullptr,
                   .bank = bank.bank,
                   .now = now};
  AppraiseQuote(about, it, std::move(verification.findings), out.appraisal);
  if (relation == BootRelation::kEarlier) {
    Add(out.appraisal, CheckClock(it.quote.clock_info(), before));
    Add(out.appraisal, NotEvaluated("ima.replay", "the TPM's counters went back", Cause::kNone));
    return out;
  }
  AppraiseBoot(about, it, out);
  return out;
}

}  // namespace limequat::appraise
