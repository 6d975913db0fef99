// policy::ParseKeySuccession, and what it writes again.

#include <cstddef>
#include <cstdint>
#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/policy/key_succession.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = policy::ParseKeySuccession(AsText(ByteView(data, size)));
  if (!read) return 0;
  const std::string text = policy::WriteKeySuccession(*read);
  // Escapes may make it longer than the bound.
  if (text.size() > policy::kMaxKeySuccessionBytes) return 0;
  const auto again = policy::ParseKeySuccession(text);
  LQ_CHECK(again.has_value());
  LQ_CHECK(again->policy_name == read->policy_name);
  LQ_CHECK(again->key == read->key);
  LQ_CHECK(again->signed_at == read->signed_at);
  return 0;
}

}  // namespace limequat
