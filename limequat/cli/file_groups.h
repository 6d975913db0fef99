#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "limequat/cli/findings_view.h"

namespace limequat::cli {

// Findings about files that belong together.
struct FileGroup {
  std::string title;  // "in /usr/lib/x", "as in openssl_3.0.17-1.deb"; made safe to show
  std::vector<const ShownFinding*> findings;  // never empty, in the given order
};

// How many packages get a line of their own.
inline constexpr std::size_t kFewPackages = 20;

// The findings by the packages of their files, as far as these are known, and the others by
// folders, in `most` groups if that can be: by the deepest folders that are few enough, so that
// the files of a package come together. There are more groups only if the folders of the root
// are more. Packages come first; of each kind those with the most files, then by name. Every
// finding has a path that begins with '/'.
std::vector<FileGroup> GroupFiles(const std::vector<const ShownFinding*>& findings,
                                  std::size_t most);

// "of openssl 3.0.17-1"; "as in" or "unlike in" if it is known whether the package has the same
// content. Made safe to show.
std::string DescribeOwner(const collect::Owner& owner);

}  // namespace limequat::cli
