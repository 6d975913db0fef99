#include "limequat/policy/verification_keys.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"

namespace limequat::policy {

namespace {

Error Bad(std::string message) {
  return Malformed("policy.verification_keys", "verification keys: " + std::move(message));
}

Result<json::Value> Decode(std::string_view text) {
  auto document = json::Parse(text);
  if (document && document->as_string() != nullptr) {
    const std::string inner = *document->as_string();
    document = json::Parse(inner);
  }
  if (!document) return Bad(std::move(document).error().message);
  return *std::move(document);
}

Result<ima::Key> ReadKey(const std::string& text, const json::Value* id) {
  const auto der = Base64Decode(text);
  if (!der) return Bad("a key is not base64");
  auto key = ima::ParseKey(*der);
  if (!key) return Bad(std::move(key).error().message);
  const std::int64_t number = id == nullptr || id->is_null() ? 0 : id->as_int64().value_or(-1);
  if (number < 0 || number > std::numeric_limits<std::uint32_t>::max()) {
    return Bad("a key id is not a number of 32 bits");
  }
  if (number != 0) key->id = static_cast<std::uint32_t>(number);
  return *std::move(key);
}

}  // namespace

Result<ima::Keyring> ParseVerificationKeys(std::string_view text, std::string_view keyring) {
  ima::Keyring read;
  if (text.empty()) return read;
  LQ_ASSIGN_OR_RETURN(const json::Value document, Decode(text));
  json::ObjectReader in(document, "verification-keys");
  const auto keys = in.Strings("pubkeys");
  const json::Array* ids = in.ArrayMember("keyids");
  if (const Status status = in.status(); !status) return Bad(status.error().message);
  if (ids->size() > keys.size()) return Bad("there are more key ids than keys");
  for (std::size_t i = 0; i < keys.size(); ++i) {
    LQ_ASSIGN_OR_RETURN(ima::Key key, ReadKey(keys[i], i < ids->size() ? &(*ids)[i] : nullptr));
    if (const Status added = read.Add(std::move(key), keyring); !added) {
      return Bad(added.error().message);
    }
  }
  return read;
}

std::string WriteVerificationKeys(const ima::Keyring& keys) {
  if (keys.empty()) return {};
  json::Array pubkeys;
  json::Array keyids;
  for (const ima::Keyring::Member& member : keys.members()) {
    pubkeys.emplace_back(Base64Encode(member.key.key.ToSpkiDer()));
    keyids.emplace_back(std::uint64_t{member.key.id});
  }
  return json::Serialize(
      json::Object{{"pubkeys", std::move(pubkeys)}, {"keyids", std::move(keyids)}});
}

}  // namespace limequat::policy
