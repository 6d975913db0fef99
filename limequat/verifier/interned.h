#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "limequat/crypto/digest.h"

namespace limequat::verifier {

// Objects that do not change, one for each content: `T::hash()` tells contents apart. An
// object is kept as long as somebody holds it. Thread-safe.
template <class T>
class Interned {
 public:
  // The object with this hash, if somebody holds it already; null otherwise.
  std::shared_ptr<const T> Find(const crypto::Digest& hash) {
    const std::lock_guard lock(mutex_);
    const auto found = by_hash_.find(hash);
    return found == by_hash_.end() ? nullptr : found->second.lock();
  }

  // `object`, or the one of the same content that came first.
  std::shared_ptr<const T> Keep(std::shared_ptr<const T> object) {
    const std::lock_guard lock(mutex_);
    std::erase_if(by_hash_, [](const auto& entry) { return entry.second.expired(); });
    auto& slot = by_hash_[object->hash()];
    if (auto first = slot.lock()) return first;
    slot = object;
    return object;
  }

 private:
  std::mutex mutex_;
  std::map<crypto::Digest, std::weak_ptr<const T>> by_hash_;
};

}  // namespace limequat::verifier
