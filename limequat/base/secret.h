#pragma once

#include <utility>

#include "limequat/base/bytes.h"

namespace limequat {

// Bytes that must not reach a log and are erased when they are no longer needed.
// Not copyable, not printable; the content is reached only by a name that says so.
class Secret {
 public:
  Secret() = default;
  explicit Secret(Bytes bytes) : bytes_(std::move(bytes)) {}
  Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { Erase(); }

  bool empty() const { return bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }
  // The secret itself. The view is valid while this object lives and is not moved from.
  ByteView Expose() const { return bytes_; }

 private:
  void Erase();
  Bytes bytes_;
};

}  // namespace limequat
