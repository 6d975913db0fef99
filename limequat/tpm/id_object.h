#pragma once

#include <cstdint>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"

namespace limequat::tpm {

// The part of MakeCredential that follows the choice of the seed (part 1, 24.4 and
// 24.5): TPMS_ID_OBJECT with `secret` for the object `name`, protected by an
// endorsement key with name algorithm `hash` and AES of `key_bits`. For this module's
// sources and tests only: a seed must be random and is never used twice.
Result<Bytes> MakeIdObject(crypto::HashAlgorithm hash, std::uint16_t key_bits, ByteView seed,
                           ByteView name, ByteView secret);

}  // namespace limequat::tpm
