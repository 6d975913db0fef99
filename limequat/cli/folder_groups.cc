#include "limequat/cli/folder_groups.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

namespace limequat::cli {

namespace {

// Folders that are deeper count as the one at this depth: whoever names files chooses it.
constexpr std::size_t kDeepest = 16;

// The folder of `path`, at most `depth` names deep: "/" at 0.
std::string_view FolderOf(std::string_view path, std::size_t depth) {
  const std::string_view folder = path.substr(0, path.rfind('/'));
  std::size_t end = 0;
  while (depth > 0 && end < folder.size()) {
    end = std::min(folder.find('/', end + 1), folder.size());
    --depth;
  }
  return end == 0 ? path.substr(0, 1) : folder.substr(0, end);
}

std::vector<FolderGroup> GroupAt(const std::vector<const ShownFinding*>& findings,
                                 std::size_t depth) {
  std::vector<FolderGroup> groups;
  std::map<std::string_view, std::size_t> known;
  for (const ShownFinding* finding : findings) {
    const std::string_view folder = FolderOf(finding->path, depth);
    const auto [at, is_new] = known.try_emplace(folder, groups.size());
    if (is_new) groups.push_back({.folder = std::string(folder), .findings = {}});
    groups[at->second].findings.push_back(finding);
  }
  return groups;
}

}  // namespace

std::vector<FolderGroup> GroupByFolder(const std::vector<const ShownFinding*>& findings,
                                       std::size_t most) {
  std::vector<FolderGroup> groups = GroupAt(findings, kDeepest);
  for (std::size_t depth = kDeepest - 1; depth > 0 && groups.size() > most; --depth) {
    groups = GroupAt(findings, depth);
  }
  std::ranges::sort(groups, [](const FolderGroup& one, const FolderGroup& other) {
    if (one.findings.size() != other.findings.size()) {
      return one.findings.size() > other.findings.size();
    }
    return one.folder < other.folder;
  });
  return groups;
}

}  // namespace limequat::cli
