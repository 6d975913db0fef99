#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/x509v3.h>

#include "limequat/base/check.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/certificate_internal.h"
#include "limequat/crypto/key_internal.h"
#include "limequat/crypto/random.h"

namespace limequat::crypto {

namespace {

constexpr std::size_t kSerialBytes = 16;
constexpr std::size_t kMaxDnsName = 253;  // RFC 1035, 2.3.4, without the final dot
constexpr std::size_t kShownText = 100;

using AltNamesPtr = std::unique_ptr<GENERAL_NAMES, Releases<GENERAL_NAMES_free>>;
using AuthorityKeyPtr = std::unique_ptr<AUTHORITY_KEYID, Releases<AUTHORITY_KEYID_free>>;
using BasicConstraintsPtr = std::unique_ptr<BASIC_CONSTRAINTS, Releases<BASIC_CONSTRAINTS_free>>;
using BitStringPtr = std::unique_ptr<ASN1_BIT_STRING, Releases<ASN1_BIT_STRING_free>>;
using ExtendedKeyUsagePtr = std::unique_ptr<EXTENDED_KEY_USAGE, Releases<EXTENDED_KEY_USAGE_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Releases<X509_EXTENSION_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Releases<ASN1_INTEGER_free>>;
using ObjectPtr = std::unique_ptr<ASN1_OBJECT, Releases<ASN1_OBJECT_free>>;
using OctetsPtr = std::unique_ptr<ASN1_OCTET_STRING, Releases<ASN1_OCTET_STRING_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Releases<ASN1_TIME_free>>;

enum class Critical : int { kNo = 0, kYes = 1 };

void AddExtension(X509* x509, int nid, void* value, Critical critical) {
  LQ_CHECK(X509_add1_ext_i2d(x509, nid, value, static_cast<int>(critical), X509V3_ADD_DEFAULT) ==
           1);
}

OctetsPtr Octets(ByteView bytes) {
  OctetsPtr octets(ASN1_OCTET_STRING_new());
  LQ_CHECK(octets != nullptr);
  LQ_CHECK(ASN1_OCTET_STRING_set(octets.get(), bytes.data(), static_cast<int>(bytes.size())) == 1);
  return octets;
}

// RFC 5280, 4.1.2.2: positive, at most 20 bytes. The second highest bit is set, so
// that every serial has the same length.
void SetSerial(X509* x509) {
  Bytes bytes = RandomBytes(kSerialBytes);
  bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7fU) | 0x40U);
  const BnPtr number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  const IntegerPtr serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
  LQ_CHECK(serial != nullptr && X509_set_serialNumber(x509, serial.get()) == 1);
}

TimePtr Asn1Time(Time time) {
  TimePtr asn1(ASN1_TIME_set(nullptr, ToUnixSeconds(time)));
  LQ_CHECK(asn1 != nullptr);
  return asn1;
}

Status SetValidity(X509* x509, const CertificateRequest& request) {
  using std::chrono::sys_days;
  using std::chrono::year;
  // RFC 5280, 4.1.2.5: four digits of the year.
  constexpr Time kFirst = sys_days(year(0) / 1 / 1);
  constexpr Time kEnd = sys_days(year(10000) / 1 / 1);
  if (request.not_before < kFirst || request.not_after >= kEnd) {
    return Malformed("crypto.issue.time", "X.509 has the years 0 to 9999 only");
  }
  if (request.not_after < request.not_before) {
    return Malformed("crypto.issue.time", "the validity period ends before it begins");
  }
  LQ_CHECK(X509_set1_notBefore(x509, Asn1Time(request.not_before).get()) == 1);
  LQ_CHECK(X509_set1_notAfter(x509, Asn1Time(request.not_after).get()) == 1);
  return {};
}

Status AddNameEntry(X509_NAME* name, int nid, std::string_view text) {
  if (text.empty()) return {};
  if (text.contains('\0') ||
      X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, AsBytes(text).data(),
                                 static_cast<int>(text.size()), -1, 0) != 1) {
    return Malformed("crypto.issue.name", fmt::format("\"{}\" is no name of 1 to 64 characters",
                                                      EscapeForDisplay(text, kShownText)));
  }
  return {};
}

// Host names as RFC 1123, 2.1 has them, with a wildcard as the first label at most.
bool IsDnsName(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  if (name.size() > kMaxDnsName) return false;
  std::size_t label = 0;
  char previous = '.';
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (c == '.' || c == '-') {
      if (previous == '.' || (c == '.' && previous == '-')) return false;
    } else if (!letter && !digit && c != '_') {
      return false;
    }
    label = c == '.' ? 0 : label + 1;
    if (label > 63) return false;
    previous = c;
  }
  return previous != '.' && previous != '-';
}

// Takes `value` over.
void AddAltName(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  LQ_CHECK(name != nullptr);
  GENERAL_NAME_set0_value(name, type, value);
  LQ_CHECK(sk_GENERAL_NAME_push(names, name) > 0);
}

Status AddAltNames(X509* x509, const CertificateRequest& request) {
  if (request.dns_names.empty() && request.ip_addresses.empty()) return {};
  const AltNamesPtr names(GENERAL_NAMES_new());
  LQ_CHECK(names != nullptr);
  for (const std::string& dns : request.dns_names) {
    if (!IsDnsName(dns)) {
      return Malformed("crypto.issue.dns_name",
                       fmt::format("\"{}\" is no DNS name", EscapeForDisplay(dns, kShownText)));
    }
    ASN1_IA5STRING* value = ASN1_IA5STRING_new();
    LQ_CHECK(value != nullptr);
    LQ_CHECK(ASN1_STRING_set(value, dns.data(), static_cast<int>(dns.size())) == 1);
    AddAltName(names.get(), GEN_DNS, value);
  }
  for (const std::string& ip : request.ip_addresses) {
    std::array<std::uint8_t, 16> address{};
    std::size_t size = 0;
    if (!ip.contains('\0') && inet_pton(AF_INET, ip.c_str(), address.data()) == 1) size = 4;
    if (!ip.contains('\0') && inet_pton(AF_INET6, ip.c_str(), address.data()) == 1) size = 16;
    if (size == 0) {
      return Malformed("crypto.issue.ip_address",
                       fmt::format("\"{}\" is no IP address", EscapeForDisplay(ip, kShownText)));
    }
    AddAltName(names.get(), GEN_IPADD, Octets(ByteView(address).first(size)).release());
  }
  // RFC 5280, 4.2.1.6: critical if the subject has no other name.
  const bool nameless = X509_NAME_entry_count(X509_get_subject_name(x509)) == 0;
  AddExtension(x509, NID_subject_alt_name, names.get(), nameless ? Critical::kYes : Critical::kNo);
  return {};
}

void AddBasicConstraints(X509* x509, const CertificateRequest& request) {
  const BasicConstraintsPtr constraints(BASIC_CONSTRAINTS_new());
  LQ_CHECK(constraints != nullptr);
  constraints->ca = request.ca ? 0xff : 0;
  if (request.ca && request.path_length >= 0) {
    constraints->pathlen = ASN1_INTEGER_new();
    LQ_CHECK(constraints->pathlen != nullptr);
    LQ_CHECK(ASN1_INTEGER_set(constraints->pathlen, request.path_length) == 1);
  }
  AddExtension(x509, NID_basic_constraints, constraints.get(), Critical::kYes);
}

void AddKeyUsage(X509* x509, const CertificateRequest& request, const PublicKey& key) {
  // Bit numbers of RFC 5280, 4.2.1.3.
  constexpr int kDigitalSignature = 0;
  constexpr int kKeyEncipherment = 2;
  constexpr int kKeyCertSign = 5;
  constexpr int kCrlSign = 6;
  const BitStringPtr bits(ASN1_BIT_STRING_new());
  LQ_CHECK(bits != nullptr);
  const auto set = [&](int bit) { LQ_CHECK(ASN1_BIT_STRING_set_bit(bits.get(), bit, 1) == 1); };
  if (request.ca) {
    set(kKeyCertSign);
    set(kCrlSign);
  } else {
    set(kDigitalSignature);
    if (key.type() == KeyType::kRsa) set(kKeyEncipherment);
  }
  AddExtension(x509, NID_key_usage, bits.get(), Critical::kYes);
}

void AddExtendedKeyUsage(X509* x509, const CertificateRequest& request) {
  if (!request.server_auth && !request.client_auth && !request.endorsement_key) return;
  const ExtendedKeyUsagePtr usage(EXTENDED_KEY_USAGE_new());
  LQ_CHECK(usage != nullptr);
  const auto add = [&](int nid) {
    LQ_CHECK(sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(nid)) > 0);
  };
  if (request.server_auth) add(NID_server_auth);
  if (request.client_auth) add(NID_client_auth);
  if (request.endorsement_key) {
    LQ_CHECK(sk_ASN1_OBJECT_push(usage.get(), OBJ_txt2obj("2.23.133.8.1", 1)) > 0);
  }
  AddExtension(x509, NID_ext_key_usage, usage.get(), Critical::kNo);
}

// RFC 5280, 4.2.1.2, method 1.
Bytes KeyIdentifier(const X509* x509) {
  Bytes identifier(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  LQ_CHECK(X509_pubkey_digest(x509, FetchedMd(HashAlgorithm::kSha1), identifier.data(), &size) ==
           1);
  identifier.resize(size);
  return identifier;
}

void AddKeyIdentifiers(X509* x509, const X509* issuer) {
  const OctetsPtr own = Octets(KeyIdentifier(x509));
  AddExtension(x509, NID_subject_key_identifier, own.get(), Critical::kNo);
  // The issuer's own identifier need not be made as ours is (RFC 5280, 4.2.1.1).
  const ASN1_OCTET_STRING* named = X509_get0_subject_key_id(const_cast<X509*>(issuer));
  const AuthorityKeyPtr authority(AUTHORITY_KEYID_new());
  LQ_CHECK(authority != nullptr);
  authority->keyid =
      named == nullptr ? Octets(KeyIdentifier(issuer)).release() : ASN1_OCTET_STRING_dup(named);
  LQ_CHECK(authority->keyid != nullptr);
  AddExtension(x509, NID_authority_key_identifier, authority.get(), Critical::kNo);
}

void AddLabMark(X509* x509) {
  const ObjectPtr oid(OBJ_txt2obj(std::string(kLabExtensionOid).c_str(), 1));
  LQ_CHECK(oid != nullptr);
  constexpr std::array<std::uint8_t, 2> kNull = {0x05, 0x00};
  const OctetsPtr value = Octets(kNull);
  const ExtensionPtr extension(X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), 0, value.get()));
  LQ_CHECK(extension != nullptr && X509_add_ext(x509, extension.get(), -1) == 1);
}

Bytes DerOf(const X509* x509) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(x509, &der);
  LQ_CHECK(size > 0);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

// The issuer's key must be the one in its certificate: what anything else signs
// verifies nowhere.
Status CheckIssuer(const PublicKey& subject_key, const Certificate* issuer,
                   const PrivateKey& issuer_key) {
  const PublicKey signer = issuer_key.public_key();
  if (issuer == nullptr) {
    if (signer == subject_key) return {};
    return Conflict("crypto.issue.key", "a self-signed certificate needs the subject's own key");
  }
  LQ_ASSIGN_OR_RETURN(const PublicKey named, issuer->public_key());
  if (signer == named) return {};
  return Conflict("crypto.issue.key", "the key is not that of the issuer's certificate");
}

}  // namespace

Result<Certificate> Issue(const CertificateRequest& request, const PublicKey& subject_key,
                          const Certificate* issuer, const PrivateKey& issuer_key) {
  const ErrorQueueScope scope;
  LQ_RETURN_IF_ERROR(CheckIssuer(subject_key, issuer, issuer_key));
  const X509Ptr x509(X509_new());
  LQ_CHECK(x509 != nullptr);
  LQ_CHECK(X509_set_version(x509.get(), X509_VERSION_3) == 1);
  SetSerial(x509.get());
  LQ_RETURN_IF_ERROR(SetValidity(x509.get(), request));
  X509_NAME* name = X509_get_subject_name(x509.get());
  LQ_RETURN_IF_ERROR(AddNameEntry(name, NID_organizationName, request.organization));
  LQ_RETURN_IF_ERROR(AddNameEntry(name, NID_commonName, request.common_name));
  const X509* signer = issuer == nullptr ? x509.get() : issuer->impl().x509.get();
  LQ_CHECK(X509_set_issuer_name(x509.get(), X509_get_subject_name(signer)) == 1);
  LQ_CHECK(X509_set_pubkey(x509.get(), subject_key.impl().pkey.get()) == 1);
  AddBasicConstraints(x509.get(), request);
  AddKeyUsage(x509.get(), request, subject_key);
  AddExtendedKeyUsage(x509.get(), request);
  AddKeyIdentifiers(x509.get(), signer);
  LQ_RETURN_IF_ERROR(AddAltNames(x509.get(), request));
  if (request.lab) AddLabMark(x509.get());
  if (X509_sign(x509.get(), issuer_key.impl().pkey.get(), FetchedMd(HashAlgorithm::kSha256)) <= 0) {
    return Unsupported("crypto.issue.key", "the issuer's key does not sign with SHA-256");
  }
  return Certificate::FromDer(DerOf(x509.get()));
}

}  // namespace limequat::crypto
