// ima::ParseKey: certificates and public keys that a kernel measured.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/ima/keyring.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto key = ima::ParseKey(ByteView(data, size));
  if (!key) {
    LQ_CHECK(key.error().id == "ima.key");
    return 0;
  }
  // The bare key is read again, and found by its ids.
  const auto again = ima::ParseKey(key->key.ToSpkiDer());
  LQ_CHECK(again.has_value());
  LQ_CHECK(again->key == key->key && again->id_v1 == key->id_v1);
  ima::Keyring keyring;
  LQ_CHECK(keyring.Add(*key, "fuzz").has_value());
  LQ_CHECK(keyring.Find(key->id).size() == 1);
  LQ_CHECK(!key->id_v1 || keyring.FindV1(*key->id_v1).size() == 1);
  return 0;
}

}  // namespace limequat
