#pragma once

// What the tests of VerifyChain share.

#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "limequat/crypto/certificate_testing.h"

namespace limequat::crypto {

using Certificates = std::vector<Certificate>;

inline constexpr const char* kExtendedKeyUsage = "2.5.29.37";
inline constexpr const char* kSubjectDirectoryAttributes = "2.5.29.9";

inline const Identity& Root() {
  static const Identity root = SelfSigned(CaRequestFor("Root"));
  return root;
}
inline const Identity& Middle() {
  static const Identity middle = IssuedBy(Root(), CaRequestFor("Middle"));
  return middle;
}
inline const Identity& Leaf() {
  static const Identity leaf = IssuedBy(Middle(), RequestFor("Leaf"));
  return leaf;
}

inline ChainOptions At(Time time, ChainPurpose purpose = ChainPurpose::kAny) {
  ChainOptions options;
  options.at = time;
  options.purpose = purpose;
  return options;
}
inline ChainOptions For(ChainPurpose purpose) { return At(kTestTime, purpose); }

inline Findings Verify(const Certificate& leaf, const Certificates& anchors,
                       const Certificates& intermediates = {},
                       const ChainOptions& options = At(kTestTime)) {
  Findings findings = VerifyChain(leaf, anchors, intermediates, options, "x");
  EXPECT_EQ(ERR_peek_error(), 0U) << "something is left in OpenSSL's error queue";
  EXPECT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings.at(0).check, "x.chain");
  EXPECT_EQ(findings.at(1).check, "x.validity");
  return findings;
}

inline void ExpectTrusted(const Findings& findings) {
  EXPECT_TRUE(AllPassed(findings)) << findings[0].detail << " / " << findings[1].detail;
}

// Expects that no path was found and that `why` is a part of the reason.
inline void ExpectNoPath(const Findings& findings, std::string_view why) {
  EXPECT_EQ(findings[0].outcome, Outcome::kFailed);
  EXPECT_NE(findings[0].detail.find(why), std::string::npos) << findings[0].detail;
  EXPECT_EQ(findings[1].outcome, Outcome::kNotEvaluated);
}

inline void ExpectOutOfTime(const Findings& findings, std::string_view who) {
  EXPECT_TRUE(findings[0].passed()) << findings[0].detail;
  EXPECT_EQ(findings[1].outcome, Outcome::kFailed);
  EXPECT_NE(findings[1].detail.find(who), std::string::npos) << findings[1].detail;
}

inline Certificate WithUsage(bool client, bool server) {
  CertificateRequest request = RequestFor("tls");
  request.client_auth = client;
  request.server_auth = server;
  return IssuedBy(Root(), request).certificate;
}

}  // namespace limequat::crypto
