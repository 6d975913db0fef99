#pragma once

#include <vector>

#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"

namespace limequat::policy {

// Internal to this module: with what a key signs envelopes, the one we sign with
// first. Empty: never.
struct SigningScheme {
  crypto::SignatureScheme scheme;
  crypto::HashAlgorithm hash;  // no meaning for Ed25519
};
std::vector<SigningScheme> SchemesOf(const crypto::PublicKey& key);

}  // namespace limequat::policy
