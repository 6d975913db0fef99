#pragma once

#include <cstddef>
#include <string>

#include "limequat/base/result.h"

namespace limequat::cli {

// The content of the file `path`, or of standard input for "-". Pipes and device
// files are read to their end. Errors: kNotFound ("cli.input.absent"),
// kPermissionDenied ("cli.input.permission"), kMalformed ("cli.input.folder", or
// "cli.input.too_long" beyond `limit` bytes, which is found without reading more),
// kUnavailable ("cli.input.read").
Result<std::string> ReadInput(const std::string& path, std::size_t limit);

// Limits: what is larger is none of these.
inline constexpr std::size_t kMaxSmallInput = 1U << 20U;   // keys, quotes, signatures, PCR values
inline constexpr std::size_t kMaxListInput = 512U << 20U;  // IMA lists
inline constexpr std::size_t kMaxLogInput = 8U << 20U;     // event logs: firmware reserves less
inline constexpr std::size_t kMaxPolicyInput = 64U << 20U;

}  // namespace limequat::cli
