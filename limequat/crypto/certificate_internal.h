#pragma once

// How certificates are held. For the sources of this module only.

#include <openssl/x509v3.h>

#include "limequat/crypto/certificate.h"
#include "limequat/crypto/openssl_internal.h"

namespace limequat::crypto {

struct Certificate::Impl {
  X509Ptr x509;
  Bytes der;  // as it came: some vendors' certificates are not canonical
  Time not_before{};
  Time not_after{};
  std::string key_algorithm;  // as written: DecodeOaepKey changes what OpenSSL holds
  // The TBSCertificate as it came, if OpenSSL holds it in another form (FromVendorDer).
  std::optional<Bytes> signed_part;
};

using AccessDescriptionsPtr =
    std::unique_ptr<AUTHORITY_INFO_ACCESS, Releases<AUTHORITY_INFO_ACCESS_free>>;
using DistributionPointsPtr = std::unique_ptr<CRL_DIST_POINTS, Releases<CRL_DIST_POINTS_free>>;
using ExtendedKeyUsagePtr = std::unique_ptr<EXTENDED_KEY_USAGE, Releases<EXTENDED_KEY_USAGE_free>>;
using ObjectPtr = std::unique_ptr<ASN1_OBJECT, Releases<ASN1_OBJECT_free>>;

// Dotted text of `object`.
std::string OidText(const ASN1_OBJECT* object);
// Name of OpenSSL, or dotted text.
std::string ObjectName(const ASN1_OBJECT* object);
// A distinguished name, escaped for display.
std::string NameText(const X509_NAME* name, NameStyle style = NameStyle::kRfc2253);
// What Certificate::subject returns.
std::string SubjectText(const X509* x509);
// Whether `issuer_key` signed `certificate`, over the bytes as they came.
SignatureCheck CheckSignedPart(const Certificate& certificate, EVP_PKEY* issuer_key);
// UTCTime or GeneralizedTime (RFC 5280, 4.1.2.5), of the years 0 to 9999; nullopt
// if it is none.
std::optional<Time> TimeOf(const ASN1_TIME* time);

// Whether basicConstraints call the certificate that of an authority.
bool IsAuthority(X509* x509);

// Whether a signature of this algorithm over this digest (NIDs) counts, where SHA-1 still does:
// endorsement chains. Edwards curves need no digest.
bool IsDigestForSignatures(int algorithm, int digest);

// The object identifiers of extendedKeyUsage, as dotted text; none if it is damaged.
std::vector<std::string> UsagesOf(X509* x509);

}  // namespace limequat::crypto
