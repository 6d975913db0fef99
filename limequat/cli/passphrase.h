#pragma once

#include <optional>
#include <string>

#include "limequat/base/result.h"
#include "limequat/base/secret.h"

namespace limequat::cli {

// The passphrase of the key in `key_file`: from `passphrase_file` (one that only its
// owner may read; one line feed at its end is not part of it), else asked for on the
// terminal, without showing it. A usage error if there is no terminal either.
Result<Secret> ReadPassphrase(const std::string& key_file,
                              const std::optional<std::string>& passphrase_file);

}  // namespace limequat::cli
