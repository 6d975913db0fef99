#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "limequat/base/encoding.h"
#include "limequat/crypto/certificate_testing.h"

namespace limequat::crypto {
namespace {

using Certificates = std::vector<Certificate>;

constexpr const char* kExtendedKeyUsage = "2.5.29.37";
constexpr const char* kSubjectDirectoryAttributes = "2.5.29.9";

const Identity& Root() {
  static const Identity root = SelfSigned(CaRequestFor("Root"));
  return root;
}
const Identity& Middle() {
  static const Identity middle = IssuedBy(Root(), CaRequestFor("Middle"));
  return middle;
}
const Identity& Leaf() {
  static const Identity leaf = IssuedBy(Middle(), RequestFor("Leaf"));
  return leaf;
}

ChainOptions At(Time time, ChainPurpose purpose = ChainPurpose::kAny) {
  ChainOptions options;
  options.at = time;
  options.purpose = purpose;
  return options;
}
ChainOptions For(ChainPurpose purpose) { return At(kTestTime, purpose); }

Findings Verify(const Certificate& leaf, const Certificates& anchors,
                const Certificates& intermediates = {},
                const ChainOptions& options = At(kTestTime)) {
  Findings findings = VerifyChain(leaf, anchors, intermediates, options, "x");
  EXPECT_EQ(ERR_peek_error(), 0U) << "something is left in OpenSSL's error queue";
  EXPECT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings.at(0).check, "x.chain");
  EXPECT_EQ(findings.at(1).check, "x.validity");
  return findings;
}

void ExpectTrusted(const Findings& findings) {
  EXPECT_TRUE(AllPassed(findings)) << findings[0].detail << " / " << findings[1].detail;
}

// Expects that no path was found and that `why` is a part of the reason.
void ExpectNoPath(const Findings& findings, std::string_view why) {
  EXPECT_EQ(findings[0].outcome, Outcome::kFailed);
  EXPECT_NE(findings[0].detail.find(why), std::string::npos) << findings[0].detail;
  EXPECT_EQ(findings[1].outcome, Outcome::kNotEvaluated);
}

void ExpectOutOfTime(const Findings& findings, std::string_view who) {
  EXPECT_TRUE(findings[0].passed()) << findings[0].detail;
  EXPECT_EQ(findings[1].outcome, Outcome::kFailed);
  EXPECT_NE(findings[1].detail.find(who), std::string::npos) << findings[1].detail;
}

// --- Paths ---

TEST(VerifyChain, FollowsAPathToAnAnchor) {
  ExpectTrusted(Verify(Middle().certificate, {Root().certificate}));
  const Findings findings =
      Verify(Leaf().certificate, {Root().certificate}, {Middle().certificate});
  ExpectTrusted(findings);
  EXPECT_EQ(findings[0].detail, "\"CN=Leaf\" leads to the anchor \"CN=Root\" over 3 certificates");
}

TEST(VerifyChain, TrustsNobodyWithoutAnchors) {
  ExpectNoPath(Verify(Leaf().certificate, {}, {Middle().certificate, Root().certificate}),
               "no anchor is configured");
}

TEST(VerifyChain, DoesNotTrustARootThatIsNoAnchor) {
  const Identity other = SelfSigned(CaRequestFor("Other"));
  ExpectNoPath(
      Verify(Leaf().certificate, {other.certificate}, {Middle().certificate, Root().certificate}),
      "no trusted path from \"CN=Leaf\"");
}

TEST(VerifyChain, DoesNotTrustAnImpostorOfTheAnchor) {
  const Identity impostor = SelfSigned(CaRequestFor("Root"));
  const Identity middle = IssuedBy(impostor, CaRequestFor("Middle"));
  const Identity leaf = IssuedBy(middle, RequestFor("Leaf"));
  ExpectNoPath(
      Verify(leaf.certificate, {Root().certificate}, {middle.certificate, impostor.certificate}),
      "no trusted path");
  ExpectNoPath(Verify(impostor.certificate, {Root().certificate}), "no trusted path");
}

// Without the key identifier nothing but the signature tells the impostor.
TEST(VerifyChain, VerifiesEverySignature) {
  const PrivateKey stranger = PrivateKey::GenerateEc(Curve::kP256);
  const auto forge = [&](const Certificate& certificate) {
    return Changed(certificate, stranger,
                   [](X509* x509) { RemoveExtension(x509, NID_authority_key_identifier); });
  };
  ExpectNoPath(Verify(forge(Leaf().certificate), {Root().certificate}, {Middle().certificate}),
               "certificate signature failure");
  ExpectNoPath(Verify(Leaf().certificate, {Root().certificate}, {forge(Middle().certificate)}),
               "certificate signature failure");
}

TEST(VerifyChain, NeedsTheIntermediates) {
  ExpectNoPath(Verify(Leaf().certificate, {Root().certificate}),
               "unable to get local issuer certificate");
}

TEST(VerifyChain, IgnoresIntermediatesThatDoNotBelong) {
  const Identity other = SelfSigned(CaRequestFor("Other"));
  ExpectTrusted(
      Verify(Leaf().certificate, {other.certificate, Root().certificate},
             {other.certificate, Leaf().certificate, Middle().certificate, Middle().certificate}));
}

TEST(VerifyChain, EndsAtAnIntermediateOnlyIfAllowed) {
  ExpectTrusted(Verify(Leaf().certificate, {Middle().certificate}));
  ChainOptions whole = At(kTestTime);
  whole.partial_chain = false;
  ExpectNoPath(Verify(Leaf().certificate, {Middle().certificate}, {}, whole),
               "unable to get issuer certificate");
  ExpectNoPath(Verify(Leaf().certificate, {Middle().certificate}, {Root().certificate}, whole),
               "unable to get issuer certificate");
  ExpectTrusted(Verify(Leaf().certificate, {Middle().certificate, Root().certificate}, {}, whole));
}

TEST(VerifyChain, TrustsALeafThatIsAnAnchor) {
  ExpectTrusted(Verify(Leaf().certificate, {Leaf().certificate}));
  const Identity alone = SelfSigned(RequestFor("alone"));
  ExpectTrusted(Verify(alone.certificate, {alone.certificate}));
  ExpectNoPath(Verify(alone.certificate, {Root().certificate}), "self-signed certificate");
}

// --- Who may issue ---

TEST(VerifyChain, RefusesALeafThatIssues) {
  const Identity below = IssuedBy(Leaf(), RequestFor("below"));
  ExpectNoPath(
      Verify(below.certificate, {Root().certificate}, {Leaf().certificate, Middle().certificate}),
      "invalid CA certificate");
}

TEST(VerifyChain, RefusesAnAnchorThatMayNotIssue) {
  const Identity below = IssuedBy(Leaf(), RequestFor("below"));
  ExpectNoPath(Verify(below.certificate, {Leaf().certificate}), "invalid CA certificate");
}

// X509_check_ca calls both authorities.
TEST(VerifyChain, RefusesIntermediatesWithoutBasicConstraints) {
  const auto weaken = [](const std::function<void(X509*)>& change) {
    return Changed(Middle().certificate, Root().key, [&](X509* x509) {
      RemoveExtension(x509, NID_basic_constraints);
      change(x509);
    });
  };
  const Certificate only_usage = weaken([](X509*) {});
  ExpectNoPath(Verify(Leaf().certificate, {Root().certificate}, {only_usage}),
               "invalid CA certificate");
  const Certificate netscape = weaken([](X509* x509) {
    RemoveExtension(x509, NID_key_usage);
    AddRawExtension(x509, "2.16.840.1.113730.1.1", false, {0x03, 0x02, 0x00, 0x07});
  });
  ExpectNoPath(Verify(Leaf().certificate, {Root().certificate}, {netscape}),
               "invalid CA certificate");
}

Certificate Version1(const Identity& identity, const PrivateKey& signer) {
  return Changed(identity.certificate, signer, [](X509* x509) {
    while (X509_get_ext_count(x509) > 0) X509_EXTENSION_free(X509_delete_ext(x509, 0));
    X509_set_version(x509, X509_VERSION_1);
  });
}

TEST(VerifyChain, TakesVersion1OnlyAsAnAnchor) {
  ExpectTrusted(Verify(Middle().certificate, {Version1(Root(), Root().key)}));
  ExpectNoPath(Verify(Leaf().certificate, {Root().certificate}, {Version1(Middle(), Root().key)}),
               "invalid CA certificate");
}

TEST(VerifyChain, KeepsThePathLengthOfAnIssuer) {
  CertificateRequest request = CaRequestFor("Root");
  request.path_length = 0;
  const Identity root = SelfSigned(request);
  const Identity direct = IssuedBy(root, RequestFor("direct"));
  ExpectTrusted(Verify(direct.certificate, {root.certificate}));
  const Identity middle = IssuedBy(root, CaRequestFor("Middle"));
  const Identity leaf = IssuedBy(middle, RequestFor("leaf"));
  ExpectNoPath(Verify(leaf.certificate, {root.certificate}, {middle.certificate}),
               "path length constraint exceeded");
}

TEST(VerifyChain, EndsAfterTenCertificates) {
  const auto verify = [](int intermediates) {
    std::vector<Identity> path;
    path.push_back(SelfSigned(CaRequestFor("0")));
    Certificates between;
    for (int i = 1; i <= intermediates; ++i) {
      path.push_back(IssuedBy(path.back(), CaRequestFor(std::to_string(i))));
      between.push_back(path.back().certificate);
    }
    const Identity leaf = IssuedBy(path.back(), RequestFor("leaf"));
    return Verify(leaf.certificate, {path.front().certificate}, between);
  };
  ExpectTrusted(verify(8));
  ExpectNoPath(verify(9), "certificate chain too long");
}

TEST(VerifyChain, RefusesUnknownCriticalExtensions) {
  for (const ChainPurpose purpose : {ChainPurpose::kAny, ChainPurpose::kTlsClient,
                                     ChainPurpose::kTlsServer, ChainPurpose::kEndorsementKey}) {
    const Certificate odd = Changed(Leaf().certificate, Middle().key, [](X509* x509) {
      AddRawExtension(x509, "1.2.3.4", true, {0x05, 0x00});
    });
    ExpectNoPath(Verify(odd, {Middle().certificate}, {}, For(purpose)),
                 "unhandled critical extension");
  }
  const Certificate harmless = Changed(Leaf().certificate, Middle().key, [](X509* x509) {
    AddRawExtension(x509, "1.2.3.4", false, {0x05, 0x00});
  });
  ExpectTrusted(Verify(harmless, {Middle().certificate}));
}

// --- Validity ---

TEST(VerifyChain, JudgesTheFirstAndTheLastSecond) {
  const Certificate& leaf = Leaf().certificate;
  const Certificates anchors = {Root().certificate};
  const Certificates between = {Middle().certificate};
  const auto at = [&](Time time) { return Verify(leaf, anchors, between, At(time)); };
  ExpectTrusted(at(leaf.not_before()));
  ExpectOutOfTime(at(leaf.not_before() - std::chrono::microseconds(1)), "CN=Leaf");
  ExpectTrusted(at(leaf.not_after()));
  ExpectTrusted(at(leaf.not_after() + std::chrono::microseconds(999'999)));
  ExpectOutOfTime(at(leaf.not_after() + std::chrono::seconds(1)), "CN=Leaf");
}

TEST(VerifyChain, JudgesEveryCertificateOfThePath) {
  const auto shorten = [](CertificateRequest request) {
    request.not_after = kTestTime - std::chrono::days(1);
    return request;
  };
  const Identity root = SelfSigned(shorten(CaRequestFor("old root")));
  const Identity leaf = IssuedBy(root, RequestFor("leaf"));
  ExpectOutOfTime(Verify(leaf.certificate, {root.certificate}), "CN=old root");
  const Identity middle = IssuedBy(Root(), shorten(CaRequestFor("old middle")));
  const Identity below = IssuedBy(middle, RequestFor("below"));
  ExpectOutOfTime(Verify(below.certificate, {Root().certificate}, {middle.certificate}),
                  "CN=old middle");
}

TEST(VerifyChain, SaysSoIfTheTimeIsNotRequired) {
  ChainOptions options = At(kTestTime + std::chrono::days(100));
  options.require_valid_time = false;
  const Findings findings = Verify(Middle().certificate, {Root().certificate}, {}, options);
  ExpectTrusted(findings);
  EXPECT_EQ(findings[1].detail,
            "\"CN=Middle\" is valid from 2026-11-20T09:04:05Z to 2026-11-30T09:04:05Z, not at "
            "2027-03-05T09:04:05Z; the validity period is not required");
}

TEST(VerifyChain, PrefersAnIssuerThatIsValid) {
  CertificateRequest old = CaRequestFor("Middle");
  old.not_after = kTestTime - std::chrono::days(1);
  const Certificate expired =
      *Issue(old, Middle().key.public_key(), &Root().certificate, Root().key);
  ExpectTrusted(Verify(Leaf().certificate, {Root().certificate}, {expired, Middle().certificate}));
}

// By the time that is asked for, not by the clock.
TEST(VerifyChain, PrefersAnIssuerThatIsValidThen) {
  const Time then = *ParseRfc3339("2100-01-01T00:00:00Z");
  const auto until = [](CertificateRequest request, std::string_view not_after) {
    request.not_after = *ParseRfc3339(not_after);
    return request;
  };
  const Identity root = SelfSigned(until(CaRequestFor("Root"), "2200-01-01T00:00:00Z"));
  const Identity middle = IssuedBy(root, until(CaRequestFor("Middle"), "2200-01-01T00:00:00Z"));
  const Identity leaf = IssuedBy(middle, until(RequestFor("Leaf"), "2200-01-01T00:00:00Z"));
  const Certificate earlier = *Issue(until(CaRequestFor("Middle"), "2099-01-01T00:00:00Z"),
                                     middle.key.public_key(), &root.certificate, root.key);
  ExpectTrusted(
      Verify(leaf.certificate, {root.certificate}, {earlier, middle.certificate}, At(then)));
}

TEST(VerifyChain, JudgesTimesBeyond2038) {
  CertificateRequest request = CaRequestFor("Root");
  request.not_after = *ParseRfc3339("9999-12-31T23:59:59Z");
  const Identity root = SelfSigned(request);
  ExpectTrusted(
      Verify(root.certificate, {root.certificate}, {}, At(*ParseRfc3339("2040-01-01T00:00:00Z"))));
  ExpectTrusted(Verify(root.certificate, {root.certificate}, {}, At(request.not_after)));
}

// --- Purposes ---

Certificate WithUsage(bool client, bool server) {
  CertificateRequest request = RequestFor("tls");
  request.client_auth = client;
  request.server_auth = server;
  return IssuedBy(Root(), request).certificate;
}

TEST(VerifyChain, KeepsTlsUsages) {
  const Certificates anchors = {Root().certificate};
  const auto verify = [&](const Certificate& leaf, ChainPurpose purpose) {
    return Verify(leaf, anchors, {}, For(purpose));
  };
  const Certificate client = WithUsage(true, false);
  const Certificate server = WithUsage(false, true);
  const Certificate both = WithUsage(true, true);
  const Certificate none = WithUsage(false, false);
  ExpectTrusted(verify(client, ChainPurpose::kTlsClient));
  ExpectTrusted(verify(server, ChainPurpose::kTlsServer));
  ExpectNoPath(verify(client, ChainPurpose::kTlsServer), "unsuitable certificate purpose");
  ExpectNoPath(verify(server, ChainPurpose::kTlsClient), "unsuitable certificate purpose");
  for (const Certificate& leaf : {both, none}) {
    ExpectTrusted(verify(leaf, ChainPurpose::kTlsClient));
    ExpectTrusted(verify(leaf, ChainPurpose::kTlsServer));
  }
  ExpectTrusted(verify(server, ChainPurpose::kAny));
}

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

TEST(VerifyChain, Attack_A15_EscapesWhatItShows) {
  const Identity leaf = IssuedBy(Root(), RequestFor("\x1b[2J\n"));
  const Findings findings = Verify(leaf.certificate, {Middle().certificate});
  for (const char c : findings[0].detail) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
}

// --- Real certificates ---

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

// Its authority key identifier names the issuer by another serial number than the
// issuer has. It is of a TPM 1.2.
TEST(VerifyChain, Quirk_RefusesAnIssuerThatTheLeafDoesNotName) {
  if (!std::ifstream(kCorpus + std::string("leaf/ifx__rsa_906dd96e.der"))) {
    GTEST_SKIP() << "the corpus of real certificates is not at " << kCorpus;
  }
  ExpectNoPath(Verify(FromCorpus("leaf/ifx__rsa_906dd96e"),
                      {FromCorpus("ca/VeriSign_Trusted_Platform_Module_Root_CA_967bb3d4")},
                      {FromCorpus("ca/IFX_TPM_EK_Intermediate_CA_08_608dd48f"),
                       FromCorpus("ca/IFX_TPM_EK_Root_CA_7df2c375")},
                      WholeEndorsementChain()),
               "unable to get local issuer certificate");
}

}  // namespace
}  // namespace limequat::crypto
