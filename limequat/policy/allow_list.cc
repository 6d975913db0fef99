#include "limequat/policy/allow_list.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/utf8.h"
#include "limequat/crypto/digest.h"
#include "limequat/json/value.h"
#include "limequat/policy/exclude_list.h"
#include "limequat/policy/policy_document.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::policy {

namespace {

constexpr std::size_t kMaxNotes = 16;
constexpr std::string_view kBlanks = " \t\r\f\v";
constexpr std::string_view kKeyring = "%keyring:";

Error BadList(std::string message) { return Malformed("policy.convert", std::move(message)); }

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// Calls `each` with the number, from 1, and the trimmed text of each line that has any.
template <class Each>
Status ForEachLine(std::string_view text, const Each& each) {
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    const std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty()) LQ_RETURN_IF_ERROR(each(number, line));
  }
  return {};
}

// A document that is being made of a list, and what was repaired in it.
struct Conversion {
  PolicyDocument document{};
  std::vector<std::string> notes{};
  std::size_t repaired_digests = 0;
  std::size_t repaired_paths = 0;

  void Note(std::string note) {
    if (notes.size() < kMaxNotes) notes.push_back(std::move(note));
  }
};

// Lower-case digits without the algorithm's name; what else is wrong with it is found
// when the policy is checked.
std::string RepairedDigest(std::string_view text, Conversion& out) {
  std::string_view digits = text;
  if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    const auto hash = crypto::HashFromName(text.substr(0, colon));
    const std::size_t length = text.size() - colon - 1;
    if (hash && 2 * crypto::DigestSize(*hash) == length) digits.remove_prefix(colon + 1);
  }
  std::string digest(digits);
  std::ranges::transform(digest, digest.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (digest != text) ++out.repaired_digests;
  return digest;
}

Status AddDigest(std::string_view name, std::string_view text, DigestsByName& to, Conversion& out) {
  std::string digest = RepairedDigest(text, out);
  LQ_RETURN_IF_ERROR(PolicyDigest::Decode(digest, name));
  to[std::string(name)].insert(std::move(digest));
  return {};
}

Status ReadFlatList(std::string_view text, Conversion& out) {
  return ForEachLine(text, [&](std::size_t number, std::string_view line) -> Status {
    const std::size_t blank = line.find_first_of(kBlanks);
    if (blank == std::string_view::npos) {
      return BadList(fmt::format("line {} is not a digest and a path: '{}'", number,
                                 EscapeForDisplay(line, 128)));
    }
    const std::string_view digest = line.substr(0, blank);
    std::string path(Trim(line.substr(blank)));
    Status added;
    if (path.starts_with(kKeyring)) {
      if (!IsUtf8(path)) {
        return BadList(fmt::format("line {} is not UTF-8: no policy can name the keyring '{}'",
                                   number, EscapeForDisplay(path, 128)));
      }
      added = AddDigest(std::string_view(path).substr(kKeyring.size()), digest,
                        out.document.keyrings, out);
    } else {
      if (path.find(' ') != std::string::npos) ++out.repaired_paths;
      std::ranges::replace(path, ' ', '_');
      added = AddDigest(path, digest, out.document.digests, out);
    }
    if (!added) return std::move(added).error().In(fmt::format("line {}", number));
    return {};
  });
}

// Such a member is left out.
bool IsNothing(const json::Value* value) { return value == nullptr || IsFalseInPython(*value); }

Status ReadDigests(const json::Object& from, std::string_view name, DigestsByName& to,
                   Conversion& out) {
  const json::Value* member = from.Find(name);
  if (IsNothing(member)) return {};
  const json::Object* object = member->as_object();
  if (object == nullptr) return BadList(fmt::format("{} is not an object", name));
  for (const auto& [path, digests] : *object) {
    const json::Array* array = digests.as_array();
    if (array == nullptr || array->empty()) {
      return BadList(
          fmt::format("{}: no list of digests for '{}'", name, EscapeForDisplay(path, 256)));
    }
    for (const json::Value& digest : *array) {
      const std::string* text = digest.as_string();
      if (text == nullptr) {
        return BadList(
            fmt::format("{}: a digest of '{}' is not a string", name, EscapeForDisplay(path, 256)));
      }
      LQ_RETURN_IF_ERROR(AddDigest(path, *text, to, out));
    }
  }
  return {};
}

Status ReadStrings(const json::Object& from, std::string_view name,
                   std::set<std::string, std::less<>>& to) {
  const json::Value* member = from.Find(name);
  if (IsNothing(member)) return {};
  const json::Array* array = member->as_array();
  if (array == nullptr) return BadList(fmt::format("{} is not a list", name));
  for (const json::Value& value : *array) {
    const std::string* text = value.as_string();
    if (text == nullptr) return BadList(fmt::format("{} holds something else than strings", name));
    to.insert(*text);
  }
  return {};
}

Status ReadIma(const json::Object& from, Conversion& out) {
  const json::Value* member = from.Find("ima");
  if (IsNothing(member)) return {};
  const json::Object* ima = member->as_object();
  if (ima == nullptr) return BadList("ima is not an object");
  LQ_RETURN_IF_ERROR(ReadStrings(*ima, "ignored_keyrings", out.document.ignored_keyrings));
  if (const json::Value* hash = ima->Find("log_hash_alg"); !IsNothing(hash)) {
    if (hash->as_string() == nullptr) return BadList("ima.log_hash_alg is not a string");
    out.document.log_hash = *hash->as_string();
  }
  // Nothing here can write one, and leaving it out would accept more than was meant.
  if (!IsNothing(ima->Find("dm_policy"))) return BadList("ima.dm_policy cannot be converted");
  return {};
}

Status ReadObject(const json::Object& from, std::string_view digests, Conversion& out) {
  PolicyDocument& document = out.document;
  LQ_RETURN_IF_ERROR(ReadDigests(from, digests, document.digests, out));
  LQ_RETURN_IF_ERROR(ReadDigests(from, "keyrings", document.keyrings, out));
  LQ_RETURN_IF_ERROR(ReadDigests(from, "ima-buf", document.buffers, out));
  LQ_RETURN_IF_ERROR(ReadStrings(from, "excludes", document.excludes));
  LQ_RETURN_IF_ERROR(ReadIma(from, out));
  if (const json::Value* release = from.Find("release"); !IsNothing(release)) {
    const auto number = release->as_uint64();
    if (!number) return BadList("release is not a number from 0");
    document.release = *number;
  }
  if (const json::Value* keys = from.Find("verification-keys"); !IsNothing(keys)) {
    if (keys->as_string() == nullptr) return BadList("verification-keys is not a string");
    document.verification_keys = *keys->as_string();
  }
  return {};
}

// Version 1 or later, as Keylime's converter tells an old policy from one of today.
bool IsOfToday(const json::Object& object) {
  const json::Value* meta = object.Find("meta");
  const json::Object* members = meta == nullptr ? nullptr : meta->as_object();
  const json::Value* version = members == nullptr ? nullptr : members->Find("version");
  return version != nullptr && version->as_int64().value_or(0) >= 1;
}

Result<PolicyForm> ReadJson(const json::Value& value, Conversion& out) {
  const json::Object* object = value.as_object();
  if (object == nullptr) return BadList(fmt::format("it is a JSON {}", value.type_name()));
  if (!IsNothing(object->Find("hashes"))) {
    LQ_RETURN_IF_ERROR(ReadObject(*object, "hashes", out));
    return PolicyForm::kJsonAllowList;
  }
  if (!object->Contains("digests")) return BadList("it has neither `hashes` nor `digests`");
  LQ_RETURN_IF_ERROR(ReadObject(*object, "digests", out));
  if (IsOfToday(*object)) return PolicyForm::kPolicy;
  out.document.generator = 2;  // Keylime's mark of a policy of an older format
  return PolicyForm::kOldPolicy;
}

// JSON of any kind begins so; no line of a flat list does.
bool LooksLikeJson(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
}

Result<PolicyForm> ReadList(std::string_view text, Conversion& out) {
  if (LooksLikeJson(text)) {
    LQ_ASSIGN_OR_RETURN(const json::Value value, ParsePolicyText(text));
    return ReadJson(value, out);
  }
  LQ_RETURN_IF_ERROR(ReadFlatList(text, out));
  return PolicyForm::kFlatAllowList;
}

Status ReadExcludeList(std::string_view text, Conversion& out) {
  return ForEachLine(text, [&](std::size_t number, std::string_view line) -> Status {
    if (line.starts_with('#')) return {};
    const std::string expression(line);
    if (auto compiled = ExcludeList::Compile(std::array{expression}); !compiled) {
      return std::move(compiled).error().In(fmt::format("exclude list, line {}", number));
    }
    out.document.excludes.insert(expression);
    return {};
  });
}

}  // namespace

std::string_view PolicyFormName(PolicyForm form) {
  switch (form) {
    case PolicyForm::kFlatAllowList:
      return "flat allow-list";
    case PolicyForm::kJsonAllowList:
      return "JSON allow-list";
    case PolicyForm::kOldPolicy:
      return "runtime policy of an older version";
    case PolicyForm::kPolicy:
      return "runtime policy";
  }
  return "";
}

Result<ConvertedPolicy> ConvertPolicy(std::string_view text, std::string_view exclude_list,
                                      std::string_view timestamp) {
  for (const std::string_view input : {text, exclude_list}) {
    if (input.size() <= kMaxPolicyBytes) continue;
    return Malformed("policy.limit",
                     fmt::format("a list of {} bytes; at most {}", input.size(), kMaxPolicyBytes));
  }
  Conversion conversion;
  conversion.document.timestamp = timestamp;
  ConvertedPolicy converted;
  LQ_ASSIGN_OR_RETURN(converted.form, ReadList(text, conversion));
  if (conversion.document.digests.empty()) {
    return BadList("it lists no digests: a policy of it would check nothing");
  }
  LQ_RETURN_IF_ERROR(ReadExcludeList(exclude_list, conversion));
  if (conversion.document.log_hash.empty()) conversion.document.log_hash = "sha1";
  LQ_ASSIGN_OR_RETURN(converted.json, WriteCheckedPolicy(conversion.document));
  if (conversion.repaired_digests > 0) {
    conversion.Note(
        fmt::format("{} digests were written in another way: in lower case, without "
                    "the name of their algorithm",
                    conversion.repaired_digests));
  }
  if (conversion.repaired_paths > 0) {
    conversion.Note(fmt::format("blanks in {} paths became '_', as in the lists of kernels",
                                conversion.repaired_paths));
  }
  converted.notes = std::move(conversion.notes);
  return converted;
}

}  // namespace limequat::policy
