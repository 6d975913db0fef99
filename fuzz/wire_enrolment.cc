// wire::ParseEnrolRequest, and what it writes again.

#include <cstddef>
#include <cstdint>
#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/wire/enrolment.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto request = wire::ParseEnrolRequest(AsText(ByteView(data, size)));
  if (!request) return 0;
  const std::string text = wire::WriteEnrolRequest(*request);
  const auto again = wire::ParseEnrolRequest(text);
  LQ_CHECK(again.has_value());
  LQ_CHECK(wire::WriteEnrolRequest(*again) == text);
  return 0;
}

}  // namespace limequat
