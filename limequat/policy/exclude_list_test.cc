#include "limequat/policy/exclude_list.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace limequat::policy {
namespace {

using ::testing::HasSubstr;

ExcludeList Compiled(const std::vector<std::string>& expressions) {
  auto list = ExcludeList::Compile(expressions);
  EXPECT_TRUE(list) << list.error().message;
  return list ? *std::move(list) : ExcludeList();
}

bool Matches(const std::string& expression, std::string_view path) {
  return Compiled({expression}).Match(path) == Exclusion::kExcluded;
}

Leftover Left(const ExcludeList& list, std::string_view seed) {
  const auto left = list.WhatIsLeft(seed);
  EXPECT_TRUE(left) << left.error().message;
  return left.value_or(Leftover::kNothing);
}

std::string ErrorOf(const std::vector<std::string>& expressions) {
  const auto list = ExcludeList::Compile(expressions);
  return list ? "" : list.error().id;
}

TEST(ExcludeList, EmptyExcludesNothing) {
  EXPECT_EQ(Compiled({}).Match("/x"), Exclusion::kNo);
  EXPECT_EQ(ExcludeList().Match("/x"), Exclusion::kNo);
}

TEST(ExcludeList, MatchesFromTheBeginningNotToTheEnd) {
  EXPECT_TRUE(Matches("/tmp", "/tmp/x"));
  EXPECT_TRUE(Matches("/tmp", "/tmpfile"));
  EXPECT_FALSE(Matches("tmp", "/tmp/x"));
  EXPECT_FALSE(Matches("/tmp$", "/tmp/x"));
  EXPECT_TRUE(Matches(".*\\.log", "/var/a.log.1"));
  EXPECT_FALSE(Matches("(?m)^/b", "/a\n/b"));
}

// Each answer is what Python 3.11 gives for re.match(expression, path).
TEST(ExcludeList, AnswersAsPythonDoes) {
  EXPECT_TRUE(Matches("/a$", "/a\n"));
  EXPECT_FALSE(Matches("/a\\Z", "/a\n"));
  EXPECT_FALSE(Matches("/a.b", "/a\nb"));
  EXPECT_TRUE(Matches("/a.b", "/a\rb"));
  EXPECT_TRUE(Matches("/.t.$", "/été"));  // characters, not bytes
  EXPECT_TRUE(Matches("/\\w+$", "/été"));
  EXPECT_TRUE(Matches("(?i)/TMP", "/tmp"));
  EXPECT_TRUE(Matches("/(a|b)\\1", "/aa"));
  EXPECT_FALSE(Matches("/(a|b)\\1", "/ab"));
  EXPECT_TRUE(Matches("/usr/(?!bin)", "/usr/lib/x"));
  EXPECT_FALSE(Matches("/usr/(?!bin)", "/usr/bin/x"));
  EXPECT_TRUE(Matches("/a{,2}b", "/aab"));
  EXPECT_TRUE(Matches("/[[:a]", "/["));
  EXPECT_FALSE(Matches("/[[:alpha:]]", "/x"));
}

TEST(ExcludeList, AnyExpressionIsEnough) {
  const ExcludeList list = Compiled({"/a", "/b", "(/)(c)\\2"});
  EXPECT_EQ(list.Match("/b"), Exclusion::kExcluded);
  EXPECT_EQ(list.Match("/cc"), Exclusion::kExcluded);  // groups count from their own expression
  EXPECT_EQ(list.Match("/cd"), Exclusion::kNo);
}

TEST(ExcludeList, FlagsEndWithTheirExpression) {
  EXPECT_EQ(Compiled({"(?i)/a", "/b"}).Match("/B"), Exclusion::kNo);
}

TEST(ExcludeList, PathThatIsNotUtf8IsExcludedByNothing) {
  EXPECT_EQ(Compiled({".*"}).Match("/a\xff"), Exclusion::kNo);
}

TEST(ExcludeList, NulInAPath) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(Matches("/a$", "/a\0b"sv));
}

TEST(ExcludeList, Quirk_Q19_InvalidExpressionIsAnErrorWithItsNumber) {
  const auto list = ExcludeList::Compile(std::vector<std::string>{"/a", "*bad("});
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(list.error().id, "policy.exclude");
  EXPECT_THAT(list.error().message, HasSubstr("exclude expression 2 ('*bad(')"));
  for (const std::string_view bad :
       {"*", "a**", "(", ")", "[z-a]", "a{3,2}", "(?P<a>x)(?P<a>y)", "(?<=a*)b", "\\2", "(?(1)a)",
        "(?(R)a)", "\\ud800", "(?P=x)"}) {
    EXPECT_EQ(ErrorOf({std::string(bad)}), "policy.exclude") << bad;
  }
}

TEST(ExcludeList, Attack_A15_ExpressionIsEscapedInMessages) {
  const auto list = ExcludeList::Compile(std::vector<std::string>{"\x1b[31m("});
  ASSERT_FALSE(list);
  EXPECT_THAT(list.error().message, HasSubstr("\\x1b[31m("));
}

TEST(ExcludeList, Limits) {
  EXPECT_EQ(ErrorOf(std::vector<std::string>(kMaxExcludes, "/a")), "");
  EXPECT_EQ(ErrorOf(std::vector<std::string>(kMaxExcludes + 1, "/a")), "policy.limit");
  EXPECT_EQ(ErrorOf({std::string(kMaxExpression, 'a')}), "");
  EXPECT_EQ(ErrorOf({std::string(kMaxExpression + 1, 'a')}), "policy.limit");
}

TEST(ExcludeList, LimitOfCompiledSize) {
  EXPECT_EQ(ErrorOf(std::vector<std::string>(kMaxExcludes, "(?:a|b){3000}")), "policy.limit");
}

TEST(ExcludeList, Attack_A10_LimitHitIsNotExcludedAndTold) {
  const std::string path = "/" + std::string(4000, 'a') + "!";
  EXPECT_EQ(Compiled({"/(a+)+$"}).Match(path), Exclusion::kLimitHit);
  EXPECT_EQ(Compiled({"/(a+)+$"}).Match("/aaa"), Exclusion::kExcluded);
  // Another expression may still exclude it, and one that does not match hides nothing.
  EXPECT_EQ(Compiled({"/(a+)+$", "/a"}).Match(path), Exclusion::kExcluded);
  EXPECT_EQ(Compiled({"/(a+)+$", "/b"}).Match(path), Exclusion::kLimitHit);
}

// Compiled code has a small stack of its own; the interpreter answers where that ends.
TEST(ExcludeList, LongPathsAreJudgedWhereTheStackOfCompiledCodeEnds) {
  const std::string path = "/" + std::string(4000, 'a');  // PATH_MAX is 4096
  EXPECT_EQ(Compiled({"/(?:a|(b))*$"}).Match(path), Exclusion::kExcluded);
  EXPECT_EQ(Compiled({"/(?:(a)|b)*$"}).Match(path + "c"), Exclusion::kNo);
}

TEST(ExcludeList, Attack_A10_DeepRecursionEndsAtALimit) {
  // More than a machine stack of the matcher holds, with and without captures.
  const std::string path = "/" + std::string(1U << 20U, 'a');
  EXPECT_NE(Compiled({"/(?:a|(b))*$"}).Match(path), Exclusion::kNo);
  EXPECT_EQ(Compiled({"/(?:(a)|(b))*c"}).Match(path), Exclusion::kLimitHit);
}

TEST(ExcludeList, Attack_A10_MatchAllIsRecognised) {
  for (const std::string_view all :
       {"",
        ".*",
        "^.*$",
        "/",
        ".",
        "|",
        "a|",
        "^",
        "(?:)",
        "x*",
        "[^x]*",
        "/.*",
        "^/",
        "/[a-z]*",
        "\\/",
        "(?s).*",
        "(?=/)",
        "(?!boot_aggregate)",
        "[/]",
        "/+",
        "(.*)|(x)",
        "/(usr|bin|sbin|lib|lib64|etc|opt|srv|home|root|var|tmp|run|mnt|dev|boot|[a-z0-9])"}) {
    EXPECT_EQ(Left(Compiled({std::string(all)}), "seed"), Leftover::kNothing) << all;
  }
  EXPECT_EQ(Left(Compiled({"/usr", "/[^u]", "/u[^s]"}), "seed"), Leftover::kNothing);
}

TEST(ExcludeList, Attack_A10_FilesInTheRootAreNotEnough) {
  constexpr std::string_view kTopFolders =
      "usr|bin|sbin|lib|etc|opt|var|home|root|tmp|srv|boot|run|mnt|dev|lib64";
  for (const std::string& all :
       {std::string("/[^/]+/"), std::string("/.*/"), std::string("/\\w+/"),
        "/(" + std::string(kTopFolders) + ")/",
        // Places where no program is expected.
        std::string("/(?!etc/|srv/|boot/|mnt/|run/|dev/|proc/|sys/)"), std::string("/(?!init$)")}) {
    EXPECT_EQ(Left(Compiled({all}), "seed"), Leftover::kNothing) << all;
  }
}

TEST(ExcludeList, Attack_A10_OnePlaceWhereProgramsLieIsEnough) {
  for (const std::string_view place :
       {"usr/bin", "usr/sbin", "usr/lib/[^/]+", "usr/local/bin", "bin", "sbin", "lib/[^/]+",
        "opt/[^/]+", "home/[^/]+", "root", "tmp", "var/lib/[^/]+"}) {
    const ExcludeList list = Compiled({fmt::format("/(?!{}/[^/]+$)", place)});
    EXPECT_EQ(Left(list, "seed"), Leftover::kSomething) << place;
  }
}

TEST(ExcludeList, Attack_A10_OrdinaryListsAreNotMatchAll) {
  for (const std::string_view some : {"/tmp/.*", "boot_aggregate", "/usr/(?!bin)", "^/var/log",
                                      ".*\\.pyc$", "/(?!usr/bin/)", "(?!.*/bin/).*", "$"}) {
    EXPECT_EQ(Left(Compiled({std::string(some)}), "seed"), Leftover::kSomething) << some;
  }
  EXPECT_EQ(Left(ExcludeList(), "seed"), Leftover::kSomething);
  EXPECT_EQ(Left(Compiled({"/usr", "/etc", "/var", "/tmp", "/run", "/bin"}), "seed"),
            Leftover::kSomething);
}

TEST(ExcludeList, Attack_A10_ListedPathsAreTriedToo) {
  const ExcludeList list = Compiled({"/.*"});
  const auto left = [&](std::vector<std::string_view> paths) {
    return *list.WhatIsLeft("seed", [&](const std::function<bool(std::string_view)>& each) {
      for (const std::string_view path : paths) {
        if (!each(path)) return;
      }
    });
  };
  EXPECT_EQ(left({}), Leftover::kNothing);
  EXPECT_EQ(left({"/a", "boot_aggregate", "/b"}), Leftover::kNothing);
  EXPECT_EQ(left({"/a", "relative", "/b"}), Leftover::kSomething);
  // One that is left is enough, but not directly in `/`.
  const ExcludeList folders = Compiled({"/[^/]+/(?!run$)"});
  const auto left_of_folders = [&](std::string_view path) {
    return *folders.WhatIsLeft("seed", [&](const auto& each) { each(path); });
  };
  EXPECT_EQ(left_of_folders("/init"), Leftover::kNothing);
  EXPECT_EQ(left_of_folders("/app/run"), Leftover::kSomething);
  EXPECT_EQ(left({"/a", "/b/\xff"}), Leftover::kSomething);
}

TEST(ExcludeList, Attack_A10_ExpressionsThatTakeTooLongAreRefused) {
  const auto slow = Compiled({"/tmp", "([a-z/]+)+[!?]"}).WhatIsLeft("seed");
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().id, "policy.exclude");
  EXPECT_TRUE(slow.error().message.starts_with("exclude expression 2 takes too long"));
  // Wherever it stands, and whether or not another one matches.
  EXPECT_FALSE(Compiled({".*", "([a-z/]+)+[!?]"}).WhatIsLeft("seed"));
}

TEST(ExcludeList, Attack_A10_NobodyWritesAroundTheTriedPaths) {
  // Excludes all but a name that is among the tried ones for one seed only.
  const ExcludeList around = Compiled({"/(?!.*libe3b0c44)"});
  EXPECT_EQ(Left(around, ""), Leftover::kSomething);
  EXPECT_EQ(Left(around, "another seed"), Leftover::kNothing);
  EXPECT_EQ(Left(Compiled({"/(?!.*/program$)"}), "seed"), Leftover::kNothing);
}

}  // namespace
}  // namespace limequat::policy
