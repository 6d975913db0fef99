#include "limequat/eventlog/efi_variable.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"
#include "limequat/eventlog/utf16.h"

namespace limequat::eventlog {

namespace {

constexpr std::size_t kListHeader = 28;
constexpr std::size_t kOwnerSize = 16;

Error Bad(std::string_view id, const Error& error) { return Malformed(id, error.message); }

Result<SignatureList> ReadSignatureList(ByteReader& in) {
  constexpr std::string_view kId = "eventlog.signature_list";
  const auto type = ReadGuid(in, "signature type");
  if (!type) return Bad(kId, type.error());
  const auto sizes = in.Take(kListHeader - kOwnerSize, "sizes of a signature list");
  if (!sizes) return Bad(kId, sizes.error());
  ByteReader fields(*sizes);
  LQ_ASSIGN_OR_RETURN(const std::uint32_t list_size, fields.U32Le("list size"));
  LQ_ASSIGN_OR_RETURN(const std::uint32_t header_size, fields.U32Le("header size"));
  LQ_ASSIGN_OR_RETURN(const std::uint32_t entry_size, fields.U32Le("signature size"));
  if (list_size < kListHeader || list_size - kListHeader > in.remaining() ||
      header_size > list_size - kListHeader || entry_size < kOwnerSize ||
      (list_size - kListHeader - header_size) % entry_size != 0) {
    return Malformed(kId,
                     fmt::format("a signature list of {} bytes with a header of {} and "
                                 "signatures of {}, in {} bytes",
                                 list_size, header_size, entry_size, in.remaining() + kListHeader));
  }
  SignatureList list;
  list.type = *type;
  LQ_ASSIGN_OR_RETURN(list.header, in.Take(header_size, "header"));
  const std::size_t count = (list_size - kListHeader - header_size) / entry_size;
  list.entries.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    LQ_ASSIGN_OR_RETURN(const ByteView entry, in.Take(entry_size, "signature"));
    LQ_ASSIGN_OR_RETURN(const SignatureData parsed, ParseSignatureData(entry));
    list.entries.push_back(parsed);
  }
  return list;
}

}  // namespace

Result<EfiVariable> ParseEfiVariable(ByteView data) {
  constexpr std::string_view kId = "eventlog.efi_variable";
  ByteReader in(data);
  EfiVariable variable;
  const auto vendor = ReadGuid(in, "vendor of a variable");
  if (!vendor) return Bad(kId, vendor.error());
  variable.vendor = *vendor;
  const auto name_length = in.U64Le("length of a variable's name");
  if (!name_length) return Bad(kId, name_length.error());
  const auto data_length = in.U64Le("length of a variable's data");
  if (!data_length) return Bad(kId, data_length.error());
  if (*name_length > kMaxVariableName) {
    return Malformed(kId, fmt::format("a variable name of {} characters", *name_length));
  }
  const auto name = in.Take(2 * *name_length, "name of a variable");
  if (!name) return Bad(kId, name.error());
  variable.name = DecodeUtf16(*name);
  const auto value = in.Take(*data_length, "data of a variable");
  if (!value) return Bad(kId, value.error());
  variable.data = *value;
  if (in.remaining() > kMaxVariableTrailing) {
    return Malformed(kId, fmt::format("{} bytes follow the variable's data", in.remaining()));
  }
  variable.trailing = in.rest();
  return variable;
}

Result<SignatureData> ParseSignatureData(ByteView data) {
  ByteReader in(data);
  const auto owner = ReadGuid(in, "owner of a signature");
  if (!owner) return Bad("eventlog.signature_list", owner.error());
  return SignatureData{.owner = *owner, .data = in.rest()};
}

Result<std::vector<SignatureList>> ParseSignatureLists(ByteView data) {
  std::vector<SignatureList> lists;
  ByteReader in(data);
  while (!in.empty()) {
    LQ_ASSIGN_OR_RETURN(SignatureList list, ReadSignatureList(in));
    lists.push_back(std::move(list));
  }
  return lists;
}

Result<LoadOption> ParseLoadOption(ByteView data) {
  constexpr std::string_view kId = "eventlog.load_option";
  ByteReader in(data);
  LoadOption option;
  const auto attributes = in.U32Le("attributes of a load option");
  if (!attributes) return Bad(kId, attributes.error());
  const auto path_length = in.U16Le("length of a device path");
  if (!path_length) return Bad(kId, path_length.error());
  const auto end = FindUtf16End(in.rest());
  if (!end) return Malformed(kId, "the description of a load option does not end");
  option.attributes = *attributes;
  LQ_ASSIGN_OR_RETURN(const ByteView description, in.Take(*end, "description"));
  option.description = DecodeUtf16(description);
  LQ_RETURN_IF_ERROR(in.Take(2, "NUL"));
  const auto path = in.Take(*path_length, "device path of a load option");
  if (!path) return Bad(kId, path.error());
  option.device_path = *path;
  option.optional_data = in.rest();
  return option;
}

Result<LoadOption> ParseHeadlessLoadOption(ByteView data) {
  constexpr std::string_view kId = "eventlog.load_option";
  constexpr std::string_view kHalfEnd = "\x7f\xff";
  const auto end = FindUtf16End(data);
  if (!end || !AsText(data.subspan(*end + 2)).ends_with(kHalfEnd)) {
    return Malformed(kId, "not a load option without its head");
  }
  LoadOption option;
  option.description = DecodeUtf16(data.first(*end));
  option.device_path = data.subspan(*end + 2);
  option.device_path = option.device_path.first(option.device_path.size() - kHalfEnd.size());
  return option;
}

}  // namespace limequat::eventlog
