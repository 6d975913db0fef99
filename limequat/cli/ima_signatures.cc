#include "limequat/cli/ima_signatures.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/text.h"
#include "limequat/policy/verification_keys.h"

namespace limequat::cli {

namespace {

Status AddKey(std::string_view encoded, const std::string& file, ima::Keyring& keyring) {
  auto key = ima::ParseKey(AsBytes(encoded));
  if (!key) return std::move(key).error();
  return keyring.Add(*std::move(key), file);
}

// Each block of PEM text by itself.
Status AddPem(std::string_view text, const std::string& file, ima::Keyring& keyring) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  std::size_t at = text.find(kBegin);
  while (at != std::string_view::npos) {
    const std::size_t next = text.find(kBegin, at + kBegin.size());
    LQ_RETURN_IF_ERROR(AddKey(text.substr(at, next - at), file, keyring));
    at = next;
  }
  return {};
}

Status AddFile(const std::string& file, const std::string& content, ima::Keyring& keyring) {
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && (content[first] == '{' || content[first] == '"')) {
    LQ_ASSIGN_OR_RETURN(const ima::Keyring keys, policy::ParseVerificationKeys(content, file));
    for (const ima::Keyring::Member& member : keys.members()) {
      LQ_RETURN_IF_ERROR(keyring.Add(member.key, file));
    }
    return {};
  }
  if (content.contains("-----BEGIN ")) return AddPem(content, file, keyring);
  return AddKey(content, file, keyring);
}

}  // namespace

Result<ima::Keyring> ReadKeyFiles(const std::vector<std::string>& files) {
  ima::Keyring keyring;
  for (const std::string& file : files) {
    LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(file, kMaxSmallInput));
    if (Status added = AddFile(file, content, keyring); !added) {
      return std::move(added).error().In(Shown(file));
    }
  }
  return keyring;
}

void SignatureCounts::Add(const std::vector<ima::EntrySignature>& signatures) {
  if (!signatures.empty()) ++entries_;
  for (const ima::EntrySignature& signature : signatures) {
    ++kinds_[KindText(signature)];
    ++answers_[signature.verification.answer];
  }
}

std::uint64_t SignatureCounts::Of(ima::SignatureAnswer answer) const {
  const auto found = answers_.find(answer);
  return found == answers_.end() ? 0 : found->second;
}

json::Object SignatureCounts::ToJson(bool verified) const {
  json::Object kinds;
  for (const auto& [kind, count] : kinds_) kinds.Set(kind, count);
  json::Object out{{"entries", entries_}, {"kinds", std::move(kinds)}};
  if (!verified) return out;
  json::Object answers;
  for (const ima::SignatureAnswer answer :
       {ima::SignatureAnswer::kGood, ima::SignatureAnswer::kBad, ima::SignatureAnswer::kUnknownKey,
        ima::SignatureAnswer::kNotVerifiable, ima::SignatureAnswer::kMalformed}) {
    answers.Set(ima::SignatureAnswerName(answer), Of(answer));
  }
  out.Set("results", std::move(answers));
  return out;
}

std::string SignatureCounts::ForPeople(bool verified) const {
  std::string text;
  for (const auto& [kind, count] : kinds_) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", kind, count);
  }
  if (verified && !text.empty()) {
    std::string answers;
    for (const auto& [answer, count] : answers_) {
      answers += fmt::format("{}{} {}", answers.empty() ? "" : ", ",
                             ima::SignatureAnswerName(answer), count);
    }
    text += fmt::format(" ({})", answers);
  }
  return text.empty() ? "none" : fmt::format("{} entries: {}", entries_, text);
}

std::string KindText(const ima::EntrySignature& signature) {
  if (signature.kind.empty()) return "unreadable";
  if (signature.version == 0) return std::string(signature.kind);
  return fmt::format("{} v{}", signature.kind, signature.version);
}

json::Object SignatureToJson(const ima::EntrySignature& signature, bool verified) {
  json::Object out{{"field", ima::SignaturePlaceName(signature.place)}, {"kind", signature.kind}};
  if (signature.version != 0) out.Set("version", std::uint64_t{signature.version});
  if (!signature.hash_algorithm.empty()) out.Set("hash", signature.hash_algorithm);
  if (!signature.key_id.empty()) out.Set("key_id", signature.key_id);
  if (signature.size != 0) out.Set("bytes", std::uint64_t{signature.size});
  const bool unreadable = signature.kind.empty();
  if (verified) out.Set("result", ima::SignatureAnswerName(signature.verification.answer));
  if ((verified || unreadable) && !signature.verification.detail.empty()) {
    out.Set("detail", signature.verification.detail);
  }
  if (!signature.verification.signed_by.empty()) {
    out.Set("signed_by", signature.verification.signed_by);
  }
  return out;
}

std::string SignatureText(const ima::EntrySignature& signature, bool verified) {
  std::string text = KindText(signature);
  if (!signature.hash_algorithm.empty()) text += " " + signature.hash_algorithm;
  if (!signature.key_id.empty()) text += " " + signature.key_id;
  if (verified) {
    text += fmt::format(" {}", ima::SignatureAnswerName(signature.verification.answer));
  }
  return text;
}

}  // namespace limequat::cli
