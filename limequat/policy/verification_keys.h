#pragma once

#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/ima/keyring.h"

namespace limequat::policy {

// The keyring in a policy's `verification-keys` (keylime-server-protocol, 5.6): base64 of
// SubjectPublicKeyInfo by position of key ids, of which 0 or an absent one is computed.
// Tools encode the text once or twice. Empty text is an empty keyring; its keys are named
// `keyring`. Hostile input (a request body). kMalformed ("policy.verification_keys") for
// everything else, a key that is not understood, and more keys than a Keyring holds:
// Keylime goes on without any key then, which would show every signed file as unknown.
Result<ima::Keyring> ParseVerificationKeys(std::string_view text, std::string_view keyring);

// The same of `keys`, as Keylime's tools write it: encoded once, with every key's id. Empty
// without any.
std::string WriteVerificationKeys(const ima::Keyring& keys);

}  // namespace limequat::policy
