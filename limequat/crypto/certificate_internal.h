#pragma once

// How certificates are held. For the sources of this module only.

#include "limequat/crypto/certificate.h"
#include "limequat/crypto/openssl_internal.h"

namespace limequat::crypto {

struct Certificate::Impl {
  X509Ptr x509;
  Bytes der;  // as it came: some vendors' certificates are not canonical
  Time not_before{};
  Time not_after{};
};

// Dotted text of `object`.
std::string OidText(const ASN1_OBJECT* object);
// What Certificate::subject returns.
std::string SubjectText(const X509* x509);
// UTCTime or GeneralizedTime (RFC 5280, 4.1.2.5), of the years 0 to 9999; nullopt
// if it is none.
std::optional<Time> TimeOf(const ASN1_TIME* time);

}  // namespace limequat::crypto
