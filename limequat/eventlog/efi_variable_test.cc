#include "limequat/eventlog/efi_variable.h"

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/eventlog/testing/log_builder.h"
#include "limequat/eventlog/utf16.h"

namespace limequat::eventlog {
namespace {

using testing::Text16;
using testing::VariableData;

template <class T>
std::string ErrorOf(const Result<T>& result) {
  return result ? "" : result.error().id;
}

TEST(Guid, TextAndBytes) {
  EXPECT_EQ(kGlobalVariable.ToString(), "8be4df61-93ca-11d2-aa0d-00e098032b8c");
  EXPECT_EQ(kImageSecurityDatabase.ToString(), "d719b2cb-3d3a-4596-a3bc-dad00e67656f");
  EXPECT_EQ(kShimLock.ToString(), "605dab50-e046-4300-abb6-3dd810dd8b23");
  EXPECT_EQ(kSignatureX509.ToString(), "a5c059a1-94e4-4aa7-87b5-ab155c2bf072");
  EXPECT_EQ(kSignatureSha256.ToString(), "c1c41626-504c-4092-aca9-41f936934328");
  ByteReader in(kGlobalVariable.bytes);
  const auto guid = ReadGuid(in, "guid");
  ASSERT_TRUE(guid);
  EXPECT_EQ(*guid, kGlobalVariable);
  EXPECT_EQ(guid->bytes[0], 0x61);
  ByteReader short_input(ByteView(kGlobalVariable.bytes).first(15));
  EXPECT_FALSE(ReadGuid(short_input, "guid"));
}

TEST(DecodeUtf16, Text) {
  EXPECT_EQ(DecodeUtf16({}), "");
  EXPECT_EQ(DecodeUtf16(AsBytes(Text16("SecureBoot"))), "SecureBoot");
  EXPECT_EQ(DecodeUtf16(Bytes{0xe9, 0x00, 0x7f, 0x00, 0x80, 0x00, 0xff, 0x07, 0x00, 0x08}),
            "\u00e9\x7f\u0080\u07ff\u0800");
  EXPECT_EQ(DecodeUtf16(Bytes{0x3d, 0xd8, 0x00, 0xde}), "\U0001f600");
  EXPECT_EQ(DecodeUtf16(Bytes{0xff, 0xdb, 0xff, 0xdf}), "\U0010ffff");
}

TEST(DecodeUtf16, WhatIsNoTextIsReplaced) {
  EXPECT_EQ(DecodeUtf16(Bytes{0x41}), "\ufffd");
  EXPECT_EQ(DecodeUtf16(Bytes{0x3d, 0xd8}), "\ufffd");
  EXPECT_EQ(DecodeUtf16(Bytes{0x3d, 0xd8, 0x41, 0x00}), "\ufffdA");
  EXPECT_EQ(DecodeUtf16(Bytes{0x00, 0xde, 0x41, 0x00}), "\ufffdA");
  EXPECT_EQ(DecodeUtf16(Bytes{0x3d, 0xd8, 0x00}), "\ufffd\ufffd");
}

TEST(FindUtf16End, FirstNulUnit) {
  EXPECT_EQ(FindUtf16End(Bytes{}), std::nullopt);
  EXPECT_EQ(FindUtf16End(Bytes{0x41, 0x00}), std::nullopt);
  EXPECT_EQ(FindUtf16End(Bytes{0x41, 0x00, 0x00}), std::nullopt);
  EXPECT_EQ(FindUtf16End(Bytes{0x00, 0x41, 0x00, 0x00}), 2U);
  EXPECT_EQ(FindUtf16End(Bytes{0x41, 0x00, 0x00, 0x00, 0x00, 0x00}), 2U);
}

TEST(ParseEfiVariable, NameAndData) {
  const Bytes data = VariableData(kGlobalVariable, "SecureBoot", Bytes{1});
  const auto variable = ParseEfiVariable(data);
  ASSERT_TRUE(variable) << variable.error().message;
  EXPECT_EQ(variable->vendor, kGlobalVariable);
  EXPECT_EQ(variable->name, "SecureBoot");
  EXPECT_TRUE(Equal(variable->data, Bytes{1}));
  EXPECT_TRUE(variable->trailing.empty());
}

TEST(ParseEfiVariable, EveryTruncationIsRefused) {
  const Bytes data = VariableData(kGlobalVariable, "PK", Bytes{1, 2, 3});
  for (std::size_t size = 0; size < data.size(); ++size) {
    EXPECT_EQ(ErrorOf(ParseEfiVariable(ByteView(data).first(size))), "eventlog.efi_variable");
  }
}

Bytes WithLengths(std::uint64_t name, std::uint64_t value) {
  Bytes data = VariableData(kGlobalVariable, "PK", Bytes(64, 7));
  for (std::size_t i = 0; i < 8; ++i) {
    data[16 + i] = static_cast<std::uint8_t>(name >> (8U * i));
    data[24 + i] = static_cast<std::uint8_t>(value >> (8U * i));
  }
  return data;
}

TEST(ParseEfiVariable, AbsurdLengths) {
  EXPECT_EQ(ErrorOf(ParseEfiVariable(WithLengths(2, 64))), "");
  for (const std::uint64_t length :
       {std::uint64_t{0xffffffffffffffff}, std::uint64_t{0x8000000000000000},
        std::uint64_t{0x8000000000000002}, std::uint64_t{kMaxVariableName + 1}}) {
    EXPECT_EQ(ErrorOf(ParseEfiVariable(WithLengths(length, 64))), "eventlog.efi_variable");
    EXPECT_EQ(ErrorOf(ParseEfiVariable(WithLengths(2, length))), "eventlog.efi_variable");
  }
  const std::string longest(kMaxVariableName, 'n');
  EXPECT_EQ(ErrorOf(ParseEfiVariable(VariableData(kGlobalVariable, longest, {}))), "");
  EXPECT_EQ(ErrorOf(ParseEfiVariable(VariableData(kGlobalVariable, longest + "n", {}))),
            "eventlog.efi_variable");
}

TEST(ParseEfiVariable, Quirk_PaddingOfShim) {
  Bytes data = VariableData(kShimLock, "Shim", Bytes{1, 2});
  Append(data, Bytes(kMaxVariableTrailing, 0));
  const auto variable = ParseEfiVariable(data);
  ASSERT_TRUE(variable);
  EXPECT_EQ(variable->data.size(), 2U);
  EXPECT_EQ(variable->trailing.size(), kMaxVariableTrailing);
  data.push_back(0);
  EXPECT_EQ(ErrorOf(ParseEfiVariable(data)), "eventlog.efi_variable");
}

Bytes ListBytes(std::uint32_t list, std::uint32_t header, std::uint32_t entry, std::size_t body) {
  ByteWriter out;
  out.Raw(kSignatureX509.bytes).U32Le(list).U32Le(header).U32Le(entry);
  for (std::size_t i = 0; i < body; ++i) out.U8(static_cast<std::uint8_t>(i));
  return out.Take();
}

TEST(ParseSignatureLists, EntriesOfSeveralLists) {
  Bytes data = ListBytes(28 + 2 + 2 * 18, 2, 18, 2 + 2 * 18);
  Append(data, ListBytes(28, 0, 16, 0));
  const auto lists = ParseSignatureLists(data);
  ASSERT_TRUE(lists) << lists.error().message;
  ASSERT_EQ(lists->size(), 2U);
  EXPECT_EQ((*lists)[0].type, kSignatureX509);
  EXPECT_EQ((*lists)[0].header.size(), 2U);
  ASSERT_EQ((*lists)[0].entries.size(), 2U);
  EXPECT_EQ((*lists)[0].entries[0].owner.bytes[0], 2);
  EXPECT_TRUE(Equal((*lists)[0].entries[1].data, Bytes{36, 37}));
  EXPECT_TRUE((*lists)[1].entries.empty());
  const auto none = ParseSignatureLists({});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
}

TEST(ParseSignatureLists, SizesThatContradict) {
  const auto error = [](std::uint32_t list, std::uint32_t header, std::uint32_t entry,
                        std::size_t body) {
    return ErrorOf(ParseSignatureLists(ListBytes(list, header, entry, body)));
  };
  EXPECT_EQ(error(28 + 20, 0, 20, 20), "");
  EXPECT_EQ(error(28 + 20, 0, 20, 19), "eventlog.signature_list");   // longer than the input
  EXPECT_EQ(error(27, 0, 20, 20), "eventlog.signature_list");        // shorter than its header
  EXPECT_EQ(error(28 + 20, 21, 20, 20), "eventlog.signature_list");  // header too long
  EXPECT_EQ(error(28 + 20, 0, 15, 20), "eventlog.signature_list");   // no room for an owner
  EXPECT_EQ(error(28 + 20, 0, 0, 20), "eventlog.signature_list");
  EXPECT_EQ(error(28 + 20, 0, 19, 20), "eventlog.signature_list");  // not a multiple
  EXPECT_EQ(error(0xffffffff, 0, 16, 20), "eventlog.signature_list");
  EXPECT_EQ(error(28 + 20, 0xffffffff, 16, 20), "eventlog.signature_list");
  EXPECT_EQ(ErrorOf(ParseSignatureLists(Bytes(15, 1))), "eventlog.signature_list");
  EXPECT_EQ(ErrorOf(ParseSignatureLists(Bytes(27, 1))), "eventlog.signature_list");
}

TEST(ParseSignatureData, OwnerAndRest) {
  Bytes data(kShimLock.bytes.begin(), kShimLock.bytes.end());
  data.push_back(9);
  const auto parsed = ParseSignatureData(data);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->owner, kShimLock);
  EXPECT_TRUE(Equal(parsed->data, Bytes{9}));
  EXPECT_EQ(ErrorOf(ParseSignatureData(Bytes(15, 0))), "eventlog.signature_list");
}

TEST(ParseLoadOption, Members) {
  ByteWriter out;
  out.U32Le(1).U16Le(4).Raw(AsBytes(Text16("debian"))).U16Le(0).Raw(Bytes{0x7f, 0xff, 4, 0});
  out.Raw(Bytes{5, 6});
  const auto option = ParseLoadOption(out.bytes());
  ASSERT_TRUE(option) << option.error().message;
  EXPECT_TRUE(option->active());
  EXPECT_EQ(option->description, "debian");
  EXPECT_EQ(option->device_path.size(), 4U);
  EXPECT_TRUE(Equal(option->optional_data, Bytes{5, 6}));
  const Bytes data = out.Take();
  for (std::size_t size = 0; size + 2 < data.size(); ++size) {
    EXPECT_EQ(ErrorOf(ParseLoadOption(ByteView(data).first(size))), "eventlog.load_option") << size;
  }
}

TEST(ParseHeadlessLoadOption, Quirk_DescriptionAndPathAlone) {
  ByteWriter out;
  out.Raw(AsBytes(Text16("UEFI OS"))).U16Le(0).Raw(Bytes{1, 1, 6, 0, 3, 2}).Raw(Bytes{0x7f, 0xff});
  const auto option = ParseHeadlessLoadOption(out.bytes());
  ASSERT_TRUE(option) << option.error().message;
  EXPECT_EQ(option->description, "UEFI OS");
  EXPECT_TRUE(Equal(option->device_path, Bytes{1, 1, 6, 0, 3, 2}));
  const Bytes data = out.Take();
  for (std::size_t size = 0; size < data.size(); ++size) {
    EXPECT_EQ(ErrorOf(ParseHeadlessLoadOption(ByteView(data).first(size))), "eventlog.load_option");
  }
}

}  // namespace
}  // namespace limequat::eventlog
