#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "limequat/base/result.h"
#include "limequat/eventlog/event.h"
#include "limequat/json/value.h"

namespace limequat::cli {

// What --type asks for: a type of firmware's events, by name or number, or one of
// systemd's words for what user space measures.
class EventTypeFilter {
 public:
  // kMalformed ("cli.usage") for anything else.
  static Result<EventTypeFilter> Parse(std::string_view text);
  bool Matches(eventlog::EventType type) const;
  bool Matches(std::string_view user_space_type) const;

 private:
  using Type = std::variant<eventlog::EventType, std::string>;
  explicit EventTypeFilter(Type type) : type_(std::move(type)) {}
  Type type_;
};

// What --path asks for: a pattern of the shell if it holds one of * ? [ (then it is of
// the whole text, and * goes over slashes too), else a part of the text.
class PathFilter {
 public:
  // kMalformed ("cli.usage") for an empty text or one with a NUL.
  static Result<PathFilter> Parse(std::string_view text);
  // Whether `path` is asked for. As it is shown: what cannot be shown is escaped
  // there. Hostile input.
  bool Matches(const std::string& path) const;

 private:
  PathFilter(std::string text, bool is_pattern) : text_(std::move(text)), is_pattern_(is_pattern) {}
  std::string text_;
  bool is_pattern_;
};

// The members of an event's content that --path is compared with: device path, name of
// a variable, description, and texts (GRUB's paths and commands, command lines). For
// looking only: most of them no digest covers.
bool ContentMatches(const PathFilter& filter, const json::Object& content);

}  // namespace limequat::cli
