#include "limequat/tpm/signature.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/der.h"
#include "limequat/tpm/read_error.h"

namespace limequat::tpm {

namespace {

// Schemes whose signature is r and s.
bool IsEcc(AlgorithmId scheme) {
  return scheme == AlgorithmId::kEcdsa || scheme == AlgorithmId::kSm2;
}

Result<Signature> Read(ByteView bytes) {
  ByteReader in(bytes);
  LQ_ASSIGN_OR_RETURN(const std::uint16_t scheme, in.U16Be("sigAlg"));
  Signature signature;
  signature.scheme = static_cast<AlgorithmId>(scheme);
  if (!IsEcc(signature.scheme) && signature.scheme != AlgorithmId::kRsaSsa &&
      signature.scheme != AlgorithmId::kRsaPss) {
    return Unsupported("tpm.signature.scheme",
                       fmt::format("signature scheme {}", AlgorithmName(signature.scheme)));
  }
  LQ_ASSIGN_OR_RETURN(const std::uint16_t hash_id, in.U16Be("hash"));
  const auto hash = HashOf(static_cast<AlgorithmId>(hash_id));
  if (!hash) {
    return Unsupported(
        "tpm.signature.hash",
        fmt::format("signature hash {}", AlgorithmName(static_cast<AlgorithmId>(hash_id))));
  }
  signature.hash = *hash;
  if (IsEcc(signature.scheme)) {
    LQ_ASSIGN_OR_RETURN(const ByteView r, in.SizedU16Be("signatureR"));
    LQ_ASSIGN_OR_RETURN(const ByteView s, in.SizedU16Be("signatureS"));
    signature.r = ToBytes(r);
    signature.s = ToBytes(s);
  } else {
    LQ_ASSIGN_OR_RETURN(const ByteView rsa, in.SizedU16Be("sig"));
    signature.rsa = ToBytes(rsa);
  }
  LQ_RETURN_IF_ERROR(in.ExpectEnd("the structure"));
  return signature;
}

// A DER INTEGER (X.690, 8.3) of an unsigned big-endian number of at most 66 bytes. Of
// zero it is none: no r or s is zero, and OpenSSL refuses it.
Bytes DerInteger(ByteView number) {
  while (!number.empty() && number.front() == 0) number = number.subspan(1);
  const bool negative = !number.empty() && (number.front() & 0x80U) != 0;
  ByteWriter out;
  out.U8(0x02).U8(static_cast<std::uint8_t>(number.size() + (negative ? 1 : 0)));
  if (negative) out.U8(0);
  return out.Raw(number).Take();
}

// SEQUENCE { r, s }. Long form of the length from 128 bytes on: P-521 needs it.
Bytes DerSignature(ByteView r, ByteView s) {
  Bytes content = DerInteger(r);
  Append(content, DerInteger(s));
  ByteWriter out;
  out.U8(0x30);
  if (content.size() >= 0x80) out.U8(0x81);
  return out.U8(static_cast<std::uint8_t>(content.size())).Raw(content).Take();
}

// r and s of a DER signature in its only form: one that is not written the same again
// (another tag, another length, a zero too many, bytes behind it) is none.
std::optional<std::pair<ByteView, ByteView>> ReadDerSignature(ByteView der) {
  const auto sequence = crypto::DerReader(der).NextIf(crypto::kDerSequence);
  if (!sequence) return std::nullopt;
  crypto::DerReader in(sequence->content);
  const auto first = in.NextIf(crypto::kDerInteger);
  const auto second = in.NextIf(crypto::kDerInteger);
  if (!first || !second || first->content.empty() || second->content.empty()) return std::nullopt;
  const ByteView r = first->content;
  const ByteView s = second->content;
  if (!Equal(DerSignature(r, s), der)) return std::nullopt;
  return std::pair(r.front() == 0 ? r.subspan(1) : r, s.front() == 0 ? s.subspan(1) : s);
}

bool FitsCurve(ByteView number, crypto::Curve curve) {
  return number.size() <= crypto::CurveBytes(curve);
}

}  // namespace

Result<Signature> ParseSignature(ByteView signature) {
  Result<Signature> parsed = Read(signature);
  if (!parsed) return InStructure(std::move(parsed).error(), "tpm.signature", "TPMT_SIGNATURE");
  return parsed;
}

Result<Signature> ParseSignatureFile(ByteView bytes, const crypto::PublicKey& key,
                                     crypto::HashAlgorithm bare_hash, ByteView message) {
  Result<Signature> parsed = ParseSignature(bytes);
  if (parsed) return parsed;
  if (key.type() == crypto::KeyType::kRsa) {
    if (bytes.size() != static_cast<std::size_t>((key.bits() + 7) / 8)) return parsed;
    Signature signature{
        .scheme = AlgorithmId::kRsaPss, .hash = bare_hash, .rsa = ToBytes(bytes), .r = {}, .s = {}};
    if (VerifySignature(key, signature, message) != crypto::SignatureCheck::kValid) {
      signature.scheme = AlgorithmId::kRsaSsa;
    }
    return signature;
  }
  const auto numbers = ReadDerSignature(bytes);
  if (!key.curve() || !numbers) return parsed;
  return Signature{
      .scheme = key.curve() == crypto::Curve::kSm2 ? AlgorithmId::kSm2 : AlgorithmId::kEcdsa,
      .hash = bare_hash,
      .rsa = {},
      .r = ToBytes(numbers->first),
      .s = ToBytes(numbers->second)};
}

Bytes WriteSignature(const Signature& signature) {
  ByteWriter out;
  out.U16Be(static_cast<std::uint16_t>(signature.scheme));
  out.U16Be(static_cast<std::uint16_t>(IdOf(signature.hash)));
  if (IsEcc(signature.scheme)) {
    out.SizedU16Be(signature.r).SizedU16Be(signature.s);
  } else {
    out.SizedU16Be(signature.rsa);
  }
  return out.Take();
}

crypto::SignatureCheck VerifySignature(const crypto::PublicKey& key, const Signature& signature,
                                       ByteView message) {
  switch (signature.scheme) {
    case AlgorithmId::kRsaSsa:
      return key.Verify(crypto::SignatureScheme::kRsaSsa, signature.hash, message, signature.rsa);
    case AlgorithmId::kRsaPss:
      return key.Verify(crypto::SignatureScheme::kRsaPss, signature.hash, message, signature.rsa);
    case AlgorithmId::kEcdsa:
    case AlgorithmId::kSm2: {
      const std::optional<crypto::Curve> curve = key.curve();
      if (!curve || !FitsCurve(signature.r, *curve) || !FitsCurve(signature.s, *curve)) {
        return crypto::SignatureCheck::kInvalid;
      }
      const auto scheme = signature.scheme == AlgorithmId::kSm2 ? crypto::SignatureScheme::kSm2
                                                                : crypto::SignatureScheme::kEcdsa;
      return key.Verify(scheme, signature.hash, message, DerSignature(signature.r, signature.s));
    }
    default:
      return crypto::SignatureCheck::kInvalid;
  }
}

}  // namespace limequat::tpm
