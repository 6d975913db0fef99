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
    Named{0x00020008, "MORBIT_NOT_CANCELABLE"},
    Named{0x00020009, "APPLICATION_SVN"},
    Named{0x0002000a, "SVN_CHAIN_STATUS"},
    Named{0x0002000b, "MORBIT_API_STATUS"},
    Named{0x0002000c, "IDK_GENERATION_STATUS"},
    Named{0x00030001, "FIRMWAREFAILURE"},
    Named{0x00030003, "INTERNALFAILURE"},
    Named{0x00030005, "HYPERVISORFAILURE"},
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
    Named{0x00050010, "HYPERVISOR_MMIO_NX_POLICY"},
    Named{0x00050011, "HYPERVISOR_MSR_FILTER_POLICY"},
    Named{0x00050012, "VSM_LAUNCH_TYPE"},
    Named{0x00050013, "OS_REVOCATION_LIST"},
    Named{0x00050014, "SMT_STATUS"},
    Named{0x00050020, "VSM_IDK_INFO"},
    Named{0x00050021, "FLIGHTSIGNING"},
    Named{0x00050022, "PAGEFILE_ENCRYPTION_ENABLED"},
    Named{0x00050023, "VSM_IDKS_INFO"},
    Named{0x00050024, "HIBERNATION_DISABLED"},
    Named{0x00050025, "DUMPS_DISABLED"},
    Named{0x00050026, "DUMP_ENCRYPTION_ENABLED"},
    Named{0x00050027, "DUMP_ENCRYPTION_KEY_DIGEST"},
    Named{0x00050028, "LSAISO_CONFIG"},
    Named{0x00050029, "SBCP_INFO"},
    Named{0x00050030, "HYPERVISOR_BOOT_DMA_PROTECTION"},
    Named{0x00050031, "SI_POLICY_SIGNER"},
    Named{0x00050032, "SI_POLICY_UPDATE_SIGNER"},
    Named{0x00050033, "REFS_VOLUME_CHECKPOINT_RECORD_CHECKSUM"},
    Named{0x00050034, "REFS_ROLLBACK_PROTECTION_FROZEN_VOLUME_CHECKSUM"},
    Named{0x00050035, "REFS_ROLLBACK_PROTECTION_USER_PAYLOAD_HASH"},
    Named{0x00050036, "REFS_ROLLBACK_PROTECTION_VERIFICATION_SUCCEEDED"},
    Named{0x00050037, "REFS_ROLLBACK_PROTECTION_VOLUME_FIRST_EVER_MOUNT"},
    Named{0x0005003a, "VSM_SEALED_SI_POLICY"},
    Named{0x0005003b, "VSM_DRTM_KEYROLL_DETECTED"},
    Named{0x0005003c, "VSM_SRTM_UNSEAL_POLICY"},
    Named{0x0005003d, "VSM_SRTM_ANTI_ROLLBACK_COUNTER"},
    Named{0x00050040, "VTL1_DUMP_CONFIG"},
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
    Named{0x0007000b, "MODULE_SVN"},
    Named{0x0007000c, "MODULE_PLUTON"},
    Named{0x0007000d, "MODULE_ORIGINAL_FILENAME"},
    Named{0x0007000e, "MODULE_VERSION"},
    Named{0x0007000f, "PUBLISHER_OEMNAME"},
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
    Named{0x000a0004, "VBS_MMIO_NX_REQUIRED"},
    Named{0x000a0005, "VBS_MSR_FILTERING_REQUIRED"},
    Named{0x000a0006, "VBS_MANDATORY_ENFORCEMENT"},
    Named{0x000a0007, "VBS_HVCI_POLICY"},
    Named{0x000a0008, "VBS_MICROSOFT_BOOT_CHAIN_REQUIRED"},
    Named{0x000a0009, "VBS_DUMP_USES_AMEROOT"},
    Named{0x000a000a, "VBS_VSM_NOSECRETS_ENFORCED"},
    Named{0x000b0001, "KSR_SIGNATURE"},
    Named{0x000c0001, "DRTM_STATE_AUTH"},
    Named{0x000c0002, "DRTM_SMM_LEVEL"},
    Named{0x000c0003, "DRTM_AMD_SMM_HASH"},
    Named{0x000c0004, "DRTM_AMD_SMM_SIGNER_KEY"},
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
