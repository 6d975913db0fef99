#include "limequat/base/time.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace limequat {

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Reads exactly `count` decimal digits at `at`, moving it on.
std::optional<int> Digits(std::string_view text, std::size_t& at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = text[at + i];
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  at += count;
  return value;
}

bool Literal(std::string_view text, std::size_t& at, std::string_view allowed) {
  if (at >= text.size() || !allowed.contains(text[at])) return false;
  ++at;
  return true;
}

std::optional<microseconds> Fraction(std::string_view text, std::size_t& at) {
  if (at >= text.size() || text[at] != '.') return microseconds(0);
  ++at;
  std::int64_t value = 0;
  std::int64_t scale = 100'000;
  const std::size_t start = at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    value += (text[at] - '0') * scale;
    scale /= 10;
  }
  if (at == start) return std::nullopt;
  return microseconds(value);
}

std::optional<minutes> Offset(std::string_view text, std::size_t& at) {
  if (Literal(text, at, "Zz")) return minutes(0);
  if (at >= text.size()) return std::nullopt;
  const int sign = text[at] == '-' ? -1 : 1;
  if (!Literal(text, at, "+-")) return std::nullopt;
  const auto hour = Digits(text, at, 2);
  if (!hour || !Literal(text, at, ":")) return std::nullopt;
  const auto minute = Digits(text, at, 2);
  if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
  return minutes(sign * (*hour * 60 + *minute));
}

std::optional<Time> Parse(std::string_view text) {
  std::size_t at = 0;
  const auto year = Digits(text, at, 4);
  if (!year || !Literal(text, at, "-")) return std::nullopt;
  const auto month = Digits(text, at, 2);
  if (!month || !Literal(text, at, "-")) return std::nullopt;
  const auto day = Digits(text, at, 2);
  if (!day || !Literal(text, at, "Tt ")) return std::nullopt;
  const auto hour = Digits(text, at, 2);
  if (!hour || !Literal(text, at, ":")) return std::nullopt;
  const auto minute = Digits(text, at, 2);
  if (!minute || !Literal(text, at, ":")) return std::nullopt;
  const auto second = Digits(text, at, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto fraction = Fraction(text, at);
  if (!fraction) return std::nullopt;
  const auto offset = Offset(text, at);
  if (!offset || at != text.size()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return Time(std::chrono::sys_days(date)) + hours(*hour) + minutes(*minute) + seconds(*second) +
         *fraction - *offset;
}

}  // namespace

std::string FormatRfc3339(Time time) {
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text =
      fmt::format("{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (clock.subseconds().count() != 0) text += fmt::format(".{:06d}", clock.subseconds().count());
  return text + "Z";
}

Result<Time> ParseRfc3339(std::string_view text) {
  const auto time = Parse(text);
  if (!time)
    return Malformed("time.rfc3339", "not a time of RFC 3339, such as 2026-11-25T09:00:00Z");
  return *time;
}

std::int64_t ToUnixSeconds(Time time) {
  return std::chrono::floor<seconds>(time).time_since_epoch().count();
}

Time FromUnixSeconds(std::int64_t value) { return Time(seconds(value)); }

Result<Duration> ParseDuration(std::string_view text) {
  std::int64_t value = 0;
  std::size_t at = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    if (at >= 9) return Malformed("time.duration", "a duration has at most nine digits");
    value = value * 10 + (text[at] - '0');
  }
  const std::string_view unit = text.substr(at);
  if (at > 0) {
    if (unit == "us") return Duration(value);
    if (unit == "ms") return Duration(std::chrono::milliseconds(value));
    if (unit == "s") return Duration(seconds(value));
    if (unit == "m") return Duration(minutes(value));
    if (unit == "h") return Duration(hours(value));
  }
  return Malformed("time.duration", "not a duration, such as 250ms, 2s, 5m or 1h");
}

std::string FormatDuration(Duration duration) {
  // In floating point, where the least duration has a magnitude.
  const double total = std::abs(std::chrono::duration<double>(duration).count());
  const std::string_view sign = duration < Duration::zero() ? "-" : "";
  // The limits are those at which the shorter form would round up to the next unit.
  if (total < 0.9995) return fmt::format("{}{:.0f} ms", sign, total * 1000);
  if (total < 59.95) return fmt::format("{}{:.1f} s", sign, total);
  const auto whole = static_cast<std::int64_t>(std::llround(total));
  const auto two = [&](std::int64_t large, std::string_view unit, std::int64_t small,
                       std::string_view small_unit) {
    std::string text = fmt::format("{}{} {}", sign, large, unit);
    if (small != 0) text += fmt::format(" {} {}", small, small_unit);
    return text;
  };
  if (whole < 3600) return two(whole / 60, "min", whole % 60, "s");
  if (whole < 48 * 3600) return two(whole / 3600, "h", whole % 3600 / 60, "min");
  return fmt::format("{}{} days", sign, whole / 86400);
}

}  // namespace limequat
