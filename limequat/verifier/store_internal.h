#pragma once

// What the sources of the store share. Included by nobody else.

#include <cstdint>
#include <limits>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/sql/database.h"

namespace limequat::verifier {

inline constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

// How long an administrator's request may wait for the database.
sql::Limits Patience();

inline std::int64_t Micros(Time time) { return time.time_since_epoch().count(); }
inline Time FromMicros(std::int64_t micros) { return Time(Duration(micros)); }

// The generation of the next change of a machine; unique in this database.
Result<std::int64_t> NextGeneration(sql::Connection& connection);

// How many incidents of the machine are open, under its name or its EK ("": unknown).
Result<std::int64_t> CountOpen(sql::Connection& connection, std::string_view agent_id,
                               std::string_view ek);

}  // namespace limequat::verifier
