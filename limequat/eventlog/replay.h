#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/crypto/digest.h"
#include "limequat/eventlog/event.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/note.h"
#include "limequat/tpm/pcr.h"

namespace limequat::eventlog {

// The locality that a StartupLocality event (PFP 1.06, 10.4.5.3) states; nullopt if
// `data` is none: its signature, NUL and exactly one byte. Hostile input.
std::optional<std::uint8_t> ParseStartupLocality(ByteView data);

// The banks of `algorithms` that this library can compute, in their order. Others (of
// numbers without a name; SM3 or SHA-3 if OpenSSL has none) are read and not replayed.
std::vector<crypto::HashAlgorithm> ReplayedBanks(const std::vector<DigestAlgorithm>& algorithms);

// The running values of all PCRs in some banks: what the events of a log lead to.
// EV_NO_ACTION extends nothing. PCR 0 begins with the locality of TPM2_Startup
// (TPM 2.0 part 1, 12.2.3): of the first StartupLocality event if it is in PCR 0 and
// in front of every extend of PCR 0; 4 if the first extend is an H-CRTM event. Types
// decide here although nothing covers them: what they decide shows in PCR 0, whose
// value is compared with a signed one.
//
// A value; memory: 2 KiB for each bank, and notes as LogReader. Notes: "eventlog.startup_locality"
// (of another size, out of place, repeated, or a locality that cannot start a TPM), "eventlog.pcr"
// (a number that no PCR has; the event extends nothing).
class Replay {
 public:
  explicit Replay(const std::vector<crypto::HashAlgorithm>& banks);

  void Extend(const Event& event);

  // The value of a PCR in one of the banks: all zero before its first event (PCR 17
  // to 22: all ones). `pcr` is below tpm::kPcrCount.
  const crypto::Digest& Pcr(crypto::HashAlgorithm bank, std::uint32_t pcr) const;
  // The PCRs that events extended in that bank.
  tpm::PcrSet Extended(crypto::HashAlgorithm bank) const;
  // The values of Extended, of all banks.
  tpm::PcrValues Values() const;
  // As the log states it; absent if no event does, or none that counts.
  std::optional<std::uint8_t> startup_locality() const { return startup_locality_; }
  // Not empty if events contradict each other about the start of PCR 0, or state what
  // cannot be: a sentence. Its value is then not to be trusted even if it compares equal.
  const std::string& startup_problem() const { return startup_problem_; }
  const Notes& notes() const { return notes_; }

 private:
  struct Bank {
    crypto::HashAlgorithm algorithm;
    std::vector<crypto::Digest> values;  // tpm::kPcrCount
    tpm::PcrSet extended;
  };
  const Bank& BankOf(crypto::HashAlgorithm algorithm) const;
  void ReadNoAction(const Event& event);
  void StartWith(std::uint8_t locality);

  std::vector<Bank> banks_;
  std::optional<std::uint8_t> startup_locality_;
  bool pcr0_was_extended_ = false;
  std::string startup_problem_;
  Notes notes_;
};

}  // namespace limequat::eventlog
