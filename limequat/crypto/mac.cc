#include "limequat/crypto/mac.h"

#include <array>
#include <string>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/openssl_internal.h"

namespace limequat::crypto {

namespace {

EVP_MAC* FetchedHmac() {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_HMAC, nullptr);
  LQ_CHECK(mac != nullptr);
  return mac;
}

}  // namespace

Digest Hmac(HashAlgorithm algorithm, ByteView key, ByteView data) {
  const MacContextPtr context(EVP_MAC_CTX_new(FetchedHmac()));
  LQ_CHECK(context != nullptr);
  std::string name = MdName(algorithm);
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
      OSSL_PARAM_construct_end()};
  // A null pointer would mean "keep the key"; an empty key is one, too.
  const std::uint8_t nothing = 0;
  const std::uint8_t* start = key.empty() ? &nothing : key.data();
  LQ_CHECK(EVP_MAC_init(context.get(), start, key.size(), parameters.data()) == 1);
  LQ_CHECK(EVP_MAC_update(context.get(), data.data(), data.size()) == 1);
  std::array<std::uint8_t, kMaxDigestSize> tag{};
  std::size_t size = 0;
  LQ_CHECK(EVP_MAC_final(context.get(), tag.data(), &size, tag.size()) == 1);
  Result<Digest> digest = Digest::FromBytes(algorithm, ByteView(tag).first(size));
  LQ_CHECK(digest.has_value());
  return *digest;
}

bool ConstantTimeEqual(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace limequat::crypto
