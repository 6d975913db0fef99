#include "limequat/tpm/credential.h"

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/cipher.h"
#include "limequat/crypto/mac.h"
#include "limequat/crypto/random.h"
#include "limequat/tpm/id_object.h"
#include "limequat/tpm/read_error.h"

namespace limequat::tpm {

namespace {

constexpr std::uint32_t kBlobMagic = 0xbadcc0de;
constexpr std::uint32_t kBlobVersion = 1;
constexpr std::string_view kIdentity = "IDENTITY";

struct Seed {
  Secret seed;
  Bytes encrypted;
};

std::uint32_t Bits(std::size_t bytes) { return static_cast<std::uint32_t>(bytes * 8); }

// Part 1, B.10.4: OAEP of a random seed, the label with its terminating zero.
Result<Seed> MakeRsaSeed(const PublicArea& ek) {
  const crypto::HashAlgorithm hash = ek.name_algorithm();
  Secret seed(crypto::RandomBytes(crypto::DigestSize(hash)));
  Bytes label = ToBytes(kIdentity);
  label.push_back(0);
  LQ_ASSIGN_OR_RETURN(Bytes encrypted, ek.key().EncryptOaep(hash, label, seed.Expose()));
  return Seed{.seed = std::move(seed), .encrypted = std::move(encrypted)};
}

// Part 1, C.6.4: the seed comes from an ephemeral agreement, its point is what is sent.
Result<Seed> MakeEccSeed(const PublicArea& ek) {
  const crypto::HashAlgorithm hash = ek.name_algorithm();
  LQ_ASSIGN_OR_RETURN(const crypto::EphemeralAgreement agreement, crypto::AgreeEphemeral(ek.key()));
  LQ_ASSIGN_OR_RETURN(const crypto::EcPoint point, crypto::PointOf(ek.key()));
  Secret seed(Kdfe(hash, agreement.shared_x.Expose(), kIdentity, agreement.public_x, point.x,
                   Bits(crypto::DigestSize(hash))));
  ByteWriter encrypted;
  encrypted.SizedU16Be(agreement.public_x).SizedU16Be(agreement.public_y);
  return Seed{.seed = std::move(seed), .encrypted = encrypted.Take()};
}

Status CheckEk(const PublicArea& ek, ByteView secret) {
  const bool aes_cfb =
      ek.symmetric() == AlgorithmId::kAes && ek.symmetric_mode() == AlgorithmId::kCfb &&
      (ek.symmetric_bits() == 128 || ek.symmetric_bits() == 192 || ek.symmetric_bits() == 256);
  if (!aes_cfb) {
    return Unsupported("tpm.credential.ek",
                       fmt::format("an endorsement key with symmetric algorithm {}, {} bits, mode "
                                   "{}: only AES in CFB mode is supported",
                                   AlgorithmName(ek.symmetric()), ek.symmetric_bits(),
                                   AlgorithmName(ek.symmetric_mode())));
  }
  // TPM2_ActivateCredential refuses longer ones (part 3, 12.5).
  const std::size_t most = crypto::DigestSize(ek.name_algorithm());
  if (secret.size() > most) {
    return Unsupported("tpm.credential.secret",
                       fmt::format("a secret of {} bytes: this endorsement key carries at most {}",
                                   secret.size(), most));
  }
  return {};
}

}  // namespace

Result<Bytes> MakeIdObject(crypto::HashAlgorithm hash, std::uint16_t key_bits, ByteView seed,
                           ByteView name, ByteView secret) {
  const Secret key(Kdfa(hash, seed, "STORAGE", name, {}, key_bits));
  ByteWriter identity;
  identity.SizedU16Be(secret);
  const Secret plain(identity.Take());
  LQ_ASSIGN_OR_RETURN(const Bytes encrypted,
                      crypto::AesCfb128EncryptZeroIv(key.Expose(), plain.Expose()));

  const Secret mac_key(Kdfa(hash, seed, "INTEGRITY", {}, {}, Bits(crypto::DigestSize(hash))));
  Bytes covered = encrypted;
  Append(covered, name);
  ByteWriter object;
  object.SizedU16Be(crypto::Hmac(hash, mac_key.Expose(), covered).bytes()).Raw(encrypted);
  return object.Take();
}

Result<Credential> MakeCredential(const PublicArea& ek, ByteView name, ByteView secret) {
  LQ_RETURN_IF_ERROR(CheckEk(ek, secret));
  LQ_ASSIGN_OR_RETURN(Seed seed,
                      ek.type() == AlgorithmId::kRsa ? MakeRsaSeed(ek) : MakeEccSeed(ek));
  LQ_ASSIGN_OR_RETURN(Bytes id_object, MakeIdObject(ek.name_algorithm(), ek.symmetric_bits(),
                                                    seed.seed.Expose(), name, secret));
  return Credential{.id_object = std::move(id_object),
                    .encrypted_secret = std::move(seed.encrypted)};
}

Bytes WriteCredentialBlob(const Credential& credential) {
  ByteWriter out;
  out.U32Be(kBlobMagic).U32Be(kBlobVersion);
  return out.SizedU16Be(credential.id_object).SizedU16Be(credential.encrypted_secret).Take();
}

namespace {

Result<Credential> ReadBlob(ByteView blob) {
  ByteReader in(blob);
  LQ_ASSIGN_OR_RETURN(const std::uint32_t magic, in.U32Be("magic"));
  LQ_ASSIGN_OR_RETURN(const std::uint32_t version, in.U32Be("version"));
  if (magic != kBlobMagic || version != kBlobVersion) {
    return Malformed("tpm.credential_blob.header",
                     fmt::format("magic {:08x}, version {}: expected {:08x} and {}", magic, version,
                                 kBlobMagic, kBlobVersion));
  }
  LQ_ASSIGN_OR_RETURN(const ByteView id_object, in.SizedU16Be("TPMS_ID_OBJECT"));
  LQ_ASSIGN_OR_RETURN(const ByteView secret, in.SizedU16Be("encrypted secret"));
  LQ_RETURN_IF_ERROR(in.ExpectEnd("the blob"));
  ByteReader object(id_object);
  LQ_ASSIGN_OR_RETURN(const ByteView integrity, object.SizedU16Be("integrity"));
  if (integrity.empty() || object.empty() || secret.empty()) {
    return Malformed("tpm.credential_blob.empty",
                     "the integrity value, the identity or the encrypted secret is empty");
  }
  return Credential{.id_object = ToBytes(id_object), .encrypted_secret = ToBytes(secret)};
}

}  // namespace

Result<Credential> ParseCredentialBlob(ByteView blob) {
  Result<Credential> credential = ReadBlob(blob);
  if (!credential) {
    return InStructure(std::move(credential).error(), "tpm.credential_blob", "credential blob");
  }
  return credential;
}

Bytes Kdfa(crypto::HashAlgorithm hash, ByteView key, std::string_view label, ByteView context_u,
           ByteView context_v, std::uint32_t bits) {
  LQ_CHECK(bits % 8 == 0);
  Bytes out;
  for (std::uint32_t counter = 1; out.size() < bits / 8; ++counter) {
    ByteWriter block;
    block.U32Be(counter).Raw(AsBytes(label)).U8(0).Raw(context_u).Raw(context_v).U32Be(bits);
    Append(out, crypto::Hmac(hash, key, block.bytes()).bytes());
  }
  out.resize(bits / 8);
  return out;
}

Bytes Kdfe(crypto::HashAlgorithm hash, ByteView z, std::string_view label, ByteView party_u,
           ByteView party_v, std::uint32_t bits) {
  LQ_CHECK(bits % 8 == 0);
  Bytes out;
  for (std::uint32_t counter = 1; out.size() < bits / 8; ++counter) {
    ByteWriter block;
    block.U32Be(counter).Raw(z).Raw(AsBytes(label)).U8(0).Raw(party_u).Raw(party_v);
    const Secret message(block.Take());
    Append(out, crypto::Hash(hash, message.Expose()).bytes());
  }
  out.resize(bits / 8);
  return out;
}

}  // namespace limequat::tpm
