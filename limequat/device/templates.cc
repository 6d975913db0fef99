#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "limequat/device/templates_internal.h"
#include "limequat/tpm/public_area.h"

namespace limequat::device {

namespace {

constexpr std::array<std::uint8_t, 32> kPolicyASha256{
    0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc, 0x8d, 0x46, 0xa5, 0xd7, 0x24,
    0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52, 0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa};
constexpr std::array<std::uint8_t, 48> kPolicyASha384{
    0x8b, 0xbf, 0x22, 0x66, 0x53, 0x7c, 0x17, 0x1c, 0xb5, 0x6e, 0x40, 0x3c, 0x4d, 0xc1, 0xd4, 0xb6,
    0x4f, 0x43, 0x26, 0x11, 0xdc, 0x38, 0x6e, 0x6f, 0x53, 0x20, 0x50, 0xc3, 0x27, 0x8c, 0x93, 0x0e,
    0x14, 0x3e, 0x8b, 0xb1, 0x13, 0x38, 0x24, 0xcc, 0xb4, 0x31, 0x05, 0x38, 0x71, 0xc6, 0xdb, 0x53};
constexpr std::array<std::uint8_t, 48> kPolicyBSha384{
    0xb2, 0x6e, 0x7d, 0x28, 0xd1, 0x1a, 0x50, 0xbc, 0x53, 0xd8, 0x82, 0xbc, 0xf5, 0xfd, 0x3a, 0x1a,
    0x07, 0x41, 0x48, 0xbb, 0x35, 0xd3, 0xb4, 0xe4, 0xcb, 0x1c, 0x0a, 0xd9, 0xbd, 0xe4, 0x19, 0xca,
    0xcb, 0x47, 0xba, 0x09, 0x69, 0x96, 0x46, 0x15, 0x0f, 0x9f, 0xc0, 0x00, 0xf3, 0xf8, 0x0e, 0x12};
constexpr std::array<std::uint8_t, 48> kPolicyCSha384{
    0xd6, 0x03, 0x2c, 0xe6, 0x1f, 0x2f, 0xb3, 0xc2, 0x40, 0xeb, 0x3c, 0xf6, 0xa3, 0x32, 0x37, 0xef,
    0x2b, 0x6a, 0x16, 0xf4, 0x29, 0x3c, 0x22, 0xb4, 0x55, 0xe2, 0x61, 0xcf, 0xfd, 0x21, 0x7a, 0xd5,
    0xb4, 0x94, 0x7c, 0x2d, 0x73, 0xe6, 0x30, 0x05, 0xee, 0xd2, 0xdc, 0x2b, 0x35, 0x93, 0xd1, 0x65};

constexpr TPMA_OBJECT kLowRange = tpm::kFixedTpm | tpm::kFixedParent | tpm::kSensitiveDataOrigin |
                                  tpm::kAdminWithPolicy | tpm::kRestricted | tpm::kDecrypt;
constexpr TPMA_OBJECT kHighRange = kLowRange | tpm::kUserWithAuth;
constexpr TPMA_OBJECT kAttestation = tpm::kFixedTpm | tpm::kFixedParent |
                                     tpm::kSensitiveDataOrigin | tpm::kUserWithAuth |
                                     tpm::kRestricted | tpm::kSign;

void SetPolicy(TPMT_PUBLIC& area, ByteView policy) {
  std::ranges::copy(policy, area.authPolicy.buffer);
  area.authPolicy.size = static_cast<UINT16>(policy.size());
}

TPMT_SYM_DEF_OBJECT Aes(UINT16 bits) {
  TPMT_SYM_DEF_OBJECT symmetric{};
  symmetric.algorithm = TPM2_ALG_AES;
  symmetric.keyBits.aes = bits;
  symmetric.mode.aes = TPM2_ALG_CFB;
  return symmetric;
}

void SetEcc(TPMT_PUBLIC& area, TPM2_ECC_CURVE curve, UINT16 aes_bits) {
  area.type = TPM2_ALG_ECC;
  area.parameters.eccDetail.symmetric = Aes(aes_bits);
  area.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
  area.parameters.eccDetail.curveID = curve;
  area.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
}

}  // namespace

ByteView PolicyASha256() { return kPolicyASha256; }
ByteView PolicyASha384() { return kPolicyASha384; }
ByteView PolicyBSha384() { return kPolicyBSha384; }
ByteView PolicyCSha384() { return kPolicyCSha384; }

TPM2B_PUBLIC EndorsementTemplate(KeyKind kind) {
  TPM2B_PUBLIC result{};
  TPMT_PUBLIC& area = result.publicArea;
  area.nameAlg = TPM2_ALG_SHA256;
  area.objectAttributes = kLowRange;
  SetPolicy(area, kPolicyASha256);
  switch (kind) {
    case KeyKind::kRsa2048:
      area.type = TPM2_ALG_RSA;
      area.parameters.rsaDetail.symmetric = Aes(128);
      area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
      area.parameters.rsaDetail.keyBits = 2048;
      // Zeros as long as the modulus, not an empty field.
      area.unique.rsa.size = 256;
      break;
    case KeyKind::kEcc256:
      SetEcc(area, TPM2_ECC_NIST_P256, 128);
      area.unique.ecc.x.size = 32;
      area.unique.ecc.y.size = 32;
      break;
    case KeyKind::kEcc384:
      area.nameAlg = TPM2_ALG_SHA384;
      area.objectAttributes = kHighRange;
      SetPolicy(area, kPolicyBSha384);
      SetEcc(area, TPM2_ECC_NIST_P384, 256);
      break;
  }
  return result;
}

Result<TPM2B_PUBLIC> AttestationTemplate(KeyKind kind, tpm::AlgorithmId scheme,
                                         crypto::HashAlgorithm hash) {
  const bool rsa = kind == KeyKind::kRsa2048;
  const bool fits = rsa ? scheme == tpm::AlgorithmId::kRsaSsa || scheme == tpm::AlgorithmId::kRsaPss
                        : scheme == tpm::AlgorithmId::kEcdsa;
  if (!fits) {
    return Unsupported("device.ak.scheme",
                       fmt::format("the signature scheme {} does not go with an {} attestation key",
                                   tpm::AlgorithmName(scheme), rsa ? "RSA" : "ECC"));
  }
  const auto hash_id = static_cast<TPMI_ALG_HASH>(tpm::IdOf(hash));
  TPM2B_PUBLIC result{};
  TPMT_PUBLIC& area = result.publicArea;
  area.nameAlg = hash_id;
  area.objectAttributes = kAttestation;
  if (rsa) {
    area.type = TPM2_ALG_RSA;
    TPMS_RSA_PARMS& parameters = area.parameters.rsaDetail;
    parameters.symmetric.algorithm = TPM2_ALG_NULL;
    parameters.scheme.scheme = static_cast<TPMI_ALG_RSA_SCHEME>(scheme);
    parameters.scheme.details.rsassa.hashAlg = hash_id;
    parameters.keyBits = 2048;
  } else {
    SetEcc(area, kind == KeyKind::kEcc256 ? TPM2_ECC_NIST_P256 : TPM2_ECC_NIST_P384, 0);
    TPMS_ECC_PARMS& parameters = area.parameters.eccDetail;
    parameters.symmetric = {};
    parameters.symmetric.algorithm = TPM2_ALG_NULL;
    parameters.scheme.scheme = static_cast<TPMI_ALG_ECC_SCHEME>(scheme);
    parameters.scheme.details.ecdsa.hashAlg = hash_id;
  }
  return result;
}

}  // namespace limequat::device
