#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "limequat/base/check.h"
#include "limequat/crypto/certificate_internal.h"
#include "limequat/crypto/der.h"
#include "limequat/crypto/revocation_internal.h"

namespace limequat::crypto {

namespace {

// Certificates between leaf and anchor: with both, a path has at most ten.
constexpr int kMaxIntermediates = 8;
// OpenSSL's level 2: 112 bits, so no SHA-1 and no RSA below 2048 bits.
constexpr int kSecurityLevel = 2;
// What endorsement chains in the field need: RSA-1024 counts 80 bits.
constexpr int kMinKeyBits = 80;
// Paths that are tried for one leaf: where the first certificate of a name leads nowhere, another
// may lead to an anchor. Bounds what a peer's certificates cost.
constexpr std::size_t kMaxPaths = 8;

constexpr std::string_view kEndorsementKeyUsage = "2.23.133.8.1";  // tcg-kp-EKCertificate
constexpr std::string_view kAnyExtendedKeyUsage = "2.5.29.37.0";
constexpr std::string_view kExtendedKeyUsage = "2.5.29.37";
constexpr const char* kAnyPolicy = "2.5.29.32.0";
constexpr std::string_view kSubjectDirectoryAttributes = "2.5.29.9";

using StorePtr = std::unique_ptr<X509_STORE, Releases<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Releases<X509_STORE_CTX_free>>;

void FreeStack(STACK_OF(X509) * stack) { sk_X509_free(stack); }
using StackPtr = std::unique_ptr<STACK_OF(X509), Releases<FreeStack>>;

// Whether the extension holds attributes, as RFC 5280, 4.2.1.8 has them.
bool HoldsAttributes(X509_EXTENSION* extension) {
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(extension);
  DerReader outer(
      ByteView(ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))));
  const auto list = outer.NextIf(kDerSequence);
  if (!list || !outer.empty() || list->content.empty()) return false;
  DerReader attributes(list->content);
  while (!attributes.empty()) {
    if (!attributes.NextIf(kDerSequence)) return false;
  }
  return true;
}

// Whether every critical extension that OpenSSL does not process is one that the
// TCG's profile of endorsement certificates defines and that restricts nothing.
bool UnknownCriticalAreTcg(X509* x509) {
  for (int i = 0; i < X509_get_ext_count(x509); ++i) {
    X509_EXTENSION* extension = X509_get_ext(x509, i);
    if (X509_EXTENSION_get_critical(extension) == 0) continue;
    if (X509_supported_extension(extension) == 1) continue;
    if (OidText(X509_EXTENSION_get_object(extension)) != kSubjectDirectoryAttributes ||
        !HoldsAttributes(extension)) {
      return false;
    }
  }
  return true;
}

// What is verified, with what, and what is known of it by the time another path is tried.
struct Question {
  const Certificate& leaf;
  const std::vector<Certificate>& anchors;
  const std::vector<Certificate>& intermediates;
  const ChainOptions& options;
  std::string_view check;
  // All of them, by what OpenSSL shows of them.
  std::map<const X509*, const Certificate*> certificates = {};
  // Who signed whom, as far as it was looked at: a peer chooses how often OpenSSL asks, and how
  // much a look costs.
  std::map<std::pair<const X509*, const X509*>, bool> signed_by = {};
};

// What JudgeProblem needs to know of one path.
struct Verification {
  Question& asked;
  bool a_namesake_did_not_sign = false;  // see IsIssuedBySignature
};

// Whether `issuer` signed `x509` over the bytes as they came, which OpenSSL may not hold.
bool IsSigned(X509* x509, X509* issuer, Question& asked) {
  const auto [known, is_new] = asked.signed_by.try_emplace({x509, issuer}, false);
  if (is_new) {
    const auto certificate = asked.certificates.find(x509);
    LQ_CHECK(certificate != asked.certificates.end());
    known->second =
        CheckSignedPart(*certificate->second, X509_get0_pubkey(issuer)) == SignatureCheck::kValid;
  }
  return known->second;
}

// What OpenSSL has found wrong it has verified over its own form of the certificate.
bool IsSignedAsItCame(X509_STORE_CTX* context, Question& asked) {
  STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context);
  const int depth = X509_STORE_CTX_get_error_depth(context);
  X509* x509 = sk_X509_value(path, depth);
  X509* issuer = sk_X509_value(path, depth + 1);
  return x509 != nullptr && issuer != nullptr && IsSigned(x509, issuer, asked);
}

// Whether `issuer` issued `x509`, in endorsement chains: by the name and the signature.
// OpenSSL goes by name and key identifier, takes the first that fits and never another;
// but vendors have several authorities of one name and no identifiers (VMware), and
// Infineon's certificates of the SLB9635 name in authorityKeyIdentifier another issuer
// and serial number than theirs. The identifier is a hint for building paths (RFC 5280,
// 4.2.1.1), and a signature that verifies needs none: whoever has the issuer's name and
// key is the issuer.
int IsIssuedBySignature(X509_STORE_CTX* context, X509* x509, X509* issuer) {
  const int problem = X509_check_issued(issuer, x509);
  if (problem != X509_V_OK && problem != X509_V_ERR_AKID_SKID_MISMATCH &&
      problem != X509_V_ERR_AKID_ISSUER_SERIAL_MISMATCH) {
    return 0;
  }
  auto& verification = *static_cast<Verification*>(X509_STORE_CTX_get_app_data(context));
  if (IsSigned(x509, issuer, verification.asked)) return 1;
  if (x509 != issuer) verification.a_namesake_did_not_sign = true;
  return 0;
}

// Called by OpenSSL for every problem; 1 goes on.
int JudgeProblem(int good, X509_STORE_CTX* context) {
  if (good == 1) return 1;
  Question& asked = static_cast<Verification*>(X509_STORE_CTX_get_app_data(context))->asked;
  const ChainOptions* options = &asked.options;
  switch (X509_STORE_CTX_get_error(context)) {
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return IsSignedAsItCame(context, asked) ? 1 : 0;
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
      // OpenSSL compares strict forms only; the finding on validity reads the others too.
      return options->purpose == ChainPurpose::kEndorsementKey ? 1 : 0;
    // Judged on the finished path, in a finding of its own.
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return 1;
    case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
      return options->purpose == ChainPurpose::kEndorsementKey &&
                     X509_STORE_CTX_get_error_depth(context) == 0 &&
                     UnknownCriticalAreTcg(X509_STORE_CTX_get_current_cert(context))
                 ? 1
                 : 0;
    default:
      return 0;
  }
}

StoreContextPtr NewContext(X509_STORE* store, X509* leaf, STACK_OF(X509) * intermediates,
                           Verification& verification) {
  const ChainOptions& options = verification.asked.options;
  StoreContextPtr context(X509_STORE_CTX_new());
  LQ_CHECK(context != nullptr);
  LQ_CHECK(X509_STORE_CTX_init(context.get(), store, leaf, intermediates) == 1);
  X509_STORE_CTX_set_app_data(context.get(), &verification);
  X509_STORE_CTX_set_verify_cb(context.get(), JudgeProblem);
  X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, ToUnixSeconds(options.at));
  X509_VERIFY_PARAM_set_depth(parameters, kMaxIntermediates);
  // Constraints of policies hold (RFC 5280, 6.1), whatever policy it is.
  LQ_CHECK(X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_POLICY_CHECK) == 1);
  LQ_CHECK(X509_VERIFY_PARAM_add0_policy(parameters, OBJ_txt2obj(kAnyPolicy, 1)) == 1);
  if (options.partial_chain) {
    LQ_CHECK(X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN) == 1);
  }
  if (options.purpose == ChainPurpose::kEndorsementKey) {
    X509_VERIFY_PARAM_set_auth_level(parameters, 0);
  } else {
    X509_VERIFY_PARAM_set_auth_level(parameters, kSecurityLevel);
  }
  if (options.purpose == ChainPurpose::kTlsClient) {
    LQ_CHECK(X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT) == 1);
  } else if (options.purpose == ChainPurpose::kTlsServer) {
    LQ_CHECK(X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER) == 1);
  }
  return context;
}

// The first signature of the path that is too weak even for an endorsement
// certificate, said in words; empty if there is none.
std::string WeakSignature(STACK_OF(X509) * path) {
  // The anchor is trusted as it stands; its own signature says nothing.
  for (int i = 0; i + 1 < sk_X509_num(path); ++i) {
    X509* x509 = sk_X509_value(path, i);
    int digest = NID_undef;
    int key = NID_undef;
    const bool known = X509_get_signature_info(x509, &digest, &key, nullptr, nullptr) == 1;
    const EVP_PKEY* issuer_key = X509_get0_pubkey(sk_X509_value(path, i + 1));
    if (!known || !IsDigestForSignatures(key, digest) ||
        EVP_PKEY_get_security_bits(issuer_key) < kMinKeyBits) {
      return fmt::format("the signature on \"{}\" is too weak", SubjectText(x509));
    }
  }
  return {};
}

// An endorsement certificate without extended key usage is old; one with another
// usage is a certificate for something else by the same vendor.
bool IsForAnotherUse(const Certificate& leaf) {
  const std::vector<std::string> usage = leaf.extended_key_usage();
  return leaf.extension(kExtendedKeyUsage) &&
         std::ranges::find(usage, kEndorsementKeyUsage) == usage.end();
}

// The authority of the path, between leaf and anchor, that may issue for other uses only (RFC 5280,
// 4.2.1.12), said in words; empty if there is none.
std::string AuthorityForAnotherUse(STACK_OF(X509) * path) {
  for (int i = 1; i + 1 < sk_X509_num(path); ++i) {
    X509* x509 = sk_X509_value(path, i);
    if (X509_get_ext_by_NID(x509, NID_ext_key_usage, -1) < 0) continue;
    const bool fits = std::ranges::any_of(UsagesOf(x509), [](const std::string& oid) {
      return oid == kEndorsementKeyUsage || oid == kAnyExtendedKeyUsage;
    });
    if (!fits) {
      return fmt::format("\"{}\" may not issue certificates of endorsement keys",
                         SubjectText(x509));
    }
  }
  return {};
}

Finding JudgeValidity(STACK_OF(X509) * path, const ChainOptions& options, std::string_view check) {
  // notAfter names the last second that is covered.
  const Time now = std::chrono::floor<std::chrono::seconds>(options.at);
  for (int i = 0; i < sk_X509_num(path); ++i) {
    const X509* x509 = sk_X509_value(path, i);
    const std::optional<Time> not_before = TimeOf(X509_get0_notBefore(x509));
    const std::optional<Time> not_after = TimeOf(X509_get0_notAfter(x509));
    if (not_before && not_after && *not_before <= now && now <= *not_after) continue;
    LQ_CHECK(not_before && not_after);
    const std::string detail = fmt::format("\"{}\" is valid from {} to {}, not at {}",
                                           SubjectText(x509), FormatRfc3339(*not_before),
                                           FormatRfc3339(*not_after), FormatRfc3339(options.at));
    if (options.require_valid_time) return Failed(check, detail, Cause::kConfiguration);
    return Passed(check, detail + "; the validity period is not required");
  }
  return Passed(check, fmt::format("{} certificates are valid at {}", sk_X509_num(path),
                                   FormatRfc3339(options.at)));
}

// Failures that another set of anchors or intermediates would have prevented.
Cause CauseOf(int error) {
  switch (error) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return Cause::kConfiguration;
    default:
      return Cause::kTamper;
  }
}

// What is said when there is no path.
struct Absence {
  std::string_view check;
  const ChainOptions& options;
};

Findings NoPath(const Absence& absence, std::string detail, Cause cause) {
  constexpr std::string_view kNoPath = "there is no trusted path";
  Findings findings{
      Failed(fmt::format("{}.chain", absence.check), std::move(detail), cause),
      NotEvaluated(fmt::format("{}.validity", absence.check), std::string(kNoPath), cause)};
  if (absence.options.revocation) {
    findings.push_back(
        NotEvaluated(fmt::format("{}.revocation", absence.check), std::string(kNoPath), cause));
  }
  return findings;
}

using Excluded = std::set<const X509*>;

// One path that OpenSSL found, or did not find to its end.
struct Attempt {
  Findings findings;
  std::vector<const X509*> above;  // the certificates of it above the leaf

  bool leads_to_an_anchor_in_time() const {
    return findings.at(0).passed() && findings.at(1).passed();
  }
};

Findings JudgePath(X509_STORE_CTX* context, const Verification& verification) {
  const Question& asked = verification.asked;
  const Absence absence{.check = asked.check, .options = asked.options};
  STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context);
  const int error = X509_STORE_CTX_get_error(context);
  if (error != X509_V_OK) {
    // OpenSSL has not seen the issuer that is there by name.
    const bool unseen =
        verification.a_namesake_did_not_sign && CauseOf(error) == Cause::kConfiguration;
    const int said = unseen ? X509_V_ERR_CERT_SIGNATURE_FAILURE : error;
    return NoPath(absence,
                  fmt::format("no trusted path from \"{}\": {} (certificate {} of the path)",
                              asked.leaf.subject(), X509_verify_cert_error_string(said),
                              X509_STORE_CTX_get_error_depth(context)),
                  CauseOf(said));
  }
  if (asked.options.purpose == ChainPurpose::kEndorsementKey) {
    // OpenSSL's levels begin above what these chains need, and level 0 allows MD5.
    std::string wrong = WeakSignature(path);
    if (wrong.empty()) wrong = AuthorityForAnotherUse(path);
    if (!wrong.empty()) return NoPath(absence, std::move(wrong), Cause::kTamper);
  }
  Findings findings{
      Passed(fmt::format("{}.chain", asked.check),
             fmt::format(
                 "\"{}\" leads to the anchor \"{}\" over {} certificates", asked.leaf.subject(),
                 SubjectText(sk_X509_value(path, sk_X509_num(path) - 1)), sk_X509_num(path))),
      JudgeValidity(path, asked.options, fmt::format("{}.validity", asked.check))};
  if (asked.options.revocation) {
    findings.push_back(JudgeRevocation(path, asked.anchors, *asked.options.revocation,
                                       asked.options.at,
                                       fmt::format("{}.revocation", asked.check)));
  }
  return findings;
}

Attempt Try(Question& asked, const Excluded& excluded) {
  const auto counts = [&](const Certificate& certificate) {
    return !excluded.contains(certificate.impl().x509.get());
  };
  const StorePtr store(X509_STORE_new());
  const StackPtr untrusted(sk_X509_new_null());
  LQ_CHECK(store != nullptr && untrusted != nullptr);
  if (asked.options.purpose == ChainPurpose::kEndorsementKey) {
    X509_STORE_set_check_issued(store.get(), IsIssuedBySignature);
  }
  for (const Certificate& anchor : asked.anchors) {
    if (counts(anchor)) LQ_CHECK(X509_STORE_add_cert(store.get(), anchor.impl().x509.get()) == 1);
  }
  for (const Certificate& certificate : asked.intermediates) {
    if (!counts(certificate)) continue;
    LQ_CHECK(X509_add_cert(untrusted.get(), certificate.impl().x509.get(), X509_ADD_FLAG_DEFAULT) ==
             1);
  }
  Verification verification{.asked = asked};
  const StoreContextPtr context =
      NewContext(store.get(), asked.leaf.impl().x509.get(), untrusted.get(), verification);
  if (X509_verify_cert(context.get()) == 1) X509_STORE_CTX_set_error(context.get(), X509_V_OK);
  Attempt attempt{.findings = JudgePath(context.get(), verification), .above = {}};
  STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(context.get());
  for (int i = 1; i < sk_X509_num(path); ++i) attempt.above.push_back(sk_X509_value(path, i));
  return attempt;
}

}  // namespace

// OpenSSL follows one path: the first issuer that fits. Where that leads nowhere it is left out,
// and the next is tried.
Findings VerifyChain(const Certificate& leaf, const std::vector<Certificate>& anchors,
                     const std::vector<Certificate>& intermediates, const ChainOptions& options,
                     std::string_view check) {
  const ErrorQueueScope scope;
  const Absence absence{.check = check, .options = options};
  if (anchors.empty()) return NoPath(absence, "no anchor is configured", Cause::kConfiguration);
  if (options.purpose == ChainPurpose::kEndorsementKey && IsForAnotherUse(leaf)) {
    return NoPath(absence,
                  fmt::format("the extended key usage of \"{}\" is not that of an endorsement key",
                              leaf.subject()),
                  Cause::kTamper);
  }
  Question asked{.leaf = leaf,
                 .anchors = anchors,
                 .intermediates = intermediates,
                 .options = options,
                 .check = check};
  asked.certificates.emplace(leaf.impl().x509.get(), &leaf);
  for (const auto* certificates : {&anchors, &intermediates}) {
    for (const Certificate& certificate : *certificates)
      asked.certificates.emplace(certificate.impl().x509.get(), &certificate);
  }
  std::set<Excluded> seen;
  std::deque<Excluded> to_try{{}};
  std::optional<Findings> first;
  for (std::size_t tries = 0; tries < kMaxPaths && !to_try.empty(); ++tries) {
    const Excluded excluded = std::move(to_try.front());
    to_try.pop_front();
    Attempt attempt = Try(asked, excluded);
    if (attempt.leads_to_an_anchor_in_time()) return std::move(attempt.findings);
    if (!first) first = std::move(attempt.findings);
    for (const X509* above : attempt.above) {
      Excluded next = excluded;
      next.insert(above);
      if (seen.insert(next).second) to_try.push_back(std::move(next));
    }
  }
  return *std::move(first);
}

}  // namespace limequat::crypto
