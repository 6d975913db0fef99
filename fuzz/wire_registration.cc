// wire::ParseRegistration: what is given is within its bounds.

#include <cstddef>
#include <cstdint>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/wire/registration.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = wire::ParseRegistration(AsText(ByteView(data, size)));
  if (!request) return 0;
  LQ_CHECK(!request->aik_tpm.empty() && request->aik_tpm.size() < size);
  LQ_CHECK(request->ek_chain.size() <= wire::kMaxEkChain);
  return 0;
}

}  // namespace limequat
