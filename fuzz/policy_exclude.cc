// policy::ExcludeList: a hostile expression (up to the first line feed) and a hostile
// path (behind it).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/policy/exclude_list.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(ByteView(data, size));
  const std::size_t end = text.find('\n');
  const auto list =
      policy::ExcludeList::Compile(std::vector<std::string>{std::string(text.substr(0, end))});
  if (!list || end == std::string_view::npos) return 0;
  static_cast<void>(list->Match(text.substr(end + 1)));
  return 0;
}

}  // namespace limequat
