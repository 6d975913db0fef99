#pragma once

#include <span>

#include "limequat/base/result.h"
#include "limequat/sql/database.h"
#include "limequat/sql/session.h"

namespace limequat::sql {

// Brings the schema up to the last of `migrations`, whose versions must be 1, 2, 3, …
// (checked). Each is applied and recorded in one transaction: after a failure the
// database has the version before it. Two programs may do this at the same time.
// kConflict ("sql.newer_schema", "sql.other_schema"); the errors of statements.
Status Migrate(Session& session, std::span<const Migration> migrations);

}  // namespace limequat::sql
