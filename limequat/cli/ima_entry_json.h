#pragma once

#include <string>

#include "limequat/ima/entry.h"
#include "limequat/json/value.h"

namespace limequat::cli {

// What one entry says, for `limequat inspect ima --entries`: hostile text is escaped,
// nothing is shortened. Members that the template does not have are left out.
json::Object ImaEntryToJson(const ima::Entry& entry);

// Its member "path".
std::string ShownPath(const ima::Entry& entry);

}  // namespace limequat::cli
