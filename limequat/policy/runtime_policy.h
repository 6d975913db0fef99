#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/json/value.h"

namespace limequat::policy {

// Limits of a runtime policy; beyond them it is refused as malformed.
inline constexpr std::size_t kMaxPolicyBytes = 64U << 20U;
inline constexpr std::size_t kMaxExcludes = 4096;
inline constexpr std::size_t kMaxExpression = 4096;  // bytes of one expression

// What a policy says about a path.
enum class PathAnswer {
  kListed,         // the digest is among those listed for the path
  kOtherDigest,    // the path is listed, with other digests
  kUnknownPath,    // the path is not listed
};

// Whether an exclude expression takes a path out of the appraisal. A limit that was
// hit counts as not excluded, and is told apart so that it can be reported (A10).
enum class Exclusion { kNo, kExcluded, kLimitHit };

// A Keylime runtime policy, version 1 (keylime-server-protocol, 5.1): `digests`,
// `excludes`, with Keylime's meaning. Immutable, shared by every machine bound to
// it, identified by the hash of the bytes it was read from.
//
// Members of a policy that this version does not evaluate and that are not empty
// (`keyrings`, `ima-buf`, `verification-keys`, `ima.dm_policy`) are listed by
// unevaluated(): a machine bound to such a policy gets findings that are not
// evaluated, it never passes by silence.
class RuntimePolicy {
 public:
  // Hostile input (a request body). kMalformed ("policy.*"): not JSON, members of
  // wrong types, a digest that is not 40-128 hex digits, an invalid expression,
  // limits. Never partly applied.
  static Result<std::shared_ptr<const RuntimePolicy>> Parse(std::string_view json);

  ~RuntimePolicy();

  // SHA-256 of the text it was parsed from.
  const crypto::Digest& hash() const;
  std::size_t paths() const;
  std::size_t digests() const;
  // No digests at all, an expression that excludes everything, or Keylime's empty
  // policy (generator ≤ 1): it accepts or says nothing, so a machine bound to it is
  // unpoliced.
  bool says_nothing() const;
  std::string why_it_says_nothing() const;
  const std::vector<std::string>& unevaluated() const;

  PathAnswer Look(std::string_view path, ByteView digest) const;
  // The digests listed for `path`, lower-case hex; at most `limit`.
  std::vector<std::string> DigestsOf(std::string_view path, std::size_t limit = 16) const;
  // Never kExcluded for `boot_aggregate` (attack A10). Python `re.match`: from the
  // beginning of the path, not necessarily to its end. Match and depth limits hold.
  Exclusion Excludes(std::string_view path) const;

 private:
  struct Impl;
  explicit RuntimePolicy(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

// Builds the JSON of a runtime policy (generator 3, as `keylime-policy create
// runtime` writes it).
class RuntimePolicyBuilder {
 public:
  // `digest_hex` of 40 to 128 digits.
  void AddDigest(std::string_view path, std::string_view digest_hex);
  void AddExclude(std::string_view expression);
  // kMalformed if an expression is invalid or excludes everything (attack A10).
  Result<std::string> ToJson(std::string_view timestamp, crypto::HashAlgorithm log_hash) const;

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> digests_;
  std::vector<std::string> excludes_;
};

// Keeps every digest of `base` and adds those of `other`; excludes are united. For
// a roll-out in which old and new programs are both good until a reboot.
Result<std::string> MergeRuntimePolicies(std::string_view base_json, std::string_view other_json);

}  // namespace limequat::policy
