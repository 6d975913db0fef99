#pragma once

#include <string>
#include <vector>

#include "limequat/crypto/certificate.h"

namespace limequat::crypto {

// Something about a certificate, or the bytes it came in, that is not as the standards
// want it. Notes are for people; no decision depends on them.
struct CertificateNote {
  std::string id;      // stable: "certificate.set_order"
  std::string detail;  // one sentence, escaped for display

  friend bool operator==(const CertificateNote&, const CertificateNote&) = default;
};
using CertificateNotes = std::vector<CertificateNote>;

// How the encoding of `certificate` departs from DER (X.690) and from RFC 5280, as far as
// certificates of TPM vendors are known to depart from them; each kind once. Every one
// of these is accepted, because none lets anybody say what its issuer has not signed:
// signatures are verified over the bytes as they came.
CertificateNotes NotesOn(const Certificate& certificate);

}  // namespace limequat::crypto
