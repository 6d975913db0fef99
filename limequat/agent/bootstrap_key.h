#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "limequat/base/bytes.h"
#include "limequat/base/secret.h"
#include "limequat/wire/agent_id.h"

namespace limequat::agent {

// The key that a tenant shares with an agent in two halves: U from the tenant, V from
// the verifier once a quote was good (keylime-agent-protocol, 4.1). It proves to the
// tenant that the verifier is content; nothing is decrypted with it here. Thread-safe.
class BootstrapKey {
 public:
  explicit BootstrapKey(wire::AgentId id) : id_(std::move(id)) {}

  // A half; `tag` is HMAC-SHA-384 of the identifier under the whole key. Only the
  // newest kMaxHalves of either kind are kept (quirk A49). kComplete: it made a key,
  // which replaces the one before.
  enum class Outcome : std::uint8_t { kIncomplete, kComplete };
  Outcome AddU(Secret half, Bytes tag);
  Outcome AddV(Secret half);

  // HMAC-SHA-384 over `challenge` in hexadecimal; nullopt if the key is not known.
  std::optional<std::string> Prove(std::string_view challenge) const;

  static constexpr std::size_t kMaxHalves = 16;

 private:
  struct U {
    Secret half;
    Bytes tag;
  };
  Outcome Combine();

  const wire::AgentId id_;
  mutable std::mutex mutex_;
  std::deque<U> us_;
  std::deque<Secret> vs_;
  Secret key_;
};

}  // namespace limequat::agent
