#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>

#include "limequat/base/byte_reader.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"
#include "limequat/ima/file_signature.h"
#include "limequat/ima/kernel_hash.h"
#include "limequat/ima/keyring.h"

// For tests only: signs files.
namespace limequat::ima::testing {

struct SignAs {
  std::uint8_t type = 3;
  std::uint8_t version = 2;
  std::optional<std::uint32_t> key_id = std::nullopt;  // another than the key's own
};

class FileSigner {
 public:
  explicit FileSigner(crypto::PrivateKey key) : private_key_(std::move(key)) {}

  Key key() const { return ParseKey(private_key_.public_key().ToSpkiDer()).value(); }

  // The value of an extended attribute for a file with this content, of version 2 or 3.
  Bytes Sign(ByteView content, crypto::HashAlgorithm hash = crypto::HashAlgorithm::kSha256,
             const SignAs& as = {}) const {
    const std::uint8_t number = NumberOf(hash);
    ByteWriter id;
    id.U8(as.type).U8(number).Raw(crypto::Hash(hash, content).bytes());
    const bool is_rsa = private_key_.public_key().type() == crypto::KeyType::kRsa;
    const Bytes signature =
        private_key_
            .Sign(is_rsa ? crypto::SignatureScheme::kRsaSsa : crypto::SignatureScheme::kEcdsa, hash,
                  as.version == 3 ? ByteView(id.bytes()) : content)
            .value();
    ByteWriter value;
    value.U8(as.type).U8(as.version).U8(number).U32Be(as.key_id.value_or(key().id));
    return value.SizedU16Be(signature).Take();
  }

 private:
  static std::uint8_t NumberOf(crypto::HashAlgorithm hash) {
    for (std::uint8_t number = 0; !KernelHashName(number).empty(); ++number) {
      if (HashOfKernelName(KernelHashName(number)) == hash) return number;
    }
    throw std::logic_error("a hash without a number");
  }

  crypto::PrivateKey private_key_;
};

}  // namespace limequat::ima::testing
