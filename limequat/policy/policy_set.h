#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {

// How many layers one machine may have; more are refused.
inline constexpr std::size_t kMaxLayers = 16;

// One layer of a machine's policy: a runtime policy under the name it is bound by. Its
// version is the policy's release and hash; its window is in the policy (PolicyWindow).
struct PolicyLayer {
  std::string name;
  std::shared_ptr<const RuntimePolicy> policy;
};

// What one machine is held to: an ordered set of layers (base system, team, node), immutable
// and shared. A single plain policy is a set of one layer and means what it meant.
//
// The order decides in which order layers are named, and nothing else: no order makes a
// file good that another order refuses. What a set accepts, one of its layers accepts by
// itself; a layer never loosens what another one lists. In particular:
//   - a digest is good for a path if a layer lists it for that path;
//   - a path that any layer lists is excluded only by the expressions of a layer that
//     is the only one to list it, and a signature never helps it;
//   - a path that no layer lists is excluded by the expressions of any, and good if a key
//     of any vouches for it;
//   - keyrings and buffers go like paths; a keyring is ignored only if no other layer
//     lists keys for it;
//   - rules for block devices come from one layer, which judges all their events; a file
//     that changed while it was measured fails nothing if a layer says so and none says
//     otherwise; what proves the coverage that a layer needs must be there;
//   - a layer that says nothing (RuntimePolicy::says_nothing) counts for nothing, its
//     expressions included.
// Windows: see PolicyAt. Decision 5 says why.
class PolicySet {
 public:
  // The set of one policy; its hash is that of the policy. Not null.
  static std::shared_ptr<const PolicySet> Of(std::shared_ptr<const RuntimePolicy> policy);
  // Errors: kMalformed ("policy.layers") for no layer, for more than kMaxLayers, for a
  // name given twice, and for rules for block devices in two layers; those of
  // ExcludeList::WhatTheyLeave. Nothing is composed then.
  static Result<std::shared_ptr<const PolicySet>> Compose(std::vector<PolicyLayer> layers);

  // The hash of the set that Compose makes of `layers`, without composing it.
  static crypto::Digest HashOf(const std::vector<PolicyLayer>& layers);
  // Covers the layers' order, names, releases and contents (attack A14); of one layer the
  // hash of its policy.
  const crypto::Digest& hash() const { return hash_; }
  const std::vector<PolicyLayer>& layers() const { return layers_; }
  // Every layer says nothing, or together their expressions leave no path of an ordinary
  // system (attack A10): a machine bound to it is unpoliced, at any time.
  bool says_nothing() const { return !why_it_says_nothing_.empty(); }
  const std::string& why_it_says_nothing() const { return why_it_says_nothing_; }
  // Whether any layer that counts has a time after which it is retired.
  bool retires() const { return retires_; }
  // Whether any layer that counts needs the kernel's measured command line.
  bool needs_command_line() const;

 private:
  friend class PolicyAt;
  explicit PolicySet(std::vector<PolicyLayer> layers);

  std::vector<PolicyLayer> layers_;
  // Those that say something, in their order.
  struct Counting {
    const PolicyLayer* layer = nullptr;
    Time from = Time::min();
    Time until = Time::max();  // inclusive
  };
  std::vector<Counting> counting_;
  crypto::Digest hash_{crypto::HashAlgorithm::kSha256};
  std::string why_it_says_nothing_;
  bool retires_ = false;
  bool has_coverage_ = false;  // whether any of counting_ names entries that must be there
};

// A digest that a layer lists.
struct ListedDigest {
  std::string digest;  // lower-case hex
  const PolicyLayer* layer = nullptr;
  std::optional<Time> retired;  // since when it is no longer good, if it is not
};

// A set as it is in effect at one moment for entries that were first verified at another:
// what appraisals ask. A small value; the set must outlive it.
//
// Before `effective_from` a layer does not count. It is judged by `now`: an operator who
// says that a program is good from noon on says so of machines that have it already.
// After `retire_after` what a layer accepts is no longer good: digests, keys and buffers,
// expressions, ignored keyrings. It is judged by when the entry was first verified, never
// later than `now`: a program that was started in time stays good until the next boot, and
// one that is first seen afterwards does not pass. What a retired layer lists still counts
// as listed: no expression and no signature comes in its place.
class PolicyAt {
 public:
  // `first_verified` later than `now` counts as `now`.
  PolicyAt(const PolicySet& set, Time now) : PolicyAt(set, now, now) {}
  PolicyAt(const PolicySet& set, Time now, Time first_verified)
      : set_(&set), now_(now), first_verified_(first_verified < now ? first_verified : now) {}

  // Keys that vouch for files in place of those of the layers, also if there are none among
  // them; null: those of the layers. They must outlive this.
  void UseKeys(const ima::Keyring* keys) { keys_ = keys; }
  // From now on no layer needs a kernel command line: for evidence that cannot show one, where
  // nothing is decided by the answer (appraise::AppraiseForSimulation).
  void LeaveOutCommandLine() { looks_at_command_line_ = false; }

  const PolicySet& set() const { return *set_; }
  Time now() const { return now_; }
  Time first_verified() const { return first_verified_; }

  // The set says nothing, or none of its layers is in effect yet: unpoliced.
  bool says_nothing() const { return !why_it_says_nothing().empty(); }
  std::string why_it_says_nothing() const;
  // The hash of the set and of which layers have come into effect: another one asks for
  // an appraisal of the whole list (attack A20). With all of them it is the set's.
  crypto::Digest hash() const;

  // As of RuntimePolicy, of all layers in effect. kOtherDigest for a digest that was
  // retired.
  PathAnswer Look(std::string_view path, ByteView digest) const;
  PathAnswer LookKey(std::string_view keyring, ByteView digest) const;
  PathAnswer LookBuffer(std::string_view name, ByteView digest) const;
  void Expect(std::string_view path) const;
  void Fetch(std::string_view path) const;
  // What is listed for `path`, in the order of the layers; at most `limit`.
  std::vector<ListedDigest> DigestsOf(std::string_view path, std::size_t limit = 16) const;
  Exclusion Excludes(std::string_view path) const;
  bool IgnoresKeyring(std::string_view name) const;
  // As of RuntimePolicy, of any layer in effect.
  bool learns() const;
  // The rules for block devices of the layer in effect that has them, also after it was
  // retired; nullptr if none has.
  const DeviceMapperPolicy* device_mapper() const;
  // Whether these rules still accept anything of the entry.
  bool accepts_devices() const;
  bool ignores_violations() const;
  // What all layers in effect need, each name once. A retired layer proves nothing.
  std::vector<std::string> coverage() const;
  PathAnswer LookCoverage(std::string_view name, ByteView digest) const {
    if (!set_->has_coverage_) return PathAnswer::kUnknownPath;  // it is asked for every entry
    return Ask(&RuntimePolicy::LookCoverage, name, digest);
  }
  // What all layers in effect need of the command line: a value is good if a layer that is not
  // retired lists it.
  ParameterValues command_line() const;
  // The keyrings whose keys vouch for files; none of them is empty.
  std::vector<const ima::Keyring*> VerificationKeys() const;

 private:
  using Counting = PolicySet::Counting;
  using Question = PathAnswer (RuntimePolicy::*)(std::string_view, ByteView) const;
  bool InEffect(const Counting& each) const { return now_ >= each.from; }
  bool Accepts(const Counting& each) const {
    return InEffect(each) && first_verified_ <= each.until;
  }
  PathAnswer Ask(Question question, std::string_view name, ByteView digest) const;
  // The layer in effect with rules for block devices, or nullptr.
  const Counting* WithDevices() const;
  // Whether a layer in effect other than `one` knows the name.
  bool AnotherKnows(const Counting& one, Question question, std::string_view name) const;

  const PolicySet* set_;
  Time now_;
  Time first_verified_;
  const ima::Keyring* keys_ = nullptr;
  bool looks_at_command_line_ = true;
};

// What `layer`, one of the set's, does at these moments: "in effect", "not yet", "retired" (for
// entries first verified then), or "says nothing".
std::string_view StateOf(const PolicyLayer& layer, const PolicyAt& policy);

// The layers for results, in their order: `name`, `release`, `sha256`, the times of the
// window as far as they are given, and `state`, as of StateOf.
json::Array LayersToJson(const PolicyAt& policy);

}  // namespace limequat::policy
