#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::eventlog {

// TCG_EVENTTYPE (PC Client Platform Firmware Profile 1.06, section 10.4.1). An open
// enumeration: values without a name are carried and extended like any other.
//
// A type is NOT covered by the event's digest: whoever can change the log can change
// every type in it without a trace in any PCR. Hence the name of Event::untrusted_type.
enum class EventType : std::uint32_t {
  kPrebootCert = 0x00,
  kPostCode = 0x01,
  kUnused = 0x02,
  kNoAction = 0x03,
  kSeparator = 0x04,
  kAction = 0x05,
  kEventTag = 0x06,
  kSCrtmContents = 0x07,
  kSCrtmVersion = 0x08,
  kCpuMicrocode = 0x09,
  kPlatformConfigFlags = 0x0a,
  kTableOfDevices = 0x0b,
  kCompactHash = 0x0c,
  kIpl = 0x0d,
  kIplPartitionData = 0x0e,
  kNonhostCode = 0x0f,
  kNonhostConfig = 0x10,
  kNonhostInfo = 0x11,
  kOmitBootDeviceEvents = 0x12,
  kPostCode2 = 0x13,
  kEfiVariableDriverConfig = 0x80000001,
  kEfiVariableBoot = 0x80000002,
  kEfiBootServicesApplication = 0x80000003,
  kEfiBootServicesDriver = 0x80000004,
  kEfiRuntimeServicesDriver = 0x80000005,
  kEfiGptEvent = 0x80000006,
  kEfiAction = 0x80000007,
  kEfiPlatformFirmwareBlob = 0x80000008,
  kEfiHandoffTables = 0x80000009,
  kEfiPlatformFirmwareBlob2 = 0x8000000a,
  kEfiHandoffTables2 = 0x8000000b,
  kEfiVariableBoot2 = 0x8000000c,
  kEfiGptEvent2 = 0x8000000d,
  kEfiHcrtmEvent = 0x80000010,
  kEfiVariableAuthority = 0x800000e0,
  kEfiSpdmFirmwareBlob = 0x800000e1,
  kEfiSpdmFirmwareConfig = 0x800000e2,
  kEfiSpdmDevicePolicy = 0x800000e3,
  kEfiSpdmDeviceAuthority = 0x800000e4,
};

// "EV_SEPARATOR"; "0x0000040e" for values without a name.
std::string EventTypeName(EventType type);
// The inverse: a name as above, or "0x" and up to eight hexadecimal digits; nullopt for
// everything else.
std::optional<EventType> EventTypeFromName(std::string_view name);

// Digest algorithms of one log or one event at most; the TCG registry has eight.
inline constexpr std::size_t kMaxAlgorithms = 16;
// The longest digest a header may declare for an algorithm this library does not know.
inline constexpr std::size_t kMaxDigestBytes = 128;

// A digest as the log states it; points into the log.
struct EventDigest {
  tpm::AlgorithmId algorithm = tpm::AlgorithmId::kNull;
  ByteView value;
};

// The digests of one event, each algorithm once, in the order of the log.
class EventDigests {
 public:
  EventDigests() = default;
  EventDigests(tpm::AlgorithmId algorithm, ByteView value) : size_(1) {
    digests_[0] = {.algorithm = algorithm, .value = value};
  }

  // False if the algorithm is there already or the list is full.
  [[nodiscard]] bool Add(tpm::AlgorithmId algorithm, ByteView value);
  // Empty if the event has no digest of this algorithm.
  ByteView Find(tpm::AlgorithmId algorithm) const;

  std::size_t size() const { return size_; }
  const EventDigest* begin() const { return digests_.data(); }
  const EventDigest* end() const { return digests_.data() + size_; }

 private:
  std::array<EventDigest, kMaxAlgorithms> digests_{};
  std::size_t size_ = 0;
};

// One record of a TCG event log. The views point into the log. All of it is hostile.
// A replay that leads to signed PCRs covers `pcr` and `digests` of the replayed bank;
// `data` only where a digest is the hash of it; `untrusted_type` never.
struct Event {
  std::uint64_t index = 0;  // 0 for the first record of the log, whatever its type
  std::size_t offset = 0;   // of its first byte in the log
  std::uint32_t pcr = 0;    // CCEL: the measurement register
  EventType untrusted_type = EventType::kPrebootCert;
  EventDigests digests;
  ByteView data;
};

}  // namespace limequat::eventlog
