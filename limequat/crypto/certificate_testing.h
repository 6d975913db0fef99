#pragma once

// Certificates for the tests of this module: issued ones, and such as Issue does
// not make.

#include <functional>
#include <string_view>

#include "limequat/crypto/certificate.h"
#include "limequat/crypto/openssl_internal.h"

namespace limequat::crypto {

inline const Time kTestTime = Time(std::chrono::seconds(1'795'597'445));  // 2026-11-25

// Valid for ten days around kTestTime.
inline CertificateRequest RequestFor(std::string_view common_name) {
  CertificateRequest request;
  request.common_name = common_name;
  request.not_before = kTestTime - std::chrono::days(5);
  request.not_after = kTestTime + std::chrono::days(5);
  return request;
}

inline CertificateRequest CaRequestFor(std::string_view common_name) {
  CertificateRequest request = RequestFor(common_name);
  request.ca = true;
  return request;
}

// A certificate with the key that belongs to it.
struct Identity {
  PrivateKey key;
  Certificate certificate;
};

inline Identity SelfSigned(const CertificateRequest& request) {
  PrivateKey key = PrivateKey::GenerateEc(Curve::kP256);
  Certificate certificate = *Issue(request, key.public_key(), nullptr, key);
  return {std::move(key), std::move(certificate)};
}

inline Identity IssuedBy(const Identity& issuer, const CertificateRequest& request) {
  PrivateKey key = PrivateKey::GenerateEc(Curve::kP256);
  Certificate certificate = *Issue(request, key.public_key(), &issuer.certificate, issuer.key);
  return {std::move(key), std::move(certificate)};
}

inline PkeyPtr NativeKey(const PrivateKey& key) {
  const std::string pem = key.ExposePem();
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return PkeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

// DER of `certificate` after `change`, signed again by `key`; `md` may be one that
// Issue would not use.
inline Bytes ChangedDer(const Certificate& certificate, EVP_PKEY* key,
                        const std::function<void(X509*)>& change, const EVP_MD* md = EVP_sha256()) {
  const Bytes der = certificate.ToDer();
  const unsigned char* at = der.data();
  const X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  change(x509.get());
  X509_sign(x509.get(), key, md);
  unsigned char* changed = nullptr;
  const int size = i2d_X509(x509.get(), &changed);
  Bytes bytes(changed, changed + size);
  OPENSSL_free(changed);
  return bytes;
}
inline Bytes ChangedDer(const Certificate& certificate, const PrivateKey& key,
                        const std::function<void(X509*)>& change, const EVP_MD* md = EVP_sha256()) {
  return ChangedDer(certificate, NativeKey(key).get(), change, md);
}

template <class Key>
Certificate Changed(const Certificate& certificate, const Key& key,
                    const std::function<void(X509*)>& change, const EVP_MD* md = EVP_sha256()) {
  return *Certificate::FromDer(ChangedDer(certificate, key, change, md));
}

// Adds the extension `oid` with `value` as its content.
inline void AddRawExtension(X509* x509, const char* oid, bool critical, const Bytes& value) {
  ASN1_OBJECT* object = OBJ_txt2obj(oid, 1);
  ASN1_OCTET_STRING* octets = ASN1_OCTET_STRING_new();
  ASN1_OCTET_STRING_set(octets, value.data(), static_cast<int>(value.size()));
  X509_EXTENSION* extension =
      X509_EXTENSION_create_by_OBJ(nullptr, object, critical ? 1 : 0, octets);
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(octets);
  ASN1_OBJECT_free(object);
}

inline void RemoveExtension(X509* x509, int nid) {
  const int at = X509_get_ext_by_NID(x509, nid, -1);
  if (at >= 0) X509_EXTENSION_free(X509_delete_ext(x509, at));
}

}  // namespace limequat::crypto
