#include "limequat/sql/value.h"

#include <fmt/format.h>

namespace limequat::sql {

namespace {

std::string_view TypeName(const Value& value) {
  switch (value.index()) {
    case 0:
      return "NULL";
    case 1:
      return "an integer";
    case 2:
      return "a floating-point number";
    case 3:
      return "text";
    default:
      return "bytes";
  }
}

template <class T>
Result<T> Get(const std::vector<Value>& columns, std::size_t column) {
  if (column >= columns.size()) {
    return Internal("sql.column",
                    fmt::format("column {} of a row with {}", column, columns.size()));
  }
  if (const T* value = std::get_if<T>(&columns[column])) return *value;
  return Internal("sql.column", fmt::format("column {} holds {}, but {} is expected", column,
                                            TypeName(columns[column]), TypeName(Value(T()))));
}

}  // namespace

bool Row::IsNull(std::size_t column) const {
  return column < columns_.size() && std::holds_alternative<std::monostate>(columns_[column]);
}

Result<std::int64_t> Row::Int(std::size_t column) const {
  return Get<std::int64_t>(columns_, column);
}
Result<std::string> Row::Text(std::size_t column) const {
  return Get<std::string>(columns_, column);
}
Result<Bytes> Row::Blob(std::size_t column) const { return Get<Bytes>(columns_, column); }

Result<std::optional<std::int64_t>> Row::OptionalInt(std::size_t column) const {
  if (IsNull(column)) return std::optional<std::int64_t>();
  return Int(column);
}

Result<std::optional<std::string>> Row::OptionalText(std::size_t column) const {
  if (IsNull(column)) return std::optional<std::string>();
  return Text(column);
}

}  // namespace limequat::sql
