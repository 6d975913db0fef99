// crypto::ParseSignedData: signatures appended to files.

#include "limequat/crypto/signed_data.h"

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = crypto::ParseSignedData(ByteView(data, size));
  if (!read) {
    LQ_CHECK(read.error().id == "crypto.signed_data");
    return 0;
  }
  LQ_CHECK(!read->signers.empty() && read->signers.size() <= crypto::kMaxSigners);
  LQ_CHECK(read->certificates.size() <= crypto::kMaxCarriedCertificates);
  for (const crypto::SignerInfo& signer : read->signers) {
    LQ_CHECK(signer.issuer.empty() || signer.subject_key_id.empty());
    LQ_CHECK(signer.signature.size() < size && signer.issuer.size() < size);
  }
  return 0;
}

}  // namespace limequat
