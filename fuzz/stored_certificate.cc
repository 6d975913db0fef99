// crypto::SplitNvCertificates and crypto::ReadStoredCertificates.

#include "limequat/crypto/stored_certificate.h"

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"

namespace crypto = limequat::crypto;
using limequat::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const crypto::NvCertificates found = crypto::SplitNvCertificates(input);
  LQ_CHECK(found.der.size() <= crypto::kMaxNvCertificates);
  const std::uint8_t* behind = data;
  for (const ByteView der : found.der) {
    // In the order of the input, apart from each other, inside of it.
    LQ_CHECK(der.data() >= behind && der.data() + der.size() <= data + size);
    behind = der.data() + der.size();
  }
  const auto stored = crypto::ReadStoredCertificates(input, 4);
  if (!stored) return 0;
  LQ_CHECK(!stored->certificates.empty());
  for (const crypto::Certificate& certificate : stored->certificates) {
    const auto again = crypto::Certificate::FromVendorDer(certificate.ToDer());
    LQ_CHECK(again && *again == certificate);
  }
  return 0;
}
