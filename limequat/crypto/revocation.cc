#include "limequat/crypto/revocation.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/certificate_internal.h"
#include "limequat/crypto/der.h"
#include "limequat/crypto/revocation_internal.h"

namespace limequat::crypto {

namespace {

using CrlPtr = std::unique_ptr<X509_CRL, Releases<X509_CRL_free>>;
using PssParametersPtr = std::unique_ptr<RSA_PSS_PARAMS, Releases<RSA_PSS_PARAMS_free>>;
using IssuingPointPtr = std::unique_ptr<ISSUING_DIST_POINT, Releases<ISSUING_DIST_POINT_free>>;

// The largest lists of TPM vendors have some tens of thousands of entries.
constexpr std::size_t kMaxDerBytes = 64U << 20U;

}  // namespace

struct RevocationList::Impl {
  CrlPtr crl;
  Time this_update{};
  std::optional<Time> next_update;
  IssuingPointPtr scope;  // null: everything its issuer issued
};

namespace {

// Entries may only name a reason, a date and a hold instruction: any other critical
// extension may say that the entry is not about this issuer's certificates.
Status CheckEntries(X509_CRL* crl) {
  STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(crl);
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    const X509_REVOKED* entry = sk_X509_REVOKED_value(entries, i);
    if (X509_REVOKED_get_ext_by_NID(entry, NID_certificate_issuer, -1) >= 0) {
      return Unsupported("crypto.crl.indirect", "a list about certificates of other issuers");
    }
    if (X509_REVOKED_get_ext_by_critical(entry, 1, -1) >= 0) {
      return Unsupported("crypto.crl.entry", "an entry with a critical extension");
    }
  }
  return {};
}

// Of critical extensions of the list only its scope is understood.
Status CheckExtensions(X509_CRL* crl) {
  if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0) {
    return Unsupported("crypto.crl.delta", "a list of changes to another list");
  }
  for (int i = 0; i < X509_CRL_get_ext_count(crl); ++i) {
    X509_EXTENSION* extension = X509_CRL_get_ext(crl, i);
    const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
    if (X509_EXTENSION_get_critical(extension) == 0 || nid == NID_issuing_distribution_point) {
      continue;
    }
    return Unsupported(
        "crypto.crl.extension",
        fmt::format("a critical extension {}", OidText(X509_EXTENSION_get_object(extension))));
  }
  return {};
}

Result<IssuingPointPtr> ScopeOf(X509_CRL* crl) {
  // -1: absent; -2: given twice.
  int state = 0;
  IssuingPointPtr scope(static_cast<ISSUING_DIST_POINT*>(
      X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &state, nullptr)));
  if (scope == nullptr && state != -1) {
    return Malformed("crypto.crl.scope", "a scope (issuingDistributionPoint) that cannot be read");
  }
  if (scope == nullptr) return scope;
  if (scope->indirectCRL > 0) {
    return Unsupported("crypto.crl.indirect", "a list about certificates of other issuers");
  }
  if (scope->onlysomereasons != nullptr || scope->onlyattr > 0) {
    return Unsupported("crypto.crl.scope", "a list about some reasons, or attributes, only");
  }
  return scope;
}

// RFC 5280, 5.1.1.2: the algorithm that no signature covers is the one that it does cover. OpenSSL
// compares the two of certificates only.
bool NamesOneAlgorithm(ByteView der) {
  DerReader outer(der);
  const auto list = outer.NextIf(kDerSequence);
  if (!list) return false;
  DerReader parts(list->content);
  const auto body = parts.NextIf(kDerSequence);
  const auto outside = parts.NextIf(kDerSequence);
  if (!body || !outside) return false;
  DerReader fields(body->content);
  fields.NextIf(kDerInteger);  // the version
  const auto inside = fields.NextIf(kDerSequence);
  return inside && std::ranges::equal(inside->whole, outside->whole);
}

Result<RevocationList::Impl> Read(ByteView der) {
  const unsigned char* at = der.data();
  RevocationList::Impl impl;
  impl.crl.reset(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
  if (impl.crl == nullptr) return Malformed("crypto.crl.der", "no revocation list in DER");
  if (at != der.data() + der.size()) {
    return Malformed("crypto.crl.trailing", "bytes follow the revocation list");
  }
  if (!NamesOneAlgorithm(der)) {
    return Malformed("crypto.crl.algorithm",
                     "the algorithm of the signature is another one than the signed one");
  }
  const std::optional<Time> this_update = TimeOf(X509_CRL_get0_lastUpdate(impl.crl.get()));
  const ASN1_TIME* next = X509_CRL_get0_nextUpdate(impl.crl.get());
  if (next != nullptr) impl.next_update = TimeOf(next);
  if (!this_update || (next != nullptr && !impl.next_update)) {
    return Malformed("crypto.crl.time", "a time of issue that is no time");
  }
  impl.this_update = *this_update;
  LQ_ASSIGN_OR_RETURN(impl.scope, ScopeOf(impl.crl.get()));
  LQ_RETURN_IF_ERROR(CheckExtensions(impl.crl.get()));
  LQ_RETURN_IF_ERROR(CheckEntries(impl.crl.get()));
  return impl;
}

// Whether `name` is among the names of a distribution point of `x509`.
bool NamesPoint(const X509* x509, GENERAL_NAME* name) {
  const DistributionPointsPtr points(static_cast<CRL_DIST_POINTS*>(
      X509_get_ext_d2i(x509, NID_crl_distribution_points, nullptr, nullptr)));
  constexpr int kFullName = 0;
  for (int i = 0; points != nullptr && i < sk_DIST_POINT_num(points.get()); ++i) {
    const DIST_POINT_NAME* point = sk_DIST_POINT_value(points.get(), i)->distpoint;
    if (point == nullptr || point->type != kFullName) continue;
    for (int k = 0; k < sk_GENERAL_NAME_num(point->name.fullname); ++k) {
      GENERAL_NAME* candidate = sk_GENERAL_NAME_value(point->name.fullname, k);
      if (GENERAL_NAME_cmp(candidate, name) == 0) return true;
    }
  }
  return false;
}

// RFC 5280, 6.3.3 (b): whether the scope of the list includes `x509`.
bool Covers(const RevocationList::Impl& list, X509* x509) {
  if (list.scope == nullptr) return true;
  const bool ca = IsAuthority(x509);
  if ((list.scope->onlyuser > 0 && ca) || (list.scope->onlyCA > 0 && !ca)) return false;
  const DIST_POINT_NAME* point = list.scope->distpoint;
  if (point == nullptr) return true;
  constexpr int kFullName = 0;
  if (point->type != kFullName) return false;
  for (int i = 0; i < sk_GENERAL_NAME_num(point->name.fullname); ++i) {
    if (NamesPoint(x509, sk_GENERAL_NAME_value(point->name.fullname, i))) return true;
  }
  return false;
}

// The digest of an algorithm of signatures; NID_undef for those that have none, and what is not
// known.
int DigestOf(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* oid = nullptr;
  int type = 0;
  const void* value = nullptr;
  X509_ALGOR_get0(&oid, &type, &value, algorithm);
  int digest = NID_undef;
  if (OBJ_obj2nid(oid) != NID_rsassaPss) {
    OBJ_find_sigid_algs(OBJ_obj2nid(oid), &digest, nullptr);
    return digest;
  }
  if (type != V_ASN1_SEQUENCE) return NID_undef;
  const auto* sequence = static_cast<const ASN1_STRING*>(value);
  const unsigned char* at = ASN1_STRING_get0_data(sequence);
  const PssParametersPtr parameters(d2i_RSA_PSS_PARAMS(nullptr, &at, ASN1_STRING_length(sequence)));
  if (parameters == nullptr) return NID_undef;
  if (parameters->hashAlgorithm == nullptr) return NID_sha1;  // RFC 4055, 3.1
  return OBJ_obj2nid(parameters->hashAlgorithm->algorithm);
}

// As for certificates (see chain.cc): SHA-1 is what old authorities have, MD5 is nothing.
bool IsWeaklySigned(const X509_CRL* crl) {
  const X509_ALGOR* algorithm = nullptr;
  X509_CRL_get0_signature(crl, nullptr, &algorithm);
  return !IsDigestForSignatures(X509_CRL_get_signature_nid(crl), DigestOf(algorithm));
}

// Whether `issuer` may sign lists, and signed this one.
bool IsSignedBy(const RevocationList::Impl& list, X509* issuer) {
  if (X509_NAME_cmp(X509_CRL_get_issuer(list.crl.get()), X509_get_subject_name(issuer)) != 0) {
    return false;
  }
  if (X509_get_ext_by_NID(issuer, NID_key_usage, -1) >= 0 &&
      (X509_get_key_usage(issuer) & KU_CRL_SIGN) == 0) {
    return false;
  }
  EVP_PKEY* key = X509_get0_pubkey(issuer);
  return key != nullptr && !IsWeaklySigned(list.crl.get()) &&
         X509_CRL_verify(list.crl.get(), key) == 1;
}

bool IsCurrent(const RevocationList::Impl& list, Time now) {
  return list.this_update <= now && list.next_update && now <= *list.next_update;
}

// What the lists say about one certificate of a path.
struct Judgement {
  bool revoked = false;
  bool current = false;
  std::string why;  // not current: what was found instead
};

Judgement JudgeOne(X509* x509, X509* issuer, const std::vector<RevocationList>& lists, Time now) {
  Judgement judgement;
  judgement.why = "there is no revocation list of its issuer";
  for (const RevocationList& list : lists) {
    if (!IsSignedBy(list.impl(), issuer)) continue;
    X509_REVOKED* entry = nullptr;
    if (X509_CRL_get0_by_serial(list.impl().crl.get(), &entry, X509_get_serialNumber(x509)) != 0) {
      judgement.revoked = true;
    }
    if (!Covers(list.impl(), x509)) {
      judgement.why = "the revocation list of its issuer is about other certificates";
    } else if (!IsCurrent(list.impl(), now)) {
      judgement.why =
          fmt::format("the revocation list of its issuer is good from {} to {}",
                      FormatRfc3339(list.this_update()),
                      list.next_update() ? FormatRfc3339(*list.next_update()) : "an unknown time");
    } else {
      judgement.current = true;
    }
  }
  return judgement;
}

}  // namespace

Result<RevocationList> RevocationList::FromDer(ByteView der) {
  const ErrorQueueScope scope;
  if (der.size() > kMaxDerBytes) {
    return Malformed("crypto.crl.size", fmt::format("a list of {} bytes", der.size()));
  }
  LQ_ASSIGN_OR_RETURN(Impl impl, Read(der));
  return RevocationList(std::make_shared<const Impl>(std::move(impl)));
}

Result<std::vector<RevocationList>> RevocationList::AllFromBytes(ByteView bytes,
                                                                 std::size_t limit) {
  std::vector<RevocationList> lists;
  if (!AsText(bytes).contains("-----BEGIN")) {
    LQ_ASSIGN_OR_RETURN(RevocationList list, FromDer(bytes));
    lists.push_back(std::move(list));
    return lists;
  }
  PemBlocks blocks(AsText(bytes));
  PemBlock block;
  PemBlocks::Step step = PemBlocks::Step::kEnd;
  while ((step = blocks.Next(block)) == PemBlocks::Step::kBlock) {
    if (block.label != "X509 CRL") continue;
    if (lists.size() == limit) {
      return Malformed("crypto.crl.count", fmt::format("more than {} revocation lists", limit));
    }
    LQ_ASSIGN_OR_RETURN(RevocationList list, FromDer(block.der));
    lists.push_back(std::move(list));
  }
  if (step == PemBlocks::Step::kDamaged || lists.empty()) {
    return Malformed("crypto.crl.pem", "a PEM block that is damaged, or no revocation list");
  }
  return lists;
}

std::string RevocationList::issuer() const {
  return NameText(X509_CRL_get_issuer(impl_->crl.get()));
}
Time RevocationList::this_update() const { return impl_->this_update; }
std::optional<Time> RevocationList::next_update() const { return impl_->next_update; }
std::size_t RevocationList::size() const {
  const int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(impl_->crl.get()));
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

namespace {

Finding Revoked(std::string_view check, X509* x509, int place) {
  return Failed(check, fmt::format("\"{}\" (certificate {} of the path) is revoked",
                                   SubjectText(x509), place));
}

// Whether `issuer` signed this anchor, over the bytes as they came; the rest of what identifies an
// issuer is a hint (see IsIssuedBySignature in chain.cc).
bool IsIssuedBy(const Certificate& anchor, const Certificate& issuer) {
  X509* x509 = anchor.impl().x509.get();
  X509* by = issuer.impl().x509.get();
  if (X509_NAME_cmp(X509_get_issuer_name(x509), X509_get_subject_name(by)) != 0) return false;
  return CheckSignedPart(anchor, X509_get0_pubkey(by)) == SignatureCheck::kValid;
}

// An anchor of which a list of another anchor says that it is revoked: both are given as trusted,
// and one of them takes the other back.
bool IsRevokedByAnother(X509* anchor, const std::vector<Certificate>& anchors,
                        const std::vector<RevocationList>& lists, Time now) {
  const auto own = std::ranges::find_if(anchors, [&](const Certificate& candidate) {
    return X509_cmp(candidate.impl().x509.get(), anchor) == 0;
  });
  return own != anchors.end() && std::ranges::any_of(anchors, [&](const Certificate& other) {
           X509* issuer = other.impl().x509.get();
           return X509_cmp(anchor, issuer) != 0 && IsIssuedBy(*own, other) &&
                  JudgeOne(anchor, issuer, lists, now).revoked;
         });
}

}  // namespace

Finding JudgeRevocation(STACK_OF(X509) * path, const std::vector<Certificate>& anchors,
                        const std::vector<RevocationList>& lists, Time at, std::string_view check) {
  const Time now = std::chrono::floor<std::chrono::seconds>(at);
  std::string unknown;
  for (int i = 0; i + 1 < sk_X509_num(path); ++i) {
    X509* x509 = sk_X509_value(path, i);
    const Judgement judgement = JudgeOne(x509, sk_X509_value(path, i + 1), lists, now);
    if (judgement.revoked) return Revoked(check, x509, i);
    if (!judgement.current && unknown.empty()) {
      unknown = fmt::format("\"{}\" (certificate {} of the path): {}", SubjectText(x509), i,
                            judgement.why);
    }
  }
  const int last = sk_X509_num(path) - 1;
  X509* anchor = sk_X509_value(path, last);
  if (IsRevokedByAnother(anchor, anchors, lists, now)) return Revoked(check, anchor, last);
  if (!unknown.empty()) return NotEvaluated(check, unknown);
  return Passed(check, fmt::format("none of {} certificates below the anchor is revoked",
                                   sk_X509_num(path) - 1));
}

}  // namespace limequat::crypto
