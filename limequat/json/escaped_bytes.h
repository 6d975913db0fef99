#pragma once

#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/json/value.h"

// Strings that hold bytes which are no text. Python's tools write names of files that are not
// UTF-8 so ("surrogateescape"): a lone low surrogate, U+DC80 to U+DCFF, for the byte 0x80 to 0xFF.
// Only for documents of such tools; JSON is text everywhere else.
namespace limequat::json {

// As Parse, but such an escape, if it is not the second half of a pair, stands for its byte. Any
// string may then hold bytes that are not UTF-8, and a name that is spelled in two ways is the
// same name; the caller says where they are good. No other surrogate is taken. Hostile input.
Result<Value> ParseWithEscapedBytes(std::string_view text, const ParseLimits& limits = {});

// As Serialize, but such bytes are written so that ParseWithEscapedBytes and Python read them.
std::string SerializeWithEscapedBytes(const Value& value);

}  // namespace limequat::json
