#include "limequat/ima/keyring.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/der.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/prehashed.h"

namespace limequat::ima {

namespace {

using crypto::Certificate;
using crypto::PublicKey;

constexpr std::string_view kSubjectKeyIdentifier = "2.5.29.14";

Error BadKey(std::string message) { return Malformed("ima.key", std::move(message)); }

std::uint32_t LastFour(ByteView bytes) {
  std::uint32_t id = 0;
  for (const std::uint8_t byte : bytes.last(4)) id = (id << 8U) | byte;
  return id;
}

std::uint32_t IdOfBits(const PublicKey& key) {
  const Bytes bits = crypto::SubjectPublicKeyOf(key);
  return LastFour(crypto::Hash(crypto::HashAlgorithm::kSha1, bits).bytes());
}

// An OCTET STRING of at least four bytes, in the short form: identifiers are hashes.
std::optional<std::uint32_t> IdOfCertificate(const Certificate& certificate) {
  constexpr std::size_t kShortForm = 2;
  const std::optional<Bytes> der = certificate.extension(kSubjectKeyIdentifier);
  if (!der) return std::nullopt;
  crypto::DerReader in(*der);
  const auto text = in.NextIf(crypto::kDerOctetString);
  if (!text || !in.empty() || text->content.size() < sizeof(std::uint32_t) ||
      text->whole.size() - text->content.size() != kShortForm) {
    return std::nullopt;
  }
  return LastFour(text->content);
}

// A multi-precision integer as OpenPGP writes it: its bits, then its bytes.
void WriteMpi(ByteView magnitude, ByteWriter& out) {
  std::size_t bits = magnitude.size() * 8;
  for (std::uint8_t mask = 0x80; bits > 0 && (magnitude.front() & mask) == 0; mask >>= 1U) --bits;
  out.U16Be(static_cast<std::uint16_t>(bits)).Raw(magnitude);
}

// The kernel's old format (lib/digsig.c): version 1, a time, RSA, two numbers.
std::optional<KeyIdV1> IdV1Of(const PublicKey& key) {
  const auto numbers = crypto::RsaNumbersOf(key);
  if (!numbers) return std::nullopt;
  ByteWriter encoded;
  encoded.U8(1).U32Be(0).U8(0).U8(2);
  WriteMpi(numbers->modulus, encoded);
  WriteMpi(numbers->exponent, encoded);
  const crypto::Digest hash = crypto::Hash(crypto::HashAlgorithm::kSha1, encoded.bytes());
  KeyIdV1 id{};
  std::ranges::copy(hash.bytes().last(id.size()), id.begin());
  return id;
}

Result<Key> KeyOf(PublicKey key, std::optional<Certificate> certificate) {
  if (key.type() != crypto::KeyType::kRsa && !key.curve()) {
    return Unsupported("ima.key",
                       "a key that is neither RSA, ECDSA on P-256, P-384 or P-521, "
                       "nor SM2");
  }
  std::optional<std::uint32_t> id;
  if (certificate) id = IdOfCertificate(*certificate);
  std::optional<KeyIdV1> id_v1 = IdV1Of(key);
  return Key{.key = key,
             .certificate = std::move(certificate),
             .id = id ? *id : IdOfBits(key),
             .id_v1 = id_v1};
}

Result<Key> KeyOfCertificate(Certificate certificate) {
  auto key = certificate.public_key();
  if (!key) {
    const ErrorCode code = key.error().code;
    return Error{.code = code, .id = "ima.key", .message = std::move(key).error().message};
  }
  return KeyOf(*std::move(key), std::move(certificate));
}

Result<Key> ParsePem(std::string_view pem) {
  if (auto certificate = Certificate::FromPem(pem))
    return KeyOfCertificate(*std::move(certificate));
  auto key = PublicKey::FromPem(pem);
  if (!key) {
    const ErrorCode code = key.error().code;
    return Error{.code = code, .id = "ima.key", .message = std::move(key).error().message};
  }
  return KeyOf(*std::move(key), std::nullopt);
}

// SEQUENCE of two INTEGERs: a SubjectPublicKeyInfo is put around it.
Bytes SpkiAroundRsa(ByteView rsa) {
  // SEQUENCE { OID rsaEncryption, NULL }
  static constexpr std::array<std::uint8_t, 15> kAlgorithm = {
      0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
  const auto header = [](std::uint8_t tag, std::size_t size, ByteWriter& out) {
    out.U8(tag).U8(0x83).U8(static_cast<std::uint8_t>(size >> 16U));
    out.U16Be(static_cast<std::uint16_t>(size));
  };
  ByteWriter bits;
  header(0x03, rsa.size() + 1, bits);
  bits.U8(0).Raw(rsa);
  ByteWriter spki;
  header(0x30, kAlgorithm.size() + bits.bytes().size(), spki);
  spki.Raw(kAlgorithm).Raw(bits.bytes());
  return spki.Take();
}

}  // namespace

std::string KeyIdText(std::uint32_t id) { return fmt::format("{:08x}", id); }

Result<Key> ParseKey(ByteView encoded) {
  if (encoded.size() > kMaxKeyBytes) {
    return BadKey(fmt::format("a key of {} bytes", encoded.size()));
  }
  if (AsText(encoded).starts_with("-----BEGIN ")) return ParsePem(AsText(encoded));
  if (auto certificate = Certificate::FromDer(encoded)) {
    return KeyOfCertificate(*std::move(certificate));
  }
  auto key = PublicKey::FromSpkiDer(encoded);
  if (!key && key.error().code == ErrorCode::kMalformed) {
    auto rsa = PublicKey::FromSpkiDer(SpkiAroundRsa(encoded));
    // OpenSSL overlooks what follows the numbers.
    if (rsa && Equal(crypto::SubjectPublicKeyOf(*rsa), encoded)) key = std::move(rsa);
  }
  if (key) return KeyOf(*std::move(key), std::nullopt);
  if (key.error().code == ErrorCode::kUnsupported) {
    return Unsupported("ima.key", std::move(key).error().message);
  }
  return BadKey("neither a certificate nor a public key");
}

Status Keyring::Add(Key key, std::string_view keyring) {
  std::size_t same_id = 0;
  for (const Member& member : members_) {
    if (member.key.id != key.id) continue;
    if (member.key.key == key.key && member.key.certificate == key.certificate) return {};
    ++same_id;
  }
  if (members_.size() >= kMaxKeys || same_id >= kMaxKeysOfOneId) {
    return Conflict("ima.keyring.full",
                    fmt::format("no room for key {}: at most {} keys, and {} of one id",
                                KeyIdText(key.id), kMaxKeys, kMaxKeysOfOneId));
  }
  members_.push_back({.key = std::move(key), .keyring = std::string(keyring)});
  return {};
}

std::vector<const Keyring::Member*> Keyring::Find(std::uint32_t id) const {
  std::vector<const Member*> found;
  for (const Member& member : members_) {
    if (member.key.id == id) found.push_back(&member);
  }
  return found;
}

std::vector<const Keyring::Member*> Keyring::FindV1(ByteView id) const {
  std::vector<const Member*> found;
  for (const Member& member : members_) {
    if (member.key.id_v1 && Equal(*member.key.id_v1, id)) found.push_back(&member);
  }
  return found;
}

}  // namespace limequat::ima
