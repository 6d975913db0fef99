// What UEFI variable events say.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/eventlog/content_internal.h"
#include "limequat/eventlog/device_path.h"
#include "limequat/eventlog/efi_variable.h"

namespace limequat::eventlog {

namespace {

using json::Object;

Object DescribeLists(const std::vector<SignatureList>& lists) {
  json::Array shown;
  for (const SignatureList& list : lists) {
    json::Array entries;
    for (const SignatureData& entry : list.entries) {
      entries.push_back(Object{{"owner", entry.owner.ToString()}, {"data", HexEncode(entry.data)}});
    }
    shown.push_back(Object{{"type", list.type.ToString()}, {"signatures", std::move(entries)}});
  }
  return {{"signature_lists", std::move(shown)}};
}

bool IsSignatureVariable(const EfiVariable& variable) {
  constexpr std::array<std::string_view, 9> kNames = {
      "PK", "KEK", "db", "dbx", "dbt", "dbr", "PKDefault", "vendor_db", "devdb"};
  return std::ranges::find(kNames, variable.name) != kNames.end();
}

bool IsBootNumber(std::string_view name) {
  constexpr std::string_view kBoot = "Boot";
  return name.size() == kBoot.size() + 4 && name.starts_with(kBoot) &&
         std::ranges::all_of(name.substr(kBoot.size()), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
         });
}

Object DescribeBootOrder(ByteView data) {
  json::Array order;
  for (std::size_t at = 0; at + 1 < data.size(); at += 2) {
    order.push_back(fmt::format("Boot{:02x}{:02x}", data[at + 1], data[at]));
  }
  return {{"boot_order", std::move(order)}};
}

Object DescribeLoadOption(ByteView data) {
  constexpr std::string_view kMalformedPath = "Malformed(";
  const auto option = ParseLoadOption(data);
  const std::string path = option ? FormatDevicePath(option->device_path) : std::string();
  if (!option || path.find(kMalformedPath) != std::string::npos) {
    const auto headless = ParseHeadlessLoadOption(data);
    if (headless) {
      return {{"description", ShownInFull(headless->description)},
              {"device_path", ShownInFull(FormatDevicePath(headless->device_path))}};
    }
  }
  if (!option) return {{"value", HexEncode(data)}};
  return {{"active", option->active()},
          {"description", ShownInFull(option->description)},
          {"device_path", ShownInFull(path)},
          {"optional_data", HexEncode(option->optional_data)}};
}

Object DescribeValue(EventType type, const EfiVariable& variable) {
  const bool has_lists =
      type == EventType::kEfiVariableDriverConfig || type == EventType::kEfiSpdmDevicePolicy;
  if (variable.data.size() == 1) return {{"value", HexEncode(variable.data)}};
  if (has_lists && IsSignatureVariable(variable)) {
    if (const auto lists = ParseSignatureLists(variable.data)) return DescribeLists(*lists);
  }
  if (variable.name == "BootOrder") return DescribeBootOrder(variable.data);
  if (IsBootNumber(variable.name)) return DescribeLoadOption(variable.data);
  if (variable.name == "SbatLevel") {
    if (const auto text = TextOf(variable.data)) return {{"text", ShownInFull(*text)}};
  }
  const bool has_entry =
      (type == EventType::kEfiVariableAuthority && variable.vendor == kImageSecurityDatabase) ||
      type == EventType::kEfiSpdmDeviceAuthority;
  if (has_entry) {
    if (const auto data = ParseSignatureData(variable.data)) {
      return {{"owner", data->owner.ToString()}, {"data", HexEncode(data->data)}};
    }
  }
  return {{"value", HexEncode(variable.data)}};
}

}  // namespace

bool IsVariable(EventType type) {
  return type == EventType::kEfiVariableDriverConfig || type == EventType::kEfiVariableBoot ||
         type == EventType::kEfiVariableBoot2 || type == EventType::kEfiVariableAuthority ||
         type == EventType::kEfiSpdmDevicePolicy || type == EventType::kEfiSpdmDeviceAuthority;
}

void DescribeVariable(EventType type, ByteView data, Content& content) {
  const auto variable = ParseEfiVariable(data);
  if (!variable) return;
  const Object name{{"vendor", variable->vendor.ToString()}, {"name", ShownInFull(variable->name)}};
  const Object value = DescribeValue(type, *variable);
  switch (content.part) {
    case MeasuredPart::kAll:
      Merge(content.measured, name);
      Merge(content.measured, value);
      break;
    case MeasuredPart::kVariableData:
      Merge(content.untrusted, name);
      Merge(content.measured, value);
      break;
    default:
      Merge(content.untrusted, name);
      Merge(content.untrusted, value);
  }
}

}  // namespace limequat::eventlog
