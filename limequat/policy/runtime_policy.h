#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/keyring.h"
#include "limequat/json/value.h"
#include "limequat/policy/exclude_list.h"

namespace limequat::policy {

// Limits of a runtime policy; beyond them it is refused as malformed. See
// exclude_list.h for those of the exclude expressions.
inline constexpr std::size_t kMaxPolicyBytes = 64U << 20U;
inline constexpr std::size_t kMaxCoverageEntries = 64;
inline constexpr std::size_t kMaxCoverageParameters = 16;
inline constexpr std::size_t kMaxCoverageValues = 16;

class VerifiedEnvelope;
struct DeviceMapperPolicy;

// Parameters of a kernel's command line by name, and the values that are good for each.
using ParameterValues = std::map<std::string, std::set<std::string>, std::less<>>;

// What a policy says about a path.
enum class PathAnswer {
  kListed,       // the digest is among those listed for the path
  kOtherDigest,  // the path is listed, with other digests
  kUnknownPath,  // the path is not listed
};

// When a policy holds, as a layer of a machine's policy (PolicySet) and by itself:
// `meta.effective_from` and `meta.retire_after`, in RFC 3339. Keylime's tools let them
// stand in `meta` and do not look at them; a signature of the policy covers them.
struct PolicyWindow {
  std::optional<Time> effective_from;  // before it the policy does not count
  std::optional<Time> retire_after;    // after it nothing that is first seen passes
  friend bool operator==(const PolicyWindow&, const PolicyWindow&) = default;
};

// A Keylime runtime policy, version 1 (keylime-server-protocol, 5.1): `digests`,
// `excludes`, `keyrings`, `ima-buf`, `verification-keys`, `ima.ignored_keyrings` and
// `ima.dm_policy`, with Keylime's meaning. Immutable, shared by every machine bound to it,
// identified by the hash of the bytes it was read from. Two members are ours, and Keylime
// ignores them: `ima.ignore_violations` (see ignores_violations) and `ima.coverage` (see
// coverage).
class RuntimePolicy {
 public:
  // Hostile input (a request body). kMalformed ("policy.*"): not JSON, members that
  // are absent or of wrong types (the schema is Keylime's), a digest that is not 40 to
  // 128 lower-case hex digits in pairs, an invalid expression (quirk Q19: Keylime
  // stores it and ignores all expressions), verification keys that are no keyring or hold
  // a key of an unknown kind, device-mapper rules that leave anything open, limits. Never
  // partly applied.
  static Result<std::shared_ptr<const RuntimePolicy>> Parse(std::string_view json);
  // The policy that a signed envelope holds; its hash is that of the envelope.
  static Result<std::shared_ptr<const RuntimePolicy>> Parse(const VerifiedEnvelope& envelope);

  ~RuntimePolicy();

  // SHA-256 of the text it came as: of the envelope, if it was signed.
  const crypto::Digest& hash() const;
  std::size_t paths() const;
  std::size_t digests() const;
  // No digests, keys, buffers or rules at all, expressions that leave nothing worth the
  // name (ExcludeList::WhatIsLeft), or Keylime's empty policy (generator ≤ 1): it
  // accepts or says nothing, so a machine bound to it is unpoliced.
  bool says_nothing() const;
  std::string why_it_says_nothing() const;
  // Only the second of these: no command of ours writes such a policy. Our own API
  // refuses to store any that says nothing (attack A10).
  bool excludes_everything() const;
  // `ima.log_hash_alg`, "sha1": nothing is judged by it, and policies that differ in it do not
  // merge.
  const std::string& log_hash() const;

  // What a signed policy says of itself (attack A11): the name it is for, "" if it names
  // none (`meta.name`, which Keylime ignores), and a number that rises with each version
  // (`release`, 0 in what Keylime's tools write).
  const std::string& name() const;
  std::uint64_t release() const;
  // Look and Excludes do not know the time: PolicyAt does.
  const PolicyWindow& window() const;

  // Digests are compared as bytes; their size tells the algorithm, as in Keylime.
  PathAnswer Look(std::string_view path, ByteView digest) const;
  // Say that Look(path) comes soon: first Expect, then Fetch. They change nothing but the time
  // that Look takes: it waits for memory twice, and a hash calculated behind each of them hides
  // that.
  void Expect(std::string_view path) const;
  void Fetch(std::string_view path) const;
  // The digests listed for `path`, lower-case hex; at most `limit`.
  std::vector<std::string> DigestsOf(std::string_view path, std::size_t limit = 16) const;
  // Never kExcluded for `boot_aggregate` (attack A10). Python `re.match`: from the
  // beginning of the path, not necessarily to its end. Match and depth limits hold.
  // Costs more than Look: ask only about paths that Look did not find listed.
  Exclusion Excludes(std::string_view path) const;
  const ExcludeList& excludes() const;

  // What the policy says of a key that the kernel measured when it was added to `keyring`,
  // and of another measured buffer: `digest` is that of the buffer.
  PathAnswer LookKey(std::string_view keyring, ByteView digest) const;
  PathAnswer LookBuffer(std::string_view name, ByteView digest) const;
  // Whether keys of this keyring are of no interest (`*`: of any). Such keys are not
  // trusted for anything.
  bool IgnoresKeyring(std::string_view name) const;
  // Whether files that changed while they were measured fail nothing (attack A09), because
  // the policy's author says so; that it was so is then told. nullopt: it says nothing of it.
  std::optional<bool> ignores_violations() const;
  // Names of entries that a list must have, with a digest that LookCoverage knows, to prove
  // that the kernel measures what it should (attack A02): the IMA policy as the kernel read
  // it, or its hash in a buffer. Without them nobody can tell a file that did not run from
  // one that was not measured.
  const std::vector<std::string>& coverage() const;
  PathAnswer LookCoverage(std::string_view name, ByteView digest) const;
  // What the kernel's measured command line must say of IMA to prove the same of the rules that
  // the kernel is built with (command_line_coverage.h). Empty: nothing is asked of it.
  const ParameterValues& command_line() const;
  // Whether what an entry comes to may depend on those in front of it, or is told of all of
  // them together: keys that LookKey knows are trusted to sign files, device-mapper events
  // follow one another, ignored violations are counted, coverage is proven.
  bool learns() const;
  // Keys that are trusted to sign files.
  const ima::Keyring& verification_keys() const;
  // The rules for block devices; nullptr if the policy has none.
  const DeviceMapperPolicy* device_mapper() const;

 private:
  struct Impl;
  static Result<std::shared_ptr<const RuntimePolicy>> ParseAs(const crypto::Digest& hash,
                                                              std::string_view json);
  static Status ReadOurs(const json::Value& ima, std::uint64_t seed, Impl& out);
  explicit RuntimePolicy(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

// Digests by the path, the keyring or the buffer that they are of.
using DigestsByName = std::map<std::string, std::set<std::string>, std::less<>>;

// What is to be added to the digests of a policy, lower-case hex.
struct PolicyAdditions {
  DigestsByName digests;
  DigestsByName keyrings;
  DigestsByName buffers;  // `ima-buf`
  bool empty() const { return digests.empty() && keyrings.empty() && buffers.empty(); }
};

// Builds the JSON of a runtime policy, in the shape in which `keylime-policy create
// runtime` writes it: generator 3, paths, digests and expressions sorted, each once.
class RuntimePolicyBuilder {
 public:
  // `digest_hex` of 40 to 128 digits, of either case. Blanks in `path` become '_', as
  // in the lists of kernels.
  void AddDigest(std::string_view path, std::string_view digest_hex);
  void AddExclude(std::string_view expression);
  void AddIgnoredKeyring(std::string_view name);
  // Trusted to sign files.
  void SetVerificationKeys(const ima::Keyring& keys);
  // Names as they are.
  void Add(const PolicyAdditions& additions);
  // Says in the policy (`meta.unattested`, which merging keeps) that digests of it come out
  // of lists that nobody vouches for. It changes no verdict: `policy check` tells of it.
  void MarkUnattested() { unattested_ = true; }
  std::size_t paths() const { return found_.digests.size(); }
  // `timestamp` in Keylime's form, "2026-11-25 09:00:00.000000". `log_hash`: of the
  // template digests that a list states, SHA-1 for ascii_runtime_measurements.
  // kMalformed ("policy.*") for what Parse refuses, for a name of a keyring or a buffer that is not
  // UTF-8, and for expressions that exclude everything (attack A10).
  Result<std::string> ToJson(std::string_view timestamp, crypto::HashAlgorithm log_hash) const;

 private:
  PolicyAdditions found_;
  std::set<std::string, std::less<>> excludes_;
  std::set<std::string, std::less<>> ignored_keyrings_;
  std::string verification_keys_;
  bool unattested_ = false;
};

// A policy of nothing but the additions: to be merged with a policy that names the same
// `log_hash`, or to be a layer beside it. Errors as of RuntimePolicy::Parse.
Result<std::string> WriteAdditions(const PolicyAdditions& additions, std::string_view log_hash);

// What a signer puts into a policy; what is absent stays as it is.
struct PolicyLabel {
  std::optional<std::string> name;
  std::optional<std::uint64_t> release;
  PolicyWindow window;
  bool empty() const { return !name && !release && window == PolicyWindow(); }
};
// The policy `json` with `label` put into it, before signing. Everything else stays, in
// its order. Errors as of RuntimePolicy::Parse.
Result<std::string> LabelPolicy(std::string_view json, const PolicyLabel& label);

// Keeps every digest of `base` and adds those of `other`; excludes, keyrings, buffers
// and ignored keyrings are united. For a roll-out in which old and new programs are
// both good until a reboot. Errors as of RuntimePolicy::Parse; kConflict
// ("policy.merge") if the two name different list hashes or verification keys, hold in different
// windows (merged, the digests of one would outlive it: make them layers), or one counts for
// nothing by its generator; kMalformed ("policy.exclude_everything") if their expressions together
// leave nothing. The time stamp is that of `other`.
Result<std::string> MergeRuntimePolicies(std::string_view base_json, std::string_view other_json);
// The same of any number of policies, at least one. Associative: policies may be merged
// in groups and the results merged, unless a group by itself excludes everything. The
// error names the policy by its number, from 1.
Result<std::string> MergeRuntimePolicies(std::span<const std::string_view> policies);

}  // namespace limequat::policy
