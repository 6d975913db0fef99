#pragma once

#include <string_view>

namespace limequat::collect {

// Internal to this module: whether `path` lies in a folder of the root ("/bin/sh") that
// distributions have moved below /usr. Their packages have not all followed.
bool HasMovedBelowUsr(std::string_view path);

}  // namespace limequat::collect
