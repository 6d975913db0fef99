#include "limequat/cli/init.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "limequat/cli/usage.h"

namespace limequat::cli {
namespace {

namespace fs = std::filesystem;

class InitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "limequat-init-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    init_.options.folder = folder_ / "site";
    init_.options.now = FromUnixSeconds(1'800'000'000);
    init_.options.registrar_hosts.clear();
    init_.options.verifier_hosts.clear();
  }
  void TearDown() override {
    fs::remove_all(folder_);
    std::fclose(out_);
    std::fclose(err_);
  }
  static std::string Content(std::FILE* file) {
    EXPECT_EQ(std::fseek(file, 0, SEEK_SET), 0);
    char content[8192] = {};
    return {content, std::fread(content, 1, sizeof content, file)};
  }
  Result<Ending> Run(OutputFormat format = OutputFormat::kTable) {
    Console console(out_, err_, format);
    return init_.Run(console);
  }
  fs::path folder_;
  Init init_;
  std::FILE* out_ = std::tmpfile();
  std::FILE* err_ = std::tmpfile();
};

// Certificates for this computer alone, on several hosts, would only fail later.
TEST_F(InitTest, HostsMustBeNamed) {
  for (int with = 0; with < 3; ++with) {
    init_.options.registrar_hosts.assign(with == 1 ? 1 : 0, "r.example");
    init_.options.verifier_hosts.assign(with == 2 ? 1 : 0, "v.example");
    const auto ending = Run();
    ASSERT_FALSE(ending);
    EXPECT_EQ(StatusOf(ending.error()), 2);
  }
  EXPECT_FALSE(fs::exists(init_.options.folder));
}

TEST_F(InitTest, SaysWhichBundleGoesWhere) {
  init_.options.registrar_hosts = {"r.example"};
  init_.options.verifier_hosts = {"v.example"};
  ASSERT_TRUE(Run());
  const std::string text = Content(out_);
  for (const char* part : {"copy to the registrar's host", "copy to the verifier's host",
                           "off every host", "limequat-verifier --config", "LIMEQUAT_CONFIG="}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(Content(err_), "");
}

TEST_F(InitTest, Attack_A16_AllInOneSaysLoudlyWhereTheKeysLie) {
  init_.options.all_in_one = true;
  ASSERT_TRUE(Run(OutputFormat::kJson));
  EXPECT_NE(Content(err_).find("WARNING: with --all-in-one the keys of the authorities lie on the "
                               "host of the services"),
            std::string::npos);
  const auto document = json::Parse(Content(out_));
  ASSERT_TRUE(document);
  EXPECT_EQ(*document->as_object()->Find("configuration")->as_string(),
            (init_.options.folder / "operator" / "limequat.toml").string());
}

TEST_F(InitTest, Attack_A17_LabSaysThatItIsOne) {
  init_.options.all_in_one = true;
  init_.options.lab = true;
  ASSERT_TRUE(Run());
  EXPECT_NE(Content(err_).find("mark of a lab"), std::string::npos);
}

TEST_F(InitTest, ASecondSiteInOneFolderIsRefused) {
  init_.options.all_in_one = true;
  ASSERT_TRUE(Run());
  const auto again = Run();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().id, "tenant.site_exists");
}

}  // namespace
}  // namespace limequat::cli
