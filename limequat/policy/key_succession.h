#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/crypto/key.h"

namespace limequat::policy {

// The payload type under which such a statement is signed: no policy is ever one.
inline constexpr std::string_view kKeySuccessionPayloadType =
    "application/vnd.limequat.policy-key+json";
inline constexpr std::size_t kMaxKeySuccessionBytes = 64U << 10U;

// A statement that another key takes over: what comes under `policy_name` is to be signed with
// `key` from then on. Worth something only in an envelope that the key of before signed.
struct KeySuccession {
  std::string policy_name;
  crypto::PublicKey key;
  Time signed_at{};  // so that it cannot be played again after the next one
};

// The document that is signed.
std::string WriteKeySuccession(const KeySuccession& succession);
// Reads one. kMalformed ("policy.key_succession") for what is none, too long, has a key that
// signs no policies, or has members that are not known. Hostile input, unless a signature over
// it was verified.
Result<KeySuccession> ParseKeySuccession(std::string_view payload);

}  // namespace limequat::policy
