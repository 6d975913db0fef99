// ima::VerifyEntry on the entries of a list: nobody's key is known, so nothing is good.

#include <array>
#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/ima/entry_signature.h"
#include "limequat/ima/list.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView list(data, size);
  const ima::Keyring nobody;
  const std::array<const ima::Keyring*, 1> keyrings = {&nobody};
  ima::ListReader reader(list, ima::DetectFormat(list));
  while (true) {
    const auto entry = reader.Next();
    if (!entry || !*entry) return 0;
    const ima::EntryVerification verified = ima::VerifyEntry(**entry, keyrings);
    LQ_CHECK(!verified.content);
    LQ_CHECK(verified.signatures.empty() != ima::HasSignature(**entry));
    for (const ima::EntrySignature& signature : verified.signatures) {
      LQ_CHECK(signature.verification.answer != ima::SignatureAnswer::kGood);
      LQ_CHECK(signature.verification.answer != ima::SignatureAnswer::kBad);
    }
  }
}

}  // namespace limequat
