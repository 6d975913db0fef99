#pragma once

#include <string>

#include "limequat/json/value.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/signature.h"

namespace limequat::cli {

// The fields of a quote as `inspect quote` and `verify quote` show them.
json::Object ToJson(const tpm::UnverifiedQuote& quote);
// {"scheme": …, "hash": …}
json::Object ToJson(const tpm::Signature& signature);
// {"sha256": [0, 1, 10]}, in the order in which it was signed.
json::Object ToJson(const tpm::PcrSelection& selection);
// "sha256:0-7,10+sha1:10"
std::string SelectionText(const tpm::PcrSelection& selection);

}  // namespace limequat::cli
