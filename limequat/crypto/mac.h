#pragma once

#include "limequat/base/bytes.h"
#include "limequat/crypto/digest.h"

namespace limequat::crypto {

// HMAC (FIPS 198-1) of `data`, with a key of any size. The result is a Digest of the
// hash's size; compare it with ConstantTimeEqual.
Digest Hmac(HashAlgorithm algorithm, ByteView key, ByteView data);

// Whether the two are equal, in time that depends on the sizes only.
bool ConstantTimeEqual(ByteView a, ByteView b);

}  // namespace limequat::crypto
