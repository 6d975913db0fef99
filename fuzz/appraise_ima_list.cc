// appraise::AppraiseImaList: a hostile list against a small policy, in both formats.

#include <cstddef>
#include <cstdint>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/check.h"

namespace appraise = limequat::appraise;
namespace crypto = limequat::crypto;
namespace ima = limequat::ima;
namespace json = limequat::json;
namespace policy = limequat::policy;
using limequat::ByteView;
using limequat::Finding;
using limequat::Time;

namespace {

// Lists nothing that a seed holds, so that no list passes; excludes something.
constexpr std::string_view kPolicy = R"({
  "meta": {"version": 1, "generator": 3}, "release": 0,
  "digests": {"/usr/bin/x": ["0000000000000000000000000000000000000000000000000000000000000001"]},
  "excludes": ["/tmp/", "/var/(a+)+$"], "keyrings": {},
  "ima": {"ignored_keyrings": [], "log_hash_alg": "sha1", "dm_policy": {
    "version": 1, "match_on": "name", "rules": {"any": {
      "required": true, "device_resume_required": true, "allow_clear": true,
      "device_rename": {"valid_name": null, "valid_uuid": null},
      "device_remove": {"allow_removal": true},
      "table_load": {"allow_multiple_loads": true, "name": ".*", "uuid": null, "major": null,
                     "minor": null, "minor_count": null, "num_targets": 1, "targets": [{}]}}}}},
  "ima-buf": {}, "verification-keys": ""})";

void Appraise(ByteView list, ima::Format format, const std::optional<appraise::PcrClaim>& pcr) {
  static const auto policy = policy::RuntimePolicy::Parse(kPolicy);
  LQ_CHECK(policy.has_value());
  static const auto set = policy::PolicySet::Of(*policy);
  const auto appraisal =
      appraise::AppraiseImaList(list, format, policy::PolicyAt(*set, Time()), pcr);
  if (!appraisal) return;
  const std::string text = json::Serialize(appraise::ToJson(*appraisal));
  LQ_CHECK(json::Parse(text).has_value());
  for (const Finding& finding : appraisal->findings) {
    for (const char c : finding.detail + finding.next) {
      LQ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView list(data, size);
  const crypto::Digest zero(crypto::HashAlgorithm::kSha256);
  for (const ima::Format format : {ima::Format::kAscii, ima::Format::kBinary}) {
    Appraise(list, format, std::nullopt);
    Appraise(list, format, appraise::PcrClaim{.value = zero});
  }
  return 0;
}
