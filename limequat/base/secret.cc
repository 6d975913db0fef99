#include "limequat/base/secret.h"

#include <string.h>

namespace limequat {

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Erase();
    bytes_ = std::exchange(other.bytes_, {});
  }
  return *this;
}

void Secret::Erase() {
  // The storage may hold more than the secret's present size.
  bytes_.resize(bytes_.capacity());
  // explicit_bzero is not optimised away (glibc).
  if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
  bytes_.clear();
}

}  // namespace limequat
