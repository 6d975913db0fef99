#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limequat/appraise/appraisal.h"
#include "limequat/appraise/attestation.h"
#include "limequat/appraise/learned.h"
#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/verify.h"
#include "limequat/ima/replay.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/quote.h"
#include "limequat/tpm/signature.h"

// The steps of AppraiseAttestation, in their order. Internal to this module.
namespace limequat::appraise {

// What one answer is appraised with.
struct Case {
  const Reference& reference;
  const Challenge& challenge;
  const Answer& answer;
  // The state of this same boot; null for the first evidence of a boot.
  const BootProgress* before;
  crypto::HashAlgorithm bank;
  Time now;
};

// --- attestation_quote.cc: what the quote says of itself --------------------------

// The bank this machine is held to (attack A08): the fixed one, or one of the signed
// selection that the enrolment accepts. `objection` is empty if there is such a bank.
struct BankChoice {
  crypto::HashAlgorithm bank = crypto::HashAlgorithm::kSha256;
  std::string objection;
};
BankChoice ChooseBank(const Reference& reference, const BootProgress* before,
                      const tpm::PcrSelection& signed_selection);

// Everything the signed selection must cover.
tpm::QuoteRequirements RequirementsOf(const Reference& reference, const Challenge& challenge,
                                      crypto::HashAlgorithm bank);

// "tpm.quote.bank"
Finding CheckBank(const Case& about, const BankChoice& choice, const tpm::VerifiedQuote& quote);
// "tpm.quote.algorithms"
Finding CheckAlgorithms(const Case& about, const tpm::Signature& signature);
// "tpm.quote.transport_key" for `key`, the PEM text that the machine is known by.
Finding CheckTransportKey(const Case& about, const std::string& key,
                          const tpm::VerifiedQuote& quote);

// How the counters of a quote stand to those of the quote before it. They may be
// obfuscated by a constant (part 1, 36.7), so only equality and the sign of their
// difference mean anything.
enum class BootRelation {
  kFirst,    // nothing to compare with
  kSame,     // the same boot
  kAnother,  // a later one: reset or restarted in between
  kEarlier,  // the counters went back: a clone, or a restored state
};
BootRelation CompareBoots(const tpm::ClockInfo& now, const BootProgress* before);
// "tpm.clock"
Finding CheckClock(const tpm::ClockInfo& now, const BootProgress* before);

// --- attestation_boot.cc: the PCRs of the boot ------------------------------------

// "boot.baseline": PCRs 0-9 against the reference's baseline, unless a boot policy that
// compares stands in for it.
void AppraiseBaseline(const Case& about, const tpm::VerifiedQuote& quote, Appraisal& out);
// The event log against the quote ("eventlog.*"), and what it shows of the boot against
// the boot policy ("boot.*"). Nothing without a boot policy. Whether a log was looked at and
// nothing is wrong with it: it leads to every PCR that the policy needs.
bool AppraiseBootPolicy(const Case& about, const tpm::VerifiedQuote& quote, Appraisal& out);
// The answer's event log against the quote: eventlog::VerifyLog, and "eventlog.readable" if it
// cannot be read.
eventlog::LogVerification VerifyBootLog(const Case& about, const tpm::VerifiedQuote& quote,
                                        tpm::PcrSet required);
// "pcr.policy"
void AppraisePcrPolicy(const Case& about, const tpm::VerifiedQuote& quote, Appraisal& out);
// PCRs 0-9 of the machine's bank.
tpm::PcrValues BootPcrs(const tpm::VerifiedQuote& quote, crypto::HashAlgorithm bank);
// Every signed PCR of the machine's bank but those that change while a machine runs: IMA's and
// that of the transport key.
tpm::PcrValues BootLogPcrs(const tpm::VerifiedQuote& quote, crypto::HashAlgorithm bank);

// --- attestation_ima.cc: the measurement list -------------------------------------

// The beginning of `list` that was found to lead to a PCR value, and how. What is behind it is
// there because it decides how lines are joined.
struct ListPart {
  ByteView list;
  ima::Prefix prefix;
};

// The part of a list that a quote covers and that was not appraised before.
struct QuotedEntries {
  std::vector<ListPart> parts;  // one after the other
  std::uint64_t first = 0;      // number of the first entry
  ima::Replay replay;           // behind the last entry
  bool is_ahead = false;        // whether the list goes on behind it
};
// Adds "ima.list", "ima.offset", "ima.continuity" and "ima.replay"; nullopt if the
// list cannot be joined to the quote.
std::optional<QuotedEntries> FindQuotedEntries(const Case& about, const crypto::Digest& quoted,
                                               Appraisal& out);
// Appraises each of them, and the first entry of a full list against the quoted PCRs
// ("ima.boot_aggregate"), with what the boot proves of the command line that the policy needs.
// `learned`: see AppraiseEntry.
void AppraiseQuotedEntries(const Case& about, const QuotedEntries& entries,
                           const tpm::VerifiedQuote& quote, Learned& learned, Appraisal& out);

}  // namespace limequat::appraise
