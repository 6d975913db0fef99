#include "limequat/verifier/policy_shelf.h"

#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/crypto/digest.h"

namespace limequat::verifier {

Result<std::shared_ptr<const policy::RuntimePolicy>> PolicyShelf::Get(std::string_view body) {
  std::string hash = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(body)).hex();
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_hash_.find(hash); found != by_hash_.end()) {
      if (auto policy = found->second.lock()) return policy;
    }
  }
  // Parsed without the lock: a large policy must not hold up the others. Two threads
  // may parse the same content; the first one stays.
  LQ_ASSIGN_OR_RETURN(auto policy, policy::RuntimePolicy::Parse(body));
  const std::lock_guard lock(mutex_);
  std::erase_if(by_hash_, [](const auto& entry) { return entry.second.expired(); });
  auto& slot = by_hash_[std::move(hash)];
  if (auto first = slot.lock()) return first;
  slot = policy;
  return policy;
}

}  // namespace limequat::verifier
