#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "limequat/base/encoding.h"
#include "limequat/crypto/chain_testing.h"

namespace limequat::crypto {
namespace {

// --- Endorsement certificates ---

// A leaf of Middle as `change` makes it.
Certificate Endorsement(const std::function<void(X509*)>& change) {
  return Changed(Leaf().certificate, Middle().key, change);
}
// A sequence of one usage.
Bytes UsageDer(std::string_view oid_der) {
  Bytes oid = *HexDecode(oid_der);
  Bytes sequence = {0x30, static_cast<std::uint8_t>(oid.size())};
  Append(sequence, oid);
  return sequence;
}
const Bytes kEndorsementUsage = UsageDer(
    "0605678105"
    "0801");  // 2.23.133.8.1
const Bytes kAttestationUsage = UsageDer(
    "0605678105"
    "0803");  // 2.23.133.8.3

Findings VerifyEndorsement(const Certificate& leaf) {
  return Verify(leaf, {Root().certificate}, {Middle().certificate},
                For(ChainPurpose::kEndorsementKey));
}

TEST(VerifyChain, TakesTheUsageOfEndorsementKeysForThemOnly) {
  const Certificate leaf = Endorsement(
      [](X509* x509) { AddRawExtension(x509, kExtendedKeyUsage, true, kEndorsementUsage); });
  EXPECT_EQ(leaf.extended_key_usage(), std::vector<std::string>{"2.23.133.8.1"});
  ExpectTrusted(VerifyEndorsement(leaf));
  for (const ChainPurpose purpose : {ChainPurpose::kTlsClient, ChainPurpose::kTlsServer}) {
    ExpectNoPath(Verify(leaf, {Root().certificate}, {Middle().certificate}, For(purpose)),
                 "unsuitable certificate purpose");
  }
}

TEST(VerifyChain, TakesEndorsementCertificatesThatNameOtherUsagesToo) {
  const Certificate leaf = Endorsement([](X509* x509) {
    // clientAuth and tcg-kp-EKCertificate.
    AddRawExtension(x509, kExtendedKeyUsage, false,
                    *HexDecode("301106082b06010505070302"
                               "06056781050801"));
  });
  EXPECT_EQ(leaf.extended_key_usage().size(), 2U);
  ExpectTrusted(VerifyEndorsement(leaf));
}

TEST(VerifyChain, TakesEndorsementCertificatesWithoutUsage) {
  ExpectTrusted(VerifyEndorsement(Leaf().certificate));
}

TEST(VerifyChain, RefusesCertificatesForSomethingElseAsEndorsement) {
  for (const Bytes& usage : {kAttestationUsage, Bytes{0x30, 0x00}, Bytes{0x01}}) {
    const Certificate leaf =
        Endorsement([&](X509* x509) { AddRawExtension(x509, kExtendedKeyUsage, false, usage); });
    ExpectNoPath(VerifyEndorsement(leaf), "is not that of an endorsement key");
  }
  ExpectNoPath(
      Verify(WithUsage(true, true), {Root().certificate}, {}, For(ChainPurpose::kEndorsementKey)),
      "is not that of an endorsement key");
}

TEST(VerifyChain, TakesCriticalExtensionsOfTheTcgProfile) {
  const Certificate leaf = Endorsement([](X509* x509) {
    // A directory name with the TPM's manufacturer, as the profile has it.
    AddRawExtension(x509, "2.5.29.17", true,
                    *HexDecode("3021a41f301d311b301906056781050201"
                               "0c1069643a30303030303030303030"
                               "303030"));
    AddRawExtension(x509, kSubjectDirectoryAttributes, true, {0x30, 0x00});
  });
  ExpectTrusted(VerifyEndorsement(leaf));
  ExpectNoPath(Verify(leaf, {Root().certificate}, {Middle().certificate}),
               "unhandled critical extension");
}

TEST(VerifyChain, RefusesAnotherCriticalExtensionBesideThem) {
  const Certificate leaf = Endorsement([](X509* x509) {
    AddRawExtension(x509, kSubjectDirectoryAttributes, true, {0x30, 0x00});
    AddRawExtension(x509, "1.2.3.4", true, {0x05, 0x00});
  });
  ExpectNoPath(VerifyEndorsement(leaf), "unhandled critical extension");
}

TEST(VerifyChain, AllowsTheTcgProfileToTheLeafOnly) {
  const Certificate middle = Changed(Middle().certificate, Root().key, [](X509* x509) {
    AddRawExtension(x509, kSubjectDirectoryAttributes, true, {0x30, 0x00});
  });
  ExpectNoPath(Verify(Leaf().certificate, {Root().certificate}, {middle},
                      For(ChainPurpose::kEndorsementKey)),
               "unhandled critical extension");
}

TEST(VerifyChain, Quirk_TakesRsaesOaepKeysOfOldEndorsementCertificates) {
  const PrivateKey rsa = PrivateKey::GenerateRsa(2048);
  const Certificate leaf = Endorsement([&](X509* x509) {
    unsigned char* der = nullptr;
    const int size = i2d_PublicKey(NativeKey(rsa).get(), &der);
    X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x509), OBJ_nid2obj(NID_rsaesOaep), V_ASN1_NULL,
                           nullptr, der, size);
  });
  ExpectTrusted(VerifyEndorsement(leaf));
  ASSERT_TRUE(leaf.public_key());
  EXPECT_EQ(*leaf.public_key(), rsa.public_key());
  // The signature covers the algorithm as it was written.
  const PrivateKey stranger = PrivateKey::GenerateEc(Curve::kP256);
  const Certificate forged = Changed(leaf, stranger, [](X509*) {});
  ExpectNoPath(VerifyEndorsement(forged), "certificate signature failure");
  EXPECT_EQ(*Certificate::FromDer(leaf.ToDer()), leaf);
  EXPECT_NE(leaf.ToDer(), forged.ToDer());
}

// --- Strength ---

TEST(VerifyChain, AllowsSha1ToEndorsementCertificatesOnly) {
  const Certificate leaf = Changed(Leaf().certificate, Middle().key, [](X509*) {}, EVP_sha1());
  ExpectTrusted(VerifyEndorsement(leaf));
  for (const ChainPurpose purpose :
       {ChainPurpose::kAny, ChainPurpose::kTlsClient, ChainPurpose::kTlsServer}) {
    ExpectNoPath(Verify(leaf, {Root().certificate}, {Middle().certificate}, For(purpose)),
                 "CA signature digest algorithm too weak");
  }
}

Identity RsaRoot(int bits) {
  PrivateKey key = PrivateKey::GenerateRsa(bits);
  Certificate root = *Issue(CaRequestFor("RSA root"), key.public_key(), nullptr, key);
  return {std::move(key), std::move(root)};
}

TEST(VerifyChain, RefusesMd5Everywhere) {
  const Identity root = RsaRoot(2048);
  const Identity leaf = IssuedBy(root, RequestFor("leaf"));
  const Certificate weak = Changed(leaf.certificate, root.key, [](X509*) {}, EVP_md5());
  ExpectNoPath(Verify(weak, {root.certificate}), "CA signature digest algorithm too weak");
  ExpectNoPath(Verify(weak, {root.certificate}, {}, For(ChainPurpose::kEndorsementKey)),
               "the signature on \"CN=leaf\" is too weak");
  ExpectTrusted(Verify(leaf.certificate, {root.certificate}));
}

TEST(VerifyChain, AllowsRsa1024ToEndorsementCertificatesOnly) {
  const Identity root = RsaRoot(1024);
  const Identity leaf = IssuedBy(root, RequestFor("leaf"));
  ExpectTrusted(
      Verify(leaf.certificate, {root.certificate}, {}, For(ChainPurpose::kEndorsementKey)));
  ExpectNoPath(Verify(leaf.certificate, {root.certificate}), "CA certificate key too weak");
}

TEST(VerifyChain, RefusesRsaBelow1024Everywhere) {
  const PkeyPtr weak(EVP_RSA_gen(768));
  const Certificate root = Changed(Root().certificate, weak.get(),
                                   [&](X509* x509) { X509_set_pubkey(x509, weak.get()); });
  const Certificate leaf = Changed(Middle().certificate, weak.get(), [](X509*) {});
  ExpectNoPath(Verify(leaf, {root}, {}, For(ChainPurpose::kEndorsementKey)),
               "the signature on \"CN=Middle\" is too weak");
  ExpectNoPath(Verify(leaf, {root}), "CA certificate key too weak");
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

Certificate Data(const std::string& name) {
  return *Certificate::FromPem(ReadFile(LQ_SOURCE_DIR "/data/ekcert/" + name));
}

TEST(VerifyChain, TakesTheEndorsementCertificatesOfSwtpm) {
  const Certificate root = Data("swtpm_root.pem");
  const Certificate issuer = Data("swtpm_issuer.pem");
  const ChainOptions options = For(ChainPurpose::kEndorsementKey);
  for (const char* name : {"swtpm_ekcert_rsa.pem", "swtpm_ekcert_ecc384.pem"}) {
    const Certificate leaf = Data(name);
    ExpectTrusted(Verify(leaf, {root}, {issuer}, options));
    ExpectTrusted(Verify(leaf, {issuer}, {}, options));
    ExpectNoPath(Verify(leaf, {root}, {}, options), "unable to get local issuer certificate");
    EXPECT_TRUE(leaf.public_key());
    EXPECT_EQ(FormatRfc3339(leaf.not_after()), "9999-12-31T23:59:59Z");
  }
  ExpectNoPath(Verify(Data("swtpm_platformcert.pem"), {root}, {issuer}, options),
               "is not that of an endorsement key");
}

struct Vendor {
  const char* leaf;
  std::vector<const char*> chain;  // issuers up to the self-signed root
};

const std::vector<Vendor>& Vendors() {
  static const std::vector<Vendor> vendors = {
      {"amd__ecc_6d4d5bbf", {"PRG_RN_b662f842", "AMDTPM_c2cb57bf"}},
      {"google__rsa_d2ec0b0a",
       {"_tpm_ek_v1_cloud_host_signer_0_2021_10_1_7132b6ea",
        "_tpm_ek_v1_cloud_host_root_signer_0_2018_9bd5285f"}},
      {"ifx__rsa_e54a9d6e",
       {"Infineon_OPTIGA_TM_RSA_Manufacturing_CA__26203ada",
        "Infineon_OPTIGA_TM_RSA_Root_CA_899e3547"}},
      {"ifx__rsa_eaac8026",
       {"Infineon_OPTIGA_TM_RSA_Manufacturing_CA__5bd8f015",
        "Infineon_OPTIGA_TM_RSA_Root_CA_899e3547"}},
      {"ifx__rsa_f67a10b7",
       {"Infineon_OPTIGA_TM_RSA_Manufacturing_CA__cfc15fe7",
        "Infineon_OPTIGA_TM_RSA_Root_CA_899e3547"}},
      {"nuvoton__rsa_8e0c90e2", {"Nuvoton_TPM_Root_CA_1110__2782e51a"}},
      {"stm__rsa_07d685f9",
       {"STM_TPM_EK_Intermediate_CA_02_dc62a3b9", "STM_TPM_EK_Root_CA_f8e37a86",
        "GlobalSign_Trusted_Platform_Module_Root__f27bf02c"}},
      {"stm__rsa_7947e0c8",
       {"STM_TPM_EK_Intermediate_CA_05_870fc181", "STM_TPM_EK_Root_CA_f8e37a86",
        "GlobalSign_Trusted_Platform_Module_Root__f27bf02c"}},
      {"stm__rsa_f5a9c475",
       {"STM_TPM_EK_Intermediate_CA_06_9343d2d7", "STM_TPM_EK_Root_CA_f8e37a86",
        "GlobalSign_Trusted_Platform_Module_Root__f27bf02c"}},
  };
  return vendors;
}

constexpr const char* kCorpus = LQ_SOURCE_DIR "/../shared/corpus/ekcert/";

Certificate FromCorpus(const std::string& name) {
  return *Certificate::FromDer(AsBytes(ReadFile(kCorpus + name + ".der")));
}

ChainOptions WholeEndorsementChain() {
  ChainOptions options = For(ChainPurpose::kEndorsementKey);
  options.require_valid_time = false;
  options.partial_chain = false;
  return options;
}

TEST(VerifyChain, TakesTheEndorsementCertificatesOfVendors) {
  if (!std::ifstream(kCorpus + std::string("leaf/amd__ecc_6d4d5bbf.der"))) {
    GTEST_SKIP() << "the corpus of real certificates is not at " << kCorpus;
  }
  for (const Vendor& vendor : Vendors()) {
    SCOPED_TRACE(vendor.leaf);
    const Certificate leaf = FromCorpus("leaf/" + std::string(vendor.leaf));
    Certificates issuers;
    for (const char* name : vendor.chain) {
      issuers.push_back(FromCorpus("ca/" + std::string(name)));
    }
    const Certificates anchor = {issuers.back()};
    issuers.pop_back();
    ExpectTrusted(Verify(leaf, anchor, issuers, WholeEndorsementChain()));
    EXPECT_TRUE(leaf.public_key());
  }
}

// Its authority key identifier names another issuer and serial number than its issuer
// has; the signature is that of its issuer all the same.
TEST(VerifyChain, Quirk_TakesAnIssuerThatTheLeafNamesWrongly) {
  if (!std::ifstream(kCorpus + std::string("leaf/ifx__rsa_906dd96e.der"))) {
    GTEST_SKIP() << "the corpus of real certificates is not at " << kCorpus;
  }
  const Certificates anchor = {FromCorpus("ca/VeriSign_Trusted_Platform_Module_Root_CA_967bb3d4")};
  const Certificates issuers = {FromCorpus("ca/IFX_TPM_EK_Intermediate_CA_08_608dd48f"),
                                FromCorpus("ca/IFX_TPM_EK_Root_CA_7df2c375")};
  ExpectTrusted(
      Verify(FromCorpus("leaf/ifx__rsa_906dd96e"), anchor, issuers, WholeEndorsementChain()));
  ChainOptions other = WholeEndorsementChain();
  other.purpose = ChainPurpose::kAny;
  ExpectNoPath(Verify(FromCorpus("leaf/ifx__rsa_906dd96e"), anchor, issuers, other),
               "unable to get local issuer certificate");
}

TEST(VerifyChain, Quirk_ChoosesAmongEndorsementAuthoritiesOfOneName) {
  const Identity namesake = SelfSigned(CaRequestFor("Root"));
  const Certificate leaf =
      Changed(IssuedBy(Root(), RequestFor("EK")).certificate, Root().key,
              [](X509* x509) { RemoveExtension(x509, NID_authority_key_identifier); });
  const ChainOptions options = For(ChainPurpose::kEndorsementKey);
  ExpectTrusted(Verify(leaf, {namesake.certificate, Root().certificate}, {}, options));
  ExpectTrusted(Verify(leaf, {Root().certificate, namesake.certificate}, {}, options));
  ExpectNoPath(Verify(leaf, {namesake.certificate}, {}, options), "certificate signature failure");
}

}  // namespace
}  // namespace limequat::crypto
