#pragma once

// Not installed, and included by the sources of this module only.

#include <cstdint>

#include <openssl/core_dispatch.h>
#include <openssl/evp.h>

#include "limequat/base/bytes.h"

namespace limequat::crypto {

// The hash function behind an EVP_MD, called at its provider, which may be that of
// FIPS. It is for many short messages: for each, EVP of OpenSSL 3.0 makes and erases a
// new context of the provider and looks for engines, which costs a third of what
// hashing a hundred bytes does (docs/performance.md).
class ProviderDigest {
 public:
  // `md` has been fetched (checked: it is not null).
  explicit ProviderDigest(const EVP_MD* md);
  ProviderDigest(const ProviderDigest&) = delete;
  ProviderDigest& operator=(const ProviderDigest&) = delete;
  ~ProviderDigest();

  // Writes the hash of both, one after the other, to `out`, which has the digest's size.
  void Hash(ByteView first, ByteView second, std::uint8_t* out);

 private:
  OSSL_FUNC_digest_newctx_fn* new_context_ = nullptr;
  OSSL_FUNC_digest_freectx_fn* free_context_ = nullptr;
  OSSL_FUNC_digest_init_fn* init_ = nullptr;
  OSSL_FUNC_digest_update_fn* update_ = nullptr;
  OSSL_FUNC_digest_final_fn* final_ = nullptr;
  std::size_t size_ = 0;
  void* context_ = nullptr;
};

}  // namespace limequat::crypto
