#include "limequat/cli/pcr_input.h"

#include <utility>

#include "limequat/base/bytes.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/json/value.h"

namespace limequat::cli {

Result<tpm::PcrValues> ParsePcrValues(const std::string& content,
                                      const tpm::PcrSelection& signed_selection) {
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || content[first] != '{') {
    return tpm::ParsePcrFile(AsBytes(content), signed_selection);
  }
  Result<json::Value> document = json::Parse(content);
  if (document) return tpm::PcrValues::FromJson(*document);
  // Binary values may begin like JSON.
  Result<tpm::PcrValues> values = tpm::ParsePcrFile(AsBytes(content), signed_selection);
  if (!values) return std::move(document).error();
  return values;
}

Result<tpm::PcrValues> ReadPcrValues(const std::string& path) {
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(path, kMaxSmallInput));
  return ParsePcrValues(content, {});
}

const crypto::Digest* ImaPcrOf(const tpm::PcrValues& pcrs) {
  using crypto::HashAlgorithm;
  for (const HashAlgorithm bank :
       {HashAlgorithm::kSha256, HashAlgorithm::kSha384, HashAlgorithm::kSha512,
        HashAlgorithm::kSm3_256, HashAlgorithm::kSha3_256, HashAlgorithm::kSha3_384,
        HashAlgorithm::kSha3_512, HashAlgorithm::kSha1}) {
    if (const crypto::Digest* value = pcrs.Find(bank, tpm::kImaPcr)) return value;
  }
  return nullptr;
}

}  // namespace limequat::cli
