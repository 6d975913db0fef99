#include "limequat/policy/python_expression.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace limequat::policy {
namespace {

std::string Translated(std::string_view python) {
  const auto pcre = PcreFromPython(python);
  EXPECT_TRUE(pcre) << python << ": " << pcre.error().message;
  return pcre.value_or("");
}

TEST(PythonExpression, CommonOnesStayAsTheyAre) {
  for (const std::string_view same :
       {"", "/tmp/.*", "^/var/log/[^/]+\\.log$", "/usr/(?!bin)", "(?:a|b)*?", "(?P<x>a)(?P=x)",
        "\\d+\\w\\S\\bx\\B", "a{2,3}", "a{2,}", "a{2}", "(?>a+)b++", "a{2}?b{2}+c*?",
        "/\\.snap\\-1\\/", "/été", "(?i)/tmp", "(?i:x)", "\\d\\D\\s\\S\\w\\W\\f\\n\\r\\t",
        "[^\\d\\D\\s\\S\\w\\W\\f\\n\\r\\t]", "(?i)\\W[\\D]"}) {
    EXPECT_EQ(Translated(same), same);
  }
}

TEST(PythonExpression, WhatPcre2ReadsInAnotherWay) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"a\\Z", "a\\z"},   // PCRE2's \Z also matches before a last line feed
      {"\\v", "\\x{b}"},  // not the class of vertical blanks
      {"\\a", "\\x{7}"},
      {"\\x41", "\\x{41}"},
      {"\\xE9", "\\x{e9}"},  // digits of either case
      {"[\\xAf-\\xBF]", "[\\x{af}-\\x{bf}]"},
      {"\\u00C9", "\\x{c9}"},
      {"\\u00e9", "\\x{e9}"},
      {"\\U0001f33f", "\\x{1f33f}"},
      {"(a)\\1", "(a)\\g{1}"},
      {"(((((((((((())))))))))))\\12", "(((((((((((())))))))))))\\g{12}"},  // never octal in Python
      // A group in a look-behind must have one length in PCRE2, too.
      {"(?<=x)y(?<!z)", "(?<=(?:x))y(?<!(?:z))"},
      {"(?<=(a)|b)\\1", "(?<=(?:(a)|b))\\g{1}"},
      {"(a)(?<=\\1(?<!b))", "(a)(?<=(?:\\g{1}(?<!(?:b))))"},
      {"\\101", "\\x{41}"},  // three octal digits always
      {"\\0", "\\x{0}"},
      {"\\08", "\\x{0}8"},
      {"\\0777", "\\x{3f}7"},
      {"a{,3}", "a{0,3}"},
      {"a{,}", "a{0,}"},
      {"a{}", "a\\{}"},
      {"a{x}", "a\\{x}"},
      {"{", "\\{"},
      {"a{1", "a\\{1"},
      {"[[:alpha:]]", "[\\[:alpha:]]"},
      {"[]a]", "[\\]a]"},
      {"[^]a]", "[^\\]a]"},
      {"[\\b\\1\\101]", "[\\x{8}\\x{1}\\x{41}]"},
      // What is around a comment does not grow together, and may be repeated.
      {"a(?#comment)b", "a(?#)b"},
      {"a(?#comment)+b", "a+b"},
      {"(?i-s:a)(?s-im:b)", "(?i-s:a)(?s-im:b)"},
      {"(a)(?(1)b|c)", "(a)(?(1)b|c)"},
      {"(?P<n>a)(?(n)b|c)", "(?P<n>a)(?(<n>)b|c)"},
      {"(?u)a", "(?)a"},
      {"(?i)(?s)a", "(?i)(?s)a"},
      {"(?#of mine)(?i)a", "(?#)(?i)a"},
      {"(?u)[\\xE0-\\xFF]", "(?)[\\x{e0}-\\x{ff}]"},
      {"(?iu:a)", "(?i:a)"},
      {"(?i-s:a)", "(?i-s:a)"},
      {"\\é", "é"},
  };
  for (const auto& [python, pcre] : cases) EXPECT_EQ(Translated(python), pcre) << python;
}

TEST(PythonExpression, WhatPythonRefusesOrIsNotSupported) {
  for (const std::string_view bad :
       {"\\", "\\h", "\\Q", "\\K", "\\R", "\\G", "\\z", "\\p{L}", "\\N{DASH}", "\\x4", "\\x{41}",
        "\\u12", "\\U0000", "\\477", "[a", "[", "[]", "[\\A]", "[\\B]", "[\\Z]", "[\\8]", "[\\",
        "(*ACCEPT)", "(*UTF)", "(?R)", "(?1)", "(?&x)", "(?P>x)", "(?|a)", "(?<n>a)", "(?'n'a)",
        "(?C)", "(?a)x", "(?L)x", "(?x) a", "(?", "(?)", "(?)a", "(?:)(?)", "\\xG0", "\\x4G",
        "(?-i)a", "a(?i)b", "(a)(?i)b", "(?#a", "(?(R)a)", "(?()a)", "(?(1", "(?(?=a)b)",
        "(?(+1)a)", "(?^:a)", "(?i",
        // Repetitions of nothing, of a place, and of a repetition.
        "*a", "a|+", "(?:?)", "^*", "a$+", "\\b+", "\\A{2}", "\\Z?", "\\B*", "a**", "a{2}{3}",
        "a+?+", "a++?", "(?i)*a",
        // A comment joins nothing.
        "a+(?#c)+", "a+(?#c)(?#d)?", "((?#)*ACCEPT)", "((?#)?R)", "((?#)?:a)", "(?#)*a",
        "a{2}(?#c){3}",
        // Flags that cannot be cleared, or that are set as well.
        "(?-u:a)", "(?-:a)", "(?i-:a)", "(?i-i:a)", "(?-i-s:a)", "(?i-s)a",
        // References to no group, to one that comes later, that is open, that is in the
        // look-behind.
        "\\1", "(a)\\2", "\\1(a)", "((a)\\1)", "(?P<n>a(?P=n))", "(?P=n)", "(?P=n)(?P<n>a)",
        "(?<=(a)\\1)", "(?<=(?P<n>a)(?P=n))", "(?(1)a)", "(?(n)a)(?P<n>b)", "(?(0)a)",
        "(?<=(a)(?(1)b))", "(a)(?<=(?(1)b|c))", "(?P<n>a)(?<!(?(n)b))",
        "(?(99999999999999999999)a)",
        // Names and parentheses.
        "(?P<n>a)(?P<n>b)", "(?P<>a)", "(?P<n", "(?P<n-m>a)", "(?P<\xc3\xa9>a)", "(?P=", "(a", "a)",
        "(?:a))", "(?<=a"}) {
    const auto pcre = PcreFromPython(bad);
    ASSERT_FALSE(pcre) << bad;
    EXPECT_EQ(pcre.error().id, "policy.expression") << bad;
    EXPECT_EQ(pcre.error().code, ErrorCode::kMalformed) << bad;
  }
}

// For each of them PCRE2 measures the group, which may be long.
TEST(PythonExpression, ReferencesInLookBehindsAreFew) {
  std::string few = "(a)";
  for (int i = 0; i < 16; ++i) few += "(?<=\\1)";
  EXPECT_TRUE(PcreFromPython(few));
  EXPECT_FALSE(PcreFromPython(few + "(?<=\\1)"));
  EXPECT_TRUE(PcreFromPython(few + "\\1"));
}

}  // namespace
}  // namespace limequat::policy
