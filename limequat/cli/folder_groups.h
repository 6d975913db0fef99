#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "limequat/cli/findings_view.h"

namespace limequat::cli {

// Findings about files below one folder.
struct FolderGroup {
  std::string folder;  // "/usr/lib/x", "/" for the root; hostile, as paths are
  std::vector<const ShownFinding*> findings;  // never empty, in the given order
};

// The findings by the folders of their files, in `most` groups if that can be: by the
// deepest folders that are few enough, so that the files of a package come together. There
// are more groups only if the folders of the root are more. Those with the most files come
// first, then by name. Every finding has a path that begins with '/'.
std::vector<FolderGroup> GroupByFolder(const std::vector<const ShownFinding*>& findings,
                                       std::size_t most);

}  // namespace limequat::cli
