#include "limequat/crypto/certificate.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <utility>

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include "limequat/base/check.h"
#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/certificate_internal.h"
#include "limequat/crypto/certificate_notes_internal.h"
#include "limequat/crypto/key_internal.h"

namespace limequat::crypto {

namespace {

// Far above any certificate in the field; OpenSSL's work grows faster than the size.
constexpr std::size_t kMaxDerBytes = 128U << 10U;

using AnyPtr = std::unique_ptr<ASN1_TYPE, Releases<ASN1_TYPE_free>>;

Status CheckSize(ByteView der) {
  if (der.size() <= kMaxDerBytes) return {};
  return Malformed("crypto.certificate.size", fmt::format("a certificate of {} bytes", der.size()));
}

// RFC 5280, 4.2: a second extension of one kind would be seen by some readers only.
bool HasRepeatedExtension(const X509* x509) {
  std::vector<std::string> oids;
  for (int i = 0; i < X509_get_ext_count(x509); ++i) {
    oids.push_back(OidText(X509_EXTENSION_get_object(X509_get_ext(x509, i))));
  }
  std::ranges::sort(oids);
  return std::ranges::adjacent_find(oids) != oids.end();
}

// Endorsement certificates of some vendors give their key as id-RSAES-OAEP, and
// OpenSSL refuses to build any path from a certificate whose key it cannot decode.
// The decoded key is replaced by the same one as rsaEncryption; what was signed is
// untouched, since OpenSSL verifies over the bytes that it has read.
void DecodeOaepKey(X509* x509) {
  X509_PUBKEY* info = X509_get_X509_PUBKEY(x509);
  if (X509_PUBKEY_get0(info) != nullptr) return;
  const Result<PublicKey> key = PublicKeyOf(info);
  if (!key) return;
  const Bytes spki = key->ToSpkiDer();
  const unsigned char* at = spki.data();
  LQ_CHECK(d2i_X509_PUBKEY(&info, &at, static_cast<long>(spki.size())) != nullptr);
}

// The one of GM/T 0009, which signers with SM2 put in front of what is signed. OpenSSL takes an
// empty one unless told.
void SetSm2Identifier(X509* x509) {
  constexpr std::string_view kDefaultId = "1234567812345678";
  if (X509_get_signature_nid(x509) != NID_SM2_with_SM3) return;
  ASN1_OCTET_STRING* id = ASN1_OCTET_STRING_new();
  LQ_CHECK(id != nullptr);
  LQ_CHECK(ASN1_OCTET_STRING_set(id, AsBytes(kDefaultId).data(),
                                 static_cast<int>(kDefaultId.size())) == 1);
  X509_set0_distinguishing_id(x509, id);
}

// What was made of the bytes `der` by reading `form`, which is either the same or a form
// of it that OpenSSL reads.
Result<X509Ptr> ReadX509(ByteView form) {
  const unsigned char* at = form.data();
  X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(form.size())));
  if (x509 == nullptr)
    return Malformed("crypto.certificate.der", "not an X.509 certificate in DER");
  if (at != form.data() + form.size()) {
    return Malformed("crypto.certificate.trailing", "bytes follow the certificate");
  }
  return x509;
}

Result<Certificate::Impl> Describe(X509Ptr x509, ByteView der) {
  const std::optional<Time> not_before = TimeOf(X509_get0_notBefore(x509.get()));
  const std::optional<Time> not_after = TimeOf(X509_get0_notAfter(x509.get()));
  if (!not_before || !not_after) {
    return Malformed("crypto.certificate.time", "a validity period that is no time");
  }
  if (HasRepeatedExtension(x509.get())) {
    return Malformed("crypto.certificate.extension", "two extensions of one kind");
  }
  ASN1_OBJECT* key_algorithm = nullptr;
  LQ_CHECK(X509_PUBKEY_get0_param(&key_algorithm, nullptr, nullptr, nullptr,
                                  X509_get_X509_PUBKEY(x509.get())) == 1);
  std::string algorithm_name = ObjectName(key_algorithm);
  DecodeOaepKey(x509.get());
  SetSm2Identifier(x509.get());
  // Fills OpenSSL's cache of extensions while no other thread sees the object.
  X509_check_purpose(x509.get(), -1, 0);
  return Certificate::Impl{.x509 = std::move(x509),
                           .der = ToBytes(der),
                           .not_before = *not_before,
                           .not_after = *not_after,
                           .key_algorithm = std::move(algorithm_name),
                           .signed_part = {}};
}

}  // namespace

std::optional<Time> TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  const std::chrono::year_month_day date{
      std::chrono::year(parts.tm_year + 1900),
      std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
      std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
  return Time(std::chrono::sys_days(date)) + std::chrono::hours(parts.tm_hour) +
         std::chrono::minutes(parts.tm_min) + std::chrono::seconds(parts.tm_sec);
}

Result<Certificate> Certificate::FromDer(ByteView der) {
  const ErrorQueueScope scope;
  LQ_RETURN_IF_ERROR(CheckSize(der));
  LQ_ASSIGN_OR_RETURN(X509Ptr x509, ReadX509(der));
  LQ_ASSIGN_OR_RETURN(Impl impl, Describe(std::move(x509), der));
  return Certificate(std::make_shared<const Impl>(std::move(impl)));
}

Result<Certificate> Certificate::FromVendorDer(ByteView der) {
  const ErrorQueueScope scope;
  Result<Certificate> strict = FromDer(der);
  if (strict || strict.error().id != "crypto.certificate.der") return strict;
  const std::optional<LenientForm> form = WithMinimalSerial(der);
  if (!form) return strict;
  LQ_ASSIGN_OR_RETURN(X509Ptr x509, ReadX509(form->der));
  LQ_ASSIGN_OR_RETURN(Impl impl, Describe(std::move(x509), der));
  impl.signed_part = ToBytes(form->signed_part);
  return Certificate(std::make_shared<const Impl>(std::move(impl)));
}

Result<Certificate> Certificate::FromPem(std::string_view pem) {
  PemBlocks blocks(pem);
  PemBlock block;
  while (blocks.Next(block) == PemBlocks::Step::kBlock) {
    if (block.label == "CERTIFICATE") return FromDer(block.der);
  }
  return Malformed("crypto.certificate.pem", "no readable PEM block \"CERTIFICATE\"");
}

Result<std::vector<Certificate>> Certificate::AllFromPem(std::string_view pem, std::size_t limit) {
  std::vector<Certificate> certificates;
  PemBlocks blocks(pem);
  PemBlock block;
  PemBlocks::Step step = PemBlocks::Step::kEnd;
  while ((step = blocks.Next(block)) == PemBlocks::Step::kBlock) {
    if (block.label != "CERTIFICATE") continue;
    if (certificates.size() == limit) {
      return Malformed("crypto.certificate.count", fmt::format("more than {} certificates", limit));
    }
    LQ_ASSIGN_OR_RETURN(Certificate certificate, FromDer(block.der));
    certificates.push_back(std::move(certificate));
  }
  if (step == PemBlocks::Step::kDamaged || certificates.empty()) {
    return Malformed("crypto.certificate.pem", "a PEM block that is damaged, or no certificate");
  }
  return certificates;
}

std::string Certificate::ToPem() const { return PemText("CERTIFICATE", impl_->der); }
Bytes Certificate::ToDer() const { return impl_->der; }

SignatureCheck CheckSignedPart(const Certificate& certificate, EVP_PKEY* issuer_key) {
  const ErrorQueueScope scope;
  const Certificate::Impl& impl = certificate.impl();
  if (issuer_key == nullptr) return SignatureCheck::kInvalid;
  if (!impl.signed_part) {
    const bool is_signed = X509_verify(impl.x509.get(), issuer_key) == 1;
    return is_signed ? SignatureCheck::kValid : SignatureCheck::kInvalid;
  }
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_BIT_STRING* signature = nullptr;
  X509_get0_signature(&signature, &algorithm, impl.x509.get());
  if (X509_ALGOR_cmp(algorithm, X509_get0_tbs_sigalg(impl.x509.get())) != 0) {
    return SignatureCheck::kInvalid;
  }
  // As this type OpenSSL holds a SEQUENCE whole and writes it as it is.
  const AnyPtr any(ASN1_TYPE_new());
  ASN1_STRING* sequence = ASN1_STRING_type_new(V_ASN1_SEQUENCE);
  LQ_CHECK(any != nullptr && sequence != nullptr);
  ASN1_TYPE_set(any.get(), V_ASN1_SEQUENCE, sequence);
  LQ_CHECK(ASN1_STRING_set(sequence, impl.signed_part->data(),
                           static_cast<int>(impl.signed_part->size())) == 1);
  const int answer =
      ASN1_item_verify(ASN1_ITEM_rptr(ASN1_ANY), algorithm, signature, any.get(), issuer_key);
  return answer == 1 ? SignatureCheck::kValid : SignatureCheck::kInvalid;
}

bool operator==(const Certificate& a, const Certificate& b) { return a.impl_->der == b.impl_->der; }

}  // namespace limequat::crypto
