#pragma once

#include <string>

#include "limequat/base/result.h"
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

}  // namespace limequat::cli
