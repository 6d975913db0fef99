#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <openssl/rsa.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/key_internal.h"

namespace limequat::crypto {

namespace {

// Blocks that tools write before the key itself.
bool ComesBeforeKey(const PemBlock& block) { return block.label == "EC PARAMETERS"; }

bool IsPrivateKey(const PemBlock& block) {
  return block.label == "PRIVATE KEY" || block.label == "RSA PRIVATE KEY" ||
         block.label == "EC PRIVATE KEY";
}

Error BadPrivateKey(std::string_view why) {
  return Malformed("crypto.key.private", fmt::format("not an unencrypted private key: {}", why));
}

// Whether the private half belongs to the public one: a file that was put together
// wrongly must not sign.
bool HalvesAgree(EVP_PKEY* pkey) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new(pkey, nullptr));
  LQ_CHECK(context != nullptr);
  return EVP_PKEY_pairwise_check(context.get()) == 1;
}

Bytes SignEd25519(EVP_PKEY* pkey, ByteView message) {
  const MdContextPtr context(EVP_MD_CTX_new());
  LQ_CHECK(context != nullptr);
  Bytes signature(64);
  std::size_t size = signature.size();
  LQ_CHECK(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pkey) == 1);
  LQ_CHECK(EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) ==
           1);
  LQ_CHECK(size == signature.size());
  return signature;
}

}  // namespace

PrivateKey PrivateKey::GenerateEc(Curve curve) {
  const ErrorQueueScope scope;
  Result<PublicKey::Impl> key = Describe(GenerateEcPkey(curve));
  LQ_CHECK(key.has_value());
  return PrivateKey(std::make_shared<const PublicKey::Impl>(*std::move(key)));
}

PrivateKey PrivateKey::GenerateRsa(int bits) {
  const ErrorQueueScope scope;
  LQ_CHECK(bits > 0);
  PkeyPtr pkey(EVP_RSA_gen(static_cast<unsigned>(bits)));
  LQ_CHECK(pkey != nullptr);
  Result<PublicKey::Impl> key = Describe(std::move(pkey));
  LQ_CHECK(key.has_value());
  return PrivateKey(std::make_shared<const PublicKey::Impl>(*std::move(key)));
}

PrivateKey PrivateKey::GenerateEd25519() {
  const ErrorQueueScope scope;
  PkeyPtr pkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  LQ_CHECK(pkey != nullptr);
  Result<PublicKey::Impl> key = Describe(std::move(pkey));
  LQ_CHECK(key.has_value());
  return PrivateKey(std::make_shared<const PublicKey::Impl>(*std::move(key)));
}

Result<PrivateKey> PrivateKey::FromPem(std::string_view pem) {
  const ErrorQueueScope scope;
  PemBlocks blocks(pem);
  PemBlock block;
  do {
    if (blocks.Next(block) != PemBlocks::Step::kBlock) return BadPrivateKey("no such PEM block");
  } while (ComesBeforeKey(block));
  const Secret der(std::move(block.der));
  if (!IsPrivateKey(block)) return BadPrivateKey("a PEM block of another kind");
  if (block.encrypted) return BadPrivateKey("it is encrypted");
  const unsigned char* at = der.Expose().data();
  const unsigned char* const end = at + der.size();
  PkeyPtr pkey(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der.size())));
  if (pkey == nullptr || at != end) return BadPrivateKey("its content does not decode");
  if (!HalvesAgree(pkey.get())) return BadPrivateKey("its halves do not belong together");
  LQ_ASSIGN_OR_RETURN(PublicKey::Impl key, Describe(std::move(pkey)));
  return PrivateKey(std::make_shared<const PublicKey::Impl>(std::move(key)));
}

bool PrivateKey::IsEncrypted(std::string_view pem) {
  const ErrorQueueScope scope;
  PemBlocks blocks(pem);
  PemBlock block;
  do {
    if (blocks.Next(block) != PemBlocks::Step::kBlock) return false;
  } while (ComesBeforeKey(block));
  const Secret der(std::move(block.der));
  return block.label == "ENCRYPTED PRIVATE KEY" || (IsPrivateKey(block) && block.encrypted);
}

Result<PrivateKey> PrivateKey::FromEncryptedPem(std::string_view pem, const Secret& passphrase) {
  const ErrorQueueScope scope;
  if (!IsEncrypted(pem)) return Malformed("crypto.key.private", "not an encrypted private key");
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  LQ_CHECK(bio != nullptr);
  // OpenSSL asks the terminal if it is given no function to ask.
  const auto give = [](char* buffer, int size, int, void* from) {
    const ByteView secret = static_cast<const Secret*>(from)->Expose();
    if (std::cmp_greater(secret.size(), size)) return -1;
    std::ranges::copy(secret, buffer);
    return static_cast<int>(secret.size());
  };
  auto* const asked = const_cast<Secret*>(&passphrase);
  PkeyPtr pkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, give, asked));
  if (pkey == nullptr) {
    return PermissionDenied("crypto.key.passphrase",
                            "the passphrase is not that of the key, or the key is damaged");
  }
  if (!HalvesAgree(pkey.get())) return BadPrivateKey("its halves do not belong together");
  LQ_ASSIGN_OR_RETURN(PublicKey::Impl key, Describe(std::move(pkey)));
  return PrivateKey(std::make_shared<const PublicKey::Impl>(std::move(key)));
}

PublicKey PrivateKey::public_key() const {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(impl_->pkey.get(), &der);
  LQ_CHECK(size > 0);
  Result<PublicKey> key = PublicKey::FromSpkiDer(ByteView(der, static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  LQ_CHECK(key.has_value());
  return *std::move(key);
}

std::string PrivateKey::ExposePem() const {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  LQ_CHECK(bio != nullptr);
  LQ_CHECK(PEM_write_bio_PKCS8PrivateKey(bio.get(), impl_->pkey.get(), nullptr, nullptr, 0, nullptr,
                                         nullptr) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

Result<Bytes> PrivateKey::Sign(SignatureScheme scheme, HashAlgorithm hash, ByteView message) const {
  const ErrorQueueScope scope;
  if (scheme == SignatureScheme::kEd25519 && impl_->type == KeyType::kEd25519) {
    return SignEd25519(impl_->pkey.get(), message);
  }
  const Digest digest = Hash(hash, message);
  const PkeyContextPtr context(EVP_PKEY_CTX_new(impl_->pkey.get(), nullptr));
  LQ_CHECK(context != nullptr);
  Bytes signature(static_cast<std::size_t>(EVP_PKEY_get_size(impl_->pkey.get())));
  std::size_t size = signature.size();
  if (EVP_PKEY_sign_init(context.get()) != 1 ||
      !SetScheme(context.get(), *impl_, scheme, hash, RSA_PSS_SALTLEN_DIGEST) ||
      EVP_PKEY_sign(context.get(), signature.data(), &size, digest.bytes().data(), digest.size()) !=
          1) {
    return Unsupported("crypto.sign", "the signature scheme does not go with the key");
  }
  signature.resize(size);
  return signature;
}

Result<Secret> PrivateKey::DecryptOaep(HashAlgorithm hash, ByteView ciphertext) const {
  const ErrorQueueScope scope;
  const PkeyContextPtr context(EVP_PKEY_CTX_new(impl_->pkey.get(), nullptr));
  LQ_CHECK(context != nullptr);
  Bytes plaintext(static_cast<std::size_t>(EVP_PKEY_get_size(impl_->pkey.get())));
  std::size_t size = plaintext.size();
  const bool decrypted = EVP_PKEY_decrypt_init(context.get()) == 1 &&
                         SetOaep(context.get(), hash, {}) &&
                         EVP_PKEY_decrypt(context.get(), plaintext.data(), &size, ciphertext.data(),
                                          ciphertext.size()) == 1;
  if (!decrypted) return Malformed("crypto.oaep", "the ciphertext does not decrypt");
  // Shrinking in place: a copy would leave the secret behind in freed memory.
  plaintext.resize(size);
  return Secret(std::move(plaintext));
}

}  // namespace limequat::crypto
