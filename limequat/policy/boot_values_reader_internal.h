#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_values.h"

namespace limequat::policy {

// Reads the values that a document of boot reference values consists of, and counts its
// expressions. Errors as of BootValues::Parse.
class BootValuesReader {
 public:
  // `algorithm` must outlive the reader; digests are of what it is when they are read.
  explicit BootValuesReader(const crypto::HashAlgorithm& algorithm) : algorithm_(algorithm) {}

  static Error Bad(std::string message);
  // The error of `in` in the words of this module.
  static Status Checked(const json::ObjectReader& in);
  static bool IsName(std::string_view name);
  // nullptr if it is absent, or an error of `in`.
  static const json::Array* OptionalArray(json::ObjectReader& in, std::string_view name);

  Result<crypto::Digest> ReadDigest(const std::string& hex, const std::string& where) const;
  // Absent: none.
  Result<std::vector<crypto::Digest>> ReadDigests(json::ObjectReader& in, std::string_view name,
                                                  const std::string& where) const;
  Status ReadNamed(json::ObjectReader& in, std::string_view name, std::vector<NamedDigest>& list);
  Result<std::vector<TextRule>> ReadTexts(const json::Array& array, const std::string& where);
  Result<TextRule> Compile(const std::string& expression, const std::string& where);

 private:
  const crypto::HashAlgorithm& algorithm_;
  std::size_t expressions_ = 0;
  std::size_t compiled_ = 0;
};

}  // namespace limequat::policy
