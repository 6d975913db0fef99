#include "limequat/base/error.h"

#include <memory>

#include <gtest/gtest.h>

#include "limequat/base/check.h"
#include "limequat/base/result.h"
#include "limequat/base/result_macros.h"

namespace limequat {
namespace {

TEST(Error, EveryCodeHasItsMakerNameAndExitStatus) {
  const struct {
    Error error;
    ErrorCode code;
    std::string_view name;
    int exit_status;
  } cases[] = {
      {Malformed("a.b", "m"), ErrorCode::kMalformed, "malformed", 3},
      {Unsupported("a.b", "m"), ErrorCode::kUnsupported, "unsupported", 3},
      {Untrusted("a.b", "m"), ErrorCode::kUntrusted, "untrusted", 1},
      {NotFound("a.b", "m"), ErrorCode::kNotFound, "not_found", 4},
      {Conflict("a.b", "m"), ErrorCode::kConflict, "conflict", 1},
      {PermissionDenied("a.b", "m"), ErrorCode::kPermissionDenied, "permission_denied", 5},
      {Unavailable("a.b", "m"), ErrorCode::kUnavailable, "unavailable", 6},
      {Internal("a.b", "m"), ErrorCode::kInternal, "internal", 70},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(each.error.code, each.code);
    EXPECT_EQ(each.error.id, "a.b");
    EXPECT_EQ(each.error.message, "m");
    EXPECT_EQ(ErrorCodeName(each.code), each.name);
    EXPECT_EQ(ExitStatus(each.code), each.exit_status);
  }
}

TEST(Error, InPutsContextInFront) {
  const Error error = Malformed("a.b", "too short").In("quote").In("agent 7");
  EXPECT_EQ(error.message, "agent 7: quote: too short");
  EXPECT_EQ(error.id, "a.b");
  EXPECT_EQ(error.code, ErrorCode::kMalformed);
}

Status FailWith(bool fail) {
  if (fail) return Malformed("status", "failed");
  return {};
}
Result<int> Number(bool fail) {
  if (fail) return Malformed("number", "failed");
  return 7;
}
Result<int> Sum(bool fail_status, bool fail_number) {
  LQ_RETURN_IF_ERROR(FailWith(fail_status));
  LQ_ASSIGN_OR_RETURN(const int a, Number(false));
  LQ_ASSIGN_OR_RETURN(const int b, Number(fail_number));
  return a + b;
}

TEST(ResultMacros, LeaveWithTheFirstError) {
  EXPECT_EQ(*Sum(false, false), 14);
  EXPECT_EQ(Sum(true, true).error().id, "status");
  EXPECT_EQ(Sum(false, true).error().id, "number");
}

TEST(ResultMacros, MoveWhatCannotBeCopied) {
  const auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(3); };
  const auto use = [&]() -> Result<int> {
    LQ_ASSIGN_OR_RETURN(std::unique_ptr<int> owner, make());
    return *owner;
  };
  EXPECT_EQ(*use(), 3);
}

TEST(CheckDeathTest, NamesTheConditionAndThePlace) {
  LQ_CHECK(1 + 1 == 2);
  EXPECT_DEATH(LQ_CHECK(1 + 1 == 3), "error_test.cc.*1 \\+ 1 == 3 does not hold");
}

}  // namespace
}  // namespace limequat
