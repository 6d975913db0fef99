#include <algorithm>
#include <array>

#include "limequat/collect/selection_internal.h"

namespace limequat::collect {

namespace {

constexpr std::uint32_t kExecuteBits = 0111U;
constexpr std::string_view kElfMagic = "\x7f\x45LF";

bool IsKernelModule(std::string_view name) {
  constexpr std::array<std::string_view, 4> kEndings = {".ko", ".ko.xz", ".ko.zst", ".ko.gz"};
  return std::ranges::any_of(kEndings,
                             [name](std::string_view end) { return name.ends_with(end); });
}

}  // namespace

Wanted IsWanted(Selection selection, std::string_view name, std::uint32_t mode) {
  const bool is_certain =
      selection == Selection::kAll || (mode & kExecuteBits) != 0 || IsKernelModule(name);
  return is_certain ? Wanted::kAlways : Wanted::kIfElf;
}

bool IsElf(ByteView beginning) { return AsText(beginning).starts_with(kElfMagic); }

}  // namespace limequat::collect
