#include "allocations.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace limequat::testing {

namespace {

std::size_t allocated = 0;
std::size_t peak = 0;

// In front of each piece of memory, its size; as large as the alignment of the piece.
constexpr std::size_t kDefaultAlignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
static_assert(kDefaultAlignment >= sizeof(std::size_t));

void* Allocate(std::size_t size, std::size_t alignment) {
  // aligned_alloc wants a multiple of the alignment.
  const std::size_t whole = (size + 2 * alignment - 1) / alignment * alignment;
  auto* memory = static_cast<unsigned char*>(std::aligned_alloc(alignment, whole));
  if (memory == nullptr) std::abort();
  std::memcpy(memory, &size, sizeof size);
  allocated += size;
  peak = std::max(peak, allocated);
  return memory + alignment;
}

void Free(void* pointer, std::size_t alignment) {
  if (pointer == nullptr) return;
  unsigned char* memory = static_cast<unsigned char*>(pointer) - alignment;
  std::size_t size = 0;
  std::memcpy(&size, memory, sizeof size);
  allocated -= size;
  std::free(memory);
}

}  // namespace

std::size_t Allocated() { return allocated; }
void ForgetPeak() { peak = allocated; }
std::size_t Peak() { return peak; }

}  // namespace limequat::testing

// The other forms of new and delete call these.
void* operator new(std::size_t size) {
  return limequat::testing::Allocate(size, limequat::testing::kDefaultAlignment);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return limequat::testing::Allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* pointer) noexcept {
  limequat::testing::Free(pointer, limequat::testing::kDefaultAlignment);
}
void operator delete(void* pointer, std::size_t) noexcept {
  limequat::testing::Free(pointer, limequat::testing::kDefaultAlignment);
}
void operator delete(void* pointer, std::align_val_t alignment) noexcept {
  limequat::testing::Free(pointer, static_cast<std::size_t>(alignment));
}
void operator delete(void* pointer, std::size_t, std::align_val_t alignment) noexcept {
  limequat::testing::Free(pointer, static_cast<std::size_t>(alignment));
}
