// The structures of eventlog/event_data.h, and what content.h says of any data as any
// type of event.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/eventlog/content.h"
#include "limequat/eventlog/event_data.h"

namespace limequat {

namespace {

constexpr std::uint32_t kTypes[] = {
    0x00,       0x01,       0x03,       0x04,       0x05,       0x06,       0x08,       0x0d,
    0x13,       0x80000001, 0x80000002, 0x80000003, 0x80000006, 0x80000008, 0x80000009, 0x8000000a,
    0x8000000b, 0x8000000c, 0x8000000d, 0x800000e0, 0x800000e1, 0x800000e2, 0x800000e3, 0x800000e4};

constexpr eventlog::MeasuredPart kParts[] = {
    eventlog::MeasuredPart::kNothing, eventlog::MeasuredPart::kAll,
    eventlog::MeasuredPart::kAllButLast, eventlog::MeasuredPart::kVariableData,
    eventlog::MeasuredPart::kTextBehindKey};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (const auto gpt = eventlog::ParseGpt(input)) LQ_CHECK(gpt->partitions.size() <= size / 128);
  if (const auto tables = eventlog::ParseHandoffTables(input)) {
    LQ_CHECK(tables->untrusted_tables.size() <= size / 24);
  }
  if (const auto identity = eventlog::ParsePlatformIdentity(input)) {
    LQ_CHECK(identity->version >= 1 && identity->version <= 3);
    LQ_CHECK(identity->untrusted_manifest_locator.untrusted_value.size() <= size);
  }
  if (const auto instance = eventlog::ParseNvIndexInstance(input)) {
    LQ_CHECK(eventlog::ParseSpdmDevice(input.subspan(24)).has_value());
  }
  if (const auto dynamic = eventlog::ParseNvIndexDynamic(input)) {
    LQ_CHECK(dynamic->untrusted_description.size() + dynamic->untrusted_data.size() <= size - 36);
  }
  if (const auto component = eventlog::ParseHcrtmComponent(input)) {
    LQ_CHECK(component->untrusted_measurement.size() <= size - 20);
  }
  for (const std::uint32_t type : kTypes) {
    for (const eventlog::MeasuredPart part : kParts) {
      const auto content = eventlog::DescribeContent(eventlog::EventType{type}, input, part);
      if (part == eventlog::MeasuredPart::kNothing) LQ_CHECK(content.measured.empty());
      LQ_CHECK(json::Serialize(content.measured).size() <= 64 * size + 4096);
    }
    static_cast<void>(eventlog::FindMeasuredPart(eventlog::EventType{type}, input,
                                                 [](ByteView) { return false; }));
  }
  return 0;
}

}  // namespace limequat
