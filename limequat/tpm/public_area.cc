#include "limequat/tpm/public_area.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"
#include "limequat/tpm/read_error.h"

namespace limequat::tpm {

namespace {

constexpr std::uint32_t kDefaultExponent = 65537;

struct Symmetric {
  AlgorithmId algorithm = AlgorithmId::kNull;
  std::uint16_t bits = 0;
  AlgorithmId mode = AlgorithmId::kNull;
};

// TPMT_SYM_DEF_OBJECT (part 2, 11.1.7). Every block cipher of the registry has a
// size and a mode, so an unknown one can be carried by number.
Result<Symmetric> ReadSymmetric(ByteReader& in) {
  Symmetric symmetric;
  LQ_ASSIGN_OR_RETURN(const std::uint16_t algorithm, in.U16Be("symmetric algorithm"));
  symmetric.algorithm = static_cast<AlgorithmId>(algorithm);
  if (symmetric.algorithm == AlgorithmId::kNull) return symmetric;
  LQ_ASSIGN_OR_RETURN(symmetric.bits, in.U16Be("symmetric key bits"));
  LQ_ASSIGN_OR_RETURN(const std::uint16_t mode, in.U16Be("symmetric mode"));
  symmetric.mode = static_cast<AlgorithmId>(mode);
  return symmetric;
}

struct Scheme {
  AlgorithmId scheme = AlgorithmId::kNull;
  AlgorithmId hash = AlgorithmId::kNull;
};

// TPMT_RSA_SCHEME, TPMT_ECC_SCHEME (part 2, 11.2.4.2 and 11.2.5.6): what follows
// depends on the scheme, so one that is not known ends the reading.
Result<Scheme> ReadScheme(ByteReader& in) {
  Scheme scheme;
  LQ_ASSIGN_OR_RETURN(const std::uint16_t id, in.U16Be("scheme"));
  scheme.scheme = static_cast<AlgorithmId>(id);
  switch (scheme.scheme) {
    case AlgorithmId::kNull:
    case AlgorithmId::kRsaEs:
      return scheme;
    case AlgorithmId::kRsaSsa:
    case AlgorithmId::kRsaPss:
    case AlgorithmId::kOaep:
    case AlgorithmId::kEcdsa:
    case AlgorithmId::kEcdaa:
    case AlgorithmId::kSm2:
    case AlgorithmId::kEcSchnorr:
    case AlgorithmId::kEcdh:
    case AlgorithmId::kEcMqv:
      break;
    default:
      return Unsupported("tpm.public.scheme",
                         fmt::format("scheme {}", AlgorithmName(scheme.scheme)));
  }
  LQ_ASSIGN_OR_RETURN(const std::uint16_t hash, in.U16Be("scheme hash"));
  scheme.hash = static_cast<AlgorithmId>(hash);
  if (scheme.scheme == AlgorithmId::kEcdaa) LQ_RETURN_IF_ERROR(in.U16Be("ECDAA count"));
  return scheme;
}

Result<crypto::PublicKey> ReadRsaKey(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint16_t bits, in.U16Be("keyBits"));
  LQ_ASSIGN_OR_RETURN(const std::uint32_t exponent, in.U32Be("exponent"));
  LQ_ASSIGN_OR_RETURN(const ByteView modulus, in.SizedU16Be("modulus"));
  if (modulus.size() * 8 != bits) {
    return Malformed("tpm.public.modulus",
                     fmt::format("keyBits is {}, the modulus has {} bytes", bits, modulus.size()));
  }
  LQ_ASSIGN_OR_RETURN(
      crypto::PublicKey key,
      crypto::PublicKey::FromRsa(modulus, exponent == 0 ? kDefaultExponent : exponent));
  if (key.bits() != bits) {
    return Malformed("tpm.public.modulus",
                     fmt::format("keyBits is {}, the modulus has {} bits", bits, key.bits()));
  }
  return key;
}

std::optional<crypto::Curve> CurveOf(std::uint16_t id) {
  switch (id) {
    case 0x0003:
      return crypto::Curve::kP256;
    case 0x0004:
      return crypto::Curve::kP384;
    case 0x0005:
      return crypto::Curve::kP521;
    case 0x0020:
      return crypto::Curve::kSm2;
    default:
      return std::nullopt;
  }
}

// Some TPMs leave out leading zero bytes of a coordinate (Keylime refuses those keys,
// quirk Q22: one key in 128). The value is the same, so they are put back. The Name
// stays the hash of what the TPM sent.
Result<Bytes> PadCoordinate(ByteView coordinate, crypto::Curve curve, std::string_view name) {
  const std::size_t size = crypto::CurveBytes(curve);
  if (coordinate.empty() || coordinate.size() > size) {
    return Malformed("tpm.public.coordinate",
                     fmt::format("{} has {} bytes, curve {} has {}", name, coordinate.size(),
                                 crypto::CurveName(curve), size));
  }
  Bytes padded(size - coordinate.size(), 0);
  Append(padded, coordinate);
  return padded;
}

Result<crypto::PublicKey> ReadEccKey(ByteReader& in) {
  LQ_ASSIGN_OR_RETURN(const std::uint16_t curve_id, in.U16Be("curve"));
  const std::optional<crypto::Curve> curve = CurveOf(curve_id);
  if (!curve) {
    return Unsupported("tpm.public.curve", fmt::format("curve 0x{:04x}", curve_id));
  }
  LQ_ASSIGN_OR_RETURN(const std::uint16_t kdf, in.U16Be("kdf"));
  if (static_cast<AlgorithmId>(kdf) != AlgorithmId::kNull) {
    LQ_RETURN_IF_ERROR(in.U16Be("kdf hash"));
  }
  LQ_ASSIGN_OR_RETURN(const ByteView x, in.SizedU16Be("x"));
  LQ_ASSIGN_OR_RETURN(const ByteView y, in.SizedU16Be("y"));
  LQ_ASSIGN_OR_RETURN(const Bytes padded_x, PadCoordinate(x, *curve, "x"));
  LQ_ASSIGN_OR_RETURN(const Bytes padded_y, PadCoordinate(y, *curve, "y"));
  return crypto::PublicKey::FromEcPoint(*curve, padded_x, padded_y);
}

struct Required {
  std::uint32_t attribute;
  std::string_view name;
};

// Appends the names of attributes that are set or clear against the rule.
void Compare(const PublicArea& area, const std::vector<Required>& set,
             const std::vector<Required>& clear, std::vector<std::string>& wrong) {
  for (const Required& required : set) {
    if (!area.Has(required.attribute)) wrong.push_back(fmt::format("not {}", required.name));
  }
  for (const Required& forbidden : clear) {
    if (area.Has(forbidden.attribute)) wrong.emplace_back(forbidden.name);
  }
}

Finding AttributeFinding(std::string_view check, std::string_view role, const PublicArea& area,
                         const std::vector<std::string>& wrong) {
  if (wrong.empty()) {
    return Passed(check, fmt::format("attributes {:08x} are those of {}", area.attributes(), role));
  }
  std::string list = wrong.front();
  for (std::size_t i = 1; i < wrong.size(); ++i) list += ", " + wrong[i];
  return Failed(check, fmt::format("attributes {:08x} are not those of {}: the key is {}",
                                   area.attributes(), role, list));
}

}  // namespace

Result<PublicArea> PublicArea::Read(ByteView bytes) {
  ByteReader in(bytes);
  PublicArea area;
  LQ_ASSIGN_OR_RETURN(const std::uint16_t type, in.U16Be("type"));
  area.type_ = static_cast<AlgorithmId>(type);
  if (area.type_ != AlgorithmId::kRsa && area.type_ != AlgorithmId::kEcc) {
    return Unsupported("tpm.public.type", fmt::format("an object of type {}, not an RSA or ECC key",
                                                      AlgorithmName(area.type_)));
  }
  LQ_ASSIGN_OR_RETURN(const std::uint16_t name_id, in.U16Be("nameAlg"));
  const auto name_algorithm = HashOf(static_cast<AlgorithmId>(name_id));
  if (!name_algorithm) {
    return Unsupported(
        "tpm.public.name_algorithm",
        fmt::format("name algorithm {}", AlgorithmName(static_cast<AlgorithmId>(name_id))));
  }
  area.name_algorithm_ = *name_algorithm;
  LQ_ASSIGN_OR_RETURN(area.attributes_, in.U32Be("objectAttributes"));
  LQ_ASSIGN_OR_RETURN(const ByteView policy, in.SizedU16Be("authPolicy"));
  area.auth_policy_ = ToBytes(policy);
  LQ_ASSIGN_OR_RETURN(const Symmetric symmetric, ReadSymmetric(in));
  area.symmetric_ = symmetric.algorithm;
  area.symmetric_bits_ = symmetric.bits;
  area.symmetric_mode_ = symmetric.mode;
  LQ_ASSIGN_OR_RETURN(const Scheme scheme, ReadScheme(in));
  area.scheme_ = scheme.scheme;
  area.scheme_hash_ = scheme.hash;
  LQ_ASSIGN_OR_RETURN(area.key_, area.type_ == AlgorithmId::kRsa ? ReadRsaKey(in) : ReadEccKey(in));
  LQ_RETURN_IF_ERROR(in.ExpectEnd("the structure"));
  area.tpmt_ = ToBytes(bytes);
  return area;
}

Result<PublicArea> PublicArea::FromTpmt(ByteView bytes) {
  Result<PublicArea> area = Read(bytes);
  if (!area) return InStructure(std::move(area).error(), "tpm.public", "TPMT_PUBLIC");
  return area;
}

Result<PublicArea> PublicArea::FromTpm2b(ByteView bytes) {
  ByteReader in(bytes);
  Result<ByteView> content = in.SizedU16Be("size");
  if (!content) return InStructure(std::move(content).error(), "tpm.public", "TPM2B_PUBLIC");
  if (Status end = in.ExpectEnd("the structure"); !end) {
    return InStructure(std::move(end).error(), "tpm.public", "TPM2B_PUBLIC");
  }
  return FromTpmt(*content);
}

Result<PublicArea> PublicArea::FromEither(ByteView bytes) {
  // A TPMT_PUBLIC begins with its type, 0x0001 or 0x0023: as a size that would be far
  // too small for a key, so the two forms cannot be mistaken for each other.
  ByteReader in(bytes);
  const Result<std::uint16_t> size = in.U16Be("size");
  if (size && *size == in.remaining()) return FromTpm2b(bytes);
  return FromTpmt(bytes);
}

Bytes PublicArea::tpm2b() const {
  ByteWriter out;
  return out.SizedU16Be(tpmt_).Take();
}

Bytes PublicArea::Name() const {
  ByteWriter out;
  out.U16Be(static_cast<std::uint16_t>(IdOf(name_algorithm_)));
  return out.Raw(crypto::Hash(name_algorithm_, tpmt_).bytes()).Take();
}

Finding CheckAttestationKey(const PublicArea& ak) {
  std::vector<std::string> wrong;
  Compare(ak,
          {{kRestricted, "restricted"},
           {kSign, "a signing key"},
           {kFixedTpm, "fixedTPM"},
           {kFixedParent, "fixedParent"},
           {kSensitiveDataOrigin, "made by the TPM (sensitiveDataOrigin)"}},
          {{kDecrypt, "a decryption key"}}, wrong);
  const bool known_scheme = ak.scheme() == AlgorithmId::kRsaSsa ||
                            ak.scheme() == AlgorithmId::kRsaPss ||
                            ak.scheme() == AlgorithmId::kEcdsa || ak.scheme() == AlgorithmId::kSm2;
  if (!known_scheme || !HashOf(ak.scheme_hash())) {
    wrong.push_back(fmt::format("of signing scheme {} with {}", AlgorithmName(ak.scheme()),
                                AlgorithmName(ak.scheme_hash())));
  }
  return AttributeFinding("tpm.ak.attributes", "an attestation key", ak, wrong);
}

Finding CheckEndorsementKey(const PublicArea& ek) {
  std::vector<std::string> wrong;
  Compare(ek,
          {{kRestricted, "restricted"},
           {kDecrypt, "a decryption key"},
           {kFixedTpm, "fixedTPM"},
           {kFixedParent, "fixedParent"},
           {kSensitiveDataOrigin, "made by the TPM (sensitiveDataOrigin)"}},
          {{kSign, "a signing key"}}, wrong);
  if (ek.symmetric() == AlgorithmId::kNull) wrong.emplace_back("without a symmetric algorithm");
  return AttributeFinding("tpm.ek.attributes", "an endorsement key", ek, wrong);
}

}  // namespace limequat::tpm
