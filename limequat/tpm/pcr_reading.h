#pragma once

// How selections and their values are read. For the sources of this module only.

#include <string_view>
#include <vector>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result.h"
#include "limequat/tpm/pcr.h"

namespace limequat::tpm {

// Of TPML_PCR_SELECTION: 16 kinds of bank (HASH_COUNT of the reference code).
inline constexpr std::uint32_t kMaxBanks = 16;
// Of TPML_DIGEST (part 2, 10.9.6).
inline constexpr std::uint32_t kDigestsPerList = 8;

// All PCRs of `bank` that `selection` names.
PcrSet SelectedIn(const PcrSelection& selection, AlgorithmId bank);

// Appends `bank`. A TPM takes and signs selections that name a bank several times; one
// that names a PCR twice is PREFIX.pcr_twice (kMalformed): it would have two values.
Status AddBank(PcrSelection& selection, const BankSelection& bank, std::string_view prefix);

// TPML_PCR_SELECTION as a TPM writes it (part 2, 10.9.7). Errors are PREFIX.banks,
// PREFIX.pcr_twice (kMalformed) and PREFIX.pcr (kUnsupported: a PCR above 23).
Result<PcrSelection> ReadPcrSelection(ByteReader& in, std::string_view prefix);
void WritePcrSelection(ByteWriter& out, const PcrSelection& selection);

// Gives each selected PCR the next of `digests`. Errors: "tpm.pcr_blob.values" (not as
// many as selected), ".digest_size", ".bank" (kUnsupported: a bank that is not hashed).
Result<PcrValues> AssignDigests(const PcrSelection& selection,
                                const std::vector<ByteView>& digests);

}  // namespace limequat::tpm
