#pragma once

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/base/secret.h"
#include "limequat/tpm/public_area.h"

namespace limequat::tpm {

// TPM2_MakeCredential in software (part 1, 24 and annexes B.10, C.6): encrypts
// `secret` so that only the TPM with the endorsement key `ek` can release it, and
// only if it also holds the object with the Name `name`. RSA and ECC endorsement
// keys with AES-CFB; others are kUnsupported ("tpm.credential.ek"). `ek` may be
// hostile: whoever chose it learns the secret.
struct Credential {
  Bytes id_object;         // TPMS_ID_OBJECT: TPM2B_DIGEST integrity, then encrypted identity
  Bytes encrypted_secret;  // content of TPM2B_ENCRYPTED_SECRET
};
Result<Credential> MakeCredential(const PublicArea& ek, ByteView name, ByteView secret);

// The credential file of tpm2-tools that Keylime's registrar answers with
// (keylime-server-protocol, 1.7), and its inverse for the agent (hostile input;
// kMalformed "tpm.credential_blob.*"; memory: at most twice the input and 512 bytes).
Bytes WriteCredentialBlob(const Credential& credential);
Result<Credential> ParseCredentialBlob(ByteView blob);

// KDFa and KDFe (part 1, 11.4.10), `bits` a multiple of eight.
Bytes Kdfa(crypto::HashAlgorithm hash, ByteView key, std::string_view label, ByteView context_u,
           ByteView context_v, std::uint32_t bits);
Bytes Kdfe(crypto::HashAlgorithm hash, ByteView z, std::string_view label, ByteView party_u,
           ByteView party_v, std::uint32_t bits);

}  // namespace limequat::tpm
