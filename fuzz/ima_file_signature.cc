// ima::ParseFileSignature, and what verifying such a value comes to.

#include <array>
#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/base/encoding.h"
#include "limequat/ima/file_signature.h"
#include "limequat/ima/keyring.h"

namespace limequat {

namespace {

// The key that the seeds were made with.
const ima::Keyring& Keys() {
  static const ima::Keyring keyring = [] {
    ima::Keyring keys;
    const auto der = HexDecode(
        "3059301306072a8648ce3d020106082a8648ce3d030107034200042154d914de2b1e51ecde8a1907999c4f"
        "f1c6a167b5f295bc9f1d8b48c9649389e4e503cb020fc21a999979b73a499a95b47c403ca02561ad62e0c5"
        "f5f72bb912");
    LQ_CHECK(keys.Add(ima::ParseKey(*der).value(), "fuzz").has_value());
    return keys;
  }();
  return keyring;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = ima::ParseFileSignature(ByteView(data, size));
  if (!read) {
    LQ_CHECK(read.error().id == "ima.signature");
    return 0;
  }
  LQ_CHECK(!read->hash_algorithm.empty());
  LQ_CHECK(read->value.size() < size);
  LQ_CHECK(read->key_id.size() == (read->version == 1 ? 8U : read->is_signature() ? 4U : 0U));
  const std::array<const ima::Keyring*, 1> keyrings = {&Keys()};
  const std::array<std::uint8_t, 32> digest = {};
  const auto verified = ima::VerifyFileSignature(
      *read, {.algorithm = "sha256", .digest = digest, .is_verity = {}}, keyrings);
  // Nobody signed that.
  LQ_CHECK(verified.answer != ima::SignatureAnswer::kGood);
  LQ_CHECK(verified.signed_by.empty() && !verified.detail.empty());
  return 0;
}

}  // namespace limequat
