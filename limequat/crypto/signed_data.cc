#include "limequat/crypto/signed_data.h"

#include <array>
#include <memory>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <openssl/cms.h>
#include <openssl/objects.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/certificate_internal.h"
#include "limequat/crypto/openssl_internal.h"

namespace limequat::crypto {

namespace {

using CmsPtr = std::unique_ptr<CMS_ContentInfo, Releases<CMS_ContentInfo_free>>;

Error Bad(std::string message) { return Malformed("crypto.signed_data", std::move(message)); }

constexpr std::array kDigests = {
    std::pair<int, std::string_view>{NID_sha1, "sha1"},
    std::pair<int, std::string_view>{NID_sha224, "sha224"},
    std::pair<int, std::string_view>{NID_sha256, "sha256"},
    std::pair<int, std::string_view>{NID_sha384, "sha384"},
    std::pair<int, std::string_view>{NID_sha512, "sha512"},
    std::pair<int, std::string_view>{NID_sha3_256, "sha3-256"},
    std::pair<int, std::string_view>{NID_sha3_384, "sha3-384"},
    std::pair<int, std::string_view>{NID_sha3_512, "sha3-512"},
    std::pair<int, std::string_view>{NID_sm3, "sm3"},
};

std::string DigestName(int nid) {
  for (const auto& [known, name] : kDigests) {
    if (known == nid) return std::string(name);
  }
  return {};
}

int NidOf(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  return OBJ_obj2nid(object);
}

// The signature's algorithm may name the key's kind alone, or the digest too, which must
// then be the same.
bool IsPrehashedKind(int signature, int digest) {
  int named = NID_undef;
  int key = NID_undef;
  if (OBJ_find_sigid_algs(signature, &named, &key) != 1) {
    key = signature;
    named = digest;
  }
  const bool known = key == NID_rsaEncryption || key == NID_X9_62_id_ecPublicKey || key == NID_sm2;
  return known && named == digest;
}

Bytes Magnitude(const ASN1_INTEGER* number) {
  const BnPtr value(ASN1_INTEGER_to_BN(number, nullptr));
  LQ_CHECK(value != nullptr);
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(value.get())));
  BN_bn2bin(value.get(), bytes.data());
  return bytes;
}

Bytes DerOf(const X509_NAME* name) {
  const unsigned char* der = nullptr;
  std::size_t size = 0;
  if (X509_NAME_get0_der(name, &der, &size) != 1) return {};
  return ToBytes(ByteView(der, size));
}

Bytes BytesOf(const ASN1_STRING* text) {
  const int size = ASN1_STRING_length(text);
  return ToBytes(ByteView(ASN1_STRING_get0_data(text), static_cast<std::size_t>(size)));
}

SignerInfo Read(CMS_SignerInfo* signer) {
  SignerInfo read;
  ASN1_OCTET_STRING* key_id = nullptr;
  X509_NAME* issuer = nullptr;
  ASN1_INTEGER* serial = nullptr;
  LQ_CHECK(CMS_SignerInfo_get0_signer_id(signer, &key_id, &issuer, &serial) == 1);
  if (issuer != nullptr && serial != nullptr) {
    read.issuer = DerOf(issuer);
    read.serial = Magnitude(serial);
  }
  if (key_id != nullptr) read.subject_key_id = BytesOf(key_id);
  X509_ALGOR* digest = nullptr;
  X509_ALGOR* signature = nullptr;
  CMS_SignerInfo_get0_algs(signer, nullptr, nullptr, &digest, &signature);
  read.digest_algorithm = DigestName(NidOf(digest));
  read.is_prehashed_kind = IsPrehashedKind(NidOf(signature), NidOf(digest));
  read.has_signed_attributes = CMS_signed_get_attr_count(signer) > 0;
  read.signature = BytesOf(CMS_SignerInfo_get0_signature(signer));
  return read;
}

void FreeStack(STACK_OF(X509) * stack) { sk_X509_pop_free(stack, X509_free); }
using StackPtr = std::unique_ptr<STACK_OF(X509), Releases<FreeStack>>;

Result<std::vector<Certificate>> CertificatesOf(CMS_ContentInfo* message) {
  const StackPtr stack(CMS_get1_certs(message));
  const int count = stack == nullptr ? 0 : sk_X509_num(stack.get());
  if (static_cast<std::size_t>(count) > kMaxCarriedCertificates) {
    return Bad(fmt::format("a message with {} certificates", count));
  }
  std::vector<Certificate> certificates;
  for (int i = 0; i < count; ++i) {
    const X509* x509 = sk_X509_value(stack.get(), i);
    const int size = i2d_X509(x509, nullptr);
    if (size <= 0) continue;
    Bytes der(static_cast<std::size_t>(size));
    unsigned char* at = der.data();
    LQ_CHECK(i2d_X509(x509, &at) == size);
    if (auto read = Certificate::FromDer(der)) certificates.push_back(*std::move(read));
  }
  return certificates;
}

}  // namespace

Result<UnverifiedSignedData> ParseSignedData(ByteView der) {
  const ErrorQueueScope scope;
  if (der.size() > kMaxSignedData) return Bad(fmt::format("a message of {} bytes", der.size()));
  const unsigned char* at = der.data();
  const CmsPtr message(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
  if (message == nullptr) return Bad("not a message in DER");
  if (at != der.data() + der.size()) return Bad("bytes follow the message");
  if (OBJ_obj2nid(CMS_get0_type(message.get())) != NID_pkcs7_signed) {
    return Bad("the message is of another type than SignedData");
  }
  const STACK_OF(CMS_SignerInfo)* signers = CMS_get0_SignerInfos(message.get());
  const int count = sk_CMS_SignerInfo_num(signers);
  if (count < 1 || static_cast<std::size_t>(count) > kMaxSigners) {
    return Bad(fmt::format("a message with {} signers", count));
  }
  UnverifiedSignedData read;
  LQ_ASSIGN_OR_RETURN(read.certificates, CertificatesOf(message.get()));
  for (int i = 0; i < count; ++i) {
    read.signers.push_back(Read(sk_CMS_SignerInfo_value(signers, i)));
  }
  ASN1_OCTET_STRING** const content = CMS_get0_content(message.get());
  read.is_detached = content == nullptr || *content == nullptr;
  return read;
}

bool NamesCertificate(const SignerInfo& signer, const Certificate& certificate) {
  const ErrorQueueScope scope;
  const X509* x509 = certificate.impl().x509.get();
  if (!signer.issuer.empty()) {
    return Magnitude(X509_get0_serialNumber(x509)) == signer.serial &&
           DerOf(X509_get_issuer_name(x509)) == signer.issuer;
  }
  // X509_get0_subject_key_id wants a certificate that it may write to.
  const std::unique_ptr<ASN1_OCTET_STRING, Releases<ASN1_OCTET_STRING_free>> id(
      static_cast<ASN1_OCTET_STRING*>(
          X509_get_ext_d2i(x509, NID_subject_key_identifier, nullptr, nullptr)));
  return id != nullptr && !signer.subject_key_id.empty() &&
         BytesOf(id.get()) == signer.subject_key_id;
}

}  // namespace limequat::crypto
