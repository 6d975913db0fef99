#pragma once

#include <string_view>

#include "limequat/base/result.h"
#include "limequat/http/message.h"

namespace limequat::http {

// Sets target, path and query of `request` from a request line's target in origin
// form (RFC 9112, 3.2.1). Hostile input: kMalformed ("http.target") for other forms,
// for characters that RFC 3986 does not allow, broken percent-encoding in the query
// and more than kMaxQueryParameters parameters.
Status SplitTarget(std::string_view target, Request& request);

// Whether `target` may stand in a request line: origin form, visible ASCII, no '#'.
bool IsOriginForm(std::string_view target);

}  // namespace limequat::http
