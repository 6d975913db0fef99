#pragma once

#include <string>

#include "limequat/base/result.h"

namespace limequat::sql {

// Creates the file of a database if it is not there, and makes sure that only its
// owner can read it (mode 0600, whatever the umask) and its companions, and that
// nobody else can put other files in their place.
//   * A file of ours that others may use gets mode 0600; one of another user is
//     kPermissionDenied ("sql.mode").
//   * A folder that group or others may write to is kPermissionDenied ("sql.mode").
//   * A path that cannot be created or is no regular file: kUnavailable ("sql.open").
// Call it before SQLite opens the file: SQLite gives -wal and -shm the same mode.
Status SecureDatabaseFile(const std::string& path);

}  // namespace limequat::sql
