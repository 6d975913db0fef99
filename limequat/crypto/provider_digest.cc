#include <cstddef>
#include <string>
#include <string_view>

#include <openssl/core.h>
#include <openssl/provider.h>

#include "limequat/base/check.h"
#include "limequat/crypto/provider_digest_internal.h"

namespace limequat::crypto {

namespace {

// What `provider` has under a name of `md`; that is where EVP_MD_fetch found it.
const OSSL_DISPATCH* FunctionsOf(const EVP_MD* md, const OSSL_PROVIDER* provider) {
  int may_change = 0;
  const OSSL_ALGORITHM* each = OSSL_PROVIDER_query_operation(provider, OSSL_OP_DIGEST, &may_change);
  LQ_CHECK(each != nullptr);
  for (; each->algorithm_names != nullptr; ++each) {
    // "SHA2-256:SHA-256:SHA256"
    const std::string_view names = each->algorithm_names;
    if (EVP_MD_is_a(md, std::string(names.substr(0, names.find(':'))).c_str()) == 1) {
      return each->implementation;
    }
  }
  return nullptr;
}

}  // namespace

ProviderDigest::ProviderDigest(const EVP_MD* md) {
  LQ_CHECK(md != nullptr);
  size_ = static_cast<std::size_t>(EVP_MD_get_size(md));
  const OSSL_PROVIDER* provider = EVP_MD_get0_provider(md);
  const OSSL_DISPATCH* function = FunctionsOf(md, provider);
  LQ_CHECK(function != nullptr);
  for (; function->function_id != 0; ++function) {
    switch (function->function_id) {
      case OSSL_FUNC_DIGEST_NEWCTX:
        new_context_ = OSSL_FUNC_digest_newctx(function);
        break;
      case OSSL_FUNC_DIGEST_FREECTX:
        free_context_ = OSSL_FUNC_digest_freectx(function);
        break;
      case OSSL_FUNC_DIGEST_INIT:
        init_ = OSSL_FUNC_digest_init(function);
        break;
      case OSSL_FUNC_DIGEST_UPDATE:
        update_ = OSSL_FUNC_digest_update(function);
        break;
      case OSSL_FUNC_DIGEST_FINAL:
        final_ = OSSL_FUNC_digest_final(function);
        break;
      default:
        break;
    }
  }
  // EVP uses the same five.
  LQ_CHECK(new_context_ != nullptr && free_context_ != nullptr && init_ != nullptr &&
           update_ != nullptr && final_ != nullptr);
  context_ = new_context_(OSSL_PROVIDER_get0_provider_ctx(provider));
  LQ_CHECK(context_ != nullptr);
}

ProviderDigest::~ProviderDigest() { free_context_(context_); }

void ProviderDigest::Hash(ByteView first, ByteView second, std::uint8_t* out) {
  std::size_t written = 0;
  LQ_CHECK(init_(context_, nullptr) == 1);
  LQ_CHECK(update_(context_, first.data(), first.size()) == 1);
  if (!second.empty()) LQ_CHECK(update_(context_, second.data(), second.size()) == 1);
  LQ_CHECK(final_(context_, out, &written, size_) == 1 && written == size_);
}

}  // namespace limequat::crypto
