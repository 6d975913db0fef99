// policy::RuntimePolicy::Parse and what a policy then answers.

#include "limequat/policy/runtime_policy.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "limequat/base/check.h"
#include "limequat/base/encoding.h"
#include "limequat/ima/boot_aggregate.h"
#include "limequat/json/escaped_bytes.h"
#include "limequat/json/value.h"

namespace limequat {

namespace {

void CheckAnswers(const policy::RuntimePolicy& policy, const json::Object& digests) {
  for (const auto& [path, listed] : digests) {
    for (const std::string& hex : policy.DigestsOf(path)) {
      LQ_CHECK(policy.Look(path, *HexDecode(hex)) == policy::PathAnswer::kListed);
    }
    LQ_CHECK(policy.Look(path, {}) == policy::PathAnswer::kOtherDigest);
    LQ_CHECK(policy.DigestsOf(path).size() <= listed.as_array()->size());
    static_cast<void>(policy.Excludes(path));
  }
  LQ_CHECK(policy.Excludes(ima::kBootAggregate) == policy::Exclusion::kNo);
  for (const std::string_view path : {"", "/", "/usr/bin/aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "/\xff"}) {
    static_cast<void>(policy.Excludes(path));
  }
  LQ_CHECK(policy.says_nothing() != policy.why_it_says_nothing().empty());
}

// Keylime's mark of an empty policy.
bool IsMarkedEmpty(const json::Value& document) {
  const json::Object& meta = *document.as_object()->Find("meta")->as_object();
  return *meta.Find("generator")->as_int64() <= 1;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = AsText(ByteView(data, size));
  const auto policy = policy::RuntimePolicy::Parse(text);
  if (!policy) return 0;
  const auto document = json::ParseWithEscapedBytes(text);
  LQ_CHECK(document.has_value());
  const json::Object& digests = *document->as_object()->Find("digests")->as_object();
  LQ_CHECK((*policy)->paths() == digests.size());
  CheckAnswers(**policy, digests);
  // A policy merged with itself is the same policy, unless it checks nothing.
  const auto merged = policy::MergeRuntimePolicies(text, text);
  LQ_CHECK(merged.has_value() == (!(*policy)->excludes_everything() && !IsMarkedEmpty(*document)));
  if (!merged) return 0;
  const auto again = policy::RuntimePolicy::Parse(*merged);
  LQ_CHECK(again.has_value());
  LQ_CHECK((*again)->paths() == (*policy)->paths());
  LQ_CHECK(((*again)->device_mapper() == nullptr) == ((*policy)->device_mapper() == nullptr));
  return 0;
}

}  // namespace limequat
