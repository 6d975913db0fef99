#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <openssl/rsa.h>

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

// One attribute, of whatever type: SEQUENCE { SEQUENCE { OID, SET {} } }.
const Bytes kAttributes = *HexDecode("3009300706035504093100");

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
    AddRawExtension(x509, kSubjectDirectoryAttributes, true, kAttributes);
  });
  ExpectTrusted(VerifyEndorsement(leaf));
  ExpectNoPath(Verify(leaf, {Root().certificate}, {Middle().certificate}),
               "unhandled critical extension");
}

TEST(VerifyChain, RefusesAnotherCriticalExtensionBesideThem) {
  for (const Bytes& value : {Bytes{0x05, 0x00}, kAttributes}) {
    const Certificate leaf = Endorsement([&](X509* x509) {
      AddRawExtension(x509, kSubjectDirectoryAttributes, true, kAttributes);
      AddRawExtension(x509, "1.2.3.4", true, value);
    });
    ExpectNoPath(VerifyEndorsement(leaf), "unhandled critical extension");
  }
}

TEST(VerifyChain, RefusesCriticalExtensionsThatCannotBeRead) {
  // Nothing, no sequence, an empty one, one of numbers, bytes behind it.
  for (const char* damaged : {"", "ffff", "3000", "3003020100", "30093007060355040931000500"}) {
    const Certificate leaf = Endorsement([&](X509* x509) {
      AddRawExtension(x509, kSubjectDirectoryAttributes, true, *HexDecode(damaged));
    });
    ExpectNoPath(VerifyEndorsement(leaf), "unhandled critical extension");
  }
  const Certificate leaf =
      Endorsement([](X509* x509) { AddRawExtension(x509, "2.5.29.32", true, *HexDecode("ffff")); });
  ExpectNoPath(VerifyEndorsement(leaf), "invalid or inconsistent certificate policy extension");
}

// RFC 5280, 4.2.1.12: an authority for something else issues nothing for endorsement keys.
TEST(VerifyChain, KeepsTheUsageOfAnAuthority) {
  const auto verify = [](const Bytes& usage) {
    const Certificate middle = Changed(Middle().certificate, Root().key, [&](X509* x509) {
      AddRawExtension(x509, kExtendedKeyUsage, true, usage);
    });
    return Verify(Leaf().certificate, {Root().certificate}, {middle},
                  For(ChainPurpose::kEndorsementKey));
  };
  ExpectTrusted(verify(kEndorsementUsage));
  ExpectTrusted(verify(*HexDecode("30060604551d2500")));  // anyExtendedKeyUsage
  ExpectTrusted(
      verify(*HexDecode("300e06056781050801"
                        "06056781050803")));  // both
  ExpectTrusted(
      verify(*HexDecode("300e06056781050803"
                        "06056781050801")));
  for (const Bytes& other : {kAttestationUsage, Bytes{0x30, 0x00}}) {
    ExpectNoPath(verify(other), "may not issue certificates of endorsement keys");
  }
  ExpectNoPath(verify(Bytes{0x01}), "unable to get local issuer certificate");  // damaged
  // An anchor is trusted as it stands.
  const Certificate anchor = Changed(Root().certificate, Root().key, [](X509* x509) {
    AddRawExtension(x509, kExtendedKeyUsage, true, kAttestationUsage);
  });
  ExpectTrusted(Verify(Leaf().certificate, {anchor}, {Middle().certificate},
                       For(ChainPurpose::kEndorsementKey)));
}

TEST(VerifyChain, KeepsTheConstraintsOfPolicies) {
  // requireExplicitPolicy 0; the leaf has 1.2.3.4, or none.
  const Certificate middle = Changed(Middle().certificate, Root().key, [](X509* x509) {
    AddRawExtension(x509, "2.5.29.36", true, *HexDecode("3003800100"));
    AddRawExtension(x509, "2.5.29.32", false,
                    *HexDecode("300730050603"
                               "2a0304"));
  });
  const auto verify = [&](const Certificate& leaf) {
    return Verify(leaf, {Root().certificate}, {middle}, For(ChainPurpose::kEndorsementKey));
  };
  ExpectTrusted(verify(Endorsement([](X509* x509) {
    AddRawExtension(x509, "2.5.29.32", false, *HexDecode("3007300506032a0304"));
  })));
  ExpectNoPath(verify(Leaf().certificate), "no explicit policy");
  ExpectNoPath(verify(Endorsement([](X509* x509) {
                 AddRawExtension(x509, "2.5.29.32", false, *HexDecode("3007300506032a0305"));
               })),
               "no explicit policy");
}

TEST(VerifyChain, AllowsTheTcgProfileToTheLeafOnly) {
  const Certificate middle = Changed(Middle().certificate, Root().key, [](X509* x509) {
    AddRawExtension(x509, kSubjectDirectoryAttributes, true, kAttributes);
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

// --- Several paths ---

// Another certificate of Middle's name and key.
Certificate MiddleOf(const Identity& issuer,
                     const CertificateRequest& request = CaRequestFor("Middle")) {
  return *Issue(request, Middle().key.public_key(), &issuer.certificate, issuer.key);
}

Findings VerifyWith(const Certificates& anchors, const Certificates& intermediates,
                    ChainPurpose purpose = ChainPurpose::kEndorsementKey) {
  ChainOptions options = For(purpose);
  options.partial_chain = true;
  return Verify(Leaf().certificate, anchors, intermediates, options);
}

TEST(VerifyChain, TriesAnotherIssuerWhereTheFirstLeadsNowhere) {
  const Identity stranger = SelfSigned(CaRequestFor("Stranger"));
  const Certificate cross = MiddleOf(stranger);
  const Certificate no_authority = MiddleOf(Root(), RequestFor("Middle"));
  const Certificate forged = Changed(Middle().certificate, stranger.key, [](X509*) {});
  for (const ChainPurpose purpose : {ChainPurpose::kAny, ChainPurpose::kEndorsementKey}) {
    for (const Certificate& first : {cross, no_authority, forged}) {
      ExpectTrusted(VerifyWith({Root().certificate}, {first, Middle().certificate}, purpose));
      ExpectTrusted(VerifyWith({Root().certificate}, {Middle().certificate, first}, purpose));
      EXPECT_FALSE(VerifyWith({Root().certificate}, {first}, purpose)[0].passed());
    }
  }
}

// A root that another root signed, too, and that is not trusted by itself.
TEST(VerifyChain, FollowsTheCrossCertificateOfARoot) {
  const Identity global = SelfSigned(CaRequestFor("Global"));
  const Certificate cross =
      *Issue(CaRequestFor("Root"), Root().key.public_key(), &global.certificate, global.key);
  ExpectTrusted(
      VerifyWith({global.certificate}, {Middle().certificate, Root().certificate, cross}));
}

TEST(VerifyChain, PrefersARenewedIntermediateToTheTrustedOneThatExpired) {
  CertificateRequest old = CaRequestFor("Middle");
  old.not_before = kTestTime - std::chrono::days(5);
  old.not_after = kTestTime - std::chrono::days(1);
  ExpectTrusted(VerifyWith({MiddleOf(Root(), old), Root().certificate}, {Middle().certificate}));
  ExpectOutOfTime(VerifyWith({MiddleOf(Root(), old), Root().certificate}, {}), "Middle");
}

TEST(VerifyChain, TriesSoManyPathsAndNoMore) {
  constexpr std::size_t kMost = 8;
  Certificates candidates;
  for (std::size_t i = 0; i < kMost; ++i) {
    candidates.push_back(MiddleOf(SelfSigned(CaRequestFor("Stranger"))));
  }
  candidates.push_back(Middle().certificate);
  EXPECT_FALSE(VerifyWith({Root().certificate}, candidates)[0].passed());
  candidates.erase(candidates.begin());
  ExpectTrusted(VerifyWith({Root().certificate}, candidates));
}

// --- Revocation ---

using CrlPtr = std::unique_ptr<X509_CRL, Releases<X509_CRL_free>>;

Bytes CrlDer(X509_CRL* crl) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_CRL(crl, &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

// A list by which `issuer` revokes one certificate; not signed yet.
CrlPtr UnsignedCrl(const Identity& issuer, const Certificate& revoked) {
  CrlPtr crl(X509_CRL_new());
  X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2);
  const auto x509_of = [](const Certificate& certificate) {
    const Bytes der = certificate.ToDer();
    const unsigned char* at = der.data();
    return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  };
  X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(x509_of(issuer.certificate).get()));
  ASN1_TIME* time = ASN1_TIME_set(nullptr, ToUnixSeconds(kTestTime) - 60);
  X509_CRL_set1_lastUpdate(crl.get(), time);
  X509_REVOKED* entry = X509_REVOKED_new();
  X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(x509_of(revoked).get()));
  X509_REVOKED_set_revocationDate(entry, time);
  X509_CRL_add0_revoked(crl.get(), entry);
  ASN1_TIME_set(time, ToUnixSeconds(kTestTime) + 60);
  X509_CRL_set1_nextUpdate(crl.get(), time);
  ASN1_TIME_free(time);
  return crl;
}

Bytes Crl(const Identity& issuer, const Certificate& revoked) {
  const CrlPtr crl = UnsignedCrl(issuer, revoked);
  X509_CRL_sign(crl.get(), NativeKey(issuer.key).get(), EVP_sha256());
  return CrlDer(crl.get());
}

Outcome RevocationOf(const Certificates& anchors, const Certificates& intermediates,
                     const std::vector<Bytes>& lists) {
  ChainOptions options = For(ChainPurpose::kEndorsementKey);
  options.partial_chain = true;
  options.revocation.emplace();
  for (const Bytes& list : lists) options.revocation->push_back(*RevocationList::FromDer(list));
  const Findings findings = VerifyChain(Leaf().certificate, anchors, intermediates, options, "x");
  EXPECT_EQ(findings.size(), 3U);
  return findings.back().outcome;
}

TEST(VerifyChain, ARevokedIntermediateIsNotTrustedBecauseItIsAnAnchorToo) {
  const Identity stranger = SelfSigned(CaRequestFor("Stranger"));
  const Bytes of_middle = Crl(Middle(), Root().certificate);  // about another serial number
  const Bytes of_root = Crl(Root(), Middle().certificate);
  const Certificates both{Root().certificate, Middle().certificate};
  EXPECT_EQ(RevocationOf(both, {}, {of_middle, of_root}), Outcome::kFailed);
  EXPECT_EQ(RevocationOf(both, {}, {of_root}), Outcome::kFailed);
  EXPECT_EQ(RevocationOf(both, {}, {of_middle}), Outcome::kPassed) << "no list is asked for";
  EXPECT_EQ(RevocationOf({Middle().certificate}, {}, {of_middle, of_root}), Outcome::kPassed)
      << "whose issuer nobody trusts";
  EXPECT_EQ(RevocationOf(both, {}, {of_middle, Crl(stranger, Middle().certificate)}),
            Outcome::kPassed);
}

TEST(RevocationList, NamesOneAlgorithm) {
  Bytes der = Crl(Root(), Middle().certificate);
  EXPECT_TRUE(RevocationList::FromDer(der));
  // ecdsa-with-SHA256, the second time, behind what is signed.
  const Bytes oid = *HexDecode("06082a8648ce3d040302");
  const auto last = std::ranges::find_end(der, oid);
  ASSERT_FALSE(last.empty());
  last.back() = 3;
  const auto list = RevocationList::FromDer(der);
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().id, "crypto.crl.algorithm");
}

TEST(VerifyChain, ListsWithMd5SayNothing) {
  PrivateKey key = PrivateKey::GenerateRsa(2048);
  Certificate certificate = *Issue(CaRequestFor("Root"), key.public_key(), nullptr, key);
  const Identity root{std::move(key), std::move(certificate)};
  const Identity leaf = IssuedBy(root, RequestFor("Leaf"));
  const auto judged = [&](const EVP_MD* digest, bool pss) {
    const CrlPtr crl = UnsignedCrl(root, leaf.certificate);
    SCOPED_TRACE(std::string(EVP_MD_get0_name(digest)) + (pss ? " PSS" : ""));
    const PkeyPtr native = NativeKey(root.key);
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* options = nullptr;
    EXPECT_EQ(EVP_DigestSignInit(context, &options, digest, nullptr, native.get()), 1);
    if (pss) EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING);
    EXPECT_GT(X509_CRL_sign_ctx(crl.get(), context), 0);
    EVP_MD_CTX_free(context);
    ChainOptions asked = For(ChainPurpose::kEndorsementKey);
    asked.revocation.emplace();
    asked.revocation->push_back(*RevocationList::FromDer(CrlDer(crl.get())));
    return VerifyChain(leaf.certificate, {root.certificate}, {}, asked, "x").back().outcome;
  };
  for (const bool pss : {false, true}) {
    EXPECT_EQ(judged(EVP_sha256(), pss), Outcome::kFailed);
    EXPECT_EQ(judged(EVP_sha1(), pss), Outcome::kFailed);
  }
  // (OpenSSL signs with no such PSS.)
  EXPECT_EQ(judged(EVP_md5(), false), Outcome::kNotEvaluated);
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

// Without a digest that could be weak.
TEST(VerifyChain, TakesEdwardsCurvesForEndorsementCertificates) {
  for (const int type : {EVP_PKEY_ED25519, EVP_PKEY_ED448}) {
    EVP_PKEY* made = nullptr;
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_id(type, nullptr);
    EVP_PKEY_keygen_init(context);
    EVP_PKEY_keygen(context, &made);
    EVP_PKEY_CTX_free(context);
    const PkeyPtr key(made);
    const Certificate root = Changed(
        Root().certificate, key.get(), [&](X509* x509) { X509_set_pubkey(x509, key.get()); },
        nullptr);
    const Certificate leaf = Changed(
        Leaf().certificate, key.get(),
        [](X509* x509) {
          X509_NAME* name = X509_NAME_new();
          X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>("Root"), -1, -1, 0);
          X509_set_issuer_name(x509, name);
          X509_NAME_free(name);
          RemoveExtension(x509, NID_authority_key_identifier);
        },
        nullptr);
    ExpectTrusted(Verify(leaf, {root}, {}, For(ChainPurpose::kEndorsementKey)));
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
