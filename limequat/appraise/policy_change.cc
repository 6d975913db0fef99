#include "limequat/appraise/policy_change.h"

#include <memory>
#include <utility>

#include "limequat/appraise/ima_entry_steps.h"
#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/ima/boot_aggregate.h"

namespace limequat::appraise {

namespace {

// The longest name that a change holds; findings cut longer ones.
constexpr std::size_t kMaxName = 4095;

// Of a layer that is only tried.
constexpr std::string_view kNoLayersName = "/:change";
constexpr std::string_view kAnyLogHash = "sha1";

// "sha256:HEX" of a finding as what a policy lists: the digits. Nothing for digests that no
// policy lists.
std::optional<std::string> ListableDigest(std::string_view found) {
  const std::size_t colon = found.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  if (!IsListableHash(found.substr(0, colon))) return std::nullopt;
  const std::string_view hex = found.substr(colon + 1);
  const auto bytes = HexDecode(hex);
  if (!bytes || HexEncode(*bytes) != hex || bytes->size() < 20 || bytes->size() > 64) {
    return std::nullopt;
  }
  return std::string(hex);
}

bool ShowsAsItIs(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && EscapeForDisplay(name) == name;
}

// Where a policy lists what `finding` is about; nullptr if it lists nothing of the kind.
policy::DigestsByName* PlaceOf(const Finding& finding, policy::PolicyAdditions& runtime) {
  const bool failed = finding.outcome == Outcome::kFailed;
  if (failed && (finding.check == "ima.path" || finding.check == "ima.digest")) {
    return &runtime.digests;
  }
  // Without a quote only the policy can say whether the boot was the right one.
  if (!failed && finding.check == "ima.boot_aggregate" &&
      finding.subject.path == ima::kBootAggregate) {
    return &runtime.digests;
  }
  if (failed && finding.check == "ima.key") return &runtime.keyrings;
  if (failed && finding.check == "ima.buffer") return &runtime.buffers;
  return nullptr;
}

// Of what a policy could accept, and nobody should be led to; empty for everything else.
std::string_view WhyNotProposed(std::string_view check) {
  if (check == "ima.coverage") {
    return "not proposed: another digest in ima.coverage.entries or value in "
           "ima.coverage.command_line may prove it, but says which rules of the kernel are good "
           "ones, and the list cannot know that";
  }
  if (check == "ima.violation") {
    return "not proposed: ima.ignore_violations would accept it, and with it every file that is "
           "ever changed while it is measured, unseen";
  }
  if (check == "ima.exclude_limit") {
    return "not proposed: listing the file's digest would do, or putting the expression right that "
           "takes too long";
  }
  if (check.starts_with("ima.device_mapper.")) {
    return "not proposed: other rules in ima.dm_policy may allow it, but a rule is about more than "
           "one event";
  }
  return "";
}

std::string_view WhyUnchangeable(const Finding& finding) {
  const std::string_view check = finding.check;
  if (check == "boot.baseline") {
    return "no policy: an operator approves another boot, if it is one (--approve-current-boot)";
  }
  if (check.starts_with("boot.")) {
    return "no runtime policy: a boot reference lists this (limequat explain AGENT --change says "
           "what, or limequat appraise boot --change of the boot's event log)";
  }
  if (check.starts_with("policy.")) return "about the policy itself: it has to be put right";
  if (const std::string_view why = WhyNotProposed(check); !why.empty()) return why;
  if (check.starts_with("ima.")) return "no digest in a policy speaks for it";
  return "no policy accepts it: such evidence has to be right";
}

class Maker {
 public:
  explicit Maker(PolicyChange& out) : out_(out) {}

  void Take(const Finding& finding) {
    if (policy::DigestsByName* place = PlaceOf(finding, out_.runtime)) {
      return TakeDigest(finding, *place);
    }
    if (finding.check == "pcr.policy" && finding.outcome == Outcome::kFailed &&
        finding.subject.pcr && !finding.found.empty()) {
      out_.pcrs[*finding.subject.pcr].insert(finding.found);
      return;
    }
    rest_.push_back(&finding);
  }

  // What else was found of an entry whose digest is to be listed is not looked at then.
  void Conclude() {
    for (const Finding* finding : rest_) {
      const bool moot =
          (finding->check == "ima.signature" || finding->check == "ima.exclude_limit") &&
          finding->subject.event && listed_.contains(*finding->subject.event);
      if (!moot) Refuse(*finding, WhyUnchangeable(*finding));
    }
  }

 private:
  void TakeDigest(const Finding& finding, policy::DigestsByName& place) {
    const auto digest = ListableDigest(finding.found);
    if (!digest) return Refuse(finding, "no policy lists digests of this kind");
    if (!ShowsAsItIs(finding.subject.path)) {
      return Refuse(finding, "its name has characters that do not show as they are");
    }
    place[finding.subject.path].insert(*digest);
    if (finding.subject.event) listed_.insert(*finding.subject.event);
  }
  void Refuse(const Finding& finding, std::string_view why) {
    out_.unchangeable.push_back(
        {.check = finding.check, .subject = finding.subject, .why = std::string(why)});
  }

  PolicyChange& out_;
  std::vector<const Finding*> rest_;
  std::set<std::uint64_t> listed_;
};

Result<PolicyChange> ChangeWith(ByteView list, ima::Format format, const policy::PolicyAt& policy,
                                const std::optional<PcrClaim>& pcr) {
  LQ_ASSIGN_OR_RETURN(const Appraisal appraisal, AppraiseImaList(list, format, policy, pcr));
  return ChangeFor(appraisal.findings, appraisal.not_shown);
}

// The set with one more layer, which lists the additions.
Result<std::shared_ptr<const policy::PolicySet>> WithLayer(
    const policy::PolicySet& set, const policy::PolicyAdditions& additions) {
  LQ_ASSIGN_OR_RETURN(const std::string text, policy::WriteAdditions(additions, kAnyLogHash));
  std::vector<policy::PolicyLayer> layers = set.layers();
  LQ_ASSIGN_OR_RETURN(auto policy, policy::RuntimePolicy::Parse(text));
  layers.push_back({.name = std::string(kNoLayersName), .policy = std::move(policy)});
  return policy::PolicySet::Compose(std::move(layers));
}

}  // namespace

PolicyChange ChangeFor(const Findings& findings, std::uint64_t not_shown) {
  PolicyChange change;
  change.not_covered = not_shown;
  Maker maker(change);
  for (const Finding& finding : findings) {
    if (!finding.passed()) maker.Take(finding);
  }
  maker.Conclude();
  return change;
}

Result<PolicyChange> ChangeForImaList(ByteView list, ima::Format format,
                                      const policy::PolicyAt& policy,
                                      const std::optional<PcrClaim>& pcr) {
  LQ_ASSIGN_OR_RETURN(PolicyChange change, ChangeWith(list, format, policy, pcr));
  if (policy.says_nothing()) {
    change.unchangeable.push_back({.check = "policy.check.says_something",
                                   .subject = {},
                                   .why = policy.why_it_says_nothing()});
  }
  if (change.runtime.keyrings.empty()) return change;
  // Files that a key signs pass by it, once it is listed: their digests are not needed then.
  const policy::PolicyAdditions keys{
      .digests = {}, .keyrings = std::move(change.runtime.keyrings), .buffers = {}};
  LQ_ASSIGN_OR_RETURN(const auto with_keys, WithLayer(policy.set(), keys));
  LQ_ASSIGN_OR_RETURN(
      change, ChangeWith(list, format,
                         policy::PolicyAt(*with_keys, policy.now(), policy.first_verified()), pcr));
  for (const auto& [keyring, digests] : keys.keyrings) {
    change.runtime.keyrings[keyring].insert(digests.begin(), digests.end());
  }
  return change;
}

json::Array ToJson(const std::vector<Unchangeable>& unchangeable) {
  json::Array array;
  for (const Unchangeable& one : unchangeable) {
    json::Object object{{"check", one.check}, {"why", one.why}};
    json::Object subject = ToJson(one.subject);
    if (!subject.empty()) object.Set("subject", std::move(subject));
    array.push_back(std::move(object));
  }
  return array;
}

Result<json::Value> ToJson(const PolicyChange& change, std::string_view log_hash) {
  json::Object object{{"runtime_policy", nullptr}};
  if (!change.runtime.empty()) {
    LQ_ASSIGN_OR_RETURN(const std::string text, policy::WriteAdditions(change.runtime, log_hash));
    LQ_ASSIGN_OR_RETURN(json::Value policy, json::Parse(text));
    object.Set("runtime_policy", std::move(policy));
  }
  json::Object pcrs;
  for (const auto& [pcr, values] : change.pcrs) {
    json::Array array;
    for (const std::string& value : values) array.emplace_back(value);
    pcrs.Set(std::to_string(pcr), std::move(array));
  }
  object.Set("tpm_policy", std::move(pcrs));
  object.Set("unchangeable", ToJson(change.unchangeable));
  object.Set("not_covered", change.not_covered);
  object.Set("suffices", change.suffices());
  return json::Value(std::move(object));
}

}  // namespace limequat::appraise
