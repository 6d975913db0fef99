#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/eventlog/guid.h"

namespace limequat::eventlog {

// What the events of UEFI variables carry. Views point into the input. All input is
// hostile; a value says nothing about what the event's digest covers. Memory: at most
// four times the input and 512 bytes.

// UEFI_VARIABLE_DATA (PFP 1.06, 10.4.4.1).
struct EfiVariable {
  Guid vendor;
  std::string name;  // UTF-8
  ByteView data;
  // Story: shim up to 15.4 counted the padding of a C structure and one byte more, so
  // up to seven bytes follow the data (HIRS TpmLogSHA1, cos-93-amd-sev).
  ByteView trailing;
};
// kMalformed ("eventlog.efi_variable"): lengths that the event does not hold, a name
// longer than kMaxVariableName characters, more than kMaxVariableTrailing bytes behind
// the data.
inline constexpr std::size_t kMaxVariableName = 1024;
inline constexpr std::size_t kMaxVariableTrailing = 7;
Result<EfiVariable> ParseEfiVariable(ByteView data);

// EFI_SIGNATURE_DATA: who put it there, and a certificate, a digest or the like.
struct SignatureData {
  Guid owner;
  ByteView data;
};
// kMalformed ("eventlog.signature_list") for fewer than 16 bytes.
Result<SignatureData> ParseSignatureData(ByteView data);

// EFI_SIGNATURE_LIST (UEFI 2.10, 32.4.1).
struct SignatureList {
  Guid type;
  ByteView header;
  std::vector<SignatureData> entries;
};
// The lists of PK, KEK, db, dbx and their like; none for an empty variable.
// kMalformed ("eventlog.signature_list"): sizes that contradict each other or the
// input.
Result<std::vector<SignatureList>> ParseSignatureLists(ByteView data);

// EFI_LOAD_OPTION (UEFI 2.10, 3.1.3), the value of Boot####.
struct LoadOption {
  std::uint32_t attributes = 0;
  std::string description;  // UTF-8
  ByteView device_path;     // FormatDevicePath
  ByteView optional_data;
  bool active() const { return (attributes & 1U) != 0; }
};
// kMalformed ("eventlog.load_option").
Result<LoadOption> ParseLoadOption(ByteView data);
// Story: some firmware (of AMI, on machines of EVE) measures Boot#### from its
// description on, without attributes and length, and without the last two bytes. As a
// load option that begins with "UE" and reads "FI OS"; as this it is right. Attributes
// and optional data are then absent. kMalformed ("eventlog.load_option") for what does
// not end with half of a path's end. Case: eve tcg_log_1.
Result<LoadOption> ParseHeadlessLoadOption(ByteView data);

}  // namespace limequat::eventlog
