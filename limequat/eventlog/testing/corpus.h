#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "limequat/json/value.h"

// For tests only: files with expected results.
namespace limequat::eventlog::testing {

inline std::filesystem::path OwnData() {
  return std::filesystem::path(LQ_SOURCE_DIR) / "data" / "eventlog";
}
// Beside the source tree; absent in most clones.
inline std::filesystem::path SharedCorpus() {
  return std::filesystem::path(LQ_SOURCE_DIR) / ".." / "shared" / "corpus";
}

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// null if `value` is no object or has no such member.
inline const json::Value& Member(const json::Value& value, std::string_view name) {
  static const json::Value kNull;
  const json::Object* object = value.as_object();
  const json::Value* member = object == nullptr ? nullptr : object->Find(name);
  return member == nullptr ? kNull : *member;
}

inline std::string Text(const json::Value& value) {
  return value.as_string() == nullptr ? "" : *value.as_string();
}

}  // namespace limequat::eventlog::testing
