#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/ima/entry.h"
#include "limequat/ima/list.h"
#include "limequat/ima/template.h"

namespace limequat::ima {

// Internal to this module: what both forms of a list share.

// Whether `name` is spelled like a hash algorithm of the kernel: "sha256", "sm3-256".
bool IsAlgorithmName(std::string_view name);

// What nearly every digest begins with: it is told without a search.
inline constexpr std::string_view kUsualName = "sha256:";

// The size of digests of the algorithm that kernels call `name`; nullopt for a name
// that is not known, which may be one of a kernel to come.
std::optional<std::size_t> KernelDigestSize(std::string_view name);

// Of template digests, in bytes.
inline constexpr std::array<std::size_t, 4> kDigestSizes = {20, 32, 48, 64};
bool IsTemplateDigestSize(std::size_t size);

// The largest file digest any template carries.
inline constexpr std::size_t kMaxFileDigest = 64;

// Of the template `ima`: the sizes of digests, of SHA-1 and of MD5, and the name's in what
// is hashed.
inline constexpr std::size_t kLegacyDigest = 20;
inline constexpr std::size_t kLegacyMd5 = 16;
inline constexpr std::size_t kLegacyName = 256;

// The bytes of iuid, igid and imode.
std::size_t NumberSize(Field field);

bool IsAllZero(ByteView bytes);

// What is wrong with a field, as a part of a sentence; empty if nothing is. Records are
// read as often as there are hash calls: an Error is made only when there is one.
using Problem = std::string_view;

// Checks the bytes of one field and sets what `entry` says of it.
Problem ReadField(Field field, ByteView bytes, Entry& entry);

// kMalformed ("ima.FORM.FIELD", FORM being "ascii" or "binary"), for `problem` in a field
// whose text or bytes are that many.
Error BadField(Field field, Format form, Problem problem, std::size_t size);

// The same for a record of template `ima`, whose data is `digest` and the name, and
// makes of them what the kernel hashes, in `data`.
Status ReadLegacy(ByteView digest, std::string_view name, Format form, Bytes& data,
                  std::span<FieldValue> values, Entry& entry);

}  // namespace limequat::ima
