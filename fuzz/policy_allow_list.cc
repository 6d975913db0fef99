// policy::ConvertPolicy: a list (up to the first line of three dashes) and an exclude
// list (behind it).

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/policy/allow_list.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kEnd = "\n---\n";
  const std::string_view text = AsText(ByteView(data, size));
  const std::size_t end = text.find(kEnd);
  const std::string_view list = text.substr(0, end);
  const std::string_view excludes =
      end == std::string_view::npos ? std::string_view() : text.substr(end + kEnd.size());
  const auto converted = policy::ConvertPolicy(list, excludes, "2026-11-25 09:00:00.000000");
  if (!converted) return 0;
  const auto policy = policy::RuntimePolicy::Parse(converted->json);
  LQ_CHECK(policy.has_value());
  LQ_CHECK((*policy)->paths() > 0 && !(*policy)->excludes_everything());
  // What came out is of today: nothing is left to repair.
  const auto again = policy::ConvertPolicy(converted->json, "", "2026-11-25 09:00:00.000000");
  LQ_CHECK(!again || again->notes.empty());
  return 0;
}

}  // namespace limequat
