#pragma once

#include <string>
#include <string_view>

#include "limequat/base/result.h"

namespace limequat::policy {

// Internal to this module: `expression` of Python's `re` in the words of PCRE2, where
// the two differ: `\Z`, `\v`, `\uXXXX`, numbered references, `{,n}`, `[` in a class.
// kMalformed ("policy.expression") with the place for what Python refuses and PCRE2
// would take, and for what is not supported (see Expression; names that are not ASCII, conditions
// and many references in look-behinds). Everything else is
// left to PCRE2, which refuses it. `expression` is UTF-8 and may be hostile; what
// comes out is at most eight times as long.
Result<std::string> PcreFromPython(std::string_view expression);

}  // namespace limequat::policy
