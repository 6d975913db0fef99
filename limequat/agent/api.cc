#include "limequat/agent/api.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "limequat/agent/default_answers.h"
#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/telemetry/log.h"
#include "limequat/wire/envelope.h"

namespace limequat::agent {

namespace {

using http::Context;
using http::Request;
using http::Response;

// An encrypted payload may be this long: it is refused in words, not by its length.
constexpr std::size_t kMaxKeyMessage = 4U << 20U;
constexpr std::size_t kMaxNotification = 1U << 20U;
constexpr std::size_t kAuthTagBytes = 48;
constexpr std::uint32_t kPcrs = 24;

Response Succeed(json::Value results) {
  return http::Reply(200, wire::WriteEnvelope({.results = std::move(results)}));
}

bool IsAlphanumeric(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

// A check of a request: nullopt, or the answer that refuses it.
using Refused = std::optional<Response>;

// The one value of a parameter; nullopt if it is absent.
Result<std::optional<std::string>> Parameter(const Request& request, std::string_view name) {
  std::optional<std::string> value;
  for (const auto& [key, text] : request.query) {
    if (key != name) continue;
    if (value) {
      return Malformed("agent.query",
                       fmt::format("Query deserialize error: duplicate field `{}`", name));
    }
    value = text;
  }
  return value;
}

Result<std::string> Required(const Request& request, std::string_view name) {
  LQ_ASSIGN_OR_RETURN(std::optional<std::string> value, Parameter(request, name));
  if (!value) {
    return Malformed("agent.query",
                     fmt::format("Query deserialize error: missing field `{}`", name));
  }
  return *std::move(value);
}

// kMalformed with Keylime's words.
Result<std::uint32_t> ParseMask(std::string_view text) {
  if (!IsAlphanumeric(text)) {
    return Malformed("agent.query", fmt::format("mask should be strictly alphanumeric: {}", text));
  }
  std::string_view digits = text;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  std::uint32_t mask = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), mask, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return Malformed("agent.query",
                     fmt::format("mask should be a hex encoded 32-bit integer: {}", text));
  }
  return mask;
}

// Anything that is no number means the whole list (quirk A38).
std::uint64_t ParseEntry(const std::optional<std::string>& text) {
  if (!text) return 0;
  std::uint64_t entry = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), entry);
  return error == std::errc() && end == text->data() + text->size() ? entry : 0;
}

// In the order of keylime-agent-protocol, 3.5.7.
Result<wire::IntegrityQuery> ParseIntegrityQuery(const Request& request) {
  wire::IntegrityQuery query;
  LQ_ASSIGN_OR_RETURN(query.nonce, Required(request, "nonce"));
  LQ_ASSIGN_OR_RETURN(const std::string mask, Required(request, "mask"));
  LQ_ASSIGN_OR_RETURN(const std::string partial, Required(request, "partial"));
  LQ_ASSIGN_OR_RETURN(const std::optional<std::string> entry, Parameter(request, "ima_ml_entry"));
  if (!IsAlphanumeric(query.nonce)) {
    return Malformed("agent.query",
                     fmt::format("nonce should be strictly alphanumeric: {}", query.nonce));
  }
  LQ_ASSIGN_OR_RETURN(query.mask, ParseMask(mask));
  if (query.nonce.size() > wire::kMaxNonce) {
    return Malformed("agent.query", fmt::format("Nonce is too long (max size: {}): {}",
                                                wire::kMaxNonce, query.nonce.size()));
  }
  if (partial != "0" && partial != "1") {
    return Malformed("agent.query", "uri must contain key 'partial' and value '0' or '1'");
  }
  query.partial = partial == "1";
  query.ima_entry = ParseEntry(entry);
  return query;
}

Result<std::string> ParseIdentityNonce(const Request& request) {
  LQ_ASSIGN_OR_RETURN(std::string nonce, Required(request, "nonce"));
  if (!IsAlphanumeric(nonce)) {
    return Malformed("agent.query",
                     fmt::format("Parameters should be strictly alphanumeric: {}", nonce));
  }
  if (nonce.size() > wire::kMaxNonce) {
    return Malformed("agent.query",
                     fmt::format("Nonce is too long (max size {}): {}", wire::kMaxNonce, nonce));
  }
  return nonce;
}

// The words of a malformed request, which may quote it, are for JSON, which escapes.
Response BadRequest(const Error& error) { return Fail(400, error.message); }

// Trouble of the TPM is never the caller's business, and always worth another try.
Response QuoteAnswer(const Result<wire::QuoteAnswer>& answer) {
  if (answer) return Succeed(wire::WriteQuoteAnswer(*answer));
  telemetry::LogError("agent.quote", answer.error());
  return Fail(500, "Unable to retrieve quote");
}

Response Identity(const ApiState& state, const wire::ApiVersion& version, const Request& request) {
  const Result<std::string> nonce = ParseIdentityNonce(request);
  if (!nonce) return BadRequest(nonce.error());
  return QuoteAnswer(state.evidence.Identity(*nonce, version));
}

Response Integrity(const ApiState& state, const wire::ApiVersion& version, const Request& request) {
  const Result<wire::IntegrityQuery> query = ParseIntegrityQuery(request);
  if (!query) return BadRequest(query.error());
  // No such register: refused before PCR 16 is touched (quirk A25).
  if ((query->mask >> kPcrs) != 0) return Fail(500, "Unable to retrieve quote");
  return QuoteAnswer(state.evidence.Integrity(*query, version));
}

Response Info(const ApiState& state, const wire::ApiVersion& version) {
  const KeyChoice& choice = state.evidence.choice();
  return Succeed(json::Object{{"agent_uuid", state.id.text()},
                              {"tpm_hash_alg", crypto::HashName(choice.hash)},
                              {"tpm_enc_alg", EncryptionName(choice.kind, version.minor)},
                              {"tpm_sign_alg", tpm::AlgorithmName(choice.scheme)},
                              {"ak_handle", state.evidence.ak_handle()}});
}

bool IsJson(const Request& request) {
  std::string type(request.headers.Find("Content-Type").value_or(""));
  std::ranges::transform(type, type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  });
  const std::string_view essence = std::string_view(type).substr(0, type.find(';'));
  return essence.substr(0, essence.find_last_not_of(' ') + 1) == "application/json";
}

// The members that the interface defines.
struct KeyMessage {
  std::string encrypted_key;
  std::string auth_tag;
  std::optional<std::string> payload;
};
enum class Half : std::uint8_t { kU, kV };

Result<KeyMessage> ParseKeyMessage(const Request& request, Half which) {
  if (!IsJson(request)) return Malformed("agent.content_type", "Content type error");
  json::ParseLimits limits;
  limits.max_bytes = kMaxKeyMessage;
  Result<json::Value> document = json::Parse(request.body, limits);
  if (!document) {
    return Malformed("agent.body", "Json deserialize error: " + document.error().message);
  }
  json::ObjectReader in(*document, "key");
  KeyMessage message;
  message.encrypted_key = in.String("encrypted_key");
  if (which == Half::kU) {
    message.auth_tag = in.String("auth_tag");
    message.payload = in.OptionalString("payload");
  }
  if (Status status = in.status(); !status) {
    return Malformed("agent.body", "Json deserialize error: " + status.error().message);
  }
  return message;
}

Result<Secret> DecryptHalf(const crypto::PrivateKey& key, const std::string& encrypted,
                           Half which) {
  const Result<Bytes> ciphertext = Base64Decode(encrypted);
  if (!ciphertext) {
    return Malformed("agent.key",
                     "Invalid base64 encoding in encrypted_key: " + ciphertext.error().message);
  }
  // OAEP with SHA-1 is what the peers speak; its security does not rest on collisions.
  Result<Secret> half = key.DecryptOaep(crypto::HashAlgorithm::kSha1, *ciphertext);
  if (!half)
    return Malformed("agent.key", "Failed to decrypt encrypted_key: " + half.error().message);
  if (half->size() != 16 && half->size() != 32) {
    return Malformed("agent.key", fmt::format("{}: {} bytes, 16 or 32 are allowed",
                                              which == Half::kU ? "Invalid decrypted key"
                                                                : "Decrypted key is invalid",
                                              half->size()));
  }
  return half;
}

Result<Bytes> ParseTag(const std::string& text) {
  Result<Bytes> tag = HexDecode(text);
  if (!tag)
    return Malformed("agent.key", "Invalid hex encoding in auth_tag: " + tag.error().message);
  if (tag->size() != kAuthTagBytes) {
    return Malformed(
        "agent.key",
        fmt::format("auth tag length {} does not correspond to valid SHA-384 HMAC", tag->size()));
  }
  return tag;
}

Response AddU(const ApiState& state, const Request& request) {
  const Result<KeyMessage> message = ParseKeyMessage(request, Half::kU);
  if (!message) return BadRequest(message.error());
  Result<Secret> half = DecryptHalf(state.transport_key, message->encrypted_key, Half::kU);
  if (!half) return BadRequest(half.error());
  Result<Bytes> tag = ParseTag(message->auth_tag);
  if (!tag) return BadRequest(tag.error());
  if (message->payload && !message->payload->empty()) {
    telemetry::LogWarning("agent.payload_refused", {{"bytes", message->payload->size()}});
    return Fail(400, "payloads are not supported by this agent");
  }
  if (state.bootstrap_key.AddU(*std::move(half), *std::move(tag)) ==
      BootstrapKey::Outcome::kComplete) {
    telemetry::LogInfo("agent.bootstrap_key");
  }
  return Succeed(nullptr);
}

Response AddV(const ApiState& state, const Request& request) {
  const Result<KeyMessage> message = ParseKeyMessage(request, Half::kV);
  if (!message) return BadRequest(message.error());
  Result<Secret> half = DecryptHalf(state.transport_key, message->encrypted_key, Half::kV);
  if (!half) return BadRequest(half.error());
  if (state.bootstrap_key.AddV(*std::move(half)) == BootstrapKey::Outcome::kComplete) {
    telemetry::LogInfo("agent.bootstrap_key");
  }
  return Succeed(nullptr);
}

Response Prove(const ApiState& state, const Request& request) {
  const Result<std::string> challenge = Required(request, "challenge");
  if (!challenge) return BadRequest(challenge.error());
  if (challenge->empty()) return Fail(400, "No challenge provided.");
  if (!IsAlphanumeric(*challenge)) {
    return Fail(400, "Parameters should be strictly alphanumeric: " + *challenge);
  }
  const std::optional<std::string> proof = state.bootstrap_key.Prove(*challenge);
  if (!proof) return Fail(400, "Bootstrap key not yet available.");
  return Succeed(json::Object{{"hmac", *proof}});
}

// Only told: this agent takes no orders from the network.
Response Notify(const Request& request) {
  if (!IsJson(request)) return Fail(400, "Content type error");
  const Result<json::Value> document = json::Parse(request.body);
  if (!document) return Fail(400, "Json deserialize error: " + document.error().message);
  json::ObjectReader in(*document, "notification");
  const std::string message = in.String("msg");
  in.String("signature");
  if (Status status = in.status(); !status) {
    return Fail(400, "Json deserialize error: " + status.error().message);
  }
  telemetry::LogWarning("agent.revocation_notice", {{"message", EscapeForDisplay(message, 1000)}});
  return Succeed(nullptr);
}

class Routes {
 public:
  explicit Routes(const ApiState& state) : state_(state) {
    router_.OnRefusal(Refuse);
    Add(http::Method::kGet, "/version", Quick(),
        [](const ApiState&, const Request&) { return Succeed(wire::WriteAgentVersions()); });
    for (const wire::ApiVersion& version : wire::AgentVersions()) AddVersion(version);
  }

  http::Router Take() { return std::move(router_); }

 private:
  using Function = std::function<Response(const ApiState&, const Request&)>;

  static http::RouteOptions Quick() { return {.lane = http::Lane::kAdministration}; }
  static http::RouteOptions Quote() { return {.lane = http::Lane::kEvidence, .max_body = 0}; }

  void Add(http::Method method, std::string_view path, const http::RouteOptions& options,
           Function function) {
    router_.Add(method, path, http::Access::Roles({std::string(kClientRole)}), options,
                [state = state_, function = std::move(function)](const Request& request, Context&)
                    -> Result<Response> { return function(state, request); });
  }

  void AddVersion(const wire::ApiVersion& version) {
    using http::Method;
    const auto path = [&version](std::string_view rest) {
      return fmt::format("/v{}/{}", version.ToString(), rest);
    };
    http::RouteOptions keys = Quick();
    keys.max_body = kMaxKeyMessage;
    http::RouteOptions notices = Quick();
    notices.max_body = kMaxNotification;
    if (version.minor >= 2) {
      Add(Method::kGet, path("agent/info"), Quick(),
          [version](const ApiState& state, const Request&) { return Info(state, version); });
    }
    Add(Method::kGet, path("keys/pubkey"), Quick(), [](const ApiState& state, const Request&) {
      return Succeed(json::Object{{"pubkey", state.evidence.transport_key_pem()}});
    });
    Add(Method::kPost, path("keys/ukey"), keys, AddU);
    Add(Method::kPost, path("keys/vkey"), keys, AddV);
    Add(Method::kGet, path("keys/verify"), Quick(), Prove);
    Add(Method::kGet, path("quotes/identity"), Quote(),
        [version](const ApiState& state, const Request& request) {
          return Identity(state, version, request);
        });
    Add(Method::kGet, path("quotes/integrity"), Quote(),
        [version](const ApiState& state, const Request& request) {
          return Integrity(state, version, request);
        });
    Add(Method::kPost, path("notifications/revocation"), notices,
        [](const ApiState&, const Request& request) { return Notify(request); });
  }

  ApiState state_;
  http::Router router_;
};

}  // namespace

http::Router MakeRouter(const ApiState& state) { return Routes(state).Take(); }

}  // namespace limequat::agent
