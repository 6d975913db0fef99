#pragma once

#include <string>

#include "limequat/base/bytes.h"

namespace limequat::eventlog {

// A device path (UEFI 2.10, 10.3) as text (10.6), node by node:
// "PciRoot(0x0)/Pci(0x1f,0x2)/HD(1,GPT,…,0x800,0x100000)/File(\EFI\debian\shimx64.efi)",
// with the names that libefivar gives them, which policies of Keylime compare. Nodes
// without a known form: "Path(TYPE,SUBTYPE,HEX)"; what cannot be parsed to the end
// ends with "/Malformed(HEX)". Never fails; at most ten times the input in length, and
// thrice that while it grows.
//
// Hostile input, and no event's digest covers a device path: it is text for people,
// escaped where it is shown.
std::string FormatDevicePath(ByteView path);

}  // namespace limequat::eventlog
