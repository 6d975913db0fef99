#include "limequat/ima/file_signature.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/prehashed.h"
#include "limequat/ima/kernel_hash.h"
#include "limequat/ima/template_data.h"

namespace limequat::ima {

namespace {

constexpr std::string_view kError = "ima.signature";

// By number.
constexpr std::array<std::string_view, 23> kHashNames = {
    "md4",    "md5",    "sha1",        "rmd160",      "sha256",   "sha384",   "sha512",  "sha224",
    "rmd128", "rmd256", "rmd320",      "wp256",       "wp384",    "wp512",    "tgr128",  "tgr160",
    "tgr192", "sm3",    "streebog256", "streebog512", "sha3-256", "sha3-384", "sha3-512"};

constexpr std::size_t kHmacSize = 20;  // always SHA-1
constexpr std::size_t kMd5Size = 16;

Error Bad(std::string message) { return Malformed(kError, std::move(message)); }

Status CheckSize(std::string_view hash, ByteView digest) {
  if (KernelDigestSize(hash) != digest.size()) {
    return Bad(fmt::format("a digest of {} bytes of {}", digest.size(), hash));
  }
  return {};
}

Result<std::string_view> ReadHash(ByteReader& reader) {
  LQ_ASSIGN_OR_RETURN(const std::uint8_t number, reader.U8("hash"));
  const std::string_view name = KernelHashName(number);
  if (name.empty()) return Unsupported(kError, fmt::format("a hash with the number {}", number));
  return name;
}

// Documented nowhere but in lib/digsig.c: version, time, kind of key, hash, key id,
// number of integers (one), and the integer behind its size in bits.
Result<UnverifiedFileSignature> ReadVersion1(ByteReader reader) {
  constexpr std::size_t kHeaderSize = 16;
  UnverifiedFileSignature read;
  read.version = 1;
  const ByteView all = reader.rest();
  LQ_RETURN_IF_ERROR(reader.Take(5, "version and time"));
  LQ_ASSIGN_OR_RETURN(const std::uint8_t kind, reader.U8("kind of key"));
  LQ_ASSIGN_OR_RETURN(const std::uint8_t hash, reader.U8("hash"));
  LQ_ASSIGN_OR_RETURN(read.key_id, reader.Take(8, "key id"));
  LQ_ASSIGN_OR_RETURN(const std::uint8_t numbers, reader.U8("number of integers"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t bits, reader.U16Be("size"));
  LQ_ASSIGN_OR_RETURN(read.value, reader.Take((bits + 7U) / 8U, "signature"));
  LQ_RETURN_IF_ERROR(reader.ExpectEnd("signature"));
  if (kind != 0 || hash > 1 || numbers != 1 || bits == 0) {
    return Unsupported(kError, "a signature of version 1 that is not of RSA with SHA-1 or SHA-256");
  }
  read.hash_algorithm = hash == 0 ? "sha1" : "sha256";
  read.header = all.first(kHeaderSize);
  return read;
}

Result<UnverifiedFileSignature> ReadVersion2(ByteReader reader) {
  UnverifiedFileSignature read;
  LQ_ASSIGN_OR_RETURN(read.version, reader.U8("version"));
  LQ_ASSIGN_OR_RETURN(read.hash_algorithm, ReadHash(reader));
  LQ_ASSIGN_OR_RETURN(read.key_id, reader.Take(4, "key id"));
  LQ_ASSIGN_OR_RETURN(read.value, reader.SizedU16Be("signature"));
  LQ_RETURN_IF_ERROR(reader.ExpectEnd("signature"));
  if (read.value.empty()) return Bad("a signature without a byte");
  return read;
}

Result<UnverifiedFileSignature> ReadSignature(XattrType type, const ByteReader& reader) {
  if (reader.empty()) return Bad("a signature without a version");
  const std::uint8_t version = reader.rest().front();
  if (version == 1 && type == XattrType::kSignature) return ReadVersion1(reader);
  // fs-verity came with version 3.
  if (version == 3 || (version == 2 && type != XattrType::kVeritySignature)) {
    return ReadVersion2(reader);
  }
  return Unsupported(kError, fmt::format("a {} of version {}", XattrTypeName(type), version));
}

Result<UnverifiedFileSignature> ReadDigest(XattrType type, ByteReader reader) {
  UnverifiedFileSignature read;
  switch (type) {
    case XattrType::kDigest:
      read.hash_algorithm = reader.remaining() == kMd5Size ? "md5" : "sha1";
      break;
    case XattrType::kDigestNg: {
      LQ_ASSIGN_OR_RETURN(read.hash_algorithm, ReadHash(reader));
      break;
    }
    default:
      if (reader.remaining() != kHmacSize) {
        return Bad(fmt::format("an HMAC of {} bytes", reader.remaining()));
      }
      read.hash_algorithm = "sha1";
      break;
  }
  read.value = reader.rest();
  LQ_RETURN_IF_ERROR(CheckSize(read.hash_algorithm, read.value));
  return read;
}

Result<UnverifiedFileSignature> ReadAs(XattrType type, const ByteReader& reader) {
  switch (type) {
    case XattrType::kSignature:
    case XattrType::kPortableSignature:
    case XattrType::kVeritySignature:
      return ReadSignature(type, reader);
    case XattrType::kDigest:
    case XattrType::kHmac:
    case XattrType::kDigestNg:
      return ReadDigest(type, reader);
  }
  return Unsupported(kError, fmt::format("a value of type {}", static_cast<std::uint8_t>(type)));
}

std::string SignerText(const Keyring::Member& member) {
  return fmt::format("{} {}", EscapeForDisplay(member.keyring, 64), KeyIdText(member.key.id));
}

FileSignatureVerification NotVerifiable(std::string detail) {
  return {.answer = SignatureAnswer::kNotVerifiable, .detail = std::move(detail), .signed_by = {}};
}

std::vector<const Keyring::Member*> Candidates(const UnverifiedFileSignature& signature,
                                               std::span<const Keyring* const> keyrings) {
  std::uint32_t id = 0;
  for (const std::uint8_t byte : signature.key_id) id = (id << 8U) | byte;
  std::vector<const Keyring::Member*> found;
  for (const Keyring* keyring : keyrings) {
    const auto here =
        signature.version == 1 ? keyring->FindV1(signature.key_id) : keyring->Find(id);
    found.insert(found.end(), here.begin(), here.end());
  }
  return found;
}

// The integer of a signature of version 1 may have lost its leading zeros.
Bytes PaddedFor(const crypto::PublicKey& key, ByteView number) {
  const std::size_t size = (static_cast<std::size_t>(key.bits()) + 7) / 8;
  Bytes padded(size > number.size() ? size - number.size() : 0);
  Append(padded, number);
  return padded;
}

Result<crypto::SignatureCheck> Check(const UnverifiedFileSignature& signature, ByteView digest,
                                     const crypto::PublicKey& key) {
  if (signature.version != 1) {
    return crypto::VerifyPrehashed(key, signature.hash_algorithm, digest, signature.value);
  }
  crypto::Hasher hasher(crypto::HashAlgorithm::kSha1);
  const crypto::Digest hash = hasher.Update(digest).Update(signature.header).Finish();
  return crypto::VerifyBareRsaBlock(key, hash.bytes(), PaddedFor(key, signature.value));
}

// The hash over struct ima_file_id: type and hash of the digest, and the digest.
std::optional<crypto::Digest> FileIdHash(const UnverifiedFileSignature& signature,
                                         ByteView digest) {
  const auto hash = HashOfKernelName(signature.hash_algorithm);
  if (!hash) return std::nullopt;
  const auto number = std::ranges::find(kHashNames, signature.hash_algorithm) - kHashNames.begin();
  const std::array<std::uint8_t, 2> head = {static_cast<std::uint8_t>(signature.type),
                                            static_cast<std::uint8_t>(number)};
  return crypto::Hasher(*hash).Update(head).Update(digest).Finish();
}

// Why `signature` is not over such a digest; empty if it may be.
std::string Objection(const UnverifiedFileSignature& signature, const SignedDigest& digest) {
  if (!signature.is_signature()) {
    return fmt::format("a {} proves nothing to others", XattrTypeName(signature.type));
  }
  if (CanonicalHashName(digest.algorithm) != signature.hash_algorithm) {
    return fmt::format("it signs a digest of {}, the list has one of {}", signature.hash_algorithm,
                       EscapeForDisplay(digest.algorithm, 32));
  }
  const bool for_verity = signature.type == XattrType::kVeritySignature;
  if (digest.is_verity && *digest.is_verity != for_verity) {
    return for_verity ? "it signs an fs-verity digest, the list has the file's"
                      : "it signs the file's digest, the list has an fs-verity digest";
  }
  return {};
}

FileSignatureVerification VerifyWith(const std::vector<const Keyring::Member*>& candidates,
                                     const UnverifiedFileSignature& signature, ByteView digest) {
  // One key that cannot have made it does not speak for the others of its id.
  std::optional<Error> unsupported;
  bool tried = false;
  for (const Keyring::Member* member : candidates) {
    const auto check = Check(signature, digest, member->key.key);
    if (!check) {
      unsupported = check.error();
    } else if (*check == crypto::SignatureCheck::kValid) {
      return {.answer = SignatureAnswer::kGood, .detail = {}, .signed_by = SignerText(*member)};
    } else {
      tried = true;
    }
  }
  if (!tried && unsupported) return NotVerifiable(std::move(unsupported)->message);
  return {
      .answer = SignatureAnswer::kBad,
      .detail = fmt::format("key {} did not make it for this digest", HexEncode(signature.key_id)),
      .signed_by = {}};
}

}  // namespace

std::string_view XattrTypeName(XattrType type) {
  switch (type) {
    case XattrType::kDigest:
    case XattrType::kDigestNg:
      return "digest";
    case XattrType::kHmac:
      return "hmac";
    case XattrType::kSignature:
      return "signature";
    case XattrType::kPortableSignature:
      return "portable-signature";
    case XattrType::kVeritySignature:
      return "verity-signature";
  }
  return "";
}

std::string_view KernelHashName(std::uint8_t number) {
  return number < kHashNames.size() ? kHashNames[number] : std::string_view();
}

std::string_view CanonicalHashName(std::string_view name) {
  return name == "sm3-256" || name == "sm3_256" ? "sm3" : name;
}

std::string_view SignatureAnswerName(SignatureAnswer answer) {
  switch (answer) {
    case SignatureAnswer::kGood:
      return "good";
    case SignatureAnswer::kBad:
      return "bad";
    case SignatureAnswer::kUnknownKey:
      return "unknown-key";
    case SignatureAnswer::kNotVerifiable:
      return "not-verifiable";
    case SignatureAnswer::kMalformed:
      return "malformed";
  }
  return "";
}

Result<UnverifiedFileSignature> ParseFileSignature(ByteView xattr) {
  ByteReader reader(xattr);
  const auto type = reader.U8("type");
  if (!type) return Bad("an empty value");
  auto read = ReadAs(static_cast<XattrType>(*type), reader);
  if (!read) {
    const ErrorCode code = read.error().code;
    return Error{.code = code, .id = std::string(kError), .message = read.error().message};
  }
  read->type = static_cast<XattrType>(*type);
  return read;
}

FileSignatureVerification VerifyFileSignature(const UnverifiedFileSignature& signature,
                                              const SignedDigest& digest,
                                              std::span<const Keyring* const> keyrings) {
  std::string objection = Objection(signature, digest);
  if (!objection.empty()) return NotVerifiable(std::move(objection));
  const auto candidates = Candidates(signature, keyrings);
  if (candidates.empty()) {
    return {.answer = SignatureAnswer::kUnknownKey,
            .detail = fmt::format("no key {} is known", HexEncode(signature.key_id)),
            .signed_by = {}};
  }
  if (signature.version != 3) return VerifyWith(candidates, signature, digest.digest);
  const auto hash = FileIdHash(signature, digest.digest);
  if (!hash) {
    return NotVerifiable(
        fmt::format("signatures with the hash '{}' are not verified", signature.hash_algorithm));
  }
  return VerifyWith(candidates, signature, hash->bytes());
}

}  // namespace limequat::ima
