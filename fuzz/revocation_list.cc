// crypto::RevocationList, from DER and from files.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/crypto/revocation.h"

namespace crypto = limequat::crypto;
using limequat::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  const auto list = crypto::RevocationList::FromDer(input);
  const auto lists = crypto::RevocationList::AllFromBytes(input, 4);
  LQ_CHECK(!lists || (!lists->empty() && lists->size() <= 4));
  if (!list) return 0;
  for (const char c : list->issuer()) LQ_CHECK(c >= 0x20 && c < 0x7f);
  LQ_CHECK(limequat::FormatRfc3339(list->this_update()).size() == 20);
  LQ_CHECK(list->size() <= size);
  return 0;
}
