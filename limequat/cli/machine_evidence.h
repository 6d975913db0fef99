#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"

namespace limequat::cli {

// More machines in one run are refused.
inline constexpr std::size_t kMaxMachines = 1'000'000;

// What is looked for of a machine.
enum class EvidenceKind : std::uint8_t { kImaList, kEventLog };

// Where the evidence of one machine lies.
struct MachineEvidence {
  std::string name;  // of its file or folder; the path where two have the same. Hostile
  std::string path;
  std::string list;                 // IMA list or event log; empty if the folder holds none
  std::optional<std::string> pcrs;  // PCR values of a verified quote
  std::uint64_t bytes = 0;          // of the list, when it was looked for
};

// FindMachines finds the machines in `paths`, in their order and by name:
//   - a file is the IMA list, or the event log, of one machine;
//   - a folder is one machine if it holds a list by a name of its own:
//     binary_runtime_measurements, ima.bin, ascii_runtime_measurements or ima.ascii, event logs
//     binary_bios_measurements or eventlog (the first of these counts), and beside it, if there
//     are any, PCR values in pcrs.json;
//   - each file and each folder in any other folder is one machine; such a folder without
//     a list is one without evidence. Names that begin with a dot, pipes and devices are left
//     out.
// Links are followed. Errors: kNotFound, kPermissionDenied ("cli.evidence") for a path that
// cannot be looked at, kNotFound for a folder with nothing in it, kMalformed for more than
// kMaxMachines. The files are not opened.
Result<std::vector<MachineEvidence>> FindMachines(const std::vector<std::string>& paths,
                                                  EvidenceKind kind = EvidenceKind::kImaList);

}  // namespace limequat::cli
