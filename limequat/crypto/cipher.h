#pragma once

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat::crypto {

// AES-CFB with 128-bit feedback and an all-zero IV, as TPM 2.0 part 1, 24 uses for
// credentials. `key` has 16, 24 or 32 bytes and the text at most 65535, what a TPM2B
// holds; otherwise kUnsupported ("crypto.cipher.…"). The IV is fixed, so a key must
// never be used twice: not for anything else.
Result<Bytes> AesCfb128EncryptZeroIv(ByteView key, ByteView plaintext);
Result<Bytes> AesCfb128DecryptZeroIv(ByteView key, ByteView ciphertext);

}  // namespace limequat::crypto
