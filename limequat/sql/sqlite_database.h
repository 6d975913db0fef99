#pragma once

#include <memory>
#include <span>
#include <string>

#include "limequat/base/result.h"
#include "limequat/sql/database.h"

namespace limequat::sql {

// Database::Open for the file `path`.
Result<std::unique_ptr<Database>> OpenSqlite(const std::string& path,
                                             const DatabaseOptions& options,
                                             std::span<const Migration> migrations);

}  // namespace limequat::sql
