#include "limequat/wire/policy_view.h"

#include <string_view>
#include <utility>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/wire/document.h"

namespace limequat::wire {

namespace {

constexpr std::string_view kPrefix = "wire.policies";

void CheckSha256(json::ObjectReader& in, std::string_view name, const std::string& text) {
  const Result<Bytes> bytes = HexDecode(text);
  const bool is_digest = bytes && bytes->size() == 32 && HexEncode(*bytes) == text;
  if (in.status() && !is_digest) in.Fail(name, "not a SHA-256 digest in lower-case hexadecimal");
}

Result<PolicyView> ParsePolicy(const json::Value& value) {
  json::ObjectReader in(value, "policy");
  PolicyView view;
  view.name = in.String("name");
  view.hash = in.String("hash");
  CheckSha256(in, "hash", view.hash);
  view.signed_by = in.OptionalString("signed_by");
  if (view.signed_by) CheckSha256(in, "signed_by", *view.signed_by);
  LQ_RETURN_IF_ERROR(MemberStatus(in, kPrefix));
  return view;
}

}  // namespace

json::Object WritePolicies(const std::vector<PolicyView>& policies) {
  json::Array array;
  for (const PolicyView& policy : policies) {
    array.push_back(json::Object{
        {"name", policy.name}, {"hash", policy.hash}, {"signed_by", OrNull(policy.signed_by)}});
  }
  return {{"policies", std::move(array)}};
}

Result<std::vector<PolicyView>> ParsePolicies(const json::Value& document) {
  json::ObjectReader in(document, "list of policies");
  const json::Array* array = in.ArrayMember("policies");
  LQ_RETURN_IF_ERROR(MemberStatus(in, kPrefix));
  std::vector<PolicyView> policies;
  for (const json::Value& value : *array) {
    LQ_ASSIGN_OR_RETURN(PolicyView view, ParsePolicy(value));
    policies.push_back(std::move(view));
  }
  return policies;
}

}  // namespace limequat::wire
