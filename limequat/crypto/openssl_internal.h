#pragma once

// What the sources of this module share about OpenSSL. Not installed, and included
// by nobody else.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "limequat/base/bytes.h"
#include "limequat/crypto/digest.h"

namespace limequat::crypto {

template <auto Free>
struct Releases {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};

using BioPtr = std::unique_ptr<BIO, Releases<BIO_free_all>>;
using BnPtr = std::unique_ptr<BIGNUM, Releases<BN_free>>;
using CipherContextPtr = std::unique_ptr<EVP_CIPHER_CTX, Releases<EVP_CIPHER_CTX_free>>;
using MacContextPtr = std::unique_ptr<EVP_MAC_CTX, Releases<EVP_MAC_CTX_free>>;
using MdContextPtr = std::unique_ptr<EVP_MD_CTX, Releases<EVP_MD_CTX_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Releases<EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Releases<EVP_PKEY_CTX_free>>;
using X509Ptr = std::unique_ptr<X509, Releases<X509_free>>;

// Leaves the thread's error queue as it was found: a stale entry would be taken
// for the reason of somebody else's failure (OpenSSL's TLS reads the same queue).
class ErrorQueueScope {
 public:
  ErrorQueueScope() { ERR_set_mark(); }
  ~ErrorQueueScope() { ERR_pop_to_mark(); }
  ErrorQueueScope(const ErrorQueueScope&) = delete;
  ErrorQueueScope& operator=(const ErrorQueueScope&) = delete;
};

// The implementation of `algorithm`, fetched once for the life of the program.
const EVP_MD* FetchedMd(HashAlgorithm algorithm);
// Its name as OpenSSL's parameters want it.
const char* MdName(HashAlgorithm algorithm);

// One block of PEM text (RFC 7468), base64 decoded.
struct PemBlock {
  std::string label;  // "CERTIFICATE"
  bool encrypted = false;
  Bytes der;
};

// Walks over the PEM blocks of hostile text. Text between blocks is skipped.
class PemBlocks {
 public:
  explicit PemBlocks(std::string_view text);

  enum class Step { kBlock, kEnd, kDamaged };
  // kEnd: no block begins in what is left; kDamaged: one begins and cannot be read.
  Step Next(PemBlock& block);
  // Whether nothing but blanks is left.
  bool OnlyBlanksLeft() const;

 private:
  BioPtr bio_;
};

// PEM text of `der`, 64 columns, final newline.
std::string PemText(const char* label, ByteView der);

}  // namespace limequat::crypto
