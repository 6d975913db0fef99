#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/policy/boot_reference.h"
#include "limequat/policy/boot_values_reader_internal.h"

namespace limequat::policy {

namespace {

using crypto::Digest;
using json::ObjectReader;

constexpr std::string_view kId = "policy.boot_values";

}  // namespace

Error BootValuesReader::Bad(std::string message) { return Malformed(kId, std::move(message)); }

Status BootValuesReader::Checked(const ObjectReader& in) {
  if (const Status status = in.status(); !status) return Bad(status.error().message);
  return {};
}

bool BootValuesReader::IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxBootValuesName;
}

Result<Digest> BootValuesReader::ReadDigest(const std::string& hex,
                                            const std::string& where) const {
  const bool lower = std::ranges::none_of(hex, [](char c) { return c >= 'A' && c <= 'F'; });
  auto digest = lower ? Digest::FromHex(algorithm_, hex) : Malformed(kId, "");
  if (!digest) {
    return Bad(fmt::format("{} is no {} in lower-case hexadecimal digits", where,
                           crypto::HashName(algorithm_)));
  }
  return digest;
}

Result<std::vector<Digest>> BootValuesReader::ReadDigests(ObjectReader& in, std::string_view name,
                                                          const std::string& where) const {
  std::vector<Digest> digests;
  for (const std::string& hex : in.OptionalStrings(name).value_or(std::vector<std::string>())) {
    LQ_ASSIGN_OR_RETURN(const Digest digest, ReadDigest(hex, fmt::format("{}.{}", where, name)));
    digests.push_back(digest);
  }
  return digests;
}

const json::Array* BootValuesReader::OptionalArray(ObjectReader& in, std::string_view name) {
  const json::Value* value = in.Any(name);
  if (value == nullptr) return nullptr;
  if (value->as_array() == nullptr) in.Fail(name, "is not a list");
  return value->as_array();
}

Status BootValuesReader::ReadNamed(ObjectReader& in, std::string_view name,
                                   std::vector<NamedDigest>& list) {
  const json::Array* array = OptionalArray(in, name);
  LQ_RETURN_IF_ERROR(Checked(in));
  if (array == nullptr) return {};
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string where = fmt::format("{}[{}]", name, i);
    ObjectReader entry((*array)[i], where);
    NamedDigest named{.name = entry.String("name"),
                      .version = entry.OptionalString("version").value_or("")};
    const std::string hex = entry.String("digest");
    entry.NoOthers();
    LQ_RETURN_IF_ERROR(Checked(entry));
    if (!IsName(named.name)) return Bad(where + " has no name, or a long one");
    LQ_ASSIGN_OR_RETURN(named.digest, ReadDigest(hex, where));
    list.push_back(std::move(named));
  }
  return {};
}

Result<TextRule> BootValuesReader::Compile(const std::string& expression,
                                           const std::string& where) {
  if (expression.size() > kMaxCommandLineExpression) {
    return Malformed("policy.limit", fmt::format("{} has {} bytes; at most {}", where,
                                                 expression.size(), kMaxCommandLineExpression));
  }
  if (++expressions_ > kMaxBootValuesExpressions) {
    return Malformed("policy.limit",
                     fmt::format("more than {} expressions", kMaxBootValuesExpressions));
  }
  auto compiled = Expression::Compile(expression, Expression::Extent::kWhole);
  if (!compiled) return std::move(compiled).error().In(where);
  compiled_ += compiled->size();
  if (compiled_ > kMaxCompiledCommandLines) {
    return Malformed("policy.limit", "the expressions are too large when compiled");
  }
  return TextRule{.text = expression,
                  .expression = std::make_shared<const Expression>(*std::move(compiled))};
}

Result<std::vector<TextRule>> BootValuesReader::ReadTexts(const json::Array& array,
                                                          const std::string& where) {
  std::vector<TextRule> rules;
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (const std::string* text = array[i].as_string()) {
      rules.push_back({.text = *text, .expression = nullptr});
      continue;
    }
    const std::string place = fmt::format("{}[{}]", where, i);
    ObjectReader in(array[i], place);
    const std::string expression = in.String("matches");
    in.NoOthers();
    LQ_RETURN_IF_ERROR(Checked(in));
    LQ_ASSIGN_OR_RETURN(TextRule rule, Compile(expression, place));
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace limequat::policy
