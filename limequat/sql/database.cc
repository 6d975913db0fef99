#include "limequat/sql/database.h"

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/sql/sqlite_database.h"

namespace limequat::sql {

Result<std::unique_ptr<Database>> Database::Open(const DatabaseOptions& options,
                                                 std::span<const Migration> migrations) {
  constexpr std::string_view kSqlite = "sqlite:";
  if (!options.url.starts_with(kSqlite)) {
    // Other URLs carry passwords: only the scheme is quoted.
    const std::string scheme = options.url.substr(0, options.url.find(':'));
    return Unsupported("sql.scheme", fmt::format("database \"{}:…\": only sqlite:PATH is supported",
                                                 EscapeForDisplay(scheme, 32)));
  }
  const std::string path = options.url.substr(kSqlite.size());
  if (path.empty()) {
    return Malformed("sql.url", "sqlite: needs the path of a file, as in sqlite:/var/lib/x/x.db");
  }
  return OpenSqlite(path, options, migrations);
}

}  // namespace limequat::sql
