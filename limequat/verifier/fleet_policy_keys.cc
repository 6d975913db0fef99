#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/key.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/key_succession.h"
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

// Whether this says what is so already: then nothing is done, and nobody has to be believed.
bool IsAboutKey(const policy::UnverifiedEnvelope& envelope, const crypto::PublicKey& key) {
  if (envelope.payload_type() != policy::kKeySuccessionPayloadType) return false;
  const auto claimed = policy::ParseKeySuccession(envelope.unverified_payload());
  return claimed && claimed->key == key;
}

// A key that comes back is not replaced once more by what it signed the first time, nor by what
// is dated ahead for that (attack A11).
Status CheckSignedSince(Time signed_at, Time pinned, Time now) {
  constexpr std::chrono::minutes kClocksDiffer{5};
  const auto second = std::chrono::floor<std::chrono::seconds>(pinned);
  if (signed_at >= second && signed_at <= now + kClocksDiffer) return {};
  return Conflict("verifier.policy_key",
                  fmt::format("the new key was signed at {}, but the present one has been pinned "
                              "since {}, and it is {}: sign it anew",
                              FormatRfc3339(signed_at), FormatRfc3339(pinned), FormatRfc3339(now)));
}

}  // namespace

Result<Fleet::Pinned> Fleet::PinPolicyKey(std::string_view name, std::string_view key) {
  const std::lock_guard administration(administration_);
  if (const auto envelope = policy::UnverifiedEnvelope::Parse(key))
    return ReplacePolicyKeyLocked(name, *envelope);
  LQ_ASSIGN_OR_RETURN(std::string id, IdOf(key));
  LQ_ASSIGN_OR_RETURN(const auto pinned, parts_.store.FindPolicyKey(name));
  if (!pinned) {
    LQ_RETURN_IF_ERROR(parts_.store.AddPolicyKey(name, key, Now()));
    return Pinned{.key = std::move(id), .before = {}};
  }
  LQ_ASSIGN_OR_RETURN(const std::string known, IdOf(pinned->pem));
  if (known == id) return Pinned{.key = std::move(id), .before = {}};
  // Whoever may push must not be able to choose whose signature is needed for it.
  return Conflict("verifier.policy_key",
                  fmt::format("{} is pinned to the key {}: another one takes over if that signs it",
                              EscapeForDisplay(name, 128), known));
}

Result<Fleet::Pinned> Fleet::ReplacePolicyKeyLocked(std::string_view name,
                                                    const policy::UnverifiedEnvelope& envelope) {
  LQ_ASSIGN_OR_RETURN(const auto pinned, parts_.store.FindPolicyKey(name));
  if (!pinned) {
    return Conflict("verifier.policy_key",
                    fmt::format("{} is pinned to no key that another one could take over from",
                                EscapeForDisplay(name, 128)));
  }
  LQ_ASSIGN_OR_RETURN(const crypto::PublicKey known, SigningKey(pinned->pem));
  if (IsAboutKey(envelope, known)) return Pinned{.key = policy::KeyIdOf(known), .before = {}};
  const policy::TrustedSigners signers{
      .keys = {known},
      .anchors = {},
      .payload_types = {std::string(policy::kKeySuccessionPayloadType)}};
  const auto verification = policy::VerifyEnvelope(envelope, signers);
  if (!verification.envelope) {
    return Untrusted("verifier.policy_key_signature",
                     fmt::format("{} is pinned to the key {}, which did not sign this one",
                                 EscapeForDisplay(name, 128), policy::KeyIdOf(known)));
  }
  LQ_ASSIGN_OR_RETURN(const auto next,
                      policy::ParseKeySuccession(verification.envelope->payload()));
  const Time now = Now();
  if (next.policy_name != name) {
    return Untrusted(
        "verifier.policy_name",
        fmt::format("the new key was signed for the name {}, not {}",
                    EscapeForDisplay(next.policy_name, 128), EscapeForDisplay(name, 128)));
  }
  LQ_RETURN_IF_ERROR(CheckSignedSince(next.signed_at, pinned->pinned, now));
  const std::string pem = next.key.ToPem();
  LQ_RETURN_IF_ERROR(parts_.store.ReplacePolicyKey(name, pinned->pem, pem, now));
  return Pinned{.key = policy::KeyIdOf(next.key), .before = policy::KeyIdOf(known)};
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
  auto verified = parts_.policies.VerifySender(body, key->pem, Now(), policy::kKeylimePayloadType);
  if (verified) return {};
  return NotByPinnedKey(name, key->pem, std::move(verified).error());
}

Error Fleet::NotByPinnedKey(std::string_view name, std::string_view pem, Error error) {
  const auto id = IdOf(pem);
  return std::move(error).In(fmt::format("{} is pinned to the key {}", EscapeForDisplay(name, 128),
                                         id ? *id : id.error().message));
}

}  // namespace limequat::verifier
