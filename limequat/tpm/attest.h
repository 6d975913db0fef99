#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/tpm/pcr.h"

namespace limequat::tpm {

// TPMS_CLOCK_INFO (part 2, 10.11.1). For keys outside the endorsement hierarchy
// the counters are obfuscated: compare them for equality only (attack A18).
struct ClockInfo {
  std::uint64_t clock = 0;  // milliseconds
  std::uint32_t reset_count = 0;
  std::uint32_t restart_count = 0;
  bool safe = false;
  friend bool operator==(const ClockInfo&, const ClockInfo&) = default;
};

// TPMS_ATTEST of type quote (part 2, 10.12.8) before its signature was checked.
// Everything in it is a claim.
struct UnverifiedQuote {
  Bytes qualified_signer;
  Bytes extra_data;  // the nonce
  ClockInfo clock_info;
  std::uint64_t firmware_version = 0;
  PcrSelection selection;
  Bytes pcr_digest;
};

// Hostile input. kMalformed ("tpm.attest.*"): magic, sizes, more than 16 banks, a
// PCR twice, trailing bytes. kUnsupported ("tpm.attest.type"): any other
// attestation type, by name (Certify, CertifyCreation, NV, time, ... are not
// quotes, whatever tpm2_checkquote 5.4 says), and select sizes above 3 bytes that
// select PCRs above 23. Memory: at most twice the input and 512 bytes.
Result<UnverifiedQuote> ParseQuoteAttest(ByteView attest);
// The inverse, for tests and tools.
Bytes WriteQuoteAttest(const UnverifiedQuote& quote);

// What each type of attestation is about (TPMU_ATTEST; part 2, 10.12.3 to 10.12.10).
// Names are those of objects and indices: algorithm ‖ digest, or a handle.
struct NvInfo {  // TPM2_NV_Certify
  static constexpr std::uint16_t kType = 0x8014;
  Bytes index_name;
  std::uint16_t offset = 0;
  Bytes contents;
  friend bool operator==(const NvInfo&, const NvInfo&) = default;
};
struct CommandAuditInfo {  // TPM2_GetCommandAuditDigest
  static constexpr std::uint16_t kType = 0x8015;
  std::uint64_t audit_counter = 0;
  AlgorithmId digest_algorithm = AlgorithmId::kNull;
  Bytes audit_digest;
  Bytes command_digest;
  friend bool operator==(const CommandAuditInfo&, const CommandAuditInfo&) = default;
};
struct SessionAuditInfo {  // TPM2_GetSessionAuditDigest
  static constexpr std::uint16_t kType = 0x8016;
  bool exclusive_session = false;
  Bytes session_digest;
  friend bool operator==(const SessionAuditInfo&, const SessionAuditInfo&) = default;
};
struct CertifyInfo {  // TPM2_Certify
  static constexpr std::uint16_t kType = 0x8017;
  Bytes name;
  Bytes qualified_name;
  friend bool operator==(const CertifyInfo&, const CertifyInfo&) = default;
};
struct QuoteInfo {  // TPM2_Quote
  static constexpr std::uint16_t kType = 0x8018;
  PcrSelection selection;
  Bytes pcr_digest;
  friend bool operator==(const QuoteInfo&, const QuoteInfo&) = default;
};
struct TimeInfo {  // TPM2_GetTime
  static constexpr std::uint16_t kType = 0x8019;
  std::uint64_t time = 0;  // milliseconds since the TPM was powered
  ClockInfo clock_info;
  std::uint64_t firmware_version = 0;
  friend bool operator==(const TimeInfo&, const TimeInfo&) = default;
};
struct CreationInfo {  // TPM2_CertifyCreation
  static constexpr std::uint16_t kType = 0x801a;
  Bytes object_name;
  Bytes creation_hash;
  friend bool operator==(const CreationInfo&, const CreationInfo&) = default;
};
struct NvDigestInfo {  // TPM2_NV_Certify of a whole index, by digest
  static constexpr std::uint16_t kType = 0x801c;
  Bytes index_name;
  Bytes nv_digest;
  friend bool operator==(const NvDigestInfo&, const NvDigestInfo&) = default;
};
using Attested = std::variant<NvInfo, CommandAuditInfo, SessionAuditInfo, CertifyInfo, QuoteInfo,
                              TimeInfo, CreationInfo, NvDigestInfo>;

// A TPMS_ATTEST of any type (part 2, 10.12.12), for tools that show what a file is:
// nothing in it was verified, and nothing but a quote is ever appraised.
struct UnverifiedAttest {
  Bytes qualified_signer;
  Bytes extra_data;
  ClockInfo clock_info;
  std::uint64_t firmware_version = 0;
  Attested attested;
  friend bool operator==(const UnverifiedAttest&, const UnverifiedAttest&) = default;
};

// TPMI_ST_ATTEST of what it holds.
std::uint16_t TypeOf(const Attested& attested);

// Hostile input; errors of ParseQuoteAttest, with kUnsupported ("tpm.attest.type")
// for types without a structure here only. Memory as there.
Result<UnverifiedAttest> ParseAttest(ByteView attest);
// The inverse, for tests and tools.
Bytes WriteAttest(const UnverifiedAttest& attest);

// Name of an attestation type (TPMI_ST_ATTEST), "quote" for 0x8018.
std::string_view AttestTypeName(std::uint16_t type);

}  // namespace limequat::tpm
