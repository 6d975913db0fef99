#include "limequat/eventlog/guid.h"

#include <algorithm>
#include <string_view>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"

namespace limequat::eventlog {

std::string Guid::ToString() const {
  constexpr std::array<std::size_t, 16> kOrder = {3, 2, 1,  0,  5,  4,  7,  6,
                                                  8, 9, 10, 11, 12, 13, 14, 15};
  std::string text;
  for (std::size_t i = 0; i < kOrder.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += HexEncode(ByteView(bytes).subspan(kOrder[i], 1));
  }
  return text;
}

Result<Guid> ReadGuid(ByteReader& in, std::string_view field) {
  Guid guid;
  LQ_ASSIGN_OR_RETURN(const ByteView bytes, in.Take(guid.bytes.size(), field));
  std::ranges::copy(bytes, guid.bytes.begin());
  return guid;
}

}  // namespace limequat::eventlog
