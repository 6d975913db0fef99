#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"

namespace limequat::cli {

// Where a command takes a policy from.
struct PolicySource {
  std::string place;                              // file, "-", or an http or https URL
  std::optional<crypto::Digest> checksum{};       // SHA-256 that its bytes must have
  std::optional<std::string> authorities_file{};  // PEM; for https: whom to take for the server
};

// Whether `place` is one: "http://..." or "https://...".
bool IsUrl(std::string_view place);

// The bytes at `source`, which are what `checksum` says. A URL must come with one: what
// answers there is in the hands of whoever keeps the server, what comes of it is not. Of https, the
// server's certificate leads to one of `authorities_file` or, without it, of the system's, and
// names the host.
//
// Errors: a URL without checksum, and authorities without https: those of UsageError. Of a
// file: those of ReadInput. Of a URL: kMalformed for what is none; kUnavailable, kUntrusted
// and kMalformed of http::Client, kUnavailable ("cli.policy_input.status") if the answer is no
// 200 (redirects are not followed), kNotFound ("cli.policy_input.authorities"). Then kUntrusted
// ("cli.checksum"). Hostile input: what is read.
Result<std::string> ReadPolicy(const PolicySource& source);

// How long a URL may take, from the name's look-up to the last byte.
inline constexpr int kMaxFetchSeconds = 300;

}  // namespace limequat::cli
