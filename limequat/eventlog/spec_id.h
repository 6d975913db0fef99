#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::eventlog {

// How long a digest of `algorithm` is by the TCG registry; nullopt if it is none of
// the hashes known by name or number there.
std::optional<std::size_t> RegisteredDigestSize(tpm::AlgorithmId algorithm);

// A digest algorithm of a log, and how long the log says its digests are.
struct DigestAlgorithm {
  tpm::AlgorithmId id = tpm::AlgorithmId::kNull;
  std::size_t digest_size = 0;  // bytes
  friend bool operator==(const DigestAlgorithm&, const DigestAlgorithm&) = default;
};

// The first event of a log since TPM 1.2 (PFP 1.06, 10.4.5.1: TCG_EfiSpecIdEvent, and
// its forerunners for SHA-1 logs). Nothing covers it: EV_NO_ACTION is not extended.
struct SpecId {
  enum class Kind : std::uint8_t {
    kBios,         // "Spec ID Event00": a conventional BIOS, SHA-1 format
    kEfi,          // "Spec ID Event02": UEFI with TPM 1.2, SHA-1 format
    kCryptoAgile,  // "Spec ID Event03"
  };
  Kind kind = Kind::kCryptoAgile;
  std::uint32_t platform_class = 0;  // 0 client, 1 server
  std::uint8_t version_major = 0;
  std::uint8_t version_minor = 0;
  std::uint8_t errata = 0;
  std::uint8_t uintn_size = 0;              // 1: 32 bits, 2: 64 bits
  std::vector<DigestAlgorithm> algorithms;  // in the order of the log; SHA-1 formats: sha1
  ByteView vendor_info;                     // points into the input
  // Story: firmware that rounds the event up, or counts a C structure's padding, leaves
  // bytes behind the vendor information. They mean nothing, and what is in front of them
  // is read as strictly. Case: data/eventlog/hostile/header_bytes_behind (made here).
  ByteView untrusted_trailing;
};

// Whether `data` begins with the signature of a Spec ID event of any kind.
bool IsSpecId(ByteView data);

// The data of a Spec ID event. Hostile input; memory: 1 KiB.
// kMalformed: "eventlog.spec_id.signature", "eventlog.spec_id.truncated",
// "eventlog.spec_id.algorithms" (none, more than kMaxAlgorithms, one twice, a size
// that is not the registry's), "eventlog.spec_id.vendor_info" (longer than the event).
Result<SpecId> ParseSpecId(ByteView data);

}  // namespace limequat::eventlog
