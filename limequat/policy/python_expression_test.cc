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
        "\\d+\\w\\S\\bx\\B", "a{2,3}", "a{2,}", "a{2}", "(?<=x)y(?<!z)", "(?>a+)b++",
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
      {"\\12", "\\g{12}"},   // never an octal code in Python
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
      {"a(?#comment)b", "ab"},
      {"(a)(?(1)b|c)", "(a)(?(1)b|c)"},
      {"(?P<n>a)(?(n)b|c)", "(?P<n>a)(?(<n>)b|c)"},
      {"(?u)a", "(?)a"},
      {"(?u)[\\xE0-\\xFF]", "(?)[\\x{e0}-\\x{ff}]"},
      {"(?iu:a)", "(?i:a)"},
      {"(?i-s:a)", "(?i-s:a)"},
      {"\\é", "é"},
  };
  for (const auto& [python, pcre] : cases) EXPECT_EQ(Translated(python), pcre) << python;
}

TEST(PythonExpression, WhatPythonRefusesOrIsNotSupported) {
  for (const std::string_view bad :
       {"\\",        "\\h",      "\\Q",     "\\K",      "\\R",     "\\G",     "\\z",       "\\p{L}",
        "\\N{DASH}", "\\x4",     "\\x{41}", "\\u12",    "\\U0000", "\\477",   "[a",        "[",
        "[]",        "[\\A]",    "[\\B]",   "[\\Z]",    "[\\8]",   "[\\",     "(*ACCEPT)", "(*UTF)",
        "(?R)",      "(?1)",     "(?&x)",   "(?P>x)",   "(?|a)",   "(?<n>a)", "(?'n'a)",   "(?C)",
        "(?a)x",     "(?L)x",    "(?x) a",  "(?",       "(?)",     "(?)a",    "(?:)(?)",   "\\xG0",
        "\\x4G",     "(?-i)a",   "a(?i)b",  "(a)(?i)b", "(?#a",    "(?(R)a)", "(?()a)",    "(?(1",
        "(?(?=a)b)", "(?(+1)a)", "(?^:a)",  "(?i"}) {
    const auto pcre = PcreFromPython(bad);
    if (bad == "(?(R)a)") {  // a group of that name, which PCRE2 will miss
      EXPECT_EQ(pcre.value_or(""), "(?(<R>)a)");
      continue;
    }
    ASSERT_FALSE(pcre) << bad;
    EXPECT_EQ(pcre.error().id, "policy.expression") << bad;
    EXPECT_EQ(pcre.error().code, ErrorCode::kMalformed) << bad;
  }
}

}  // namespace
}  // namespace limequat::policy
