#include "limequat/cli/machine_evidence.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <map>
#include <span>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/text.h"

namespace limequat::cli {

namespace {

namespace fs = std::filesystem;

// As kernels call them, and as recordings do. The binary form is the one that cannot be
// misread (see ima::ListReader).
constexpr std::array kLists = {"binary_runtime_measurements", "ima.bin",
                               "ascii_runtime_measurements", "ima.ascii"};
constexpr std::array kLogs = {"binary_bios_measurements", "eventlog"};
constexpr const char* kPcrs = "pcrs.json";

Error CannotLook(const std::string& path, const std::error_code& why) {
  std::string message = fmt::format("{}: {}", Shown(path), why.message());
  if (why == std::errc::permission_denied) {
    return PermissionDenied("cli.evidence", std::move(message));
  }
  return NotFound("cli.evidence", std::move(message));
}

// Of the last component; "." and "x/" are called what they are.
std::string NameOf(const fs::path& path) {
  fs::path clean = path.lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();
  return clean.filename() == "." ? path.string() : clean.filename().string();
}

std::uint64_t SizeOf(const fs::path& file) {
  std::error_code none;
  const std::uintmax_t size = fs::file_size(file, none);
  return none ? 0 : size;
}

MachineEvidence OfFile(const fs::path& file) {
  return {.name = NameOf(file),
          .path = file.string(),
          .list = file.string(),
          .pcrs = {},
          .bytes = SizeOf(file)};
}

std::span<const char* const> NamesOf(EvidenceKind kind) {
  if (kind == EvidenceKind::kEventLog) return kLogs;
  return kLists;
}

MachineEvidence OfFolder(const fs::path& folder, EvidenceKind kind) {
  MachineEvidence machine{
      .name = NameOf(folder), .path = folder.string(), .list = {}, .pcrs = {}, .bytes = 0};
  std::error_code none;
  for (const char* name : NamesOf(kind)) {
    if (!fs::exists(folder / name, none)) continue;
    machine.list = (folder / name).string();
    machine.bytes = SizeOf(machine.list);
    break;
  }
  if (fs::exists(folder / kPcrs, none)) machine.pcrs = (folder / kPcrs).string();
  return machine;
}

Status AddFolderOfMachines(const fs::path& folder, EvidenceKind kind,
                           std::vector<MachineEvidence>& machines) {
  std::vector<MachineEvidence> found;
  std::error_code problem;
  for (fs::directory_iterator at(folder, problem), end; !problem && at != end;
       at.increment(problem)) {
    if (at->path().filename().string().starts_with('.')) continue;
    std::error_code none;
    if (fs::is_directory(at->path(), none)) {
      found.push_back(OfFolder(at->path(), kind));
    } else if (fs::is_regular_file(at->path(), none)) {
      found.push_back(OfFile(at->path()));
    }
    if (found.size() + machines.size() > kMaxMachines) break;
  }
  if (problem) return CannotLook(folder.string(), problem);
  if (found.empty()) {
    return NotFound("cli.evidence", fmt::format("{} holds no machines", Shown(folder.string())));
  }
  std::ranges::sort(found, {}, &MachineEvidence::path);
  std::ranges::move(found, std::back_inserter(machines));
  return {};
}

Status AddPath(const std::string& path, EvidenceKind kind, std::vector<MachineEvidence>& machines) {
  std::error_code problem;
  const fs::file_status status = fs::status(path, problem);
  if (problem || !fs::exists(status)) return CannotLook(path, problem);
  if (!fs::is_directory(status)) {
    machines.push_back(OfFile(path));
    return {};
  }
  MachineEvidence machine = OfFolder(path, kind);
  if (machine.list.empty()) return AddFolderOfMachines(path, kind, machines);
  machines.push_back(std::move(machine));
  return {};
}

}  // namespace

Result<std::vector<MachineEvidence>> FindMachines(const std::vector<std::string>& paths,
                                                  EvidenceKind kind) {
  std::vector<MachineEvidence> machines;
  for (const std::string& path : paths) {
    LQ_RETURN_IF_ERROR(AddPath(path, kind, machines));
    if (machines.size() > kMaxMachines) {
      return Malformed("cli.evidence", fmt::format("more than {} machines", kMaxMachines));
    }
  }
  std::map<std::string, std::size_t> times;
  for (const MachineEvidence& machine : machines) ++times[machine.name];
  for (MachineEvidence& machine : machines) {
    if (times[machine.name] > 1) machine.name = machine.path;
  }
  return machines;
}

}  // namespace limequat::cli
