// wire::ParseOwnEnrolment, and what it writes again.

#include <cstddef>
#include <cstdint>
#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/wire/own_api.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto enrolment = wire::ParseOwnEnrolment(AsText(ByteView(data, size)));
  if (!enrolment) return 0;
  const std::string text = wire::WriteOwnEnrolment(*enrolment);
  const auto again = wire::ParseOwnEnrolment(text);
  LQ_CHECK(again.has_value());
  LQ_CHECK(wire::WriteOwnEnrolment(*again) == text);
  return 0;
}

}  // namespace limequat
