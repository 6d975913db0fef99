#include "limequat/eventlog/device_path.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"

namespace limequat::eventlog {
namespace {

Bytes Node(std::uint8_t type, std::uint8_t subtype, std::string_view body) {
  const auto bytes = HexDecode(body);
  EXPECT_TRUE(bytes) << body;
  ByteWriter out;
  out.U8(type).U8(subtype).U16Le(static_cast<std::uint16_t>(4 + bytes->size())).Raw(*bytes);
  return out.Take();
}

std::string Text(std::string_view hex) {
  const auto bytes = HexDecode(hex);
  EXPECT_TRUE(bytes) << hex;
  return FormatDevicePath(bytes.value_or(Bytes()));
}

struct Known {
  std::uint8_t type;
  std::uint8_t subtype;
  std::string_view body;
  std::string_view text;
};

constexpr std::string_view kGuid = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
constexpr std::string_view kGuidBytes = "61dfe48bca93d211aa0d00e098032b8c";

TEST(FormatDevicePath, NodesWithAGuid) {
  for (const auto& [type, subtype, name] :
       {std::tuple(1, 4, "VenHw"), std::tuple(3, 10, "VenMsg"), std::tuple(4, 3, "VenMedia"),
        std::tuple(4, 6, "FvFile"), std::tuple(4, 7, "FvVol")}) {
    const auto node = [&](std::string_view body) {
      return FormatDevicePath(
          Node(static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(subtype), body));
    };
    EXPECT_EQ(node(kGuidBytes), std::string(name) + "(" + std::string(kGuid) + ")");
    EXPECT_TRUE(node("61dfe48b").starts_with("Path(")) << name;
  }
  EXPECT_EQ(FormatDevicePath(Node(1, 4, std::string(kGuidBytes) + "abcd")),
            "VenHw(" + std::string(kGuid) + ",abcd)");
}

TEST(FormatDevicePath, KnownNodes) {
  constexpr Known kNodes[] = {
      {1, 1, "0302", "Pci(0x2,0x3)"},
      {1, 3, "0700000000100000000000000020000000000000", "MemoryMapped(7,0x1000,0x2000)"},
      {1, 5, "03000000", "Ctrl(0x3)"},
      {2, 1, "d041030a07000000", "PciRoot(0x7)"},
      {2, 1, "d041080a01000000", "PcieRoot(0x1)"},
      {2, 1, "d041050901000000", "Acpi(0x90541d0,0x1)"},
      {2, 2, "000000000000000000000000564d427573000000", "AcpiEx(VMBus,,)"},
      {2, 2, "d041030a0100000002000000000000", "AcpiEx(0xa0341d0,0x2,0x1)"},
      {3, 1, "01000200", "Ata(1,0,2)"},
      {3, 2, "01000200", "SCSI(1,2)"},
      {3, 5, "0203", "USB(2,3)"},
      {3, 11, "0068eb3811ff000000000000000000000000000000000000000000000000000000",
       "MAC(0068eb3811ff,0)"},
      {3, 12, "0a0000010a000002010002000600010000000000000000",
       "IPv4(10.0.0.1:1<->10.0.0.2:2,6,1)"},
      {3, 13, "000000000000000000000000000000010000000000000000000000000000000201000200060000",
       "IPv6(00000000000000000000000000000001:1<->00000000000000000000000000000002:2,6)"},
      {3, 17, "0c", "Unit(12)"},
      {3, 18, "0500ffff0000", "Sata(5,65535,0)"},
      {3, 23, "01000000707c180226021800", "NVMe(0x1,70-7C-18-02-26-02-18-00)"},
      {3, 24, "687474703a2f2f78", "Uri(http://x)"},
      {4, 1, "0f000000002800000000000000500300000000000761ef9c4e0e4c448839cf71b1250d5c0202",
       "HD(15,GPT,9cef6107-0e4e-444c-8839-cf71b1250d5c,0x2800,0x35000)"},
      {4, 1, "0100000084d4010000000000e048000000000000443a663a0000000000000000000000000101",
       "HD(1,MBR,0x3a663a44,0x1d484,0x48e0)"},
      {4, 1, "0100000084d4010000000000e048000000000000443a663a0000000000000000000000000103",
       "HD(1,3,443a663a000000000000000000000000,0x1d484,0x48e0)"},
      {4, 2, "0100000002000000000000000300000000000000", "CDROM(0x1,0x2,0x3)"},
      {4, 4, "5c00450046000000", "File(\\EF)"},
      {4, 4, "5c004500", "File(\\E)"},
      {4, 8, "000000003846020000000000ff45060000000000", "Offset(0x24638,0x645ff)"},
      {5, 1, "020000044469736b00", "BBS(HD,Disk,0x400)"},
      {5, 1, "ffff000000", "BBS(65535,,0x0)"},
  };
  for (const Known& node : kNodes) {
    EXPECT_EQ(FormatDevicePath(Node(node.type, node.subtype, node.body)), node.text);
    // Too short for its members: shown as bytes, unless text is all it has.
    if (node.text.starts_with("File(") || node.text.starts_with("Uri(")) continue;
    EXPECT_TRUE(FormatDevicePath(Node(node.type, node.subtype, "")).starts_with("Path("))
        << node.text;
  }
}

TEST(FormatDevicePath, NodesAreJoinedUpToTheEnd) {
  EXPECT_EQ(Text(""), "");
  EXPECT_EQ(Text("7fff0400"), "");
  EXPECT_EQ(Text("02010c00d041030a000000000101060000037fff0400"), "PciRoot(0x0)/Pci(0x3,0x0)");
  EXPECT_EQ(Text("01050800010000007fff04000105080002000000"), "Ctrl(0x1)");
  EXPECT_EQ(Text("01050800010000007f010400010508000200000001050800030000007fff0400"),
            "Ctrl(0x1),Ctrl(0x2)/Ctrl(0x3)");
}

TEST(FormatDevicePath, UnknownNodesAreShownAsBytes) {
  for (const std::uint8_t type : Bytes{1, 2, 3, 4, 5, 6, 0, 255}) {
    EXPECT_EQ(FormatDevicePath(Node(type, 99, "abcd")),
              "Path(" + std::to_string(type) + ",99,abcd)");
  }
  EXPECT_EQ(Text("0101050001"), "Path(1,1,01)");
}

TEST(FormatDevicePath, WhatIsNoPathIsSaidToBe) {
  EXPECT_EQ(Text("0101"), "Malformed(0101)");
  EXPECT_EQ(Text("01010300"), "Malformed(01010300)");  // shorter than its header
  EXPECT_EQ(Text("01010600030201010700ff"), "Pci(0x2,0x3)/Malformed(01010700ff)");
  EXPECT_EQ(Text("01010000"), "Malformed(01010000)");  // would never end
}

}  // namespace
}  // namespace limequat::eventlog
