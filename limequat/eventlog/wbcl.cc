#include "limequat/eventlog/wbcl.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"

namespace limequat::eventlog {

namespace {

struct Named {
  std::uint32_t type;
  std::string_view name;
};

constexpr std::array kNames = {
    Named{0x40010001, "TRUSTBOUNDARY"},
    Named{0x40010002, "ELAM_AGGREGATION"},
    Named{0x40010003, "LOADEDMODULE_AGGREGATION"},
    Named{0xc0010004, "TRUSTPOINT_AGGREGATION"},
    Named{0x40010005, "KSR_AGGREGATION"},
    Named{0x40010006, "KSR_SIGNED_MEASUREMENT_AGGREGATION"},
    Named{0x00020001, "INFORMATION"},
    Named{0x00020002, "BOOTCOUNTER"},
    Named{0x00020003, "TRANSFER_CONTROL"},
    Named{0x00020004, "APPLICATION_RETURN"},
    Named{0x00020005, "BITLOCKER_UNLOCK"},
    Named{0x00020006, "EVENTCOUNTER"},
    Named{0x00020007, "COUNTERID"},
    Named{0x00040001, "BOOTDEBUGGING"},
    Named{0x00040002, "BOOT_REVOCATION_LIST"},
    Named{0x00050001, "OSKERNELDEBUG"},
    Named{0x00050002, "CODEINTEGRITY"},
    Named{0x00050003, "TESTSIGNING"},
    Named{0x00050004, "DATAEXECUTIONPREVENTION"},
    Named{0x00050005, "SAFEMODE"},
    Named{0x00050006, "WINPE"},
    Named{0x00050007, "PHYSICALADDRESSEXTENSION"},
    Named{0x00050008, "OSDEVICE"},
    Named{0x00050009, "SYSTEMROOT"},
    Named{0x0005000a, "HYPERVISOR_LAUNCH_TYPE"},
    Named{0x0005000b, "HYPERVISOR_PATH"},
    Named{0x0005000c, "HYPERVISOR_IOMMU_POLICY"},
    Named{0x0005000d, "HYPERVISOR_DEBUG"},
    Named{0x0005000e, "DRIVER_LOAD_POLICY"},
    Named{0x0005000f, "SI_POLICY"},
    Named{0x00050012, "VSM_LAUNCH_TYPE"},
    Named{0x00050013, "OS_REVOCATION_LIST"},
    Named{0x00060001, "NOAUTHORITY"},
    Named{0x00060002, "AUTHORITYPUBKEY"},
    Named{0x00070001, "FILEPATH"},
    Named{0x00070002, "IMAGESIZE"},
    Named{0x00070003, "HASHALGORITHMID"},
    Named{0x00070004, "AUTHENTICODEHASH"},
    Named{0x00070005, "AUTHORITYISSUER"},
    Named{0x00070006, "AUTHORITYSERIAL"},
    Named{0x00070007, "IMAGEBASE"},
    Named{0x00070008, "AUTHORITYPUBLISHER"},
    Named{0x00070009, "AUTHORITYSHA1THUMBPRINT"},
    Named{0x0007000a, "IMAGEVALIDATED"},
    Named{0x80080001, "QUOTE"},
    Named{0x80080002, "QUOTESIGNATURE"},
    Named{0x80080003, "AIKID"},
    Named{0x80080004, "AIKPUBDIGEST"},
    Named{0x00090001, "ELAM_KEYNAME"},
    Named{0x00090002, "ELAM_CONFIGURATION"},
    Named{0x00090003, "ELAM_POLICY"},
    Named{0x00090004, "ELAM_MEASURED"},
    Named{0x000a0001, "VBS_VSM_REQUIRED"},
    Named{0x000a0002, "VBS_SECUREBOOT_REQUIRED"},
    Named{0x000a0003, "VBS_IOMMU_REQUIRED"},
};

Status ReadList(ByteView data, int depth, std::vector<SipaEvent>& events) {
  constexpr std::string_view kId = "eventlog.sipa";
  if (depth > kMaxSipaDepth) return Malformed(kId, "aggregations of events are too deep");
  ByteReader in(data);
  while (!in.empty()) {
    const auto type = in.U32Le("type of a SIPA event");
    if (!type) return Malformed(kId, type.error().message);
    const auto value = in.SizedU32Le("data of a SIPA event");
    if (!value) return Malformed(kId, value.error().message);
    events.push_back({.type = *type, .depth = depth, .data = *value});
    if (events.back().is_aggregation()) LQ_RETURN_IF_ERROR(ReadList(*value, depth + 1, events));
  }
  return {};
}

}  // namespace

std::string SipaEventName(std::uint32_t type) {
  const auto* named = std::ranges::find(kNames, type, &Named::type);
  return named != kNames.end() ? std::string(named->name) : fmt::format("{:#010x}", type);
}

Result<std::vector<SipaEvent>> ParseSipaEvents(ByteView data) {
  std::vector<SipaEvent> events;
  LQ_RETURN_IF_ERROR(ReadList(data, 0, events));
  return events;
}

}  // namespace limequat::eventlog
