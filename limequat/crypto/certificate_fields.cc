#include <algorithm>
#include <array>

#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include "limequat/base/check.h"
#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/crypto/certificate_internal.h"
#include "limequat/crypto/key_internal.h"

namespace limequat::crypto {

namespace {

using BitStringPtr = std::unique_ptr<ASN1_BIT_STRING, Releases<ASN1_BIT_STRING_free>>;

void AppendUri(const GENERAL_NAME* name, std::vector<std::string>& uris) {
  if (name->type != GEN_URI) return;
  const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
  uris.push_back(EscapeForDisplay(AsText(
      ByteView(ASN1_STRING_get0_data(uri), static_cast<std::size_t>(ASN1_STRING_length(uri))))));
}

}  // namespace

std::string OidText(const ASN1_OBJECT* object) {
  const int size = OBJ_obj2txt(nullptr, 0, object, 1);
  if (size <= 0) return {};
  std::string text(static_cast<std::size_t>(size) + 1, '\0');
  OBJ_obj2txt(text.data(), size + 1, object, 1);
  text.pop_back();
  return text;
}

std::string ObjectName(const ASN1_OBJECT* object) {
  const int nid = OBJ_obj2nid(object);
  return nid == NID_undef ? OidText(object) : OBJ_nid2ln(nid);
}

std::string NameText(const X509_NAME* name, NameStyle style) {
  const ErrorQueueScope scope;
  const BioPtr bio(BIO_new(BIO_s_mem()));
  LQ_CHECK(bio != nullptr);
  // These flags escape everything outside printable ASCII: nothing in a name can
  // reach a terminal or imitate another name.
  const unsigned long flags = style == NameStyle::kRfc2253 ? XN_FLAG_RFC2253 : XN_FLAG_ONELINE;
  if (X509_NAME_print_ex(bio.get(), name, 0, flags) < 0) {
    const unsigned char* der = nullptr;
    std::size_t size = 0;
    if (X509_NAME_get0_der(name, &der, &size) != 1) return "#";
    return "#" + HexEncode(ByteView(der, size));
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

std::string SubjectText(const X509* x509) { return NameText(X509_get_subject_name(x509)); }

Result<PublicKey> Certificate::public_key() const {
  return PublicKeyOf(X509_get_X509_PUBKEY(impl_->x509.get()));
}

std::string Certificate::subject(NameStyle style) const {
  return NameText(X509_get_subject_name(impl_->x509.get()), style);
}
std::string Certificate::issuer(NameStyle style) const {
  return NameText(X509_get_issuer_name(impl_->x509.get()), style);
}

Bytes Certificate::subject_der() const {
  const unsigned char* der = nullptr;
  std::size_t size = 0;
  LQ_CHECK(X509_NAME_get0_der(X509_get_subject_name(impl_->x509.get()), &der, &size) == 1);
  return ToBytes(ByteView(der, size));
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

bool IsDigestForSignatures(int algorithm, int digest) {
  constexpr std::array kDigests = {NID_sha1,     NID_sha224,     NID_sha256,     NID_sha384,
                                   NID_sha512,   NID_sha512_224, NID_sha512_256, NID_sha3_224,
                                   NID_sha3_256, NID_sha3_384,   NID_sha3_512,   NID_sm3};
  return algorithm == NID_ED25519 || algorithm == NID_ED448 ||
         std::ranges::find(kDigests, digest) != kDigests.end();
}

bool IsAuthority(X509* x509) {
  // What X509_check_ca answers beyond this guesses at what version 1 roots and Netscape meant, and
  // takes back what the certificate says if its key usage lacks keyCertSign.
  return (X509_get_extension_flags(x509) & EXFLAG_CA) != 0;
}

bool Certificate::is_ca() const {
  const ErrorQueueScope scope;
  return IsAuthority(impl_->x509.get());
}

std::vector<std::string> UsagesOf(X509* x509) {
  std::vector<std::string> oids;
  const ExtendedKeyUsagePtr usage(static_cast<EXTENDED_KEY_USAGE*>(
      X509_get_ext_d2i(x509, NID_ext_key_usage, nullptr, nullptr)));
  for (int i = 0; usage != nullptr && i < sk_ASN1_OBJECT_num(usage.get()); ++i) {
    oids.push_back(OidText(sk_ASN1_OBJECT_value(usage.get(), i)));
  }
  return oids;
}

std::vector<std::string> Certificate::extended_key_usage() const {
  const ErrorQueueScope scope;
  return UsagesOf(impl_->x509.get());
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

int Certificate::version() const {
  return static_cast<int>(X509_get_version(impl_->x509.get())) + 1;
}

std::string Certificate::signature_algorithm() const {
  return ObjectName(X509_get0_tbs_sigalg(impl_->x509.get())->algorithm);
}

std::string Certificate::key_algorithm() const { return impl_->key_algorithm; }

std::optional<std::uint32_t> Certificate::key_usage() const {
  const ErrorQueueScope scope;
  if (X509_get_ext_by_NID(impl_->x509.get(), NID_key_usage, -1) < 0) return std::nullopt;
  // Not X509_get_key_usage: it answers 0 if any other extension cannot be read.
  const BitStringPtr bits(static_cast<ASN1_BIT_STRING*>(
      X509_get_ext_d2i(impl_->x509.get(), NID_key_usage, nullptr, nullptr)));
  if (bits == nullptr || ASN1_STRING_length(bits.get()) == 0) return 0;
  return *ASN1_STRING_get0_data(bits.get());
}

std::vector<std::string> Certificate::authority_information() const {
  const ErrorQueueScope scope;
  std::vector<std::string> uris;
  const AccessDescriptionsPtr descriptions(static_cast<AUTHORITY_INFO_ACCESS*>(
      X509_get_ext_d2i(impl_->x509.get(), NID_info_access, nullptr, nullptr)));
  for (int i = 0; descriptions != nullptr && i < sk_ACCESS_DESCRIPTION_num(descriptions.get());
       ++i) {
    AppendUri(sk_ACCESS_DESCRIPTION_value(descriptions.get(), i)->location, uris);
  }
  return uris;
}

std::vector<std::string> Certificate::crl_distribution_points() const {
  const ErrorQueueScope scope;
  std::vector<std::string> uris;
  const DistributionPointsPtr points(static_cast<CRL_DIST_POINTS*>(
      X509_get_ext_d2i(impl_->x509.get(), NID_crl_distribution_points, nullptr, nullptr)));
  for (int i = 0; points != nullptr && i < sk_DIST_POINT_num(points.get()); ++i) {
    const DIST_POINT_NAME* name = sk_DIST_POINT_value(points.get(), i)->distpoint;
    constexpr int kFullName = 0;
    if (name == nullptr || name->type != kFullName) continue;
    for (int k = 0; k < sk_GENERAL_NAME_num(name->name.fullname); ++k) {
      AppendUri(sk_GENERAL_NAME_value(name->name.fullname, k), uris);
    }
  }
  return uris;
}

std::vector<Extension> Certificate::extensions() const {
  std::vector<Extension> extensions;
  for (int i = 0; i < X509_get_ext_count(impl_->x509.get()); ++i) {
    X509_EXTENSION* extension = X509_get_ext(impl_->x509.get(), i);
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
    extensions.push_back(
        {.oid = OidText(X509_EXTENSION_get_object(extension)),
         .critical = X509_EXTENSION_get_critical(extension) != 0,
         .value = ToBytes(ByteView(ASN1_STRING_get0_data(value),
                                   static_cast<std::size_t>(ASN1_STRING_length(value))))});
  }
  return extensions;
}

}  // namespace limequat::crypto
