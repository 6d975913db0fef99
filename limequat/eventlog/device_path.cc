#include "limequat/eventlog/device_path.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/eventlog/guid.h"
#include "limequat/eventlog/utf16.h"

namespace limequat::eventlog {

namespace {

constexpr std::size_t kNodeHeader = 4;
constexpr std::uint8_t kHardware = 0x01;
constexpr std::uint8_t kAcpi = 0x02;
constexpr std::uint8_t kMessaging = 0x03;
constexpr std::uint8_t kMedia = 0x04;
constexpr std::uint8_t kBbs = 0x05;
constexpr std::uint8_t kEnd = 0x7f;
constexpr std::uint8_t kEndEntire = 0xff;
constexpr std::uint32_t kPciRootHid = 0x0a0341d0;
constexpr std::uint32_t kPcieRootHid = 0x0a0841d0;

// A text up to its first NUL, or all of it.
std::string_view UpToNul(ByteView bytes) {
  const std::string_view text = AsText(bytes);
  return text.substr(0, text.find('\0'));
}

Result<std::string> Vendor(std::string_view name, ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const Guid guid, ReadGuid(in, "vendor"));
  if (in.empty()) return fmt::format("{}({})", name, guid.ToString());
  return fmt::format("{}({},{})", name, guid.ToString(), HexEncode(in.rest()));
}

Result<std::string> Hardware(std::uint8_t subtype, ByteReader& in) {
  switch (subtype) {
    case 1: {
      LQ_ASSIGN_OR_RETURN(const std::uint8_t function, in.U8("function"));
      LQ_ASSIGN_OR_RETURN(const std::uint8_t device, in.U8("device"));
      return fmt::format("Pci(0x{:x},0x{:x})", device, function);
    }
    case 3: {
      LQ_ASSIGN_OR_RETURN(const std::uint32_t type, in.U32Le("memory type"));
      LQ_ASSIGN_OR_RETURN(const std::uint64_t start, in.U64Le("start"));
      LQ_ASSIGN_OR_RETURN(const std::uint64_t end, in.U64Le("end"));
      return fmt::format("MemoryMapped({},0x{:x},0x{:x})", type, start, end);
    }
    case 4:
      return Vendor("VenHw", in);
    case 5: {
      LQ_ASSIGN_OR_RETURN(const std::uint32_t number, in.U32Le("controller"));
      return fmt::format("Ctrl(0x{:x})", number);
    }
    default:
      return Unsupported("eventlog.device_path", "no form");
  }
}

Result<std::string> AcpiExpanded(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const ByteView numbers, in.Take(12, "identifiers"));
  ByteReader ids(numbers);
  LQ_ASSIGN_OR_RETURN(const std::uint32_t hid, ids.U32Le("HID"));
  LQ_ASSIGN_OR_RETURN(const std::uint32_t uid, ids.U32Le("UID"));
  LQ_ASSIGN_OR_RETURN(const std::uint32_t cid, ids.U32Le("CID"));
  std::string_view text = AsText(in.rest());
  std::string parts[3];
  for (std::string& part : parts) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (parts[0].empty() && hid != 0) parts[0] = fmt::format("0x{:x}", hid);
  if (parts[1].empty() && cid != 0) parts[1] = fmt::format("0x{:x}", cid);
  if (parts[2].empty() && uid != 0) parts[2] = fmt::format("0x{:x}", uid);
  return fmt::format("AcpiEx({},{},{})", parts[0], parts[1], parts[2]);
}

Result<std::string> Acpi(std::uint8_t subtype, ByteReader& in) {
  if (subtype == 2) return AcpiExpanded(in);
  if (subtype != 1) return Unsupported("eventlog.device_path", "no form");
  LQ_ASSIGN_OR_RETURN(const std::uint32_t hid, in.U32Le("HID"));
  LQ_ASSIGN_OR_RETURN(const std::uint32_t uid, in.U32Le("UID"));
  if (hid == kPciRootHid) return fmt::format("PciRoot(0x{:x})", uid);
  if (hid == kPcieRootHid) return fmt::format("PcieRoot(0x{:x})", uid);
  return fmt::format("Acpi(0x{:x},0x{:x})", hid, uid);
}

Result<std::string> Nvme(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint32_t space, in.U32Le("namespace"));
  LQ_ASSIGN_OR_RETURN(const ByteView eui, in.Take(8, "EUI-64"));
  std::string text = fmt::format("NVMe(0x{:x},", space);
  for (std::size_t i = 0; i < eui.size(); ++i) {
    text += fmt::format("{}{:02X}", i == 0 ? "" : "-", eui[i]);
  }
  return text + ")";
}

Result<std::string> Ipv4(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const ByteView local, in.Take(4, "local address"));
  LQ_ASSIGN_OR_RETURN(const ByteView remote, in.Take(4, "remote address"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t local_port, in.U16Le("local port"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t remote_port, in.U16Le("remote port"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t protocol, in.U16Le("protocol"));
  LQ_ASSIGN_OR_RETURN(const std::uint8_t is_static, in.U8("static"));
  return fmt::format("IPv4({}.{}.{}.{}:{}<->{}.{}.{}.{}:{},{},{})", local[0], local[1], local[2],
                     local[3], local_port, remote[0], remote[1], remote[2], remote[3], remote_port,
                     protocol, is_static);
}

Result<std::string> Ipv6(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const ByteView local, in.Take(16, "local address"));
  LQ_ASSIGN_OR_RETURN(const ByteView remote, in.Take(16, "remote address"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t local_port, in.U16Le("local port"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t remote_port, in.U16Le("remote port"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t protocol, in.U16Le("protocol"));
  return fmt::format("IPv6({}:{}<->{}:{},{})", HexEncode(local), local_port, HexEncode(remote),
                     remote_port, protocol);
}

Result<std::string> Sata(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint16_t port, in.U16Le("port"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t multiplier, in.U16Le("port multiplier"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t lun, in.U16Le("LUN"));
  return fmt::format("Sata({},{},{})", port, multiplier, lun);
}

// USB: port and interface. MAC: 32 bytes, of which Ethernet uses six, and the type.
Result<std::string> Mac(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const ByteView address, in.Take(32, "MAC address"));
  LQ_ASSIGN_OR_RETURN(const std::uint8_t type, in.U8("interface type"));
  return fmt::format("MAC({},{})", HexEncode(type <= 1 ? address.first(6) : address), type);
}

Result<std::string> Messaging(std::uint8_t subtype, ByteReader& in) {
  switch (subtype) {
    case 1: {
      LQ_ASSIGN_OR_RETURN(const std::uint8_t secondary, in.U8("channel"));
      LQ_ASSIGN_OR_RETURN(const std::uint8_t slave, in.U8("drive"));
      LQ_ASSIGN_OR_RETURN(const std::uint16_t lun, in.U16Le("LUN"));
      return fmt::format("Ata({},{},{})", secondary, slave, lun);
    }
    case 2: {
      LQ_ASSIGN_OR_RETURN(const std::uint16_t target, in.U16Le("target"));
      LQ_ASSIGN_OR_RETURN(const std::uint16_t lun, in.U16Le("LUN"));
      return fmt::format("SCSI({},{})", target, lun);
    }
    case 5: {
      LQ_ASSIGN_OR_RETURN(const std::uint8_t port, in.U8("port"));
      LQ_ASSIGN_OR_RETURN(const std::uint8_t interface, in.U8("interface"));
      return fmt::format("USB({},{})", port, interface);
    }
    case 10:
      return Vendor("VenMsg", in);
    case 11:
      return Mac(in);
    case 12:
      return Ipv4(in);
    case 13:
      return Ipv6(in);
    case 17: {
      LQ_ASSIGN_OR_RETURN(const std::uint8_t unit, in.U8("unit"));
      return fmt::format("Unit({})", unit);
    }
    case 18:
      return Sata(in);
    case 23:
      return Nvme(in);
    case 24:
      return fmt::format("Uri({})", AsText(in.rest()));
    default:
      return Unsupported("eventlog.device_path", "no form");
  }
}

Result<std::string> HardDrive(ByteReader& in) {
  constexpr std::uint8_t kMbr = 1;
  constexpr std::uint8_t kGpt = 2;
  LQ_ASSIGN_OR_RETURN(const std::uint32_t partition, in.U32Le("partition"));
  LQ_ASSIGN_OR_RETURN(const std::uint64_t start, in.U64Le("start"));
  LQ_ASSIGN_OR_RETURN(const std::uint64_t size, in.U64Le("size"));
  LQ_ASSIGN_OR_RETURN(const ByteView signature, in.Take(16, "partition signature"));
  LQ_RETURN_IF_ERROR(in.U8("partition format"));
  LQ_ASSIGN_OR_RETURN(const std::uint8_t kind, in.U8("signature type"));
  ByteReader fields(signature);
  if (kind == kGpt) {
    LQ_ASSIGN_OR_RETURN(const Guid guid, ReadGuid(fields, "partition"));
    return fmt::format("HD({},GPT,{},0x{:x},0x{:x})", partition, guid.ToString(), start, size);
  }
  if (kind == kMbr) {
    LQ_ASSIGN_OR_RETURN(const std::uint32_t disk, fields.U32Le("disk signature"));
    return fmt::format("HD({},MBR,0x{:x},0x{:x},0x{:x})", partition, disk, start, size);
  }
  return fmt::format("HD({},{},{},0x{:x},0x{:x})", partition, kind, HexEncode(signature), start,
                     size);
}

Result<std::string> Media(std::uint8_t subtype, ByteReader& in) {
  switch (subtype) {
    case 1:
      return HardDrive(in);
    case 2: {
      LQ_ASSIGN_OR_RETURN(const std::uint32_t entry, in.U32Le("boot entry"));
      LQ_ASSIGN_OR_RETURN(const std::uint64_t start, in.U64Le("start"));
      LQ_ASSIGN_OR_RETURN(const std::uint64_t size, in.U64Le("size"));
      return fmt::format("CDROM(0x{:x},0x{:x},0x{:x})", entry, start, size);
    }
    case 3:
      return Vendor("VenMedia", in);
    case 4: {
      const ByteView text = in.rest();
      return fmt::format("File({})",
                         DecodeUtf16(text.first(FindUtf16End(text).value_or(text.size()))));
    }
    case 6: {
      LQ_ASSIGN_OR_RETURN(const Guid file, ReadGuid(in, "firmware file"));
      return fmt::format("FvFile({})", file.ToString());
    }
    case 7: {
      LQ_ASSIGN_OR_RETURN(const Guid volume, ReadGuid(in, "firmware volume"));
      return fmt::format("FvVol({})", volume.ToString());
    }
    case 8: {
      LQ_RETURN_IF_ERROR(in.U32Le("reserved"));
      LQ_ASSIGN_OR_RETURN(const std::uint64_t start, in.U64Le("start"));
      LQ_ASSIGN_OR_RETURN(const std::uint64_t end, in.U64Le("end"));
      return fmt::format("Offset(0x{:x},0x{:x})", start, end);
    }
    default:
      return Unsupported("eventlog.device_path", "no form");
  }
}

Result<std::string> BootSpecification(ByteReader& in) {
  constexpr std::string_view kTypes[] = {"", "Floppy", "HD", "CDROM", "PCMCIA", "USB", "Network"};
  LQ_ASSIGN_OR_RETURN(const std::uint16_t type, in.U16Le("device type"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t status, in.U16Le("status"));
  const std::string name =
      type != 0 && type < std::size(kTypes) ? std::string(kTypes[type]) : fmt::format("{}", type);
  return fmt::format("BBS({},{},0x{:x})", name, UpToNul(in.rest()), status);
}

std::string FormatNode(std::uint8_t type, std::uint8_t subtype, ByteView body) {
  ByteReader in(body);
  Result<std::string> text = Unsupported("eventlog.device_path", "no form");
  switch (type) {
    case kHardware:
      text = Hardware(subtype, in);
      break;
    case kAcpi:
      text = Acpi(subtype, in);
      break;
    case kMessaging:
      text = Messaging(subtype, in);
      break;
    case kMedia:
      text = Media(subtype, in);
      break;
    case kBbs:
      if (subtype == 1) text = BootSpecification(in);
      break;
    default:
      break;
  }
  if (text) return *std::move(text);
  return fmt::format("Path({},{},{})", type, subtype, HexEncode(body));
}

}  // namespace

std::string FormatDevicePath(ByteView path) {
  std::string text;
  char separator = '/';
  while (!path.empty()) {
    const std::string_view between =
        text.empty() ? std::string_view() : std::string_view(&separator, 1);
    const std::size_t size = path.size() < kNodeHeader ? 0 : path[2] | (std::size_t{path[3]} << 8U);
    if (size < kNodeHeader || size > path.size()) {
      return text + fmt::format("{}Malformed({})", between, HexEncode(path));
    }
    const std::uint8_t type = path[0];
    const std::uint8_t subtype = path[1];
    if (type == kEnd && subtype == kEndEntire) break;
    if (type == kEnd) {
      separator = ',';  // another path follows
    } else {
      text += between;
      text += FormatNode(type, subtype, path.subspan(kNodeHeader, size - kNodeHeader));
      separator = '/';
    }
    path = path.subspan(size);
  }
  return text;
}

}  // namespace limequat::eventlog
