#pragma once

// What the tests of this module share.

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/json/value.h"

namespace limequat::wire {

// One exchange of a recorded conversation between real Keylime peers.
struct Exchange {
  std::string where;  // file and line
  std::string method;
  std::string path;
  std::string query;
  std::string request;
  int status = 0;
  std::string response;
};

inline std::string RecordedBody(const json::Object& record, std::string_view name) {
  const json::Value* body = record.Find(name);
  if (body == nullptr || body->as_object() == nullptr) return {};
  if (const json::Value* text = body->as_object()->Find("text")) return *text->as_string();
  const json::Value* base64 = body->as_object()->Find("base64");
  if (base64 == nullptr) return {};
  return std::string(AsText(*Base64Decode(*base64->as_string())));
}

// Every exchange of `flow` ("agent-registrar") in all recorded scenarios; empty where
// the recordings are not at hand.
inline std::vector<Exchange> Recorded(const std::string& flow) {
  namespace fs = std::filesystem;
  const fs::path root = fs::path(LQ_SOURCE_DIR) / ".." / "shared" / "corpus" / "wire";
  std::vector<Exchange> exchanges;
  if (!fs::exists(root)) return exchanges;
  for (const fs::directory_entry& scenario : fs::directory_iterator(root)) {
    std::ifstream file(scenario.path() / (flow + ".jsonl"));
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
      const Result<json::Value> record = json::Parse(line);
      EXPECT_TRUE(record) << record.error().message;
      const json::Object& object = *record->as_object();
      if (!object.Contains("method")) continue;
      const json::Value* status = object.Find("status");
      exchanges.push_back({scenario.path().filename().string() + ":" + std::to_string(number),
                           *object.Find("method")->as_string(), *object.Find("path")->as_string(),
                           *object.Find("query")->as_string(), RecordedBody(object, "request_body"),
                           status ? static_cast<int>(status->as_int64().value_or(0)) : 0,
                           RecordedBody(object, "response_body")});
    }
  }
  return exchanges;
}

inline constexpr const char* kNoRecordings =
    "the recorded conversations (../shared/corpus/wire) are absent";

// A member of a message and what may stand in it.
struct MemberRule {
  std::string name;
  bool required = true;
  // Type names (json::Value::type_name) that may stand there besides the good value's.
  std::vector<std::string> also = {};
};

enum class Parses { kYes, kNo };

// Checks that `parse` takes `good`, and for every member of `rules`: refuses it when
// it is absent (if it is required) and when it has a wrong type.
inline void ExpectTyped(const json::Object& good, const std::vector<MemberRule>& rules,
                        const std::function<Parses(const json::Object&)>& parse) {
  EXPECT_EQ(parse(good), Parses::kYes);
  for (const MemberRule& rule : rules) {
    ASSERT_TRUE(good.Contains(rule.name)) << rule.name;
    json::Object without;
    for (const auto& [name, value] : good) {
      if (name != rule.name) without.Set(name, value);
    }
    EXPECT_EQ(parse(without), rule.required ? Parses::kNo : Parses::kYes) << rule.name << " absent";
    const std::vector<json::Value> values{nullptr, true,           std::int64_t{-7},      2.5,
                                          "\x7f",  json::Array{1}, json::Object{{"a", 1}}};
    for (const json::Value& value : values) {
      if (value.type_name() == good.Find(rule.name)->type_name()) continue;
      bool allowed = false;
      for (const std::string& type : rule.also) allowed = allowed || type == value.type_name();
      json::Object changed = good;
      changed.Set(rule.name, value);
      EXPECT_EQ(parse(changed), allowed ? Parses::kYes : Parses::kNo)
          << rule.name << " as " << value.type_name();
    }
  }
}

// Checks that `parse` refuses every beginning of `text`, text with something behind
// it, a member given twice, and what is no object.
inline void ExpectWhole(const std::string& text,
                        const std::function<Parses(std::string_view)>& parse) {
  ASSERT_EQ(parse(text), Parses::kYes);
  const std::size_t step = text.size() / 200 + 1;
  for (std::size_t size = 0; size < text.size(); size += step) {
    EXPECT_EQ(parse(std::string_view(text).substr(0, size)), Parses::kNo) << size;
  }
  EXPECT_EQ(parse(text + "{}"), Parses::kNo);
  EXPECT_EQ(parse(std::string_view(text).substr(0, text.size() - 1)), Parses::kNo);
  const std::size_t name = text.find('"');
  const std::size_t end = text.find('"', name + 1);
  const std::string first = text.substr(name, end + 1 - name);
  EXPECT_EQ(parse(text.substr(0, text.rfind('}')) + "," + first + ":null}"), Parses::kNo)
      << first << " twice";
  for (const std::string_view other : {"[]", "null", "\"\"", "1", "true"}) {
    EXPECT_EQ(parse(other), Parses::kNo) << other;
  }
}

}  // namespace limequat::wire
