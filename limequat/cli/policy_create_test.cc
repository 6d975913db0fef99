#include "limequat/cli/policy_create.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limequat/cli/made_policy.h"
#include "limequat/cli/usage.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::cli {
namespace {

namespace fs = std::filesystem;

std::string Digest(std::string_view content) {
  return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(content)).hex();
}

class PolicyCreateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "limequat-policy-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    fs::create_directories(folder_ / "root");
    create_.root = (folder_ / "root").string();
    create_.output = (folder_ / "policy.json").string();
    create_.now = FromUnixSeconds(1'800'000'000);
  }
  void TearDown() override {
    fs::remove_all(folder_);
    std::fclose(out_);
    std::fclose(err_);
  }
  void Put(const std::string& path, const std::string& content, mode_t mode = 0644) const {
    const fs::path place = folder_ / "root" / path;
    fs::create_directories(place.parent_path());
    std::ofstream(place, std::ios::binary) << content;
    ::chmod(place.c_str(), mode);
  }
  static std::string Content(std::FILE* file) {
    EXPECT_EQ(std::fseek(file, 0, SEEK_SET), 0);
    char content[65536] = {};
    return {content, std::fread(content, 1, sizeof content, file)};
  }
  Result<Ending> Run(OutputFormat format = OutputFormat::kJson) {
    Console console(out_, err_, format);
    return create_.Run(console);
  }
  std::shared_ptr<const policy::RuntimePolicy> Made() const {
    std::ifstream file(*create_.output, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    auto policy = policy::RuntimePolicy::Parse(text);
    EXPECT_TRUE(policy) << policy.error().message;
    return policy.value_or(nullptr);
  }
  fs::path folder_;
  PolicyCreateRuntime create_;
  std::FILE* out_ = std::tmpfile();
  std::FILE* err_ = std::tmpfile();
};

TEST_F(PolicyCreateTest, ListsTheFilesAsTheMachineKnowsThem) {
  Put("usr/bin/a", "program", 0755);
  Put("etc/b", "text");
  ASSERT_TRUE(Run());
  const auto policy = Made();
  EXPECT_EQ(policy->paths(), 2U);
  EXPECT_EQ(policy->DigestsOf("/usr/bin/a"), std::vector{Digest("program")});
  EXPECT_EQ(policy->DigestsOf("/etc/b"), std::vector{Digest("text")});
  const auto summary = json::Parse(Content(out_));
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->as_object()->Find("files")->as_uint64(), 2U);
  EXPECT_EQ(*summary->as_object()->Find("sha256")->as_string(), policy->hash().hex());
}

TEST_F(PolicyCreateTest, PseudoFileSystemsAndWhatIsSkippedAreLeftOut) {
  for (const char* path : {"proc/a", "sys/a", "dev/a", "run/a", "srv/big/a", "etc/a"})
    Put(path, "x");
  create_.skip = {"/srv/big"};
  ASSERT_TRUE(Run());
  EXPECT_EQ(Made()->paths(), 1U);
  EXPECT_EQ(Made()->DigestsOf("/etc/a").size(), 1U);
}

TEST_F(PolicyCreateTest, ExecutablesOnly) {
  Put("usr/bin/a", "program", 0755);
  Put("etc/b", "text");
  create_.executables = true;
  ASSERT_TRUE(Run());
  EXPECT_EQ(Made()->paths(), 1U);
}

TEST_F(PolicyCreateTest, SeveralHashes) {
  Put("a", "x");
  create_.hashes = {crypto::HashAlgorithm::kSha1, crypto::HashAlgorithm::kSha512};
  ASSERT_TRUE(Run());
  EXPECT_EQ(Made()->digests(), 2U);
}

TEST_F(PolicyCreateTest, TheDigestsOfTheBaseStayGood) {
  Put("usr/bin/a", "old", 0755);
  Put("usr/bin/gone", "gone", 0755);
  ASSERT_TRUE(Run());
  Put("usr/bin/a", "new", 0755);
  fs::remove(folder_ / "root/usr/bin/gone");
  create_.base = *create_.output;
  ASSERT_TRUE(Run());
  const auto policy = Made();
  const Bytes old = ToBytes(crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes("old")).bytes());
  const Bytes now = ToBytes(crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes("new")).bytes());
  EXPECT_EQ(policy->Look("/usr/bin/a", old), policy::PathAnswer::kListed);
  EXPECT_EQ(policy->Look("/usr/bin/a", now), policy::PathAnswer::kListed);
  EXPECT_EQ(policy->DigestsOf("/usr/bin/gone").size(), 1U);
}

TEST_F(PolicyCreateTest, SaysThatNothingWasFound) {
  ASSERT_TRUE(Run());
  EXPECT_EQ(Made()->paths(), 0U);
  EXPECT_NE(Content(err_).find("no file was found"), std::string::npos) << Content(err_);
}

TEST_F(PolicyCreateTest, NamesThatAreNotUtf8AreListed) {
  Put("usr/bin/\xff\x1b", "x", 0755);
  Put("usr/bin/a", "x", 0755);
  ASSERT_TRUE(Run());
  EXPECT_EQ(Made()->paths(), 2U);
  EXPECT_EQ(Made()->DigestsOf("/usr/bin/\xff\x1b"), std::vector{Digest("x")});
}

TEST_F(PolicyCreateTest, Attack_A10_ExpressionsThatExcludeEverythingAreRefused) {
  Put("a", "x");
  for (const char* expression : {".*", "/", ""}) {
    create_.excludes = {expression};
    EXPECT_FALSE(Run()) << expression;
    EXPECT_FALSE(fs::exists(*create_.output)) << expression;
  }
  create_.excludes = {"("};
  EXPECT_FALSE(Run());
  create_.excludes = {"/var/log/.*"};
  ASSERT_TRUE(Run());
  EXPECT_EQ(Made()->Excludes("/var/log/x"), policy::Exclusion::kExcluded);
}

// Excludes all of an ordinary system, but not the paths that this policy lists.
TEST_F(PolicyCreateTest, ExpressionsThatLeaveTheListedPathsAreTaken) {
  Put("opt/app/server", "program", 0755);
  create_.excludes = {"/(?!opt/app)"};
  ASSERT_TRUE(Run());
  EXPECT_FALSE(Made()->says_nothing());
  EXPECT_EQ(Made()->Excludes("/usr/bin/a"), policy::Exclusion::kExcluded);
  EXPECT_EQ(Made()->Excludes("/opt/app/server"), policy::Exclusion::kNo);
}

TEST_F(PolicyCreateTest, WithoutAFileThePolicyIsTheResult) {
  Put("a", "x");
  create_.output.reset();
  ASSERT_TRUE(Run());
  EXPECT_TRUE(policy::RuntimePolicy::Parse(Content(out_)));
  const auto on_a_terminal = Run(OutputFormat::kTable);
  ASSERT_FALSE(on_a_terminal);
  EXPECT_EQ(StatusOf(on_a_terminal.error()), 2);
}

TEST_F(PolicyCreateTest, FailsBeforeHashingOnWhatFailsInTheEnd) {
  create_.root = (folder_ / "absent").string();
  create_.excludes = {"("};
  const auto expression = Run();
  ASSERT_FALSE(expression);
  EXPECT_EQ(expression.error().id, "policy.exclude");
  create_.excludes.clear();
  create_.base = (folder_ / "absent.json").string();
  const auto base = Run();
  ASSERT_FALSE(base);
  EXPECT_EQ(base.error().id, "cli.input.absent");
  create_.base.reset();
  const auto root = Run();
  ASSERT_FALSE(root);
  EXPECT_EQ(root.error().id, "collect.root");
  EXPECT_EQ(StatusOf(root.error()), 4);
}

TEST(PolicyTimestamp, IsKeylimes) {
  EXPECT_EQ(PolicyTimestamp(*ParseRfc3339("2026-01-02T03:04:05.000006Z")),
            "2026-01-02 03:04:05.000006");
}

}  // namespace
}  // namespace limequat::cli
