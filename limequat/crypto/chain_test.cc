#include <string>
#include <vector>

#include "limequat/base/encoding.h"
#include "limequat/crypto/chain_testing.h"

namespace limequat::crypto {
namespace {

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

TEST(VerifyChain, Attack_A15_EscapesWhatItShows) {
  const Identity leaf = IssuedBy(Root(), RequestFor("\x1b[2J\n"));
  const Findings findings = Verify(leaf.certificate, {Middle().certificate});
  for (const char c : findings[0].detail) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
}

// --- Real certificates ---

}  // namespace
}  // namespace limequat::crypto
