#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/ima/entry_signature.h"
#include "limequat/ima/keyring.h"
#include "limequat/json/value.h"

namespace limequat::cli {

// The keys of `files`: each a certificate or a public key (see ima::ParseKey), PEM with
// several of them, or Keylime's keyring in JSON. Keys are called after their files.
// At most one of `files` is "-": CheckOneStandardInput comes before.
Result<ima::Keyring> ReadKeyFiles(const std::vector<std::string>& files);

// What the signatures of a list come to, for a summary.
class SignatureCounts {
 public:
  void Add(const std::vector<ima::EntrySignature>& signatures);
  std::uint64_t entries() const { return entries_; }
  std::uint64_t Of(ima::SignatureAnswer answer) const;
  // {"entries": …, "kinds": {"signature v2": …}}, and with `verified` the answers.
  json::Object ToJson(bool verified) const;
  std::string ForPeople(bool verified) const;

 private:
  std::uint64_t entries_ = 0;
  std::map<std::string, std::uint64_t> kinds_;
  std::map<ima::SignatureAnswer, std::uint64_t> answers_;
};

// "signature v2", "hmac", "pkcs7"; "unreadable".
std::string KindText(const ima::EntrySignature& signature);
// One signature, for JSON and, shorter, for a table. With `verified` the answer too.
json::Object SignatureToJson(const ima::EntrySignature& signature, bool verified);
std::string SignatureText(const ima::EntrySignature& signature, bool verified);

}  // namespace limequat::cli
