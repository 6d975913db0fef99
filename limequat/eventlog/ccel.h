#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace limequat::eventlog {

// The registers of a CCEL (UEFI 2.10, 38.4: EFI_CC_MEASUREMENT_PROTOCOL for Intel TDX).
// Records have the crypto-agile layout with SHA-384 digests; their PCR member counts
// the registers from MRTD, which the module measures and nobody extends. So Replay of
// such a log gives in "PCR" 1 to 4 what RTMR 0 to 3 must be in a verified quote.
//
// A CCEL is read, replayed and shown by these names, and that is all: no function compares
// it with a TD report yet. VerifyLog says so ("eventlog.bank", not evaluated) and covers
// none of its events.
inline constexpr std::uint32_t kCcelMrtd = 0;
inline constexpr std::uint32_t kCcelFirstRtmr = 1;
inline constexpr std::uint32_t kCcelRegisterCount = 5;

// "MRTD", "RTMR0" to "RTMR3"; empty for numbers that no register has.
std::string_view CcelRegisterName(std::uint32_t number);

// The register into which firmware measures what it measures into this PCR of a TPM;
// nullopt for PCRs without one (16 and above).
std::optional<std::uint32_t> CcelRegisterOf(std::uint32_t pcr);

}  // namespace limequat::eventlog
