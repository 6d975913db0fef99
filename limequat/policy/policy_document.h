#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/json/value.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {

// Internal to this module: the shape of a runtime policy, version 1
// (keylime-server-protocol, appendix D).

// The JSON of a policy, also of an older format. Names in `digests` may hold bytes that are not
// UTF-8, escaped as Python does (json::ParseWithEscapedBytes): Linux has such names, and
// `keylime-policy` writes them so. All else is text. kMalformed ("policy.json",
// "policy.limit"); hostile input.
Result<json::Value> ParsePolicyText(std::string_view text);

// Reads a policy's text and checks all of it against the schema except for what is
// in `digests` and `excludes`. kMalformed ("policy.json", "policy.schema",
// "policy.limit"); hostile input.
Result<json::Value> ReadPolicyJson(std::string_view text);

// A member that the schema has, of an object that was checked against it.
const json::Value& Member(const json::Value& object, std::string_view name);

// The window in `meta` of an object that was checked against the schema. kMalformed
// ("policy.window"): a time that is none, or an end that is not behind the beginning.
Result<PolicyWindow> ReadPolicyWindow(const json::Value& policy);

// Whether its generator is Keylime's mark of an empty policy: it says nothing, whatever it lists.
// Of an object that was checked against the schema.
bool IsMarkedEmpty(const json::Value& policy);

// `meta.unattested` of an object that was checked against the schema.
bool IsMarkedUnattested(const json::Value& policy);

// What `ima.coverage.entries` lists; nullptr if there is no such member.
const json::Object* CoverageEntries(const json::Value& ima);
// What `ima.coverage.command_line` lists; empty if there is no such member.
ParameterValues CoverageCommandLine(const json::Value& ima);

// Whether Python takes `value` for false, as Keylime's programs do to leave out what they are
// given: null, false, zero, and what is empty.
bool IsFalseInPython(const json::Value& value);

// The bytes of one digest: 40 to 128 lower-case hex digits, in pairs.
class PolicyDigest {
 public:
  // kMalformed ("policy.digest"), with `path` in its message.
  static Result<PolicyDigest> Decode(const json::Value& value, std::string_view path);
  ByteView bytes() const { return ByteView(room_).first(size_); }

 private:
  std::array<std::uint8_t, 64> room_{};
  std::size_t size_ = 0;
};

// A policy for writing: everything sorted and once.
struct PolicyDocument {
  std::uint64_t generator = 3;
  std::string timestamp;
  std::uint64_t release = 0;
  std::optional<PolicyWindow> window;  // absent: no policy was added yet
  bool unattested = false;             // any of it is: see RuntimePolicyBuilder::MarkUnattested
  bool marked_empty = false;           // any of it is, by its generator: see IsMarkedEmpty
  DigestsByName digests;
  std::set<std::string, std::less<>> excludes;
  DigestsByName keyrings;
  std::set<std::string, std::less<>> ignored_keyrings;
  std::string log_hash;
  json::Value dm_policy;
  // Ours, written if they say something: a boolean or null, entries by name, parameters.
  json::Value ignore_violations;
  DigestsByName coverage;
  ParameterValues command_line;
  DigestsByName buffers;
  std::string verification_keys;
};

// Adds a policy that RuntimePolicy::Parse accepts to `out`: the union, the highest
// release, the last time stamp. kConflict ("policy.merge") if the two differ in what has
// one value; then `out` is undefined.
Status AddPolicy(std::string_view text, PolicyDocument& out);

// Puts what is given of `window` into the member `meta` of a policy.
void SetWindow(const PolicyWindow& window, json::Object& meta);

// One line in the members and types of `keylime-policy create runtime`.
std::string WritePolicyDocument(const PolicyDocument& document);

// The same, if it passes the checks that the policies of others pass, and its
// expressions leave something to check (attack A10: kMalformed,
// "policy.exclude_everything").
Result<std::string> WriteCheckedPolicy(const PolicyDocument& document);

}  // namespace limequat::policy
