#include "limequat/policy/policy_document.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/utf8.h"
#include "limequat/json/escaped_bytes.h"
#include "limequat/json/reader.h"
#include "limequat/policy/command_line_coverage.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {

namespace {

constexpr std::int64_t kAnyCount = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLastGenerator = 3;
constexpr std::int64_t kLastEmptyGenerator = 1;
constexpr std::size_t kMaxPolicyName = 255;
constexpr std::size_t kFewestDigits = 40;
constexpr std::size_t kMostDigits = 128;
constexpr const char* kEffectiveFrom = "effective_from";
constexpr const char* kRetireAfter = "retire_after";
constexpr const char* kUnattested = "unattested";
constexpr std::array<std::string_view, 4> kLogHashes = {"sha1", "sha256", "sha384", "sha512"};

Error BadSchema(std::string message) { return Malformed("policy.schema", std::move(message)); }

Status CheckReader(const json::ObjectReader& reader) {
  if (const Status status = reader.status(); !status) return BadSchema(status.error().message);
  return {};
}

Status CheckMeta(const json::Value& meta) {
  json::ObjectReader in(meta, "meta");
  in.Int("version", 0, kAnyCount);
  in.Int("generator", 0, kLastGenerator);
  in.OptionalString("timestamp");
  in.OptionalString(kEffectiveFrom);
  in.OptionalString(kRetireAfter);
  in.OptionalBool(kUnattested);
  // Ours: Keylime allows members of any name.
  if (in.OptionalString("name").value_or("").size() > kMaxPolicyName) {
    return Malformed("policy.name",
                     fmt::format("meta.name has more than {} bytes", kMaxPolicyName));
  }
  return CheckReader(in);
}

Status CheckIma(const json::Value& ima) {
  json::ObjectReader in(ima, "ima");
  in.Strings("ignored_keyrings");
  const std::string hash = in.String("log_hash_alg");
  LQ_RETURN_IF_ERROR(CheckReader(in));
  if (!std::ranges::count(kLogHashes, hash)) {
    return BadSchema(fmt::format("ima.log_hash_alg '{}'", EscapeForDisplay(hash, 64)));
  }
  if (in.Any("dm_policy") == nullptr) return BadSchema("ima.dm_policy is absent");
  return {};
}

Result<std::optional<Time>> ReadTime(const json::Value& policy, const char* name) {
  const json::Value* value = Member(policy, "meta").as_object()->Find(name);
  if (value == nullptr || value->is_null()) return std::optional<Time>();
  auto time = ParseRfc3339(*value->as_string());
  if (!time) {
    return Malformed("policy.window",
                     fmt::format("meta.{} '{}' is no time of RFC 3339 (2026-11-25T09:00:00Z)", name,
                                 EscapeForDisplay(*value->as_string(), 64)));
  }
  return std::optional<Time>(*time);
}

// `keyrings` and `ima-buf`: digests by name, as `digests` has them by path.
Status CheckDigestsByName(const json::Object& object) {
  for (const auto& [name, digests] : object) {
    const json::Array* array = digests.as_array();
    if (array == nullptr || array->empty()) {
      return BadSchema(fmt::format("no list of digests for '{}'", EscapeForDisplay(name, 256)));
    }
    for (const json::Value& digest : *array) {
      LQ_RETURN_IF_ERROR(PolicyDigest::Decode(digest, name));
    }
  }
  return {};
}

// Names of the kernel's parameters for IMA, and values that a command line can have without
// quotes (see ObjectToCommandLine).
Status CheckCommandLine(const json::Object& parameters) {
  constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_.";
  if (parameters.empty()) return BadSchema("ima.coverage.command_line is empty");
  if (parameters.size() > kMaxCoverageParameters) {
    return Malformed("policy.limit",
                     fmt::format("ima.coverage.command_line has {} parameters; at most {}",
                                 parameters.size(), kMaxCoverageParameters));
  }
  for (const auto& [name, values] : parameters) {
    if (!IsImaParameter(name) || name.size() > kMaxParameterText ||
        name.find_first_not_of(kNameCharacters) != std::string_view::npos) {
      return BadSchema(fmt::format("ima.coverage.command_line: '{}' is no parameter for IMA",
                                   EscapeForDisplay(name, 64)));
    }
    const json::Array* array = values.as_array();
    const bool fits =
        array != nullptr && !array->empty() && array->size() <= kMaxCoverageValues &&
        std::ranges::all_of(*array, [](const json::Value& value) {
          return value.as_string() != nullptr && IsPlainParameterText(*value.as_string());
        });
    if (!fits) {
      return BadSchema(
          fmt::format("ima.coverage.command_line: '{}' has no list of 1 to {} values "
                      "without blanks and quotes",
                      name, kMaxCoverageValues));
    }
  }
  return {};
}

Status CheckEntries(const json::Object& entries) {
  if (entries.empty()) return BadSchema("ima.coverage.entries is empty");
  if (entries.size() > kMaxCoverageEntries) {
    return Malformed("policy.limit", fmt::format("ima.coverage has {} entries; at most {}",
                                                 entries.size(), kMaxCoverageEntries));
  }
  return CheckDigestsByName(entries);
}

// Members of ours, which may be absent or null.
Status CheckOurs(const json::Value& ima) {
  json::ObjectReader in(ima, "ima");
  in.OptionalBool("ignore_violations");
  const json::Object* coverage = in.OptionalObject("coverage");
  LQ_RETURN_IF_ERROR(CheckReader(in));
  if (coverage == nullptr) return {};
  const json::Value value(*coverage);
  json::ObjectReader inside(value, "ima.coverage");
  const json::Object* entries = inside.OptionalObject("entries");
  const json::Object* command_line = inside.OptionalObject("command_line");
  // What nobody evaluates would be silently left out.
  inside.NoOthers();
  LQ_RETURN_IF_ERROR(CheckReader(inside));
  if (entries == nullptr && command_line == nullptr) {
    return BadSchema("ima.coverage has neither entries nor command_line");
  }
  if (entries != nullptr) LQ_RETURN_IF_ERROR(CheckEntries(*entries));
  return command_line == nullptr ? Status() : CheckCommandLine(*command_line);
}

// A string that is empty or a keyring; some tools encode it twice.
Status CheckVerificationKeys(const std::string& text) {
  if (text.empty()) return {};
  auto keyring = json::Parse(text);
  if (keyring && keyring->as_string() != nullptr) {
    const std::string inner = *keyring->as_string();
    keyring = json::Parse(inner);
  }
  if (!keyring) return BadSchema("verification-keys is not JSON: " + keyring.error().message);
  json::ObjectReader in(*keyring, "verification-keys");
  in.Strings("pubkeys");
  in.ArrayMember("keyids");
  return CheckReader(in);
}

// Nothing deeper than a document of json::Parse comes here.
bool IsText(const json::Value& value) {
  if (const std::string* text = value.as_string()) return IsUtf8(*text);
  if (const json::Array* array = value.as_array()) return std::ranges::all_of(*array, IsText);
  const json::Object* object = value.as_object();
  return object == nullptr || std::ranges::all_of(*object, [](const json::Object::Member& member) {
           return IsUtf8(member.first) && IsText(member.second);
         });
}

bool IsTextButForPaths(const json::Value& policy) {
  const json::Object* members = policy.as_object();
  if (members == nullptr) return IsText(policy);
  return std::ranges::all_of(*members, [](const json::Object::Member& member) {
    const json::Object* paths = member.first == "digests" ? member.second.as_object() : nullptr;
    if (paths == nullptr) return IsUtf8(member.first) && IsText(member.second);
    return std::ranges::all_of(
        *paths, [](const json::Object::Member& path) { return IsText(path.second); });
  });
}

json::Array ToArray(const std::set<std::string, std::less<>>& strings) {
  json::Array array;
  for (const std::string& string : strings) array.emplace_back(string);
  return array;
}

json::Object ToObject(const DigestsByName& digests) {
  json::Object object;
  for (const auto& [name, values] : digests) {
    json::Array array;
    for (const std::string& value : values) array.emplace_back(value);
    object.Set(name, std::move(array));
  }
  return object;
}

}  // namespace

const json::Value& Member(const json::Value& object, std::string_view name) {
  return *object.as_object()->Find(name);
}

bool IsMarkedEmpty(const json::Value& policy) {
  return *Member(Member(policy, "meta"), "generator").as_int64() <= kLastEmptyGenerator;
}

bool IsMarkedUnattested(const json::Value& policy) {
  const json::Value* mark = Member(policy, "meta").as_object()->Find(kUnattested);
  const bool* marked = mark == nullptr ? nullptr : mark->as_bool();
  return marked != nullptr && *marked;
}

Result<PolicyWindow> ReadPolicyWindow(const json::Value& policy) {
  PolicyWindow window;
  LQ_ASSIGN_OR_RETURN(window.effective_from, ReadTime(policy, kEffectiveFrom));
  LQ_ASSIGN_OR_RETURN(window.retire_after, ReadTime(policy, kRetireAfter));
  if (window.effective_from && window.retire_after &&
      *window.retire_after <= *window.effective_from) {
    return Malformed("policy.window",
                     fmt::format("it would be retired at {}, before it is in effect",
                                 FormatRfc3339(*window.retire_after)));
  }
  return window;
}

const json::Object* CoverageEntries(const json::Value& ima) {
  const json::Value* coverage = ima.as_object()->Find("coverage");
  if (coverage == nullptr || coverage->is_null()) return nullptr;
  const json::Value* entries = coverage->as_object()->Find("entries");
  return entries == nullptr ? nullptr : entries->as_object();
}

ParameterValues CoverageCommandLine(const json::Value& ima) {
  ParameterValues parameters;
  const json::Value* coverage = ima.as_object()->Find("coverage");
  if (coverage == nullptr || coverage->is_null()) return parameters;
  const json::Value* command_line = coverage->as_object()->Find("command_line");
  if (command_line == nullptr || command_line->is_null()) return parameters;
  for (const auto& [name, values] : *command_line->as_object()) {
    for (const json::Value& value : *values.as_array()) {
      parameters[std::string(name)].insert(*value.as_string());
    }
  }
  return parameters;
}

bool IsFalseInPython(const json::Value& value) {
  if (value.is_null()) return true;
  if (const bool* boolean = value.as_bool()) return !*boolean;
  if (const std::string* text = value.as_string()) return text->empty();
  if (const json::Array* array = value.as_array()) return array->empty();
  if (const json::Object* object = value.as_object()) return object->empty();
  return value.as_double() == 0.0;
}

Result<json::Value> ParsePolicyText(std::string_view text) {
  if (text.size() > kMaxPolicyBytes) {
    return Malformed("policy.limit",
                     fmt::format("a policy of {} bytes; at most {}", text.size(), kMaxPolicyBytes));
  }
  auto document = json::ParseWithEscapedBytes(text, {.max_bytes = kMaxPolicyBytes});
  if (!document) return Malformed("policy.json", std::move(document).error().message);
  // Without escapes it is text throughout.
  if (text.find("\\u") != std::string_view::npos && !IsTextButForPaths(*document)) {
    return Malformed(
        "policy.json",
        "it holds bytes that are no text (\\udc80 to \\udcff) elsewhere than in a name "
        "of `digests`");
  }
  return *std::move(document);
}

Result<json::Value> ReadPolicyJson(std::string_view text) {
  LQ_ASSIGN_OR_RETURN(json::Value document, ParsePolicyText(text));
  json::ObjectReader in(document, "runtime policy");
  // Keylime takes the policy out of it, and looks at nothing else.
  const json::Value* payload = in.Any("payload");
  if (payload != nullptr && !IsFalseInPython(*payload)) {
    return BadSchema("it has a payload, like an envelope, and is none");
  }
  in.Int("release", 0, kAnyCount);
  in.ObjectMember("digests");
  in.Strings("excludes");
  const json::Object* keyrings = in.ObjectMember("keyrings");
  const json::Object* buffers = in.ObjectMember("ima-buf");
  const std::string keys = in.String("verification-keys");
  in.ObjectMember("meta");
  in.ObjectMember("ima");
  LQ_RETURN_IF_ERROR(CheckReader(in));
  LQ_RETURN_IF_ERROR(CheckMeta(*in.Any("meta")));
  LQ_RETURN_IF_ERROR(CheckIma(*in.Any("ima")));
  LQ_RETURN_IF_ERROR(CheckOurs(*in.Any("ima")));
  LQ_RETURN_IF_ERROR(CheckDigestsByName(*keyrings));
  LQ_RETURN_IF_ERROR(CheckDigestsByName(*buffers));
  LQ_RETURN_IF_ERROR(CheckVerificationKeys(keys));
  return document;
}

Result<PolicyDigest> PolicyDigest::Decode(const json::Value& value, std::string_view path) {
  PolicyDigest digest;
  const std::string* text = value.as_string();
  if (text != nullptr && text->size() >= kFewestDigits && text->size() <= kMostDigits) {
    digest.size_ = text->size() / 2;
    const auto capitals = std::ranges::count_if(*text, [](char c) { return c >= 'A' && c <= 'F'; });
    if (capitals == 0 && HexDecodeTo(*text, std::span(digest.room_).first(digest.size_)))
      return digest;
  }
  return Malformed("policy.digest",
                   fmt::format("a digest of '{}' is not 40 to 128 lower-case hexadecimal digits",
                               EscapeForDisplay(path, 256)));
}

void SetWindow(const PolicyWindow& window, json::Object& meta) {
  if (window.effective_from) meta.Set(kEffectiveFrom, FormatRfc3339(*window.effective_from));
  if (window.retire_after) meta.Set(kRetireAfter, FormatRfc3339(*window.retire_after));
}

std::string WritePolicyDocument(const PolicyDocument& document) {
  json::Object ima{{"ignored_keyrings", ToArray(document.ignored_keyrings)},
                   {"log_hash_alg", document.log_hash},
                   {"dm_policy", document.dm_policy}};
  if (!document.ignore_violations.is_null()) {
    ima.Set("ignore_violations", document.ignore_violations);
  }
  json::Object coverage;
  if (!document.coverage.empty()) coverage.Set("entries", ToObject(document.coverage));
  if (!document.command_line.empty()) {
    coverage.Set("command_line", ToObject(document.command_line));
  }
  if (!coverage.empty()) ima.Set("coverage", std::move(coverage));
  json::Object meta{
      {"version", 1}, {"generator", document.generator}, {"timestamp", document.timestamp}};
  if (document.window) SetWindow(*document.window, meta);
  if (document.unattested) meta.Set(kUnattested, true);
  return json::SerializeWithEscapedBytes(
      json::Object{{"meta", std::move(meta)},
                   {"release", document.release},
                   {"digests", ToObject(document.digests)},
                   {"excludes", ToArray(document.excludes)},
                   {"keyrings", ToObject(document.keyrings)},
                   {"ima", std::move(ima)},
                   {"ima-buf", ToObject(document.buffers)},
                   {"verification-keys", document.verification_keys}});
}

}  // namespace limequat::policy
