#pragma once

#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/ima/entry.h"

namespace limequat::ima {

// Internal to this module: what both forms of a list share.

enum class Template { kImaNg, kImaSig };

// kUnsupported ("ima.template") with the escaped name for every other template.
Result<Template> TemplateFromName(std::string_view name);

// Whether `name` is spelled like a hash algorithm of the kernel: "sha256", "sm3_256".
bool IsAlgorithmName(std::string_view name);

// Whether `size` is that of a template digest: 20, 32, 48 or 64 bytes.
bool IsTemplateDigestSize(std::size_t size);

// The largest file digest any template carries.
inline constexpr std::size_t kMaxFileDigest = 64;

bool IsAllZero(ByteView bytes);

}  // namespace limequat::ima
