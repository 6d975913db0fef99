#include "limequat/agent/bootstrap_key.h"

#include <utility>

#include "limequat/crypto/mac.h"

namespace limequat::agent {

namespace {

std::optional<Secret> Combined(const Secret& u, const Secret& v) {
  if (u.size() != v.size()) return std::nullopt;
  Bytes key(u.size());
  for (std::size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<std::uint8_t>(u.Expose()[i] ^ v.Expose()[i]);
  }
  return Secret(std::move(key));
}

}  // namespace

BootstrapKey::Outcome BootstrapKey::AddU(Secret half, Bytes tag) {
  const std::lock_guard lock(mutex_);
  us_.push_back({std::move(half), std::move(tag)});
  if (us_.size() > kMaxHalves) us_.pop_front();
  return Combine();
}

BootstrapKey::Outcome BootstrapKey::AddV(Secret half) {
  const std::lock_guard lock(mutex_);
  vs_.push_back(std::move(half));
  if (vs_.size() > kMaxHalves) vs_.pop_front();
  return Combine();
}

BootstrapKey::Outcome BootstrapKey::Combine() {
  for (const U& u : us_) {
    for (const Secret& v : vs_) {
      std::optional<Secret> key = Combined(u.half, v);
      if (!key) continue;
      const crypto::Digest tag =
          crypto::Hmac(crypto::HashAlgorithm::kSha384, key->Expose(), AsBytes(id_.text()));
      if (!crypto::ConstantTimeEqual(tag.bytes(), u.tag)) continue;
      key_ = *std::move(key);
      us_.clear();
      vs_.clear();
      return Outcome::kComplete;
    }
  }
  return Outcome::kIncomplete;
}

std::optional<std::string> BootstrapKey::Prove(std::string_view challenge) const {
  const std::lock_guard lock(mutex_);
  if (key_.empty()) return std::nullopt;
  return crypto::Hmac(crypto::HashAlgorithm::kSha384, key_.Expose(), AsBytes(challenge)).hex();
}

}  // namespace limequat::agent
