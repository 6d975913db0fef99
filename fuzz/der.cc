// crypto::DerReader and what reads the content of its elements.

#include "limequat/crypto/der.h"

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/base/utf8.h"

namespace crypto = limequat::crypto;
using limequat::ByteView;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  crypto::DerReader in(ByteView(data, size));
  while (!in.empty()) {
    const ByteView before = in.rest();
    const auto element = in.Next();
    if (!element) {
      LQ_CHECK(in.rest().size() == before.size());
      break;
    }
    LQ_CHECK(element->whole.size() >= element->content.size() + 2);
    LQ_CHECK(in.rest().size() + element->whole.size() == before.size());
    if (const auto text = crypto::DerText(*element)) LQ_CHECK(limequat::IsUtf8(*text));
    if (const auto oid = crypto::DerOidText(element->content)) LQ_CHECK(oid->contains('.'));
    if (const auto number = crypto::DerNumber(element->content)) LQ_CHECK(*number >> 63U == 0);
  }
  return 0;
}
