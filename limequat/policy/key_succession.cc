#include "limequat/policy/key_succession.h"

#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/policy/dsse.h"

namespace limequat::policy {

namespace {

Error Wrong(const std::string& why) {
  return Malformed("policy.key_succession", "no statement of a new key: " + why);
}

}  // namespace

std::string WriteKeySuccession(const KeySuccession& succession) {
  return json::Serialize(json::Object{{"policy_name", succession.policy_name},
                                      {"key", succession.key.ToPem()},
                                      {"signed_at", FormatRfc3339(succession.signed_at)}});
}

Result<KeySuccession> ParseKeySuccession(std::string_view payload) {
  if (payload.size() > kMaxKeySuccessionBytes) return Wrong("it is too long");
  const auto document = json::Parse(payload);
  if (!document) return Wrong(document.error().message);
  json::ObjectReader in(*document, "statement");
  std::string policy_name = in.String("policy_name");
  const std::string pem = in.String("key");
  const std::string signed_at = in.String("signed_at");
  in.NoOthers();
  if (!in.status()) return Wrong(in.status().error().message);
  auto key = crypto::PublicKey::FromPem(pem);
  if (!key) return Wrong(key.error().message);
  if (const Status fits = CheckSigningKey(*key); !fits) return Wrong(fits.error().message);
  const auto time = ParseRfc3339(signed_at);
  if (!time) return Wrong(time.error().message);
  return KeySuccession{
      .policy_name = std::move(policy_name), .key = *std::move(key), .signed_at = *time};
}

}  // namespace limequat::policy
