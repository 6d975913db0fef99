#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/crypto/digest.h"
#include "limequat/tpm/pcr.h"

namespace limequat::verifier {

// The event log of a boot and the signed PCR values that it led to: what the verifier keeps of
// a machine's newest boot whose log verified (appraise::Attestation::boot_log_pcrs). Most of a
// log is covered by no PCR and stays hostile: whoever looks at one verifies it with the values
// again.
struct BootEvidence {
  Bytes log;  // at most appraise::kMaxBootLog
  tpm::PcrValues pcrs;
  crypto::Digest log_hash{crypto::HashAlgorithm::kSha256};
  crypto::Digest id{crypto::HashAlgorithm::kSha256};  // BootEvidenceId
};

std::shared_ptr<const BootEvidence> MakeBootEvidence(Bytes log, tpm::PcrValues pcrs);

// Equal for equal logs with equal values. `pcrs`: as WritePcrs has them.
crypto::Digest BootEvidenceId(const crypto::Digest& log_hash, std::string_view pcrs);

// The text that values are stored as.
std::string WritePcrs(const tpm::PcrValues& pcrs);

}  // namespace limequat::verifier
