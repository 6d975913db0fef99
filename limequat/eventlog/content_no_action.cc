// What EV_NO_ACTION says, and structures that other events share with it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/eventlog/content_internal.h"
#include "limequat/eventlog/device_path.h"
#include "limequat/eventlog/event_data.h"
#include "limequat/eventlog/guid.h"
#include "limequat/eventlog/replay.h"
#include "limequat/eventlog/spec_id.h"
#include "limequat/eventlog/wbcl.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::eventlog {

namespace {

using json::Object;

Object DescribeSpecId(const SpecId& spec) {
  json::Array algorithms;
  for (const DigestAlgorithm& algorithm : spec.algorithms) {
    algorithms.push_back(Object{{"name", tpm::AlgorithmName(algorithm.id)},
                                {"digest_size", std::uint64_t{algorithm.digest_size}}});
  }
  return {{"platform_class", spec.platform_class},
          {"version", fmt::format("{}.{}", spec.version_major, spec.version_minor)},
          {"errata", int{spec.errata}},
          {"uintn_size", int{spec.uintn_size}},
          {"algorithms", std::move(algorithms)},
          {"vendor_info", HexEncode(spec.vendor_info)}};
}

std::string LocatorTypeName(LocatorType type) {
  switch (type) {
    case LocatorType::kRaw:
      return "raw";
    case LocatorType::kUri:
      return "uri";
    case LocatorType::kDevicePath:
      return "device_path";
    case LocatorType::kVariable:
      return "variable";
  }
  return fmt::format("{}", static_cast<std::uint32_t>(type));
}

// As efivarfs names a variable: "FirmwareRIM-a2858e46-a37f-…".
std::optional<std::string> VariableNamed(ByteView value) {
  ByteReader in(value);
  const auto vendor = ReadGuid(in, "vendor");
  const auto name = vendor ? TextOf(in.rest()) : std::nullopt;
  if (!name) return std::nullopt;
  return *name + "-" + vendor->ToString();
}

Object DescribeLocator(const Locator& locator) {
  std::optional<std::string> text;
  switch (locator.untrusted_type) {
    case LocatorType::kUri:
      text = TextOf(locator.untrusted_value);
      break;
    case LocatorType::kDevicePath:
      text = FormatDevicePath(locator.untrusted_value);
      break;
    case LocatorType::kVariable:
      text = VariableNamed(locator.untrusted_value);
      break;
    default:
      break;
  }
  Object object{{"type", LocatorTypeName(locator.untrusted_type)}};
  if (text) object.Set("text", ShownInFull(*text));
  if (!text) object.Set("value", HexEncode(locator.untrusted_value));
  return object;
}

Object DescribePlatform(const PlatformIdentity& identity) {
  Object object{{"structure", identity.version},
                {"vendor_id", identity.untrusted_vendor_id},
                {"reference_manifest", identity.untrusted_reference_manifest.ToString()}};
  if (identity.version < 2) return object;
  object.Set("manufacturer", ShownInFull(identity.untrusted_manufacturer));
  object.Set("model", ShownInFull(identity.untrusted_model));
  object.Set("version", ShownInFull(identity.untrusted_version));
  object.Set("firmware_manufacturer", ShownInFull(identity.untrusted_firmware_manufacturer));
  object.Set("firmware_manufacturer_id", identity.untrusted_firmware_manufacturer_id);
  object.Set("firmware_version", ShownInFull(identity.untrusted_firmware_version));
  if (identity.version < 3) return object;
  object.Set("manifest_locator", DescribeLocator(identity.untrusted_manifest_locator));
  object.Set("certificate_locator", DescribeLocator(identity.untrusted_certificate_locator));
  return object;
}

Object DescribeDevice(const SpdmDevice& device) {
  Object object{{"structure", device.version},
                {"device_type", device.untrusted_device_type},
                {"block", HexEncode(device.untrusted_block)}};
  if (device.version == 1) object.Set("hash_algorithm", device.untrusted_hash_algorithm);
  if (device.version == 2) {
    object.Set("authentication", int{device.untrusted_authentication});
    object.Set("sub_header_type", device.untrusted_sub_header_type);
    object.Set("device_path", ShownInFull(FormatDevicePath(device.untrusted_device_path)));
  }
  object.Set("device_context", HexEncode(device.untrusted_rest));
  return object;
}

Object DescribeDynamic(const NvIndexDynamic& dynamic) {
  return {{"signature", "NvIndexDynamic"},
          {"structure", int{dynamic.untrusted_version}},
          {"device_uid", dynamic.untrusted_uid},
          {"description", ShownInFull(dynamic.untrusted_description)},
          {"value", HexEncode(dynamic.untrusted_data)}};
}

Object DescribeComponent(const HcrtmComponent& component) {
  return {{"signature", "H-CRTM CompMeas"},
          {"description", ShownInFull(component.untrusted_description)},
          {"format", int{component.untrusted_format}},
          {"value", HexEncode(component.untrusted_measurement)}};
}

// Of types without a structure here: their names.
Object DescribeSignature(ByteView data) {
  constexpr std::size_t kSignatureSize = 16;
  if (data.size() < kSignatureSize) return {};
  const auto signature = TextOf(data.first(kSignatureSize));
  if (!signature) return {};
  return {{"signature", ShownInFull(*signature)}};
}

}  // namespace

// A lone event that is no aggregation has the layout of any tagged event: its number tells.
std::optional<Object> DescribeSipa(ByteView data) {
  const auto events = ParseSipaEvents(data);
  if (!events || events->empty()) return std::nullopt;
  const SipaEvent& first = events->front();
  if (!first.is_aggregation() && SipaEventName(first.type).starts_with("0x")) return std::nullopt;
  json::Array shown;
  for (const SipaEvent& event : *events) {
    Object object{{"name", SipaEventName(event.type)}, {"depth", event.depth}};
    if (!event.is_aggregation()) object.Set("value", HexEncode(event.data));
    shown.push_back(std::move(object));
  }
  return Object{{"sipa_events", std::move(shown)}};
}

Object DescribeSpdm(ByteView data) {
  const auto device = ParseSpdmDevice(data);
  return device ? DescribeDevice(*device) : Object();
}

Object DescribeNoAction(ByteView data) {
  if (const auto spec = ParseSpecId(data)) return DescribeSpecId(*spec);
  if (const auto locality = ParseStartupLocality(data)) {
    return {{"startup_locality", int{*locality}}};
  }
  if (const auto identity = ParsePlatformIdentity(data)) return DescribePlatform(*identity);
  if (const auto instance = ParseNvIndexInstance(data)) {
    return {{"signature", "NvIndexInstance"},
            {"structure", int{instance->untrusted_version}},
            {"device", DescribeDevice(instance->untrusted_device)}};
  }
  if (const auto dynamic = ParseNvIndexDynamic(data)) return DescribeDynamic(*dynamic);
  if (const auto component = ParseHcrtmComponent(data)) return DescribeComponent(*component);
  if (auto sipa = DescribeSipa(data)) return *std::move(sipa);
  return DescribeSignature(data);
}

}  // namespace limequat::eventlog
