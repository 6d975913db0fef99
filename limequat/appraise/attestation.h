#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/appraise/appraisal.h"
#include "limequat/appraise/boot_criteria.h"
#include "limequat/appraise/first_verified.h"
#include "limequat/appraise/learned.h"
#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/ima/keyring.h"
#include "limequat/ima/replay.h"
#include "limequat/policy/policy_set.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/public_area.h"
#include "limequat/tpm/quote.h"

namespace limequat::appraise {

// The PCRs that the first evidence of each boot must sign (attack A01).
inline constexpr tpm::PcrSet kBootPcrs = tpm::PcrSet::Range(0, 9);
inline constexpr tpm::PcrSet kFullPcrs = tpm::PcrSet::Range(0, 10);
// PCR 16 holds the hash of the agent's transport key in Keylime's protocol.
inline constexpr std::uint32_t kTransportKeyPcr = 16;
// The longest event log of the firmware that is looked at. The largest that is known to us
// has a quarter of a mebibyte.
inline constexpr std::size_t kMaxBootLog = 8U << 20U;

// PCRs 0-9 of a machine's boots. Unapproved: taken from its first verified evidence
// because nobody said otherwise; a later change fails either way.
struct BootBaseline {
  tpm::PcrValues pcrs;
  bool approved = false;
};

// Exceptions that an operator granted to one machine.
struct Waivers {
  // Quotes and banks of SHA-1 (attack A08).
  bool sha1 = false;
  // A boot_aggregate that was made in a bank that is not quoted (attack A01).
  bool boot_aggregate_bank = false;
};

// What one machine is held against. Comes from the database, not from the machine.
struct Reference {
  tpm::PublicArea ak;
  // The bank, once fixed at enrolment or by the first verified quote (attack A08).
  std::optional<crypto::HashAlgorithm> bank;
  // Hash algorithms the enrolment allows for the bank and the signature.
  std::vector<crypto::HashAlgorithm> accepted_hashes;
  std::shared_ptr<const policy::PolicySet> policy;     // null: files are unpoliced
  std::shared_ptr<const BootCriteria> boot = nullptr;  // null: the baseline alone
  // Not asked about while a boot policy compares: that says what is good instead.
  std::optional<BootBaseline> baseline;
  // Keys that vouch for files in place of the policies' `verification-keys`, as Keylime's
  // enrolments have them; null: those of the policies.
  std::shared_ptr<const ima::Keyring> verification_keys = nullptr;
  // Expected values by PCR from Keylime's tpm_policy: any one of the list is good.
  std::vector<std::pair<std::uint32_t, std::vector<std::string>>> pcr_policy;
  // Further PCRs that the enrolment asked for (Keylime's mask).
  tpm::PcrSet requested;
  Waivers waivers;
};

// What was asked, by us. `nonce_issued` is when the nonce was made.
struct Challenge {
  Bytes nonce;
  Time nonce_issued{};
  tpm::PcrSet pcrs;            // as sent in the mask, without PCR 16
  std::uint64_t ima_from = 0;  // first entry asked for
  bool full = false;           // first evidence of a boot, or a repetition of it
};

// What the machine answered: all of it hostile. Views must outlive the call.
struct Answer {
  tpm::QuoteString quote;
  std::string hash_alg;  // claims; hash and scheme are compared with what is signed
  std::string enc_alg;   // of the endorsement key: no quote signs it, so nothing here uses it
  std::string sign_alg;
  std::optional<std::string> transport_key_pem;  // "pubkey"; absent: as before
  std::optional<std::string_view> ima_list;      // ASCII; absent: the machine has no IMA list
  std::uint64_t ima_first = 0;                   // number of its first entry
  std::optional<ByteView> boot_log = {};         // of the firmware, TCG; absent: none was sent
};

// Where the verified evidence of the present boot ends. Nothing in it comes from
// entries that no quote covers (attack A06).
struct BootProgress {
  tpm::ClockInfo clock_info;  // of the last verified quote
  ima::Replay replay;         // PCR 10 after the last verified entry
  std::uint64_t entries() const { return replay.entries(); }
  // What the entries were appraised with (PolicyAt::hash; zero: no policy). A layer that
  // comes into effect makes it another one: then the whole list is appraised again.
  crypto::Digest policy_hash;
  // The boot was appraised with these criteria (zero: none).
  crypto::Digest boot_policy_hash{crypto::HashAlgorithm::kSha256};
  std::string transport_key_pem;
  // What failed in this boot so far: stays until the next boot or a new appraisal
  // of the whole list.
  Findings failures;
  std::uint64_t failures_not_kept = 0;
  // What the verified entries left behind. Null: not known, as after a restart of the
  // verifier; then a policy that learns needs the list from its beginning.
  std::shared_ptr<const Learned> learned = nullptr;
  // When the entries were first verified in this boot, whatever was found. Null: not
  // known, as after a restart of the verifier.
  std::shared_ptr<const FirstVerified> first_verified = nullptr;
};

// What to do next about the machine.
enum class Advice {
  // Appraised; see the appraisal.
  kAccept,
  // A new boot, or a state that needs the list from its beginning: ask again in full.
  // Nothing was appraised: there are no findings, and the verdict is kError.
  kAskInFull,
};

// What came of one answer.
struct Attestation {
  Advice advice = Advice::kAccept;
  Appraisal appraisal;
  // Set if the quote verified and a list with entries replayed to it: what to remember
  // instead of what was known before.
  std::optional<BootProgress> progress;
  // The signed values of PCRs 0-9 of a verified full quote: the (unapproved) baseline, if
  // there was none.
  std::optional<tpm::PcrValues> boot_pcrs;
  std::optional<crypto::HashAlgorithm> bank;
  // Set if nothing is wrong with the quote and the answer's event log leads to every PCR that
  // the boot policy needs, whatever the policy says of the boot: the signed values that the
  // log is to be verified with again, without those that change while a machine runs.
  std::optional<tpm::PcrValues> boot_log_pcrs = std::nullopt;
  // Whether entries behind the quoted ones exist: worth asking once more within the interval.
  bool list_is_ahead = false;
  // Whether this is another boot than `progress` was about.
  bool rebooted = false;
};

// The one door: verifies `answer` against `challenge` and appraises it against
// `reference`, going on from `before` (null: nothing verified yet in this process).
// Pure: no clock, no network; `now` is written into the appraisal, and decides which
// layers of the policy are in effect and when new entries were first verified.
//
// Findings besides those of VerifyQuote and AppraiseEntry:
//   tpm.ak.attributes         see tpm::CheckAttestationKey (A12)
//   tpm.quote.bank            the signed bank is the machine's bank, and PCR 0 of it is
//                             not zero (A08)
//   tpm.quote.transport_key   PCR 16 is the hash of the transport key
//   tpm.quote.algorithms      the announced hash and scheme are the signed ones, those of
//                             the attestation key, and accepted
//   tpm.clock                 reset count, restart count and clock did not go back (A18:
//                             equality and order only)
//   boot.baseline             PCRs 0-9 are the approved (or first seen) ones; asked of
//                             each full answer (A01). A boot policy that compares stands
//                             in for it: then it passes and says so
//   boot.*, eventlog.*        if there is a boot policy: as of eventlog::VerifyLog with the
//                             quote, and BootCriteria::Appraise; asked of each full
//                             answer. The event log of other answers is not looked at
//   eventlog.readable         the event log has at most kMaxBootLog bytes and can be read
//                             to its end; told only if not
//   pcr.policy                PCRs named by the machine's TPM policy have listed values
//   ima.list                  there is a list, and it has at least its first entry (A02)
//   ima.offset                the list starts where it was asked to, or at 0 (A05)
//   ima.continuity            a list from the beginning leads to the digest verified
//                             before in this boot, at its entry; it is not shorter (A05)
//   ima.replay                a prefix of the list leads to the quoted PCR 10 (A06)
//   ima.boot_aggregate        see ima::CheckBootAggregate; asked of each full answer (A01)
//   ima.device_mapper.required, ima.coverage, ima.violations_ignored   see AppraiseImaList;
//                             asked of each answer
//
// If the quote does not verify, or the TPM's counters went back, the rest is not
// evaluated and says so. `progress` is then empty: the caller keeps what it has, unless
// the machine was enrolled anew or its baseline or waivers changed; then it passes null
// and asks in full.
//
// An Error means the answer could not be read at all; the caller records it as the
// failed finding "evidence.malformed".
Result<Attestation> AppraiseAttestation(const Reference& reference, const Challenge& challenge,
                                        const Answer& answer, const BootProgress* before, Time now);

// The PCRs to ask for: the full set at the beginning of a boot, else PCR 10, and
// always what the policy and the enrolment need (the effective mask is the union).
tpm::PcrSet PcrsToAsk(const Reference& reference, bool full);

// Whether anything looks at the event log of a full answer: a boot policy, or a policy that
// needs the kernel's command line. The log of other answers is never looked at.
bool LooksAtBootLog(const Reference& reference);

}  // namespace limequat::appraise
