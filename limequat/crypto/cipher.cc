#include "limequat/crypto/cipher.h"

#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/crypto/openssl_internal.h"

namespace limequat::crypto {

namespace {

// What a TPM2B can hold: nothing longer is ever wrapped this way.
constexpr std::size_t kMaxBytes = 0xffff;
constexpr int kEncrypt = 1;
constexpr int kDecrypt = 0;

const EVP_CIPHER* AesCfb(std::size_t key_size) {
  switch (key_size) {
    case 16:
      return EVP_aes_128_cfb128();
    case 24:
      return EVP_aes_192_cfb128();
    case 32:
      return EVP_aes_256_cfb128();
    default:
      return nullptr;
  }
}

Result<Bytes> Transform(ByteView key, ByteView input, int direction) {
  const EVP_CIPHER* cipher = AesCfb(key.size());
  if (cipher == nullptr) {
    return Unsupported("crypto.cipher.key",
                       fmt::format("an AES key has 16, 24 or 32 bytes, not {}", key.size()));
  }
  if (input.size() > kMaxBytes) {
    return Unsupported("crypto.cipher.size",
                       fmt::format("{} bytes are more than a TPM2B holds", input.size()));
  }
  const CipherContextPtr context(EVP_CIPHER_CTX_new());
  LQ_CHECK(context != nullptr);
  const std::array<std::uint8_t, 16> iv{};
  LQ_CHECK(EVP_CipherInit_ex2(context.get(), cipher, key.data(), iv.data(), direction, nullptr) ==
           1);
  Bytes output(input.size());
  if (input.empty()) return output;
  int written = 0;
  LQ_CHECK(EVP_CipherUpdate(context.get(), output.data(), &written, input.data(),
                            static_cast<int>(input.size())) == 1);
  LQ_CHECK(written == static_cast<int>(input.size()));
  return output;
}

}  // namespace

Result<Bytes> AesCfb128EncryptZeroIv(ByteView key, ByteView plaintext) {
  return Transform(key, plaintext, kEncrypt);
}

Result<Bytes> AesCfb128DecryptZeroIv(ByteView key, ByteView ciphertext) {
  return Transform(key, ciphertext, kDecrypt);
}

}  // namespace limequat::crypto
