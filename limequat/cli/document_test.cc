#include "limequat/cli/document.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

namespace limequat::cli {
namespace {

using json::Array;
using json::Object;
using json::Value;

// What a YAML reader makes of the text: quoted scalars are strings, plain ones what
// they look like.
Value FromYaml(const YAML::Node& node) {
  if (node.IsNull()) return {};
  if (node.IsSequence()) {
    Array array;
    for (const YAML::Node& item : node) array.push_back(FromYaml(item));
    return array;
  }
  if (node.IsMap()) {
    Object object;
    for (const auto& member : node) {
      object.Set(member.first.as<std::string>(), FromYaml(member.second));
    }
    return object;
  }
  const auto& text = node.Scalar();
  if (node.Tag() == "!") return text;
  if (bool truth = false; YAML::convert<bool>::decode(node, truth)) return truth;
  if (std::int64_t whole = 0; YAML::convert<std::int64_t>::decode(node, whole)) return whole;
  if (std::uint64_t whole = 0; YAML::convert<std::uint64_t>::decode(node, whole)) return whole;
  if (double number = 0; YAML::convert<double>::decode(node, number)) return number;
  return text;
}

Value Awkward() {
  Object names;
  for (const char* text : {"",           "plain",
                           "with blank", "yes",
                           "No",         "null",
                           "~",          "true",
                           "0x10",       "1e3",
                           "12",         "-1",
                           "1:30",       "2026-11-25",
                           "a: b",       "- x",
                           "#no",        "x # y",
                           "'q'",        "\"q\"",
                           "\\",         "tab\t",
                           "line\nfeed", "é",
                           "日本",       "\xf0\x9f\x94\x92",
                           "\x1b[31m",   "\xe2\x80\xae",
                           "\xc2\x85",   "ends ",
                           " begins",    "nan",
                           ".inf",       "<<",
                           "=",          "!tag",
                           "&a",         "*a",
                           "%x",         "@x",
                           "`x",         "?"}) {
    names.Set(std::string("k:") + text, text);
  }
  return Object{{"names", std::move(names)},
                {"numbers", Array{0, -1, std::numeric_limits<std::int64_t>::min(),
                                  std::numeric_limits<std::uint64_t>::max(), 1.5, 1e300}},
                {"truth", Array{true, false, nullptr}},
                {"empty", Object{{"list", Array()}, {"object", Object()}}},
                {"nested", Array{Array{1, Array{2}}, Object{{"a", Array{Object{{"b", 1}}}}}}}};
}

TEST(Document, JsonReadsBackAsTheSameValue) {
  const Value value = Awkward();
  const auto parsed = json::Parse(ToJsonText(value));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, value);
}

TEST(Document, YamlReadsBackAsTheSameValue) {
  const Value value = Awkward();
  EXPECT_EQ(json::Pretty(FromYaml(YAML::Load(ToYamlText(value)))), json::Pretty(value));
}

TEST(Document, YamlKeepsPlainWordsReadable) {
  EXPECT_EQ(ToYamlText(Object{{"verdict", "pass"}, {"check", "tpm.quote.signature"}}),
            "verdict: pass\ncheck: tpm.quote.signature\n");
}

TEST(Document, YamlNeverLetsAStringReadAsSomethingElse) {
  EXPECT_EQ(ToYamlText(Object{{"a", "no"}, {"b", "0012"}, {"c", ""}}),
            "a: \"no\"\nb: \"0012\"\nc: \"\"\n");
}

// Control characters, bidirectional overrides and what is drawn as nothing.
TEST(Document, Attack_A15_NothingInvisibleIsWritten) {
  const Value value = Object{{"path", "/bin/\x1b[2K\xe2\x80\xae\xc2\x9b\x7f\xf3\xa0\x80\xa1"}};
  const std::string as_json = ToJsonText(value);
  const std::string as_yaml = ToYamlText(value);
  for (const std::string& text : {as_json, as_yaml}) {
    for (const char c : text) {
      EXPECT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << text;
    }
  }
  EXPECT_NE(as_json.find(R"(\u001b[2K\u202e\u009b\u007f\udb40\udc21)"), std::string::npos)
      << as_json;
}

TEST(Document, BytesThatAreNotUtf8AreTheSameInBothForms) {
  const Value value = Object{{"path", "a\xff\xc3"}};
  EXPECT_EQ(ToJsonText(value), "{\n  \"path\": \"a\xef\xbf\xbd\xef\xbf\xbd\"\n}\n");
  EXPECT_EQ(FromYaml(YAML::Load(ToYamlText(value))), *json::Parse(ToJsonText(value)));
}

TEST(Document, NumbersThatJsonDoesNotHaveAreNullInBothForms) {
  const Value value = Array{std::nan(""), std::numeric_limits<double>::infinity()};
  EXPECT_EQ(*json::Parse(ToJsonText(value)), (Value(Array{nullptr, nullptr})));
  EXPECT_EQ(FromYaml(YAML::Load(ToYamlText(value))), (Value(Array{nullptr, nullptr})));
}

}  // namespace
}  // namespace limequat::cli
