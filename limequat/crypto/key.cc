#include "limequat/crypto/key.h"

#include <array>
#include <cstdint>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "limequat/base/check.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/key_internal.h"

namespace limequat::crypto {

namespace {

using X509PubkeyPtr = std::unique_ptr<X509_PUBKEY, Releases<X509_PUBKEY_free>>;

constexpr std::size_t kMaxModulusBytes = 16384 / 8;

// OpenSSL would also take keys that are bound to PSS with parameters of their own.
bool Fits(const PublicKey::Impl& key, SignatureScheme scheme) {
  switch (scheme) {
    case SignatureScheme::kRsaSsa:
    case SignatureScheme::kRsaPss:
      return key.type == KeyType::kRsa;
    case SignatureScheme::kEcdsa:
      return key.curve.has_value() && key.curve != Curve::kSm2;
    case SignatureScheme::kSm2:
      return key.curve == Curve::kSm2;
    case SignatureScheme::kEd25519:
      return false;  // it signs messages, not digests
  }
  return false;
}

// Ready to verify; null if the scheme does not go with the key.
PkeyContextPtr VerifyContext(const PublicKey::Impl& key, SignatureScheme scheme,
                             HashAlgorithm hash) {
  PkeyContextPtr context(EVP_PKEY_CTX_new(key.pkey.get(), nullptr));
  LQ_CHECK(context != nullptr);
  if (EVP_PKEY_verify_init(context.get()) != 1) return nullptr;
  if (!SetScheme(context.get(), key, scheme, hash, RSA_PSS_SALTLEN_AUTO)) return nullptr;
  return context;
}

SignatureCheck VerifyWith(EVP_PKEY_CTX* context, const Digest& digest, ByteView signature) {
  if (context == nullptr) return SignatureCheck::kInvalid;
  // 0 and every negative number mean "no"; only 1 means "yes".
  const int answer = EVP_PKEY_verify(context, signature.data(), signature.size(),
                                     digest.bytes().data(), digest.size());
  return answer == 1 ? SignatureCheck::kValid : SignatureCheck::kInvalid;
}

SignatureCheck VerifyEd25519(const PublicKey::Impl& key, ByteView message, ByteView signature) {
  if (key.type != KeyType::kEd25519) return SignatureCheck::kInvalid;
  const MdContextPtr context(EVP_MD_CTX_new());
  LQ_CHECK(context != nullptr);
  LQ_CHECK(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.pkey.get()) == 1);
  const int answer = EVP_DigestVerify(context.get(), signature.data(), signature.size(),
                                      message.data(), message.size());
  return answer == 1 ? SignatureCheck::kValid : SignatureCheck::kInvalid;
}

}  // namespace

bool SetScheme(EVP_PKEY_CTX* context, const PublicKey::Impl& key, SignatureScheme scheme,
               HashAlgorithm hash, int pss_salt_length) {
  if (!Fits(key, scheme)) return false;
  switch (scheme) {
    case SignatureScheme::kEd25519:
      return false;
    case SignatureScheme::kRsaSsa:
      if (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) != 1) return false;
      break;
    case SignatureScheme::kRsaPss:
      if (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) != 1) return false;
      if (EVP_PKEY_CTX_set_rsa_pss_saltlen(context, pss_salt_length) != 1) return false;
      break;
    case SignatureScheme::kEcdsa:
      break;
    case SignatureScheme::kSm2:
      // OpenSSL knows SM2 with SM3 only, but takes any digest of that size.
      return true;
  }
  return EVP_PKEY_CTX_set_signature_md(context, FetchedMd(hash)) == 1;
}

// MGF1 takes the hash of OAEP unless it is told another.
bool SetOaep(EVP_PKEY_CTX* context, HashAlgorithm hash, ByteView label) {
  if (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1) return false;
  if (EVP_PKEY_CTX_set_rsa_oaep_md(context, FetchedMd(hash)) != 1) return false;
  if (label.empty()) return true;
  // The context takes this copy over if it succeeds.
  void* copy = OPENSSL_memdup(label.data(), label.size());
  LQ_CHECK(copy != nullptr);
  if (EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, static_cast<int>(label.size())) == 1) {
    return true;
  }
  OPENSSL_free(copy);
  return false;
}

Result<PublicKey> PublicKey::FromPem(std::string_view pem) {
  const ErrorQueueScope scope;
  PemBlocks blocks(pem);
  PemBlock block;
  if (blocks.Next(block) != PemBlocks::Step::kBlock) {
    return Malformed("crypto.key.pem", "no readable PEM block");
  }
  if (block.label != "PUBLIC KEY" || block.encrypted) {
    return Malformed("crypto.key.pem", fmt::format("a PEM block \"{}\", not \"PUBLIC KEY\"",
                                                   EscapeForDisplay(block.label, 64)));
  }
  if (!blocks.OnlyBlanksLeft()) {
    return Malformed("crypto.key.pem", "text follows the PEM block of the public key");
  }
  return FromSpkiDer(block.der);
}

Result<PublicKey> PublicKey::FromSpkiDer(ByteView der) {
  const ErrorQueueScope scope;
  const unsigned char* at = der.data();
  const X509PubkeyPtr info(d2i_X509_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  if (info == nullptr) return Malformed("crypto.key.spki", "not a SubjectPublicKeyInfo in DER");
  if (at != der.data() + der.size()) {
    return Malformed("crypto.key.spki", "bytes follow the SubjectPublicKeyInfo");
  }
  return PublicKeyOf(info.get());
}

Result<PublicKey> PublicKey::FromRsa(ByteView modulus, std::uint64_t exponent) {
  const ErrorQueueScope scope;
  if (modulus.size() > kMaxModulusBytes) {
    return Unsupported("crypto.key.rsa_bits",
                       fmt::format("an RSA modulus of {} bytes", modulus.size()));
  }
  std::array<std::uint8_t, 8> exponent_bytes{};
  for (std::size_t i = 0; i < exponent_bytes.size(); ++i) {
    exponent_bytes[i] = static_cast<std::uint8_t>(exponent >> (56U - 8U * i));
  }
  const BnPtr n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
  const BnPtr e(BN_bin2bn(exponent_bytes.data(), static_cast<int>(exponent_bytes.size()), nullptr));
  LQ_CHECK(n != nullptr && e != nullptr);
  LQ_ASSIGN_OR_RETURN(PkeyPtr pkey, RsaPkey(n.get(), e.get()));
  return PublicKeyOf(std::move(pkey));
}

Result<PublicKey> PublicKey::FromEcPoint(Curve curve, ByteView x, ByteView y) {
  const ErrorQueueScope scope;
  LQ_ASSIGN_OR_RETURN(PkeyPtr pkey, EcPkey(curve, x, y));
  return PublicKeyOf(std::move(pkey));
}

KeyType PublicKey::type() const { return impl_->type; }
int PublicKey::bits() const { return impl_->bits; }
std::optional<Curve> PublicKey::curve() const { return impl_->curve; }

std::string PublicKey::ToPem() const { return PemText("PUBLIC KEY", ToSpkiDer()); }

Bytes PublicKey::ToSpkiDer() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(impl_->pkey.get(), &der);
  LQ_CHECK(size > 0);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

SignatureCheck PublicKey::Verify(SignatureScheme scheme, HashAlgorithm hash, ByteView message,
                                 ByteView signature) const {
  if (scheme == SignatureScheme::kEd25519) {
    const ErrorQueueScope errors;
    return VerifyEd25519(*impl_, message, signature);
  }
  return VerifyDigest(scheme, Hash(hash, message), signature);
}

SignatureCheck PublicKey::VerifyDigest(SignatureScheme scheme, const Digest& digest,
                                       ByteView signature) const {
  const ErrorQueueScope errors;
  const HashAlgorithm hash = digest.algorithm();
  PublicKey::Impl::Ready& ready = *impl_->ready;
  const std::unique_lock lock(ready.mutex, std::try_to_lock);
  if (!lock) {
    // Another thread verifies with this key: none waits for the other.
    return VerifyWith(VerifyContext(*impl_, scheme, hash).get(), digest, signature);
  }
  if (ready.context == nullptr || ready.scheme != scheme || ready.hash != hash) {
    ready.context = VerifyContext(*impl_, scheme, hash);
    ready.scheme = scheme;
    ready.hash = hash;
  }
  return VerifyWith(ready.context.get(), digest, signature);
}

Result<Bytes> PublicKey::EncryptOaep(HashAlgorithm hash, ByteView label, ByteView plaintext) const {
  const ErrorQueueScope scope;
  if (impl_->type != KeyType::kRsa) {
    return Unsupported("crypto.oaep.key", "RSAES-OAEP needs an RSA key");
  }
  const PkeyContextPtr context(EVP_PKEY_CTX_new(impl_->pkey.get(), nullptr));
  LQ_CHECK(context != nullptr);
  LQ_CHECK(EVP_PKEY_encrypt_init(context.get()) == 1);
  LQ_CHECK(SetOaep(context.get(), hash, label));
  Bytes ciphertext(static_cast<std::size_t>(EVP_PKEY_get_size(impl_->pkey.get())));
  std::size_t size = ciphertext.size();
  if (EVP_PKEY_encrypt(context.get(), ciphertext.data(), &size, plaintext.data(),
                       plaintext.size()) != 1) {
    return Unsupported("crypto.oaep.size",
                       fmt::format("{} bytes do not fit RSAES-OAEP with {} and a key of {} bits",
                                   plaintext.size(), HashName(hash), impl_->bits));
  }
  ciphertext.resize(size);
  return ciphertext;
}

bool operator==(const PublicKey& a, const PublicKey& b) {
  const ErrorQueueScope scope;
  return EVP_PKEY_eq(a.impl_->pkey.get(), b.impl_->pkey.get()) == 1;
}

}  // namespace limequat::crypto
