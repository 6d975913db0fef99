#include "limequat/eventlog/ccel.h"

#include <array>

namespace limequat::eventlog {

std::string_view CcelRegisterName(std::uint32_t number) {
  constexpr std::array<std::string_view, kCcelRegisterCount> kNames = {"MRTD", "RTMR0", "RTMR1",
                                                                       "RTMR2", "RTMR3"};
  return number < kNames.size() ? kNames[number] : std::string_view();
}

std::optional<std::uint32_t> CcelRegisterOf(std::uint32_t pcr) {
  constexpr std::uint32_t kLastFirmwarePcr = 7;
  constexpr std::uint32_t kLastOsPcr = 15;
  if (pcr == 0) return kCcelMrtd;
  if (pcr == 1 || pcr == kLastFirmwarePcr) return kCcelFirstRtmr;
  if (pcr < kLastFirmwarePcr) return kCcelFirstRtmr + 1;
  if (pcr <= kLastOsPcr) return kCcelFirstRtmr + 2;
  return std::nullopt;
}

}  // namespace limequat::eventlog
