#include "limequat/config/certificates.h"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/config/files.h"
#include "limequat/crypto/key.h"

namespace limequat::config {
namespace {

class CertificatesTest : public ::testing::Test {
 protected:
  CertificatesTest() {
    std::string pattern = ::testing::TempDir() + "limequat-certificates-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~CertificatesTest() override { std::filesystem::remove_all(folder_); }

  static std::string Pem(const std::string& name, bool lab) {
    const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256);
    crypto::CertificateRequest request;
    request.common_name = name;
    request.ca = true;
    request.lab = lab;
    request.not_before = FromUnixSeconds(1'000'000'000);
    request.not_after = FromUnixSeconds(2'000'000'000);
    return crypto::Issue(request, key.public_key(), nullptr, key).value().ToPem();
  }

  std::filesystem::path Write(const std::string& name, const std::string& text) {
    EXPECT_TRUE(WriteFileAtomically(folder_ / name, text, 0644));
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

TEST_F(CertificatesTest, ReadsEveryCertificateOfEveryFileInOrder) {
  const auto read =
      LoadCertificates({Write("1", Pem("a", false) + Pem("b", false)), Write("2", Pem("c", true))});
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ(read->at(0).common_name(), "a");
  EXPECT_EQ(read->at(1).common_name(), "b");
  EXPECT_EQ(read->at(2).common_name(), "c");
}

TEST_F(CertificatesTest, VendorCertificatesOfAFileOrAFolder) {
  const std::string pem = Pem("a", false);
  const auto file = Write("a", pem);
  const Bytes der = crypto::Certificate::FromPem(pem)->ToDer();
  Write("b.der", std::string(AsText(der)));
  Write("c.txt", "no certificate");
  std::filesystem::create_directory(folder_ / "below");
  Write("below/d", Pem("d", false));
  EXPECT_EQ(LoadVendorCertificates(file)->certificates.size(), 1U);
  const auto loaded = LoadVendorCertificates(folder_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->certificates.size(), 2U) << "subfolders are left alone";
  ASSERT_EQ(loaded->unreadable.size(), 1U);
  EXPECT_THAT(loaded->unreadable[0].message, ::testing::HasSubstr("c.txt"));
  EXPECT_FALSE(LoadVendorCertificates(folder_ / "c.txt"));
  EXPECT_FALSE(LoadVendorCertificates(folder_ / "none"));
  EXPECT_EQ(FilesOf(folder_, 2)->size(), 2U);
}

TEST_F(CertificatesTest, ErrorsNameTheFile) {
  const auto good = Write("good", Pem("a", false));
  for (const auto& bad : {Write("empty", ""), Write("text", "no certificate"), folder_ / "none"}) {
    const auto read = LoadCertificates({good, bad});
    ASSERT_FALSE(read) << bad;
    EXPECT_THAT(read.error().message, ::testing::HasSubstr(bad.string()));
  }
}

TEST_F(CertificatesTest, Attack_A17_ALabsAuthorityIsRefusedOutsideALab) {
  const auto real = Write("real", Pem("real", false));
  const auto lab = Write("lab", Pem("real", false) + Pem("a lab", true));
  EXPECT_TRUE(LoadTrusted({real}, false));
  EXPECT_TRUE(LoadTrusted({real, lab}, true));
  const auto refused = LoadTrusted({real, lab}, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUntrusted);
  EXPECT_EQ(refused.error().id, "config.lab");
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("a lab"));
}

}  // namespace
}  // namespace limequat::config
