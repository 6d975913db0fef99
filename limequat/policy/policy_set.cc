#include "limequat/policy/policy_set.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/check.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/policy/policy_document.h"

namespace limequat::policy {

namespace {

constexpr std::string_view kSetMark = "limequat policy set 1";
constexpr std::string_view kEffectMark = "limequat policy set 1 in effect";

Status CheckLayers(const std::vector<PolicyLayer>& layers) {
  if (layers.empty() || layers.size() > kMaxLayers) {
    return Malformed("policy.layers",
                     fmt::format("{} layers; a machine has 1 to {}", layers.size(), kMaxLayers));
  }
  std::set<std::string_view> names;
  bool devices = false;
  for (const PolicyLayer& layer : layers) {
    LQ_CHECK(layer.policy != nullptr);
    const bool has_devices = layer.policy->device_mapper() != nullptr;
    if (has_devices && devices) {
      return Malformed("policy.layers", "two layers have rules for block devices (ima.dm_policy)");
    }
    devices = devices || has_devices;
    if (!names.insert(layer.name).second) {
      return Malformed("policy.layers",
                       fmt::format("two layers are named '{}'", EscapeForDisplay(layer.name, 128)));
    }
  }
  return {};
}

// "policy 'base': …" of each.
std::string WhyEachSaysNothing(const std::vector<PolicyLayer>& layers) {
  std::string why;
  for (const PolicyLayer& layer : layers) {
    why += fmt::format("{}layer '{}': {}", why.empty() ? "" : "; ",
                       EscapeForDisplay(layer.name, 128), layer.policy->why_it_says_nothing());
  }
  return why;
}

}  // namespace

crypto::Digest PolicySet::HashOf(const std::vector<PolicyLayer>& layers) {
  if (layers.size() == 1) return layers[0].policy->hash();
  ByteWriter data;
  data.SizedU32Le(AsBytes(kSetMark));
  for (const PolicyLayer& layer : layers) {
    data.SizedU32Le(AsBytes(layer.name)).U64Be(layer.policy->release());
    data.SizedU32Le(layer.policy->hash().bytes());
  }
  return crypto::Hash(crypto::HashAlgorithm::kSha256, data.bytes());
}

PolicySet::PolicySet(std::vector<PolicyLayer> layers) : layers_(std::move(layers)) {
  for (const PolicyLayer& layer : layers_) {
    const RuntimePolicy& policy = *layer.policy;
    if (policy.says_nothing() && layers_.size() > 1) continue;
    const PolicyWindow& window = policy.window();
    counting_.push_back({.layer = &layer,
                         .from = window.effective_from.value_or(Time::min()),
                         .until = window.retire_after.value_or(Time::max())});
    retires_ = retires_ || window.retire_after.has_value();
    has_coverage_ = has_coverage_ || !policy.coverage().empty();
  }
  hash_ = HashOf(layers_);
  if (layers_.size() == 1) why_it_says_nothing_ = layers_[0].policy->why_it_says_nothing();
}

std::shared_ptr<const PolicySet> PolicySet::Of(std::shared_ptr<const RuntimePolicy> policy) {
  LQ_CHECK(policy != nullptr);
  std::vector<PolicyLayer> layers;
  layers.push_back({.name = policy->name(), .policy = std::move(policy)});
  return std::shared_ptr<const PolicySet>(new PolicySet(std::move(layers)));
}

Result<std::shared_ptr<const PolicySet>> PolicySet::Compose(std::vector<PolicyLayer> layers) {
  LQ_RETURN_IF_ERROR(CheckLayers(layers));
  std::shared_ptr<PolicySet> set(new PolicySet(std::move(layers)));
  if (set->layers_.size() == 1) return std::shared_ptr<const PolicySet>(std::move(set));
  if (set->counting_.empty()) {
    set->why_it_says_nothing_ = WhyEachSaysNothing(set->layers_);
    return std::shared_ptr<const PolicySet>(std::move(set));
  }
  std::vector<const ExcludeList*> excludes;
  for (const Counting& each : set->counting_) excludes.push_back(&each.layer->policy->excludes());
  LQ_ASSIGN_OR_RETURN(const Leftover left, ExcludeList::WhatTheyLeave(excludes, set->hash_.hex()));
  if (left == Leftover::kNothing) {
    set->why_it_says_nothing_ =
        "the exclude expressions of its layers together leave no place where programs lie";
  }
  return std::shared_ptr<const PolicySet>(std::move(set));
}

bool PolicySet::needs_command_line() const {
  return std::ranges::any_of(
      counting_, [](const Counting& each) { return !each.layer->policy->command_line().empty(); });
}

std::string PolicyAt::why_it_says_nothing() const {
  if (set_->says_nothing()) return set_->why_it_says_nothing_;
  const bool any =
      std::ranges::any_of(set_->counting_, [this](const Counting& each) { return InEffect(each); });
  return any ? "" : "none of it is in effect yet";
}

crypto::Digest PolicyAt::hash() const {
  ByteWriter data;
  bool all = true;
  data.SizedU32Le(AsBytes(kEffectMark)).SizedU32Le(set_->hash_.bytes());
  for (const Counting& each : set_->counting_) {
    data.U8(InEffect(each) ? 1 : 0);
    all = all && InEffect(each);
  }
  return all ? set_->hash_ : crypto::Hash(crypto::HashAlgorithm::kSha256, data.bytes());
}

PathAnswer PolicyAt::Ask(Question question, std::string_view name, ByteView digest) const {
  PathAnswer answer = PathAnswer::kUnknownPath;
  for (const Counting& each : set_->counting_) {
    if (!InEffect(each)) continue;
    const PathAnswer one = ((*each.layer->policy).*question)(name, digest);
    if (one == PathAnswer::kListed && Accepts(each)) return one;
    if (one != PathAnswer::kUnknownPath) answer = PathAnswer::kOtherDigest;
  }
  return answer;
}

PathAnswer PolicyAt::Look(std::string_view path, ByteView digest) const {
  return Ask(&RuntimePolicy::Look, path, digest);
}

void PolicyAt::Expect(std::string_view path) const {
  for (const Counting& each : set_->counting_) {
    if (InEffect(each)) each.layer->policy->Expect(path);
  }
}

void PolicyAt::Fetch(std::string_view path) const {
  for (const Counting& each : set_->counting_) {
    if (InEffect(each)) each.layer->policy->Fetch(path);
  }
}

PathAnswer PolicyAt::LookKey(std::string_view keyring, ByteView digest) const {
  return Ask(&RuntimePolicy::LookKey, keyring, digest);
}

PathAnswer PolicyAt::LookBuffer(std::string_view name, ByteView digest) const {
  return Ask(&RuntimePolicy::LookBuffer, name, digest);
}

bool PolicyAt::AnotherKnows(const Counting& one, Question question, std::string_view name) const {
  return std::ranges::any_of(set_->counting_, [&](const Counting& each) {
    return &each != &one && InEffect(each) &&
           ((*each.layer->policy).*question)(name, {}) != PathAnswer::kUnknownPath;
  });
}

Exclusion PolicyAt::Excludes(std::string_view path) const {
  Exclusion answer = Exclusion::kNo;
  for (const Counting& each : set_->counting_) {
    if (!Accepts(each) || AnotherKnows(each, &RuntimePolicy::Look, path)) continue;
    const Exclusion one = each.layer->policy->Excludes(path);
    if (one == Exclusion::kExcluded) return one;
    if (one == Exclusion::kLimitHit) answer = one;
  }
  return answer;
}

bool PolicyAt::IgnoresKeyring(std::string_view name) const {
  return std::ranges::any_of(set_->counting_, [&](const Counting& each) {
    return Accepts(each) && each.layer->policy->IgnoresKeyring(name) &&
           !AnotherKnows(each, &RuntimePolicy::LookKey, name);
  });
}

bool PolicyAt::learns() const {
  return std::ranges::any_of(set_->counting_, [this](const Counting& each) {
    return InEffect(each) && each.layer->policy->learns();
  });
}

const PolicySet::Counting* PolicyAt::WithDevices() const {
  const auto found = std::ranges::find_if(set_->counting_, [this](const Counting& each) {
    return InEffect(each) && each.layer->policy->device_mapper() != nullptr;
  });
  return found == set_->counting_.end() ? nullptr : &*found;
}

const DeviceMapperPolicy* PolicyAt::device_mapper() const {
  const Counting* layer = WithDevices();
  return layer == nullptr ? nullptr : layer->layer->policy->device_mapper();
}

bool PolicyAt::accepts_devices() const {
  const Counting* layer = WithDevices();
  return layer != nullptr && Accepts(*layer);
}

bool PolicyAt::ignores_violations() const {
  bool ignores = false;
  for (const Counting& each : set_->counting_) {
    if (!InEffect(each)) continue;
    const std::optional<bool> one = each.layer->policy->ignores_violations();
    if (one == false) return false;
    ignores = ignores || (one == true && Accepts(each));
  }
  return ignores;
}

std::vector<std::string> PolicyAt::coverage() const {
  std::vector<std::string> names;
  for (const Counting& each : set_->counting_) {
    if (!InEffect(each)) continue;
    for (const std::string& name : each.layer->policy->coverage()) {
      if (!std::ranges::count(names, name)) names.push_back(name);
    }
  }
  return names;
}

ParameterValues PolicyAt::command_line() const {
  ParameterValues needed;
  if (!looks_at_command_line_) return needed;
  for (const Counting& each : set_->counting_) {
    if (!InEffect(each)) continue;
    for (const auto& [name, values] : each.layer->policy->command_line()) {
      std::set<std::string>& good = needed[name];
      if (Accepts(each)) good.insert(values.begin(), values.end());
    }
  }
  return needed;
}

std::vector<const ima::Keyring*> PolicyAt::VerificationKeys() const {
  std::vector<const ima::Keyring*> keyrings;
  if (keys_ != nullptr) {
    if (!keys_->empty()) keyrings.push_back(keys_);
    return keyrings;
  }
  for (const Counting& each : set_->counting_) {
    const ima::Keyring& keys = each.layer->policy->verification_keys();
    if (Accepts(each) && !keys.empty()) keyrings.push_back(&keys);
  }
  return keyrings;
}

std::vector<ListedDigest> PolicyAt::DigestsOf(std::string_view path, std::size_t limit) const {
  std::vector<ListedDigest> listed;
  for (const Counting& each : set_->counting_) {
    if (!InEffect(each)) continue;
    for (std::string& digest : each.layer->policy->DigestsOf(path, limit - listed.size())) {
      listed.push_back({.digest = std::move(digest), .layer = each.layer, .retired = {}});
      if (!Accepts(each)) listed.back().retired = each.until;
    }
  }
  return listed;
}

std::string_view StateOf(const PolicyLayer& layer, const PolicyAt& policy) {
  const PolicyWindow& window = layer.policy->window();
  if (layer.policy->says_nothing()) return "says nothing";
  if (window.effective_from && policy.now() < *window.effective_from) return "not yet";
  const bool retired = window.retire_after && policy.first_verified() > *window.retire_after;
  return retired ? "retired" : "in effect";
}

json::Array LayersToJson(const PolicyAt& policy) {
  json::Array array;
  for (const PolicyLayer& layer : policy.set().layers()) {
    json::Object object{{"name", layer.name},
                        {"release", layer.policy->release()},
                        {"sha256", layer.policy->hash().hex()}};
    SetWindow(layer.policy->window(), object);
    object.Set("state", StateOf(layer, policy));
    array.push_back(std::move(object));
  }
  return array;
}

}  // namespace limequat::policy
