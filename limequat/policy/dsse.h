#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"

namespace limequat::policy {

// Signed policies: envelopes of DSSE, "Dead Simple Signing Envelope" 1.0, as Keylime
// writes and reads them (keylime-server-protocol, 5.5).

// The payload type under which Keylime signs runtime policies.
inline constexpr std::string_view kKeylimePayloadType = "application/vnd.keylime+json";

// Limits of an envelope; beyond them it is malformed.
inline constexpr std::size_t kMaxEnvelopeBytes = 64U << 20U;
inline constexpr std::size_t kMaxSignatures = 32;
inline constexpr std::size_t kMaxSignatureBytes = 4096;
inline constexpr std::size_t kMaxKeyIdBytes = 64U << 10U;
// Certificates that one signature may bring along.
inline constexpr std::size_t kMaxEnvelopeCertificates = 8;

// One signature of an envelope. `key_id` is a hint that nobody signed: it is shown,
// and may hold a certificate, but it never chooses whom to trust. "" if absent.
struct EnvelopeSignature {
  std::string key_id;
  Bytes signature;
};

// An envelope as it was read. Nothing vouches for its payload.
class UnverifiedEnvelope {
 public:
  // Hostile input. Memory is linear in its size, at most kMaxEnvelopeBytes. kMalformed
  // ("policy.envelope"): not JSON, an absent or empty payload, an absent list of
  // signatures (an empty one parses, and verifies nothing), a payload type that is not
  // 1 to 255 printable ASCII characters, other limits. Payload and signatures are read
  // as Keylime reads them: hexadecimal, else base64 of either alphabet, padded.
  static Result<UnverifiedEnvelope> Parse(std::string_view text);

  const std::string& payload_type() const { return payload_type_; }
  const std::vector<EnvelopeSignature>& signatures() const { return signatures_; }
  // What somebody claims to have signed: to show, or to sign, never to obey.
  std::string_view unverified_payload() const { return AsText(payload_); }
  // SHA-256 of the text it was read from.
  const crypto::Digest& hash() const { return hash_; }

 private:
  std::string payload_type_;
  Bytes payload_;
  std::vector<EnvelopeSignature> signatures_;
  crypto::Digest hash_{crypto::HashAlgorithm::kSha256};
};

// An envelope that enough trusted keys signed. Only VerifyEnvelope makes one, with one
// exception that its name spells out.
class VerifiedEnvelope {
 public:
  // An envelope from where only we write, and only after VerifyEnvelope: the database
  // of the verifier. Never for bytes that somebody sends.
  static VerifiedEnvelope AssumeVerifiedBeforeStoring(UnverifiedEnvelope envelope) {
    return VerifiedEnvelope(std::move(envelope));
  }

  std::string_view payload() const { return envelope_.unverified_payload(); }
  const std::string& payload_type() const { return envelope_.payload_type(); }
  const crypto::Digest& hash() const { return envelope_.hash(); }

 private:
  friend struct EnvelopeVerifier;
  explicit VerifiedEnvelope(UnverifiedEnvelope envelope) : envelope_(std::move(envelope)) {}
  UnverifiedEnvelope envelope_;
};

// Whose signatures count. Nothing in here comes from the envelope (attack A11,
// quirk Q11: Keylime without a key trusts the certificate that the envelope carries).
struct TrustedSigners {
  std::vector<crypto::PublicKey> keys;
  // Roots for certificates that the envelope carries in its key identifiers: such a
  // certificate counts if it leads to one of these, is valid at `at`, and is not for
  // another use (a key usage that has digitalSignature, an extended key usage that
  // has code signing, each if it is present).
  std::vector<crypto::Certificate> anchors;
  // How many distinct keys must have signed; 0 counts as 1. A key that signed twice, or
  // that is given twice, or both as a key and in a certificate, counts once.
  std::size_t threshold = 1;
  std::vector<std::string> payload_types = {std::string(kKeylimePayloadType)};
  Time at{};

  bool empty() const { return keys.empty() && anchors.empty(); }
};

// What became of one signature, for display.
struct SignatureOutcome {
  std::string key_id;  // as claimed; hostile
  bool counts = false;
  std::string signer;  // KeyIdOf the key that fits, if it is trusted
  std::string detail;  // one sentence, already escaped
};

// Every finding, what became of each signature, and the envelope only if all findings
// passed.
struct EnvelopeVerification {
  Findings findings;
  std::vector<SignatureOutcome> signatures;
  std::optional<VerifiedEnvelope> envelope;
};

// Verifies `envelope`:
//   policy.signature.payload_type   the signed type is one of those expected
//   policy.signature.threshold      enough distinct trusted keys signed type and payload;
//                                   not evaluated if no key and no root is given
//
// Schemes by the type of key, whatever the envelope says: ECDSA on P-256, P-384 and
// P-521 with SHA-256 (which Keylime uses for all) or the hash of the curve's size;
// Ed25519; RSASSA-PSS with SHA-256, SHA-384 or SHA-512 from 2048 bits on.
// Time: each signature is tried with each key; the payload is hashed once for each
// hash and once more for each pair of a 64-byte signature and an Ed25519 key.
EnvelopeVerification VerifyEnvelope(UnverifiedEnvelope envelope, const TrustedSigners& signers);

// The finding of a policy that is not signed although a key is configured
// ("policy.signature.present"): it is refused even where signing is optional.
Finding NotSigned();

// kUnsupported ("policy.signing_key") for a key whose signatures VerifyEnvelope never
// accepts: to say so before a key is configured in vain.
Status CheckSigningKey(const crypto::PublicKey& key);

// How Keylime names an ECDSA key, and we name every key: SHA-256 of its PEM text, hex.
std::string KeyIdOf(const crypto::PublicKey& key);

// Pre-authentication encoding: the bytes that a DSSE signature is over.
Bytes PreAuthEncoding(std::string_view payload_type, std::string_view payload);

// A signature over `payload` with the scheme that goes with the key; ECDSA always with
// SHA-256, the only one that Keylime verifies. `key_id` "": KeyIdOf the key.
// kUnsupported ("policy.signing_key").
Result<EnvelopeSignature> SignPayload(std::string_view payload_type, std::string_view payload,
                                      const crypto::PrivateKey& key, std::string_view key_id = {});

// The text of an envelope, in Keylime's order of members.
std::string WriteEnvelope(std::string_view payload_type, std::string_view payload,
                          const std::vector<EnvelopeSignature>& signatures);

}  // namespace limequat::policy
