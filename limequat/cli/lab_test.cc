#include "limequat/cli/lab.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace limequat::cli {
namespace {

namespace fs = std::filesystem;

class LabTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("LIMEQUAT_LAB");
    std::string name = (fs::temp_directory_path() / "limequat-lab-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override {
    ::unsetenv("LIMEQUAT_LAB");
    fs::remove_all(folder_);
  }
  fs::path Touch(const fs::path& path) const {
    fs::create_directories((folder_ / path).parent_path());
    std::ofstream(folder_ / path) << "#!/bin/sh\n";
    return folder_ / path;
  }
  fs::path folder_;
};

TEST_F(LabTest, IsFoundBesideTheSourceTree) {
  const fs::path driver = Touch("tools/lab/limequat-lab");
  EXPECT_EQ(FindLabDriver(folder_ / "build" / "dev" / "apps" / "limequat"), driver);
}

TEST_F(LabTest, IsFoundWhereItIsInstalled) {
  const fs::path driver = Touch("usr/share/limequat/lab/limequat-lab");
  EXPECT_EQ(FindLabDriver(folder_ / "usr" / "bin" / "limequat"), driver);
}

// A program elsewhere, say in /tmp/x/y/z, must not run what anybody may put into /tmp.
TEST_F(LabTest, NoOtherPlaceIsTried) {
  Touch("tools/lab/limequat-lab");
  EXPECT_EQ(FindLabDriver(folder_ / "x" / "y" / "apps" / "limequat"), std::nullopt);
  EXPECT_EQ(FindLabDriver(folder_ / "build" / "dev" / "bin" / "limequat"), std::nullopt);
  EXPECT_EQ(FindLabDriver(folder_ / "bin" / "limequat"), std::nullopt);
}

TEST_F(LabTest, TheEnvironmentNamesItAndNothingElseIsTried) {
  const fs::path driver = Touch("elsewhere/driver");
  Touch("tools/lab/limequat-lab");
  const fs::path program = folder_ / "build" / "dev" / "apps" / "limequat";
  ::setenv("LIMEQUAT_LAB", driver.c_str(), 1);
  EXPECT_EQ(FindLabDriver(program), driver);
  ::setenv("LIMEQUAT_LAB", (folder_ / "absent").c_str(), 1);
  EXPECT_EQ(FindLabDriver(program), std::nullopt);
}

TEST_F(LabTest, AnAbsentDriverIsUnavailable) {
  ::setenv("LIMEQUAT_LAB", (folder_ / "absent").c_str(), 1);
  const Error error = BecomeLab({"status"});
  EXPECT_EQ(error.id, "cli.lab");
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace limequat::cli
