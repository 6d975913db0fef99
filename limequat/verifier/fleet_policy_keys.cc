#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/key.h"
#include "limequat/policy/dsse.h"
#include "limequat/verifier/clock.h"
#include "limequat/verifier/fleet.h"

// Names of policies that are pinned to a key.

namespace limequat::verifier {

namespace {

Result<crypto::PublicKey> SigningKey(std::string_view pem) {
  auto key = crypto::PublicKey::FromPem(pem);
  if (!key) return Malformed("verifier.policy_key", "no public key: " + key.error().message);
  if (const Status fits = policy::CheckSigningKey(*key); !fits) {
    return Malformed("verifier.policy_key", fits.error().message);
  }
  return key;
}

Result<std::string> IdOf(std::string_view pem) {
  LQ_ASSIGN_OR_RETURN(const crypto::PublicKey key, SigningKey(pem));
  return policy::KeyIdOf(key);
}

}  // namespace

Result<std::string> Fleet::PinPolicyKey(std::string_view name, std::string_view pem) {
  LQ_ASSIGN_OR_RETURN(std::string id, IdOf(pem));
  const std::lock_guard administration(administration_);
  LQ_ASSIGN_OR_RETURN(const auto pinned, parts_.store.FindPolicyKey(name));
  if (!pinned) {
    LQ_RETURN_IF_ERROR(parts_.store.AddPolicyKey(name, pem, Now()));
    return id;
  }
  LQ_ASSIGN_OR_RETURN(const std::string known, IdOf(*pinned));
  if (known == id) return id;
  // Whoever may push must not be able to choose whose signature is needed for it.
  return Conflict("verifier.policy_key",
                  fmt::format("{} is pinned to the key {}, for good: push under another name",
                              EscapeForDisplay(name, 128), known));
}

Result<Fleet::PinnedKeys> Fleet::ListPinnedKeys() {
  LQ_ASSIGN_OR_RETURN(const auto keys, parts_.store.ListPolicyKeys());
  PinnedKeys pinned;
  for (const auto& [name, pem] : keys) {
    auto id = IdOf(pem);
    // Only such as can be read are pinned: the fault is the database's, not the caller's.
    if (!id) {
      return Internal("verifier.store.policy_key",
                      fmt::format("the key that {} is pinned to cannot be read: {}",
                                  EscapeForDisplay(name, 128), id.error().message));
    }
    pinned.emplace(name, *std::move(id));
  }
  return pinned;
}

Status Fleet::CheckPinnedKey(std::string_view name, std::string_view body) {
  LQ_ASSIGN_OR_RETURN(const auto key, parts_.store.FindPolicyKey(name));
  if (!key) return {};
  auto verified = parts_.policies.VerifySender(body, key, Now(), policy::kKeylimePayloadType);
  if (verified) return {};
  return NotByPinnedKey(name, *key, std::move(verified).error());
}

Error Fleet::NotByPinnedKey(std::string_view name, std::string_view pem, Error error) {
  const auto id = IdOf(pem);
  return std::move(error).In(fmt::format("{} is pinned to the key {}", EscapeForDisplay(name, 128),
                                         id ? *id : id.error().message));
}

}  // namespace limequat::verifier
