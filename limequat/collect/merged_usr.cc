#include <algorithm>
#include <array>

#include "limequat/collect/merged_usr_internal.h"

namespace limequat::collect {

bool HasMovedBelowUsr(std::string_view path) {
  constexpr std::array<std::string_view, 6> kFolders = {"/bin/",   "/sbin/",  "/lib/",
                                                        "/lib32/", "/lib64/", "/libx32/"};
  return std::ranges::any_of(kFolders,
                             [path](std::string_view folder) { return path.starts_with(folder); });
}

}  // namespace limequat::collect
