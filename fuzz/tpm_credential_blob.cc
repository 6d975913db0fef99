// tpm::ParseCredentialBlob.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/tpm/credential.h"

namespace tpm = limequat::tpm;
using limequat::ByteView;
using limequat::Equal;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto credential = tpm::ParseCredentialBlob(input);
  LQ_CHECK(!credential || Equal(tpm::WriteCredentialBlob(*credential), input));
  return 0;
}
