#pragma once

#include <cstdint>
#include <string>

#include "limequat/json/value.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/signature.h"

namespace limequat::cli {

// The fields of an attestation as `inspect quote` and `verify quote` show them; those of
// a quote are the contract's, those of other types have the names of the standard.
json::Object ToJson(const tpm::UnverifiedAttest& attest);
json::Object ToJson(const tpm::UnverifiedQuote& quote);
// {"scheme": …, "hash": …}
json::Object ToJson(const tpm::Signature& signature);
// {"sha256": [0, 1, 10]}, in the order in which it was signed; a bank that is named
// several times is shown once.
json::Object ToJson(const tpm::PcrSelection& selection);
// As TPMs count it, in hexadecimal.
std::string FirmwareText(std::uint64_t version);
// "sha256:0-7,10+sha1:10"
std::string SelectionText(const tpm::PcrSelection& selection);

}  // namespace limequat::cli
