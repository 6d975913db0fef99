#pragma once

#include <cstdint>
#include <stdexcept>

#include "limequat/base/byte_reader.h"
#include "limequat/base/bytes.h"
#include "limequat/crypto/key.h"
#include "limequat/tpm/algorithm.h"
#include "limequat/tpm/public_area.h"

// For tests only: writes public areas as a TPM would, good ones and odd ones.
namespace limequat::tpm::testing {

inline constexpr std::uint32_t kAkAttributes =
    kFixedTpm | kFixedParent | kSensitiveDataOrigin | kUserWithAuth | kRestricted | kSign;
inline constexpr std::uint32_t kEkAttributes =
    kFixedTpm | kFixedParent | kSensitiveDataOrigin | kAdminWithPolicy | kRestricted | kDecrypt;

// Everything of a TPMT_PUBLIC but the key.
struct Template {
  AlgorithmId name_algorithm = AlgorithmId::kSha256;
  std::uint32_t attributes = kAkAttributes;
  Bytes auth_policy;
  AlgorithmId symmetric = AlgorithmId::kNull;
  std::uint16_t symmetric_bits = 0;
  AlgorithmId symmetric_mode = AlgorithmId::kNull;
  AlgorithmId scheme = AlgorithmId::kNull;
  AlgorithmId scheme_hash = AlgorithmId::kNull;
  bool strip_zeros = false;  // coordinates as some TPMs write them (quirk Q22)
};

inline Template AkTemplate(AlgorithmId scheme, AlgorithmId hash = AlgorithmId::kSha256) {
  Template ak;
  ak.scheme = scheme;
  ak.scheme_hash = hash;
  return ak;
}

inline Template EkTemplate(AlgorithmId name_algorithm = AlgorithmId::kSha256,
                           std::uint16_t aes_bits = 128) {
  Template ek;
  ek.name_algorithm = name_algorithm;
  ek.attributes = kEkAttributes;
  ek.symmetric = AlgorithmId::kAes;
  ek.symmetric_bits = aes_bits;
  ek.symmetric_mode = AlgorithmId::kCfb;
  return ek;
}

// The modulus of an RSA key with exponent 65537: in its SubjectPublicKeyInfo the
// modulus stands before the five bytes of the exponent.
inline Bytes ModulusOf(const crypto::PublicKey& key) {
  constexpr std::size_t kExponent = 5;
  const Bytes der = key.ToSpkiDer();
  const auto size = static_cast<std::ptrdiff_t>(key.bits() / 8);
  return {der.end() - kExponent - size, der.end() - kExponent};
}

inline ByteView Stripped(ByteView number, bool strip) {
  while (strip && number.size() > 1 && number.front() == 0) number = number.subspan(1);
  return number;
}

inline void WriteHead(ByteWriter& out, AlgorithmId type, const Template& area) {
  out.U16Be(static_cast<std::uint16_t>(type))
      .U16Be(static_cast<std::uint16_t>(area.name_algorithm));
  out.U32Be(area.attributes).SizedU16Be(area.auth_policy);
  out.U16Be(static_cast<std::uint16_t>(area.symmetric));
  if (area.symmetric != AlgorithmId::kNull) {
    out.U16Be(area.symmetric_bits).U16Be(static_cast<std::uint16_t>(area.symmetric_mode));
  }
  out.U16Be(static_cast<std::uint16_t>(area.scheme));
  if (area.scheme != AlgorithmId::kNull && area.scheme != AlgorithmId::kRsaEs) {
    out.U16Be(static_cast<std::uint16_t>(area.scheme_hash));
  }
  if (area.scheme == AlgorithmId::kEcdaa) out.U16Be(1);
}

// TPMT_PUBLIC of `key`.
inline Bytes WriteTpmt(const Template& area, const crypto::PublicKey& key) {
  ByteWriter out;
  if (key.type() == crypto::KeyType::kRsa) {
    WriteHead(out, AlgorithmId::kRsa, area);
    out.U16Be(static_cast<std::uint16_t>(key.bits())).U32Be(0).SizedU16Be(ModulusOf(key));
    return out.Take();
  }
  const auto point = crypto::PointOf(key);
  if (!point) throw std::invalid_argument(point.error().message);
  WriteHead(out, AlgorithmId::kEcc, area);
  const bool sm2 = key.curve() == crypto::Curve::kSm2;
  out.U16Be(static_cast<std::uint16_t>(sm2 ? 0x20 : 3 + static_cast<int>(*key.curve())));
  out.U16Be(static_cast<std::uint16_t>(AlgorithmId::kNull));
  out.SizedU16Be(Stripped(point->x, area.strip_zeros));
  out.SizedU16Be(Stripped(point->y, area.strip_zeros));
  return out.Take();
}

inline PublicArea MakePublicArea(const Template& area, const crypto::PublicKey& key) {
  auto parsed = PublicArea::FromTpmt(WriteTpmt(area, key));
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  return *std::move(parsed);
}

}  // namespace limequat::tpm::testing
