#pragma once

// What the sources of this module share about reading JSON documents. Not installed,
// and included by nobody else.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"

namespace limequat::wire {

// Messages that hold keys, certificates and settings. Policies and measurement lists
// have bounds of their own.
inline constexpr std::size_t kMaxSmallMessage = 1U << 20U;
// Marshalled public areas: an RSA key of 16384 bits takes 2.1 KiB.
inline constexpr std::size_t kMaxPublicArea = 4096;

// The document in `text`. kMalformed ("PREFIX.json").
Result<json::Value> ParseDocument(std::string_view text, std::size_t max_bytes,
                                  std::string_view prefix);

// What `in` has found so far, as kMalformed ("PREFIX.member").
Status MemberStatus(const json::ObjectReader& in, std::string_view prefix);

// A required string of 1 to `most` bytes.
std::string BoundedString(json::ObjectReader& in, std::string_view name, std::size_t most);
// An optional one of at most `most` bytes.
std::optional<std::string> OptionalBoundedString(json::ObjectReader& in, std::string_view name,
                                                 std::size_t most);
// At most `most_items` strings of at most `most` bytes each.
std::vector<std::string> BoundedStrings(json::ObjectReader& in, std::string_view name,
                                        std::size_t most_items, std::size_t most);
// A required TPM2B_PUBLIC in base64; its inside is not looked at.
Bytes PublicArea(json::ObjectReader& in, std::string_view name);
// A port as a number or, as Keylime's tenant sends it, as decimal text.
std::optional<std::uint16_t> OptionalPort(json::ObjectReader& in, std::string_view name);
// A host name or address, without scheme and port: [A-Za-z0-9._:%-], at most 255.
std::optional<std::string> OptionalHost(json::ObjectReader& in, std::string_view name);

// null for nullopt.
template <class T>
json::Value OrNull(const std::optional<T>& value) {
  return value ? json::Value(*value) : json::Value();
}

json::Array ToArray(const std::vector<std::string>& texts);

}  // namespace limequat::wire
