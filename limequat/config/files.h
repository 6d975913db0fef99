#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "limequat/base/result.h"

namespace limequat::config {

// The text of a file of at most `max_bytes`. kNotFound, kPermissionDenied,
// kUnavailable ("config.file") with the path and what the system said.
Result<std::string> ReadTextFile(const std::filesystem::path& path, std::size_t max_bytes);

// Same, for private keys: kPermissionDenied ("config.mode") if anybody but the owner
// may read the file (CVE-2022-23952 of Keylime), is not a regular file, or belongs
// to another user than us or root.
Result<std::string> ReadSecretFile(const std::filesystem::path& path, std::size_t max_bytes);

// Replaces `path` by `text` so that a crash leaves the old or the new file: written
// beside it with `mode` from the start, synced, renamed. kUnavailable
// ("config.write").
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view text, mode_t mode);

}  // namespace limequat::config
