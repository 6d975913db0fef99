#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "limequat/base/result.h"

namespace limequat {

// A point of wall-clock time, UTC, in microseconds. Pure functions take it as an argument.
using Time = std::chrono::sys_time<std::chrono::microseconds>;
// A length of time in microseconds.
using Duration = std::chrono::microseconds;

// "2026-11-25T09:00:00Z", with a fraction only where it is not zero.
std::string FormatRfc3339(Time time);
// Accepts what RFC 3339 allows (any offset, 'T' or blank, any number of fraction
// digits, cut to microseconds). Otherwise kMalformed ("time.rfc3339"). Hostile input.
Result<Time> ParseRfc3339(std::string_view text);

// Seconds since 1970, UTC, rounded down; and the inverse, for times that fit into Time
// (290,000 years around 1970: the caller sees to it).
std::int64_t ToUnixSeconds(Time time);
Time FromUnixSeconds(std::int64_t seconds);

// A length of time as configuration writes it: "250ms", "2s", "5m", "1h". No
// sign, no blank, no fraction. Otherwise kMalformed ("time.duration"). Hostile input.
Result<Duration> ParseDuration(std::string_view text);
// "250 ms", "3.2 s", "4 min 10 s", "2 h", "3 days", with "-" in front if negative:
// for people, to about two digits.
std::string FormatDuration(Duration duration);

}  // namespace limequat
