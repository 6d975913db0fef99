#include "limequat/agent/state.h"

#include <filesystem>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "limequat/agent/test_support.h"

namespace limequat::agent {
namespace {

TEST(StateFolderTest, IsMadeForItsOwnerOnly) {
  const TemporaryFolder temporary;
  const std::filesystem::path path = temporary.path() / "state";
  const Result<StateFolder> folder = StateFolder::Open(path);
  ASSERT_TRUE(folder) << folder.error().message;
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  ASSERT_TRUE(folder->Write("file", "text"));
  ASSERT_EQ(::stat((path / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(StateFolderTest, KeepsFiles) {
  const TemporaryFolder temporary;
  const Result<StateFolder> folder = StateFolder::Open(temporary.path());
  ASSERT_TRUE(folder);
  EXPECT_EQ(folder->Read("file")->has_value(), false);
  EXPECT_EQ(folder->ReadSecret("file")->has_value(), false);
  for (const std::string text : {"first", "second", ""}) {
    ASSERT_TRUE(folder->Write("file", text));
    EXPECT_EQ(**folder->Read("file"), text);
    EXPECT_EQ(**folder->ReadSecret("file"), text);
  }
}

TEST(StateFolderTest, Cve_2022_23952_AKeyThatOthersMayReadIsRefused) {
  const TemporaryFolder temporary;
  const Result<StateFolder> folder = StateFolder::Open(temporary.path());
  ASSERT_TRUE(folder->Write("key", "secret"));
  ASSERT_EQ(::chmod((temporary.path() / "key").c_str(), 0644), 0);
  const auto secret = folder->ReadSecret("key");
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().code, ErrorCode::kPermissionDenied);
  EXPECT_TRUE(folder->Read("key"));
}

TEST(StateFolderTest, OneAgentAtATime) {
  const TemporaryFolder temporary;
  {
    const Result<StateFolder> folder = StateFolder::Open(temporary.path());
    ASSERT_TRUE(folder);
    const Result<StateFolder> second = StateFolder::Open(temporary.path());
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kConflict);
    EXPECT_EQ(second.error().id, "agent.state.in_use");
  }
  EXPECT_TRUE(StateFolder::Open(temporary.path()));
}

TEST(StateFolderTest, WhatCannotBeMadeIsUnavailable) {
  const TemporaryFolder temporary;
  const Result<StateFolder> folder = StateFolder::Open(temporary.path() / "absent" / "state");
  ASSERT_FALSE(folder);
  EXPECT_EQ(folder.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(folder.error().id, "agent.state");
}

TEST(StateFolderTest, ALinkInPlaceOfTheLockIsNotFollowed) {
  const TemporaryFolder temporary;
  std::filesystem::create_symlink("/dev/null", temporary.path() / "lock");
  EXPECT_FALSE(StateFolder::Open(temporary.path()));
}

}  // namespace
}  // namespace limequat::agent
