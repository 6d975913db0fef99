// policy::ParseVerificationKeys: the keyring in a policy.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/policy/verification_keys.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto keys = policy::ParseVerificationKeys(AsText(ByteView(data, size)), "fuzz");
  if (!keys) {
    LQ_CHECK(keys.error().id == "policy.verification_keys");
    return 0;
  }
  LQ_CHECK(keys->size() <= ima::kMaxKeys);
  for (const ima::Keyring::Member& member : keys->members()) {
    LQ_CHECK(!keys->Find(member.key.id).empty());
    LQ_CHECK(member.keyring == "fuzz");
  }
  return 0;
}

}  // namespace limequat
