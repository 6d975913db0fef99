#include "limequat/cli/file_groups.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "limequat/cli/text.h"

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

// Those of one name are one group. What `name_of` gives is valid as long as the finding.
template <class NameOf>
std::vector<FileGroup> GroupBy(const std::vector<const ShownFinding*>& findings, NameOf name_of) {
  std::vector<FileGroup> groups;
  std::map<std::string, std::size_t, std::less<>> known;
  for (const ShownFinding* finding : findings) {
    const auto [at, is_new] = known.try_emplace(std::string(name_of(*finding)), groups.size());
    if (is_new) groups.push_back({.title = at->first, .findings = {}});
    groups[at->second].findings.push_back(finding);
  }
  return groups;
}

void Sort(std::vector<FileGroup>& groups) {
  std::ranges::sort(groups, [](const FileGroup& one, const FileGroup& other) {
    if (one.findings.size() != other.findings.size()) {
      return one.findings.size() > other.findings.size();
    }
    return one.title < other.title;
  });
}

std::vector<FileGroup> GroupByFolder(const std::vector<const ShownFinding*>& findings,
                                     std::size_t most) {
  std::vector<FileGroup> groups;
  for (std::size_t depth = kDeepest; depth > 0; --depth) {
    groups = GroupBy(
        findings, [depth](const ShownFinding& finding) { return FolderOf(finding.path, depth); });
    if (groups.size() <= most) break;
  }
  Sort(groups);
  for (FileGroup& group : groups) group.title = fmt::format("in {}", Shown(group.title));
  return groups;
}

}  // namespace

std::string DescribeOwner(const collect::Owner& owner) {
  // In front of the name, which whoever made the package chose.
  switch (owner.content) {
    case collect::OwnedContent::kSame:
      return fmt::format("as in {}", Shown(owner.package));
    case collect::OwnedContent::kOther:
      return fmt::format("unlike in {}", Shown(owner.package));
    case collect::OwnedContent::kUnknown:
      break;
  }
  return fmt::format("of {}", Shown(owner.package));
}

std::vector<FileGroup> GroupFiles(const std::vector<const ShownFinding*>& findings,
                                  std::size_t most) {
  std::vector<const ShownFinding*> owned;
  std::vector<const ShownFinding*> others;
  for (const ShownFinding* finding : findings) {
    (finding->owner ? owned : others).push_back(finding);
  }
  std::vector<FileGroup> groups = GroupBy(owned, [](const ShownFinding& finding) {
    return fmt::format("{} {}", static_cast<int>(finding.owner->content), finding.owner->package);
  });
  for (FileGroup& group : groups) group.title = DescribeOwner(*group.findings.front()->owner);
  Sort(groups);
  std::ranges::move(GroupByFolder(others, most), std::back_inserter(groups));
  return groups;
}

}  // namespace limequat::cli
