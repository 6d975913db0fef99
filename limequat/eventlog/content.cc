#include "limequat/eventlog/content.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/utf8.h"
#include "limequat/eventlog/content_internal.h"
#include "limequat/eventlog/device_path.h"
#include "limequat/eventlog/efi_variable.h"
#include "limequat/eventlog/event_data.h"
#include "limequat/eventlog/utf16.h"

namespace limequat::eventlog {

namespace {

using json::Object;

constexpr std::array<std::string_view, 2> kGrubKeys = {"grub_cmd", "kernel_cmdline"};

std::string Hex64(std::uint64_t value) { return fmt::format("0x{:x}", value); }

ByteView WithoutLast(ByteView data) { return data.first(data.size() - 1); }

Object DescribeImage(ByteView data) {
  const auto image = ParseImageLoad(data);
  if (!image) return {};
  return {{"location", Hex64(image->untrusted_location)},
          {"length", Hex64(image->untrusted_length)},
          {"link_time_address", Hex64(image->untrusted_link_time_address)},
          {"device_path", ShownInFull(FormatDevicePath(image->untrusted_device_path))}};
}

Object DescribeBlob(const Result<FirmwareBlob>& blob) {
  if (!blob) return {};
  Object object{{"base", Hex64(blob->untrusted_base)}, {"length", Hex64(blob->untrusted_length)}};
  if (!blob->untrusted_description.empty()) {
    object.Set("description", ShownInFull(blob->untrusted_description));
  }
  return object;
}

Object DescribeTables(const Result<HandoffTables>& tables) {
  if (!tables) return {};
  json::Array shown;
  for (const HandoffTable& table : tables->untrusted_tables) {
    shown.push_back(Object{{"vendor", table.untrusted_vendor.ToString()},
                           {"address", Hex64(table.untrusted_address)}});
  }
  Object object{{"tables", std::move(shown)}};
  if (!tables->untrusted_description.empty()) {
    object.Set("description", ShownInFull(tables->untrusted_description));
  }
  return object;
}

Object DescribeGpt(ByteView data) {
  const auto gpt = ParseGpt(data);
  if (!gpt) return {};
  json::Array partitions;
  for (const GptPartition& partition : gpt->partitions) {
    partitions.push_back(Object{{"type", partition.type.ToString()},
                                {"id", partition.id.ToString()},
                                {"first_block", partition.first_block},
                                {"last_block", partition.last_block},
                                {"attributes", Hex64(partition.attributes)},
                                {"name", ShownInFull(partition.name)}});
  }
  return {{"disk", gpt->disk.ToString()}, {"partitions", std::move(partitions)}};
}

Object DescribeSeparator(ByteView data) {
  const std::string hex = HexEncode(data);
  if (hex == "00000000" || hex == "ffffffff") return {{"separator", "normal"}};
  if (hex == "01000000") return {{"separator", "error"}};
  return {{"separator", "unknown"}};
}

Object DescribeTagged(ByteView data) {
  if (auto sipa = DescribeSipa(data)) return *std::move(sipa);
  const auto event = ParseTaggedEvent(data);
  if (!event) return {};
  Object object{{"tag", fmt::format("{:#010x}", event->tag)}};
  const auto text = TextOf(event->data);
  if (text) object.Set("text", ShownInFull(*text));
  if (!text) object.Set("value", HexEncode(event->data));
  return object;
}

Object DescribeText(ByteView data) {
  const auto text = TextOf(data);
  if (!text) return {};
  return {{"text", ShownInFull(*text)}};
}

void DescribeIpl(ByteView data, Content& content) {
  const auto grub = ParseGrubText(data);
  if (!grub || content.part != MeasuredPart::kTextBehindKey) {
    const Object text = DescribeText(data);
    Merge(content.part == MeasuredPart::kNothing ? content.untrusted : content.measured, text);
    return;
  }
  content.untrusted.Set("key", ShownInFull(grub->key));
  content.measured.Set("text", ShownInFull(grub->text));
}

// A text, or the GUID of a version (Intel's reference firmware).
Object DescribeVersion(ByteView data) {
  ByteReader in(data);
  const auto guid = ReadGuid(in, "version");
  const bool is_guid = guid && in.empty() && !TextOf(data);
  return is_guid ? Object{{"guid", guid->ToString()}} : DescribeText(data);
}

// Types whose data is one structure that is covered as a whole or not at all.
Object DescribeWhole(EventType type, ByteView data) {
  switch (type) {
    case EventType::kNoAction:
      return DescribeNoAction(data);
    case EventType::kSeparator:
      return DescribeSeparator(data);
    case EventType::kEfiBootServicesApplication:
    case EventType::kEfiBootServicesDriver:
    case EventType::kEfiRuntimeServicesDriver:
      return DescribeImage(data);
    case EventType::kEfiPlatformFirmwareBlob:
      return DescribeBlob(ParseFirmwareBlob(data));
    case EventType::kEfiPlatformFirmwareBlob2:
      return DescribeBlob(ParseFirmwareBlob2(data));
    case EventType::kPostCode:
    case EventType::kPostCode2: {
      const auto blob = ParseFirmwareBlob(data);
      return blob ? DescribeBlob(blob) : DescribeText(data);
    }
    case EventType::kEfiHandoffTables:
      return DescribeTables(ParseHandoffTables(data));
    case EventType::kEfiHandoffTables2:
      return DescribeTables(ParseHandoffTables2(data));
    case EventType::kEfiGptEvent:
    case EventType::kEfiGptEvent2:
      return DescribeGpt(data);
    case EventType::kEventTag:
      return DescribeTagged(data);
    case EventType::kSCrtmVersion:
      return DescribeVersion(data);
    case EventType::kEfiSpdmFirmwareBlob:
    case EventType::kEfiSpdmFirmwareConfig:
      return DescribeSpdm(data);
    default:
      return DescribeText(data);
  }
}

bool HasControls(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return (c >= 0 && c < ' ' && c != '\n' && c != '\t') || c == '\x7f'; });
}

}  // namespace

std::string ShownInFull(std::string_view text) {
  return EscapeForDisplay(text, std::numeric_limits<std::size_t>::max());
}

std::optional<std::string> TextOf(ByteView data) {
  if (data.size() >= 4 && data[0] != 0 && data[1] == 0) {
    const std::size_t whole = data.size() / 2 * 2;  // one byte too many: kAllButLast
    const std::size_t end = FindUtf16End(data).value_or(whole);
    // A text must not hide what is behind its NUL.
    const ByteView rest = data.first(whole).subspan(end);
    const bool is_all = std::ranges::all_of(rest, [](std::uint8_t byte) { return byte == 0; });
    std::string text = DecodeUtf16(data.first(end));
    if (!is_all || HasControls(text)) return std::nullopt;
    return text;
  }
  const std::string_view text = AsText(data).substr(0, AsText(data).find('\0'));
  const bool is_text = !text.empty() && IsUtf8(text) && !HasControls(text);
  // Nothing but NULs, or a byte of garbage (kAllButLast), may follow.
  const std::string_view rest = AsText(data).substr(text.size());
  if (!is_text || rest.size() > 2) return std::nullopt;
  return std::string(text);
}

void Merge(json::Object& into, const json::Object& from) {
  for (const auto& [name, value] : from) into.Set(name, value);
}

std::string_view MeasuredPartName(MeasuredPart part) {
  switch (part) {
    case MeasuredPart::kNothing:
      return "nothing";
    case MeasuredPart::kAll:
      return "all";
    case MeasuredPart::kAllButLast:
      return "all_but_last";
    case MeasuredPart::kVariableData:
      return "variable_data";
    case MeasuredPart::kTextBehindKey:
      return "text_behind_key";
  }
  return "nothing";
}

std::optional<GrubText> ParseGrubText(ByteView data) {
  const std::string_view all = AsText(data);
  for (const std::string_view key : kGrubKeys) {
    if (!all.starts_with(key)) continue;
    std::string_view rest = all.substr(key.size());
    if (rest.starts_with(':')) rest.remove_prefix(1);
    if (!rest.starts_with(' ')) continue;
    rest.remove_prefix(1);
    return GrubText{.key = key, .text = rest.substr(0, rest.find('\0'))};
  }
  return std::nullopt;
}

MeasuredPart FindMeasuredPart(EventType type, ByteView data,
                              const std::function<bool(ByteView)>& is_digest_of) {
  if (is_digest_of(data)) return MeasuredPart::kAll;
  if (data.size() > 1 && is_digest_of(WithoutLast(data))) return MeasuredPart::kAllButLast;
  if (IsVariable(type)) {
    const auto variable = ParseEfiVariable(data);
    if (variable && is_digest_of(variable->data)) return MeasuredPart::kVariableData;
  }
  const auto grub = ParseGrubText(data);
  if (grub && is_digest_of(AsBytes(grub->text))) return MeasuredPart::kTextBehindKey;
  return MeasuredPart::kNothing;
}

MeasuredPart FindMeasuredPart(const Event& event, crypto::HashAlgorithm bank) {
  const ByteView digest = event.digests.Find(tpm::IdOf(bank));
  if (digest.empty() || event.untrusted_type == EventType::kNoAction) return MeasuredPart::kNothing;
  return FindMeasuredPart(event.untrusted_type, event.data, [&](ByteView bytes) {
    return Equal(crypto::Hash(bank, bytes).bytes(), digest);
  });
}

Content DescribeContent(EventType type, ByteView data, MeasuredPart part) {
  Content content;
  content.part = part;
  if (part == MeasuredPart::kAllButLast) {
    // Nothing covers the last byte, so it has no part in what is said.
    content.measured = DescribeContent(type, WithoutLast(data), MeasuredPart::kAll).measured;
    // What makes no sense without it does not with it either, but people want to see it.
    if (content.measured.empty())
      content.untrusted = DescribeContent(type, data, MeasuredPart::kNothing).untrusted;
    return content;
  }
  if (IsVariable(type)) {
    DescribeVariable(type, data, content);
  } else if (type == EventType::kIpl) {
    DescribeIpl(data, content);
  } else {
    (part == MeasuredPart::kAll ? content.measured : content.untrusted) = DescribeWhole(type, data);
  }
  return content;
}

}  // namespace limequat::eventlog
