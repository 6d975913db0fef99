#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat::sql {

// A parameter or a column: NULL, 64-bit integer, double, text (UTF-8; NUL is kept by
// SQLite, and never cut silently by a database that cannot hold it), bytes.
using Value = std::variant<std::monostate, std::int64_t, double, std::string, Bytes>;
using Parameters = std::vector<Value>;

// One row of a result, by column number from 0. A type that does not fit is
// kInternal ("sql.column"): the schema and the code disagree, nothing is converted.
class Row {
 public:
  explicit Row(std::vector<Value> columns) : columns_(std::move(columns)) {}
  std::size_t size() const { return columns_.size(); }
  bool IsNull(std::size_t column) const;
  Result<std::int64_t> Int(std::size_t column) const;
  Result<std::string> Text(std::size_t column) const;
  Result<Bytes> Blob(std::size_t column) const;
  // nullopt for NULL.
  Result<std::optional<std::int64_t>> OptionalInt(std::size_t column) const;
  Result<std::optional<std::string>> OptionalText(std::size_t column) const;

 private:
  std::vector<Value> columns_;
};

}  // namespace limequat::sql
