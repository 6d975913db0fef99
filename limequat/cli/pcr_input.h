#pragma once

#include <string>

#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/tpm/pcr.h"

namespace limequat::cli {

// PCR values as commands take them: the JSON map of every command, or a file of tpm2_quote
// or tpm2_pcrread (tpm::ParsePcrFile, for which a quote's selection may be needed).
// Errors: those of json::Parse and of the readers of tpm/pcr.h. Nobody vouches for them.
Result<tpm::PcrValues> ParsePcrValues(const std::string& content,
                                      const tpm::PcrSelection& signed_selection);

// Those in a file, or of standard input for "-", which have to say themselves of which
// PCRs they are. Errors of ReadInput, too.
Result<tpm::PcrValues> ReadPcrValues(const std::string& path);

// The value of PCR 10 by which a list is held against PCR values: of the first bank that has one
// among SHA-256, -384 and -512, then SM3 and SHA-3, which fewer logs have; SHA-1, whose
// boot_aggregate does not bind PCRs 8 and 9, is the last. nullptr without one.
const crypto::Digest* ImaPcrOf(const tpm::PcrValues& pcrs);

}  // namespace limequat::cli
