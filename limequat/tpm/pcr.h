#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/json/value.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::tpm {

// PCRs of the PC Client profile. Selections with larger numbers are kUnsupported.
inline constexpr std::uint32_t kPcrCount = 24;
inline constexpr std::uint32_t kImaPcr = 10;

// A set of PCR numbers below kPcrCount.
class PcrSet {
 public:
  constexpr PcrSet() = default;
  // Bits above 23 are dropped: use FromMask for input.
  explicit constexpr PcrSet(std::uint32_t bits) : bits_(bits & 0x00ffffffU) {}
  static constexpr PcrSet Range(std::uint32_t first, std::uint32_t last) {
    std::uint32_t bits = 0;
    for (std::uint32_t i = first; i <= last && i < kPcrCount; ++i) bits |= 1U << i;
    return PcrSet(bits);
  }
  static constexpr PcrSet Of(std::uint32_t pcr) { return Range(pcr, pcr); }

  constexpr bool Contains(std::uint32_t pcr) const {
    return pcr < kPcrCount && ((bits_ >> pcr) & 1U) != 0;
  }
  constexpr bool ContainsAll(PcrSet other) const { return (other.bits_ & ~bits_) == 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr std::uint32_t bits() const { return bits_; }
  int size() const;
  std::vector<std::uint32_t> ToList() const;  // ascending
  std::string ToString() const;               // "0-7,10"
  friend constexpr PcrSet operator|(PcrSet a, PcrSet b) { return PcrSet(a.bits_ | b.bits_); }
  friend constexpr PcrSet operator&(PcrSet a, PcrSet b) { return PcrSet(a.bits_ & b.bits_); }
  friend constexpr PcrSet operator-(PcrSet a, PcrSet b) { return PcrSet(a.bits_ & ~b.bits_); }
  friend constexpr bool operator==(PcrSet, PcrSet) = default;

 private:
  std::uint32_t bits_ = 0;
};

// "0-7,10" -> set. kMalformed ("tpm.pcr_list") for numbers above 23, empty parts, bad order in a
// range.
Result<PcrSet> ParsePcrList(std::string_view text);

// TPML_PCR_SELECTION in the order in which it was signed (part 2, 10.9.7).
struct BankSelection {
  AlgorithmId bank = AlgorithmId::kNull;
  PcrSet pcrs;
  friend bool operator==(const BankSelection&, const BankSelection&) = default;
};
using PcrSelection = std::vector<BankSelection>;

// "sha256:0-7,10" or several joined by '+'. kMalformed ("tpm.pcr_selection"). Memory: 1 KiB.
Result<PcrSelection> ParsePcrSelectionText(std::string_view text);

// Values of PCRs by bank and number. Where they come from decides what they are
// worth: as sent by a machine they are claims, inside a VerifiedQuote they are signed.
class PcrValues {
 public:
  void Set(std::uint32_t pcr, const crypto::Digest& value);  // bank = value.algorithm()
  const crypto::Digest* Find(crypto::HashAlgorithm bank, std::uint32_t pcr) const;
  PcrSet Numbers(crypto::HashAlgorithm bank) const;
  std::vector<crypto::HashAlgorithm> Banks() const;
  bool empty() const { return entries_.empty(); }
  // {"sha256": {"0": "…"}}: the form of every command and API.
  json::Value ToJson() const;
  // The inverse; hostile input. kMalformed ("tpm.pcr_values"): unknown bank, number above 23, wrong
  // length. Memory: 24 KiB.
  static Result<PcrValues> FromJson(const json::Value& value);
  friend bool operator==(const PcrValues&, const PcrValues&) = default;

 private:
  struct Entry {
    std::uint32_t pcr;
    crypto::Digest value;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  using Entries = std::vector<Entry>;
  // The first entry not before this one.
  Entries::const_iterator LowerBound(crypto::HashAlgorithm bank, std::uint32_t pcr) const;

  // In the order of banks, then of numbers: a copy is one piece of memory.
  Entries entries_;
};

// The PCR file of tpm2-tools' `tpm2_quote -o`, which Keylime's quote carries: a
// little-endian memory image, 132 bytes of selection, a count, then 532 bytes for
// each list of at most eight digests (keylime-agent-protocol, 5.5). Hostile input:
// consumed exactly; kMalformed ("tpm.pcr_blob.*"). A selection that names a PCR
// twice, a digest whose size is not its bank's, fewer or more digests than
// selected: refused. Digests go to the selection in its order. Memory: at most twice
// the input and 2 KiB.
// Versions before 4.1 wrote the memory as it was: big-endian on such machines.
struct PcrBlob {
  PcrSelection selection;
  PcrValues values;
};
enum class ByteOrder : std::uint8_t { kLittle, kBig };
Result<PcrBlob> ParsePcrBlob(ByteView blob, ByteOrder order = ByteOrder::kLittle);
Bytes WritePcrBlob(const PcrSelection& selection, const PcrValues& values);

// The values in a PCR file of any format that tpm2_quote or tpm2_pcrread writes:
// "serialized" (ParsePcrBlob, in the byte order it has), "marshaled" (of the TSS since
// 5.6: TPML_PCR_SELECTION, a count, each TPML_DIGEST), or "values": the bare digests,
// which are those of `signed_selection`, in its order. Hostile input: which format it is
// follows from its size and content, and no format makes a value true: what counts is
// that all of them hash to the signed digest. Errors as of ParsePcrBlob. Memory: 88
// bytes for each value.
Result<PcrValues> ParsePcrFile(ByteView file, const PcrSelection& signed_selection);

}  // namespace limequat::tpm
