#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/crypto/key.h"
#include "limequat/crypto/revocation.h"

namespace limequat::crypto {

// How a distinguished name is written.
enum class NameStyle {
  kRfc2253,  // last part first: "CN=x,O=y"
  kOneLine,  // as OpenSSL's tools print it: "O = y, CN = x"
};

// Bits of keyUsage (RFC 5280, 4.2.1.3), as OpenSSL numbers them.
enum KeyUsage : std::uint32_t {
  kDigitalSignature = 0x80,
  kKeyEncipherment = 0x20,
  kKeyAgreement = 0x08,
  kKeyCertSign = 0x04,
  kCrlSign = 0x02,
};

// One extension, as it stands in the certificate.
struct Extension {
  std::string oid;  // dotted
  bool critical = false;
  Bytes value;  // content of the OCTET STRING
};

// An X.509 certificate as a value (RFC 5280); copies share it. Parsing says
// nothing about trust.
class Certificate {
 public:
  // The first certificate of PEM text, or exactly one DER certificate; trailing
  // bytes after DER are kMalformed ("crypto.certificate.*"). Hostile input.
  static Result<Certificate> FromPem(std::string_view pem);
  static Result<Certificate> FromDer(ByteView der);
  // The same, and certificates that TPM vendors have really issued although OpenSSL
  // refuses them (LenientCertificateForms in certificate_notes.h). Signatures are
  // verified over the bytes as they came. For endorsement certificates and what leads
  // to them, not for TLS.
  static Result<Certificate> FromVendorDer(ByteView der);
  // Every certificate of PEM text, at most `limit` (kMalformed beyond).
  static Result<std::vector<Certificate>> AllFromPem(std::string_view pem, std::size_t limit = 256);

  std::string ToPem() const;
  Bytes ToDer() const;
  // kUnsupported for key types this library does not know.
  Result<PublicKey> public_key() const;
  // Text of the names, escaped for display.
  std::string subject(NameStyle style = NameStyle::kRfc2253) const;
  std::string issuer(NameStyle style = NameStyle::kRfc2253) const;
  Bytes subject_der() const;                       // the Name
  std::optional<std::string> common_name() const;  // first CN of the subject
  std::string serial_hex() const;
  Time not_before() const;
  Time not_after() const;
  bool is_ca() const;
  int version() const;  // 3 for what is in use
  // Names of OpenSSL ("sha256WithRSAEncryption", "rsaesOaep"), or dotted OIDs.
  std::string signature_algorithm() const;
  std::string key_algorithm() const;
  std::optional<std::uint32_t> key_usage() const;       // KeyUsage bits; absent: any use
  std::vector<std::string> extended_key_usage() const;  // OIDs
  // URIs of authorityInfoAccess and of the CRL distribution points, escaped for display.
  // Whoever made the certificate chose them: to be shown, never to be fetched.
  std::vector<std::string> authority_information() const;
  std::vector<std::string> crl_distribution_points() const;
  std::vector<Extension> extensions() const;
  // DER content of the extension with this dotted OID, if present.
  std::optional<Bytes> extension(std::string_view oid) const;

  friend bool operator==(const Certificate& a, const Certificate& b);  // same DER

  struct Impl;
  const Impl& impl() const { return *impl_; }  // for this module only
  explicit Certificate(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<const Impl> impl_;
};

// What a chain is built for. The EK purpose takes a leaf without extended key usage
// (old ones have none); one that has it must name tcg-kp-EKCertificate, 2.23.133.8.1,
// whatever else it names (TCG EK Credential Profile). It ignores critical
// extensions of the profile that OpenSSL does not know (subject directory attributes,
// critical SAN), in the leaf only.
enum class ChainPurpose { kAny, kTlsClient, kTlsServer, kEndorsementKey };

// How VerifyChain goes about it.
struct ChainOptions {
  ChainPurpose purpose = ChainPurpose::kAny;
  Time at{};
  // Accept an intermediate in `anchors` as an end of the path (vendor stores often
  // hold only intermediates).
  bool partial_chain = true;
  // Validity periods: TPM EK certificates in the field are often expired. When
  // false, an expired certificate is a passed finding that says so.
  bool require_valid_time = true;
  // Set: no certificate of the path below the anchor may be revoked, and each needs a
  // current list of its issuer; "CHECK.revocation" says so.
  std::optional<std::vector<RevocationList>> revocation{};
};

// Builds a path from `leaf` to one of `anchors` over `intermediates` and returns
// findings "CHECK.chain", "CHECK.validity" and, if asked for, "CHECK.revocation" with
// CHECK = `check`. Trust comes from `anchors` only; `intermediates` and `leaf` may be
// hostile. Path length ≤ 10.
Findings VerifyChain(const Certificate& leaf, const std::vector<Certificate>& anchors,
                     const std::vector<Certificate>& intermediates, const ChainOptions& options,
                     std::string_view check);

// What Issue puts into a certificate.
struct CertificateRequest {
  std::string common_name;
  std::string organization;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;  // text form, IPv4 or IPv6
  Time not_before{};
  Time not_after{};
  bool ca = false;
  int path_length = -1;  // for a CA; -1: no limit
  bool server_auth = false;
  bool client_auth = false;
  // A certificate of an endorsement key (TCG EK Credential Profile): usage 2.23.133.8.1.
  bool endorsement_key = false;
  // Marks a lab's certification authority (attack A17): a critical-free private
  // extension kLabExtensionOid is added.
  bool lab = false;
};

// OID of the extension that marks certificates of a lab.
inline constexpr std::string_view kLabExtensionOid = "2.25.294967110531287440283497720231364587301";

// A certificate for `subject_key`, signed by `issuer_key` in the name of `issuer`
// (nullptr: self-signed, then `issuer_key` must belong to `subject_key`). Positive
// random 128-bit serial, SHA-256, SKI and AKI, basicConstraints, key usage.
// kMalformed for addresses that do not parse.
Result<Certificate> Issue(const CertificateRequest& request, const PublicKey& subject_key,
                          const Certificate* issuer, const PrivateKey& issuer_key);

}  // namespace limequat::crypto
