#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/certificate.h"

namespace limequat::crypto {

// Limits of one message; longer ones are kMalformed.
inline constexpr std::size_t kMaxSignedData = 1U << 20U;
inline constexpr std::size_t kMaxSigners = 16;
inline constexpr std::size_t kMaxCarriedCertificates = 16;

// One signer of a message, as it says. It names its certificate in one of two ways.
struct SignerInfo {
  Bytes issuer;          // Name in DER, with `serial`; or empty
  Bytes serial;          // magnitude, big-endian
  Bytes subject_key_id;  // or this
  // As Linux calls it ("sha256"); empty for one that is not known here.
  std::string digest_algorithm;
  // Whether the signature is of a kind that VerifyPrehashed checks, with that digest:
  // RSASSA-PKCS1-v1_5, ECDSA, or SM2.
  bool is_prehashed_kind = false;
  // Whether attributes are signed, which hold the digest of the content, instead of it.
  bool has_signed_attributes = false;
  Bytes signature;
};

// A SignedData message (CMS, RFC 5652, or PKCS #7 1.5).
struct UnverifiedSignedData {
  std::vector<SignerInfo> signers;
  // Those in the message, as far as they can be read. Whoever made it chose them: they prove
  // nothing, and are of use as links of a chain to one that is trusted for other reasons.
  std::vector<Certificate> certificates;
  bool is_detached = false;  // the content is not in it
};

// kMalformed ("crypto.signed_data"): no such message in DER, other bytes behind it, more
// than kMaxSignedData bytes, kMaxSigners signers or kMaxCarriedCertificates certificates,
// or no signer. Hostile input. Memory: a few times the input.
Result<UnverifiedSignedData> ParseSignedData(ByteView der);

// Whether `signer` names this certificate: by issuer and serial number, or by the
// subject key identifier. Says nothing about the signature.
bool NamesCertificate(const SignerInfo& signer, const Certificate& certificate);

}  // namespace limequat::crypto
