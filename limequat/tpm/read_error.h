#pragma once

#include <string_view>

#include "limequat/base/error.h"

namespace limequat::tpm {

// `error` of a ByteReader under the name of the structure that was being read:
// "bytes.short" with `prefix` "tpm.attest" becomes "tpm.attest.short". Errors that
// already have an identifier of their own keep it. For sources of this module only.
Error InStructure(Error error, std::string_view prefix, std::string_view structure);

}  // namespace limequat::tpm
