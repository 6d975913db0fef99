#include "limequat/policy/dsse.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/policy/dsse_internal.h"

namespace limequat::policy {

namespace {

constexpr std::size_t kMaxTypeBytes = 255;
// Far more than an envelope of kMaxSignatures has; members nobody knows are ignored.
constexpr std::size_t kMaxEnvelopeValues = 4096;
constexpr int kMinRsaBits = 2048;

Error BadEnvelope(std::string message) {
  return Malformed("policy.envelope", "DSSE envelope: " + std::move(message));
}

bool IsPrintableAscii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// Keylime's order: text that is hexadecimal is not taken for base64 (quirk Q24).
Result<Bytes> Decode(std::string text) {
  if (auto bytes = HexDecode(text); bytes && !bytes->empty()) return bytes;
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  return Base64Decode(text);
}

Result<EnvelopeSignature> ReadSignature(const json::Value& value, std::size_t number) {
  const std::string what = fmt::format("signature {}", number);
  json::ObjectReader in(value, what);
  EnvelopeSignature signature;
  signature.key_id = in.OptionalString("keyid").value_or("");
  std::string text = in.String("sig");
  if (const Status status = in.status(); !status) return BadEnvelope(status.error().message);
  if (signature.key_id.size() > kMaxKeyIdBytes) {
    return BadEnvelope(what + " has a key identifier that is too long");
  }
  // Hexadecimal takes two characters a byte.
  if (text.size() > 2 * kMaxSignatureBytes) return BadEnvelope(what + " is too long");
  auto bytes = Decode(std::move(text));
  if (!bytes) return BadEnvelope(what + " is neither base64 nor hexadecimal");
  if (bytes->empty()) return BadEnvelope(what + " is empty");
  signature.signature = *std::move(bytes);
  return signature;
}

}  // namespace

Result<UnverifiedEnvelope> UnverifiedEnvelope::Parse(std::string_view text) {
  auto document =
      json::Parse(text, {.max_bytes = kMaxEnvelopeBytes, .max_values = kMaxEnvelopeValues});
  if (!document) return BadEnvelope(std::move(document).error().message);
  json::ObjectReader in(*document, "envelope");
  UnverifiedEnvelope envelope;
  envelope.payload_type_ = in.String("payloadType");
  std::string payload = in.String("payload");
  const json::Array* signatures = in.ArrayMember("signatures");
  if (const Status status = in.status(); !status) return BadEnvelope(status.error().message);

  // Keylime counts the characters of the type, the standard its bytes: printable ASCII
  // has as many of both, and looks like what it is.
  if (envelope.payload_type_.empty() || envelope.payload_type_.size() > kMaxTypeBytes ||
      !IsPrintableAscii(envelope.payload_type_)) {
    return BadEnvelope("payloadType is not 1 to 255 printable ASCII characters");
  }
  auto bytes = Decode(std::move(payload));
  if (!bytes) return BadEnvelope("payload is neither base64 nor hexadecimal");
  if (bytes->empty()) return BadEnvelope("payload is empty");
  envelope.payload_ = *std::move(bytes);
  if (signatures->size() > kMaxSignatures) {
    return BadEnvelope(
        fmt::format("{} signatures; at most {}", signatures->size(), kMaxSignatures));
  }
  for (const json::Value& value : *signatures) {
    LQ_ASSIGN_OR_RETURN(EnvelopeSignature signature,
                        ReadSignature(value, envelope.signatures_.size() + 1));
    envelope.signatures_.push_back(std::move(signature));
  }
  envelope.hash_ = crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(text));
  return envelope;
}

Bytes PreAuthEncoding(std::string_view payload_type, std::string_view payload) {
  Bytes bytes =
      ToBytes(fmt::format("DSSEv1 {} {} {} ", payload_type.size(), payload_type, payload.size()));
  Append(bytes, AsBytes(payload));
  return bytes;
}

std::string KeyIdOf(const crypto::PublicKey& key) {
  return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(key.ToPem())).hex();
}

std::vector<SigningScheme> SchemesOf(const crypto::PublicKey& key) {
  using crypto::HashAlgorithm;
  using crypto::SignatureScheme;
  switch (key.type()) {
    case crypto::KeyType::kRsa:
      if (key.bits() < kMinRsaBits) return {};
      return {{SignatureScheme::kRsaPss, HashAlgorithm::kSha256},
              {SignatureScheme::kRsaPss, HashAlgorithm::kSha384},
              {SignatureScheme::kRsaPss, HashAlgorithm::kSha512}};
    case crypto::KeyType::kEd25519:
      return {{SignatureScheme::kEd25519, HashAlgorithm::kSha512}};
    case crypto::KeyType::kEc: {
      if (!key.curve() || *key.curve() == crypto::Curve::kSm2) return {};
      std::vector<SigningScheme> schemes = {{SignatureScheme::kEcdsa, HashAlgorithm::kSha256}};
      if (*key.curve() == crypto::Curve::kP384) {
        schemes.push_back({SignatureScheme::kEcdsa, HashAlgorithm::kSha384});
      } else if (*key.curve() == crypto::Curve::kP521) {
        schemes.push_back({SignatureScheme::kEcdsa, HashAlgorithm::kSha512});
      }
      return schemes;
    }
    case crypto::KeyType::kOther:
      break;
  }
  return {};
}

Status CheckSigningKey(const crypto::PublicKey& key) {
  if (!SchemesOf(key).empty()) return {};
  return Unsupported("policy.signing_key",
                     "policies are signed with ECDSA on P-256, P-384 or P-521, with Ed25519, or "
                     "with RSA keys of 2048 bits and more; this key is another");
}

Result<EnvelopeSignature> SignPayload(std::string_view payload_type, std::string_view payload,
                                      const crypto::PrivateKey& key, std::string_view key_id) {
  const crypto::PublicKey public_key = key.public_key();
  LQ_RETURN_IF_ERROR(CheckSigningKey(public_key));
  const SigningScheme scheme = SchemesOf(public_key).front();
  EnvelopeSignature signature;
  signature.key_id = key_id.empty() ? KeyIdOf(public_key) : std::string(key_id);
  LQ_ASSIGN_OR_RETURN(signature.signature,
                      key.Sign(scheme.scheme, scheme.hash, PreAuthEncoding(payload_type, payload)));
  return signature;
}

std::string WriteEnvelope(std::string_view payload_type, std::string_view payload,
                          const std::vector<EnvelopeSignature>& signatures) {
  json::Array array;
  for (const EnvelopeSignature& signature : signatures) {
    json::Object object;
    if (!signature.key_id.empty()) object.Set("keyid", signature.key_id);
    object.Set("sig", Base64Encode(signature.signature));
    array.emplace_back(std::move(object));
  }
  return json::Serialize(json::Object{{"payload", Base64Encode(AsBytes(payload))},
                                      {"payloadType", payload_type},
                                      {"signatures", std::move(array)}});
}

}  // namespace limequat::policy
