#pragma once

#include <cstdint>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/collect/tree.h"

namespace limequat::collect {

// Internal to this module: which files a selection takes.
enum class Wanted { kAlways, kIfElf };

// What name and mode (of stat) tell; the content has to tell the rest.
Wanted IsWanted(Selection selection, std::string_view name, std::uint32_t mode);

// Whether `beginning`, the first bytes of a file, is that of an ELF file.
bool IsElf(ByteView beginning);

}  // namespace limequat::collect
