#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/appraise/attestation.h"
#include "limequat/base/bytes.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"
#include "limequat/ima/replay.h"
#include "limequat/policy/runtime_policy.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/public_area.h"

// For tests and benchmarks only: a machine with a TPM and a kernel that measures, in
// memory. It makes the evidence a real one would make, byte by byte, and every lie that
// an attacker who is root on it could make of it.
namespace limequat::appraise::testing {

enum class AkKind { kEcdsaP256, kRsaSsa2048, kRsaPss2048 };

struct MachineOptions {
  AkKind ak = AkKind::kEcdsaP256;
  // Attributes of the attestation key; tests of A12 take some away.
  std::uint32_t ak_attributes = tpm::kFixedTpm | tpm::kFixedParent | tpm::kSensitiveDataOrigin |
                                tpm::kUserWithAuth | tpm::kRestricted | tpm::kSign;
  // Hash of the attestation key's scheme.
  crypto::HashAlgorithm signature_hash = crypto::HashAlgorithm::kSha256;
  // Bank that the agent quotes.
  crypto::HashAlgorithm bank = crypto::HashAlgorithm::kSha256;
  // Banks that firmware and kernel extend; the others stay zero.
  std::vector<crypto::HashAlgorithm> active = {crypto::HashAlgorithm::kSha1,
                                               crypto::HashAlgorithm::kSha256};
  // How the kernel extends banks other than SHA-1.
  ima::TemplateDigests template_digests = ima::TemplateDigests::kNative;
  // Hash that boot_aggregate is made with.
  crypto::HashAlgorithm boot_aggregate_hash = crypto::HashAlgorithm::kSha256;
  std::string template_name = "ima-ng";
};

class FakeMachine {
 public:
  // Off until Boot.
  explicit FakeMachine(MachineOptions options = {});

  // --- what happens to it ---
  // TPM reset, firmware and `kernel` measured, IMA with its boot_aggregate.
  void Boot(std::string_view kernel = "linux");
  // The same without IMA: PCR 10 stays zero, there is no entry.
  void BootWithoutIma(std::string_view kernel = "linux");
  // The same as Boot with a firmware's event log: PCRs 0-9 and 11-15 hold what it leads to.
  void BootFromLog(Bytes log);
  // Suspend to memory and back: the TPM counts a restart, PCRs stay.
  void Suspend();
  // A program is measured.
  void Run(std::string_view path, std::string_view content);
  // A file that was open for writing while measured.
  void Violate(std::string_view path);
  void PassTime(std::uint64_t milliseconds) { clock_.clock += milliseconds; }

  // --- what root can do ---
  // Appends a record to the list and extends PCR `pcr` with it, as a kernel would.
  void Measure(std::string_view path, const crypto::Digest& file, std::uint32_t pcr = tpm::kImaPcr);
  // The same with a third field: a record of template ima-sig or ima-buf.
  void MeasureWith(std::string_view template_name, std::string_view path,
                   const crypto::Digest& file, ByteView field, std::uint32_t pcr = tpm::kImaPcr);
  // Extends a PCR of every active bank with the hash of `data`.
  void Extend(std::uint32_t pcr, std::string_view data);
  // Extends a PCR of one bank.
  void ExtendRaw(crypto::HashAlgorithm bank, std::uint32_t pcr, const crypto::Digest& digest);
  // The list is a file in user space to whoever lies about it.
  const std::string& list() const { return list_; }
  void ReplaceList(std::string list) { list_ = std::move(list); }
  // Goes through a list and extends PCR 10 with its entries, without touching the list.
  void ExtendFromList(const std::string& list);
  tpm::ClockInfo& clock() { return clock_; }
  // So is the event log; nullopt: none is sent.
  const std::optional<Bytes>& boot_log() const { return boot_log_; }
  void ReplaceBootLog(std::optional<Bytes> log) { boot_log_ = std::move(log); }
  void ReplaceTransportKey(std::string pem) { transport_key_ = std::move(pem); }

  // --- evidence ---
  std::uint64_t entries() const;
  // The list from entry `first` on; valid until the next change of the list. Beyond the
  // end: the whole list and 0, as Keylime's agents do.
  struct ListPart {
    std::string_view text;
    std::uint64_t first = 0;
  };
  ListPart ListFrom(std::uint64_t first) const;
  // TPM2_Quote over `selection`, with the values that the TPM has.
  tpm::QuoteString Quote(ByteView nonce, const tpm::PcrSelection& selection);
  // What Keylime's agent sends for a mask: PCR 16 is set to the transport key and added.
  tpm::QuoteString QuoteMask(ByteView nonce, tpm::PcrSet mask);
  std::string QuoteText(ByteView nonce, tpm::PcrSet mask);
  // An honest answer. It refers to the machine's logs, and has the firmware's if PCR 0 was
  // asked for, as Keylime's agents do.
  Answer AnswerTo(const Challenge& challenge);
  const crypto::Digest& Pcr(crypto::HashAlgorithm bank, std::uint32_t pcr) const;

  // --- who it is ---
  const tpm::PublicArea& ak() const { return ak_; }
  const std::string& transport_key() const { return transport_key_; }
  std::string_view hash_name() const;
  std::string_view scheme_name() const;
  std::string_view key_name() const;
  const MachineOptions& options() const { return options_; }

  // --- what it is held against ---
  // JSON of a policy that lists everything measured since it exists, but for boot_aggregate.
  std::string PolicyText(const std::vector<std::string>& excludes = {}) const;
  // A reference with that policy, a fixed bank and no baseline.
  Reference MakeReference() const;
  // With the present PCRs 0-9 approved.
  BootBaseline ApprovedBaseline() const;

 private:
  void ResetTpm(std::string_view kernel);
  void StartIma();
  void Append(const std::string& line, std::uint32_t pcr, ByteView template_data, bool violation);
  void SetTransportPcr();
  Bytes Sign(ByteView message) const;

  MachineOptions options_;
  crypto::PrivateKey ak_key_;
  tpm::PublicArea ak_;
  std::string transport_key_;
  tpm::ClockInfo clock_{.clock = 1000, .reset_count = 0, .restart_count = 0, .safe = true};
  std::map<crypto::HashAlgorithm, std::vector<crypto::Digest>> pcrs_;
  std::string list_;
  std::optional<Bytes> boot_log_;
  std::map<std::string, std::vector<std::string>> measured_;
};

// A challenge for `reference`: nonce and times are made up, different each time.
Challenge MakeChallenge(const Reference& reference, bool full, std::uint64_t ima_from = 0);
// The time that the last challenge was issued at, and a later one to evaluate at.
Time EvaluationTime();

std::shared_ptr<const policy::PolicySet> ParsePolicy(std::string_view json);

}  // namespace limequat::appraise::testing
