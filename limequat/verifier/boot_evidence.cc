#include "limequat/verifier/boot_evidence.h"

#include <utility>

#include "limequat/json/value.h"

namespace limequat::verifier {

using crypto::HashAlgorithm;

std::shared_ptr<const BootEvidence> MakeBootEvidence(Bytes log, tpm::PcrValues pcrs) {
  const crypto::Digest log_hash = crypto::Hash(HashAlgorithm::kSha256, log);
  const crypto::Digest id = BootEvidenceId(log_hash, WritePcrs(pcrs));
  return std::make_shared<const BootEvidence>(
      BootEvidence{.log = std::move(log), .pcrs = std::move(pcrs), .log_hash = log_hash, .id = id});
}

crypto::Digest BootEvidenceId(const crypto::Digest& log_hash, std::string_view pcrs) {
  crypto::Hasher hasher(HashAlgorithm::kSha256);
  hasher.Update(log_hash.bytes());
  hasher.Update(AsBytes(pcrs));
  return hasher.Finish();
}

std::string WritePcrs(const tpm::PcrValues& pcrs) { return json::Serialize(pcrs.ToJson()); }

}  // namespace limequat::verifier
