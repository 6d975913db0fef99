#include "limequat/tpm/ek_certificate_profile.h"

#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

// Each encoding of the attributes has its certificate in data/ekcert/made, which the tests
// of the command go through (tests/cli/test_ekcert.py).

namespace limequat::tpm {
namespace {

crypto::Certificate Made(const std::string& name) {
  std::ifstream file(std::string(LQ_SOURCE_DIR) + "/data/ekcert/made/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return *crypto::Certificate::FromVendorDer(Bytes(std::istreambuf_iterator<char>(file), {}));
}

TEST(TpmVendorName, OfTheRegistry) {
  EXPECT_EQ(TpmVendorName("id:53544D20"), "STMicroelectronics");
  EXPECT_EQ(TpmVendorName("id:FFFFFFFF"), "");
  EXPECT_EQ(TpmVendorName("53544D20"), "");
}

TEST(ReadEkProfile, TheWholeProfile) {
  const EkProfile profile = ReadEkProfile(Made("profile_ecc.der"));
  ASSERT_TRUE(profile.tpm && profile.specification && profile.assertions);
  EXPECT_EQ(profile.tpm->manufacturer, "id:49465800");
  EXPECT_EQ(profile.specification->revision, 159U);
  EXPECT_EQ(profile.assertions->ek_certificate_generation_location, "ekCertSigner");
  EXPECT_TRUE(profile.notes.empty());
}

TEST(ReadEkProfile, HostileBytesAreNotes) {
  for (const Bytes& bytes :
       {Bytes{}, Bytes{0x30}, Bytes{0x04, 0x00}, Bytes{0x30, 0x02, 0x31, 0x05}}) {
    EkProfile profile;
    ReadName(bytes, profile);
    ReadAlternativeName(bytes, profile);
    ReadDirectoryAttributes(bytes, profile);
    EXPECT_FALSE(profile.tpm || profile.specification || profile.assertions);
    EXPECT_EQ(profile.notes.size(), 2U);
  }
}

TEST(CheckEkProfile, PassesOnWhatTheProfileWants) {
  EXPECT_TRUE(CheckEkProfile(Made("profile_ecc.der")).passed());
  EXPECT_TRUE(CheckEkProfile(Made("profile_rsa.der")).passed());
  EXPECT_TRUE(CheckEkProfile(Made("key_usage_signing.der")).passed());
  EXPECT_TRUE(CheckEkProfile(Made("no_identity.der")).passed());
}

TEST(CheckEkProfile, Attack_A12_FailsOnCertificatesForSomethingElse) {
  for (const char* name :
       {"no_usage.der", "usage_of_attestation.der", "authority.der", "basic_authority.der",
        "key_usage_of_authority.der", "key_usage_data.der", "key_short.der", "key_other_curve.der",
        "key_unknown.der", "version_1.der"}) {
    const Finding finding = CheckEkProfile(Made(name));
    EXPECT_EQ(finding.check, "tpm.ekcert.profile");
    EXPECT_EQ(finding.outcome, Outcome::kFailed) << name;
  }
}

}  // namespace
}  // namespace limequat::tpm
