#pragma once

#include <cstdint>
#include <string_view>

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
// bank twice, trailing bytes. kUnsupported ("tpm.attest.type"): any other
// attestation type, by name (Certify, CertifyCreation, NV, time, ... are not
// quotes, whatever tpm2_checkquote 5.4 says), and select sizes above 3 bytes that
// select PCRs above 23.
Result<UnverifiedQuote> ParseQuoteAttest(ByteView attest);
// The inverse, for tests and tools.
Bytes WriteQuoteAttest(const UnverifiedQuote& quote);

// Name of an attestation type (TPMI_ST_ATTEST), "quote" for 0x8018.
std::string_view AttestTypeName(std::uint16_t type);

}  // namespace limequat::tpm
