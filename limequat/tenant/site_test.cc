#include "limequat/tenant/site.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "limequat/config/agent.h"
#include "limequat/config/command.h"
#include "limequat/config/registrar.h"
#include "limequat/config/verifier.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"

namespace limequat::tenant {
namespace {

namespace fs = std::filesystem;

const Time kNow = FromUnixSeconds(1'800'000'000);

class SiteTest : public ::testing::Test {
 protected:
  SiteTest() {
    std::string pattern = ::testing::TempDir() + "limequat-site-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    options_.folder = folder_ / "site";
    options_.now = kNow;
  }
  ~SiteTest() override { fs::remove_all(folder_); }

  static std::string Read(const fs::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static crypto::Certificate CertificateAt(const fs::path& path) {
    return *crypto::Certificate::FromPem(Read(path));
  }

  fs::path folder_;
  SiteOptions options_;
};

TEST_F(SiteTest, EveryConfigurationCanBeLoaded) {
  const auto site = CreateSite(options_);
  ASSERT_TRUE(site) << site.error().message;
  EXPECT_TRUE(config::LoadRegistrarConfig(site->registrar / "limequat-registrar.toml"));
  EXPECT_TRUE(config::LoadVerifierConfig(site->verifier / "limequat-verifier.toml"));
  EXPECT_TRUE(config::LoadAgentConfig(site->agent / "limequat-agent.toml"));
  EXPECT_TRUE(config::LoadCommandConfig(site->operator_bundle / "limequat.toml"));
}

TEST_F(SiteTest, NothingIsOpenToOthers) {
  ASSERT_TRUE(CreateSite(options_));
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(options_.folder)) {
    struct stat status = {};
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, entry.is_directory() ? 0700U : 0600U) << entry.path();
    ++files;
  }
  EXPECT_GT(files, 15);
}

TEST_F(SiteTest, Attack_A16_ThreeAuthoritiesAndNoneOfTheirKeysInABundle) {
  const auto site = CreateSite(options_);
  ASSERT_TRUE(site);
  std::vector<std::string> keys;
  for (const char* name : {"servers", "agents", "operators"})
    keys.push_back(Read(site->authorities / (std::string(name) + "-ca.key")));
  EXPECT_NE(keys[0], keys[1]);
  EXPECT_NE(keys[1], keys[2]);
  EXPECT_NE(keys[0], keys[2]);
  for (const fs::path& bundle :
       {site->registrar, site->verifier, site->operator_bundle, site->agent}) {
    for (const auto& entry : fs::recursive_directory_iterator(bundle)) {
      if (!entry.is_regular_file()) continue;
      for (const std::string& key : keys)
        EXPECT_EQ(Read(entry.path()).find(key), std::string::npos) << entry.path();
    }
  }
}

TEST_F(SiteTest, Attack_A16_CertificatesAreForOnePurpose) {
  const auto site = CreateSite(options_);
  ASSERT_TRUE(site);
  const auto chains = [&](const fs::path& leaf, const std::string& authority,
                          crypto::ChainPurpose purpose) {
    return AllPassed(crypto::VerifyChain(
        CertificateAt(leaf), {CertificateAt(site->authorities / (authority + "-ca.pem"))}, {},
        {.purpose = purpose, .at = kNow}, "test"));
  };
  const auto person = site->operator_bundle / "operator.pem";
  EXPECT_TRUE(chains(person, "operators", crypto::ChainPurpose::kTlsClient));
  EXPECT_FALSE(chains(person, "operators", crypto::ChainPurpose::kTlsServer));
  EXPECT_FALSE(chains(person, "servers", crypto::ChainPurpose::kTlsClient));
  const auto registrar = site->registrar / "server.pem";
  EXPECT_TRUE(chains(registrar, "servers", crypto::ChainPurpose::kTlsServer));
  EXPECT_FALSE(chains(registrar, "servers", crypto::ChainPurpose::kTlsClient))
      << "only the verifier asks agents";
  EXPECT_TRUE(chains(site->verifier / "server.pem", "servers", crypto::ChainPurpose::kTlsClient));
}

TEST_F(SiteTest, Attack_A17_OnlyALabIsMarked) {
  options_.lab = true;
  const auto lab = CreateSite(options_);
  ASSERT_TRUE(lab);
  EXPECT_TRUE(
      CertificateAt(lab->authorities / "operators-ca.pem").extension(crypto::kLabExtensionOid));
  EXPECT_TRUE(config::LoadVerifierConfig(lab->verifier / "limequat-verifier.toml")->lab);
  options_.lab = false;
  options_.folder = folder_ / "real";
  const auto real = CreateSite(options_);
  ASSERT_TRUE(real);
  EXPECT_FALSE(
      CertificateAt(real->authorities / "operators-ca.pem").extension(crypto::kLabExtensionOid));
  EXPECT_FALSE(config::LoadVerifierConfig(real->verifier / "limequat-verifier.toml")->lab);
}

TEST_F(SiteTest, NothingIsOverwritten) {
  const auto site = CreateSite(options_);
  ASSERT_TRUE(site);
  const std::string key = Read(site->authorities / "servers-ca.key");
  const auto again = CreateSite(options_);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().id, "tenant.site_exists");
  EXPECT_EQ(Read(site->authorities / "servers-ca.key"), key);
}

// Also what is left of a site whose authorities were moved away.
TEST_F(SiteTest, NoBundleIsOverwritten) {
  for (const char* name : {"registrar", "verifier", "operator", "agent"}) {
    options_.folder = folder_ / std::string(name).append("-left");
    fs::create_directories(options_.folder / name);
    const auto site = CreateSite(options_);
    ASSERT_FALSE(site) << name;
    EXPECT_EQ(site.error().id, "tenant.site_exists") << name;
    EXPECT_FALSE(fs::exists(options_.folder / "authorities")) << name;
  }
}

TEST_F(SiteTest, DanglingLinksAreNotFollowed) {
  fs::create_directories(options_.folder);
  fs::create_directory_symlink(folder_ / "elsewhere", options_.folder / "authorities");
  EXPECT_FALSE(CreateSite(options_));
  EXPECT_FALSE(fs::exists(folder_ / "elsewhere"));
}

// `limequat init .` in a shared folder must not lock everybody else out of it.
TEST_F(SiteTest, AFolderThatExistsKeepsItsMode) {
  fs::create_directories(options_.folder);
  fs::permissions(options_.folder, fs::perms(0755));
  ASSERT_TRUE(CreateSite(options_));
  EXPECT_EQ(fs::status(options_.folder).permissions(), fs::perms(0755));
  EXPECT_EQ(fs::status(options_.folder / "authorities").permissions(), fs::perms(0700));
}

TEST_F(SiteTest, FolderThatCannotBeMadeIsNamed) {
  options_.folder = "/proc/none";
  const auto site = CreateSite(options_);
  ASSERT_FALSE(site);
  EXPECT_EQ(site.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(site.error().message.find("/proc/none"), std::string::npos);
}

}  // namespace
}  // namespace limequat::tenant
