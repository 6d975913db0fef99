#pragma once

#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/device/tpm.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::agent {

// The attestation key as it is kept: `agent_data.json` in the format of Keylime's
// Rust agent (keylime-agent-protocol, 1.10), so that either agent can take over from
// the other without a new registration.
struct AkRecord {
  device::KeyBlob blob;
  tpm::AlgorithmId scheme = tpm::AlgorithmId::kNull;
  crypto::HashAlgorithm hash = crypto::HashAlgorithm::kSha256;
  std::string ek_hash;  // 64 hexadecimal digits: SHA-256 of the EK's PEM text
};

// kMalformed ("agent.ak_record.*"), kUnsupported ("agent.ak_record.algorithm") for
// SM3 and ECSchnorr.
Result<AkRecord> ParseAkRecord(std::string_view text);
std::string WriteAkRecord(const AkRecord& record);

}  // namespace limequat::agent
