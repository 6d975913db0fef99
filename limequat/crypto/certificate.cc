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
#include "limequat/crypto/key_internal.h"

namespace limequat::crypto {

namespace {

// Far above any certificate in the field; OpenSSL's work grows faster than the size.
constexpr std::size_t kMaxDerBytes = 128U << 10U;

using ExtendedKeyUsagePtr = std::unique_ptr<EXTENDED_KEY_USAGE, Releases<EXTENDED_KEY_USAGE_free>>;
using ObjectPtr = std::unique_ptr<ASN1_OBJECT, Releases<ASN1_OBJECT_free>>;

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

std::string NameText(const X509_NAME* name) {
  const ErrorQueueScope scope;
  const BioPtr bio(BIO_new(BIO_s_mem()));
  LQ_CHECK(bio != nullptr);
  // These flags escape everything outside printable ASCII: nothing in a name can
  // reach a terminal or imitate another name.
  if (X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) {
    const unsigned char* der = nullptr;
    std::size_t size = 0;
    if (X509_NAME_get0_der(name, &der, &size) != 1) return "#";
    return "#" + HexEncode(ByteView(der, size));
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace

std::string SubjectText(const X509* x509) { return NameText(X509_get_subject_name(x509)); }

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

std::string OidText(const ASN1_OBJECT* object) {
  const int size = OBJ_obj2txt(nullptr, 0, object, 1);
  if (size <= 0) return {};
  std::string text(static_cast<std::size_t>(size) + 1, '\0');
  OBJ_obj2txt(text.data(), size + 1, object, 1);
  text.pop_back();
  return text;
}

Result<Certificate> Certificate::FromDer(ByteView der) {
  const ErrorQueueScope scope;
  if (der.size() > kMaxDerBytes) {
    return Malformed("crypto.certificate.size",
                     fmt::format("a certificate of {} bytes", der.size()));
  }
  const unsigned char* at = der.data();
  X509Ptr x509(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (x509 == nullptr)
    return Malformed("crypto.certificate.der", "not an X.509 certificate in DER");
  if (at != der.data() + der.size()) {
    return Malformed("crypto.certificate.trailing", "bytes follow the certificate");
  }
  const std::optional<Time> not_before = TimeOf(X509_get0_notBefore(x509.get()));
  const std::optional<Time> not_after = TimeOf(X509_get0_notAfter(x509.get()));
  if (!not_before || !not_after) {
    return Malformed("crypto.certificate.time", "a validity period that is no time");
  }
  if (HasRepeatedExtension(x509.get())) {
    return Malformed("crypto.certificate.extension", "two extensions of one kind");
  }
  DecodeOaepKey(x509.get());
  // Fills OpenSSL's cache of extensions while no other thread sees the object.
  X509_check_purpose(x509.get(), -1, 0);
  return Certificate(std::make_shared<const Impl>(Impl{.x509 = std::move(x509),
                                                       .der = ToBytes(der),
                                                       .not_before = *not_before,
                                                       .not_after = *not_after}));
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

Result<PublicKey> Certificate::public_key() const {
  return PublicKeyOf(X509_get_X509_PUBKEY(impl_->x509.get()));
}

std::string Certificate::subject() const { return SubjectText(impl_->x509.get()); }
std::string Certificate::issuer() const {
  return NameText(X509_get_issuer_name(impl_->x509.get()));
}

std::optional<std::string> Certificate::common_name() const {
  const ErrorQueueScope scope;
  const X509_NAME* name = X509_get_subject_name(impl_->x509.get());
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return std::nullopt;
  unsigned char* utf8 = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return std::nullopt;
  std::string text(AsText(ByteView(utf8, static_cast<std::size_t>(size))));
  OPENSSL_free(utf8);
  if (text.contains('\0')) return std::nullopt;
  return text;
}

std::string Certificate::serial_hex() const {
  const BnPtr serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(impl_->x509.get()), nullptr));
  LQ_CHECK(serial != nullptr);
  Bytes magnitude(static_cast<std::size_t>(BN_num_bytes(serial.get())));
  BN_bn2bin(serial.get(), magnitude.data());
  if (magnitude.empty()) return "00";
  return (BN_is_negative(serial.get()) != 0 ? "-" : "") + HexEncode(magnitude);
}

Time Certificate::not_before() const { return impl_->not_before; }
Time Certificate::not_after() const { return impl_->not_after; }

bool Certificate::is_ca() const {
  const ErrorQueueScope scope;
  // The other answers of X509_check_ca guess at what version 1 roots and Netscape meant.
  return X509_check_ca(impl_->x509.get()) == 1;
}

std::vector<std::string> Certificate::extended_key_usage() const {
  const ErrorQueueScope scope;
  std::vector<std::string> oids;
  const ExtendedKeyUsagePtr usage(static_cast<EXTENDED_KEY_USAGE*>(
      X509_get_ext_d2i(impl_->x509.get(), NID_ext_key_usage, nullptr, nullptr)));
  for (int i = 0; usage != nullptr && i < sk_ASN1_OBJECT_num(usage.get()); ++i) {
    oids.push_back(OidText(sk_ASN1_OBJECT_value(usage.get(), i)));
  }
  return oids;
}

std::optional<Bytes> Certificate::extension(std::string_view oid) const {
  const ErrorQueueScope scope;
  const ObjectPtr object(OBJ_txt2obj(std::string(oid).c_str(), 1));
  if (object == nullptr) return std::nullopt;
  const int at = X509_get_ext_by_OBJ(impl_->x509.get(), object.get(), -1);
  if (at < 0) return std::nullopt;
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(impl_->x509.get(), at));
  return ToBytes(
      ByteView(ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))));
}

bool operator==(const Certificate& a, const Certificate& b) { return a.impl_->der == b.impl_->der; }

}  // namespace limequat::crypto
