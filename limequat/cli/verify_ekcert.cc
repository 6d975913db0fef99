#include "limequat/cli/verify_ekcert.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "limequat/appraise/appraisal.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/ekcert_json.h"
#include "limequat/cli/input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/cli/verdict.h"
#include "limequat/config/certificates.h"
#include "limequat/crypto/stored_certificate.h"
#include "limequat/tpm/ek_certificate.h"
#include "limequat/tpm/public_area.h"

namespace limequat::cli {

namespace {

constexpr std::size_t kMaxRevocationFile = 64U << 20U;

struct EndorsementKey {
  crypto::PublicKey key;
  std::optional<Finding> attributes;  // known only of a TPM's public area
};

Result<EndorsementKey> ReadKey(const std::string& path) {
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(path, kMaxSmallInput));
  if (content.contains("-----BEGIN")) {
    LQ_ASSIGN_OR_RETURN(crypto::PublicKey key, crypto::PublicKey::FromPem(content));
    return EndorsementKey{.key = std::move(key), .attributes = {}};
  }
  LQ_ASSIGN_OR_RETURN(const tpm::PublicArea area, tpm::PublicArea::FromEither(AsBytes(content)));
  return EndorsementKey{.key = area.key(), .attributes = tpm::CheckEndorsementKey(area)};
}

// Certificates of all files and folders. A folder without any is a mistake: as anchors
// nothing, as helpers not what was meant.
Result<std::vector<crypto::Certificate>> ReadCertificates(const std::vector<std::string>& paths,
                                                          std::vector<std::string>& unreadable) {
  std::vector<crypto::Certificate> certificates;
  for (const std::string& path : paths) {
    LQ_ASSIGN_OR_RETURN(config::VendorCertificates loaded, config::LoadVendorCertificates(path));
    for (const Error& error : loaded.unreadable) unreadable.push_back(error.message);
    if (loaded.certificates.empty()) {
      return Malformed("cli.certificates", Shown(path) + ": no certificate is in this folder");
    }
    std::ranges::move(loaded.certificates, std::back_inserter(certificates));
  }
  return certificates;
}

Result<std::vector<crypto::RevocationList>> ReadRevocation(const std::vector<std::string>& paths) {
  std::vector<crypto::RevocationList> lists;
  for (const std::string& path : paths) {
    LQ_ASSIGN_OR_RETURN(const auto files, config::FilesOf(path));
    for (const auto& file : files) {
      LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(file, kMaxRevocationFile));
      auto read = crypto::RevocationList::AllFromBytes(AsBytes(content));
      if (!read) return std::move(read).error().In(Shown(file.string()));
      std::ranges::move(*read, std::back_inserter(lists));
    }
  }
  return lists;
}

// What is shown beside the verdict.
struct Beside {
  std::vector<std::string> unreadable;  // files of folders that hold no certificate
  std::vector<std::pair<std::string, Cell>> about;
};

Result<VerdictDocument> Evaluate(const VerifyEkcert& asked, Beside& beside) {
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(asked.file, kMaxSmallInput));
  LQ_ASSIGN_OR_RETURN(const crypto::StoredCertificates stored,
                      crypto::ReadStoredCertificates(AsBytes(content)));
  beside.about = PairsOf(stored);
  tpm::EkTrust trust;
  trust.require_valid_time = !asked.allow_expired;
  LQ_ASSIGN_OR_RETURN(trust.anchors, ReadCertificates(asked.trust, beside.unreadable));
  LQ_ASSIGN_OR_RETURN(trust.intermediates,
                      ReadCertificates(asked.intermediates, beside.unreadable));
  trust.intermediates.insert(trust.intermediates.end(), stored.certificates.begin() + 1,
                             stored.certificates.end());
  json::Array not_required;
  if (asked.crls.empty()) {
    not_required.emplace_back("tpm.ekcert.revocation");
  } else {
    LQ_ASSIGN_OR_RETURN(trust.revocation, ReadRevocation(asked.crls));
  }
  const crypto::Certificate& certificate = stored.certificates.front();
  appraise::Appraisal appraisal{
      .findings = tpm::VerifyEkCertificateChain(certificate, trust, asked.at),
      .policed = true,
      .evaluated_at = asked.at};
  if (asked.ek_public) {
    LQ_ASSIGN_OR_RETURN(EndorsementKey ek, ReadKey(*asked.ek_public));
    appraisal.findings.push_back(tpm::CheckEkCertificateKey(certificate, ek.key));
    if (ek.attributes) appraisal.findings.push_back(*std::move(ek.attributes));
  } else {
    not_required.emplace_back("tpm.ekcert.key");
  }
  VerdictDocument verdict = DocumentOf(appraisal);
  verdict.document.Set("not_required", std::move(not_required));
  verdict.document.Set("certificate", ToJson(stored));
  return verdict;
}

}  // namespace

Result<Ending> VerifyEkcert::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({file, ek_public.value_or("")}));
  Beside beside;
  const Result<VerdictDocument> verdict = Evaluate(*this, beside);
  for (const std::string& message : beside.unreadable) {
    console.Note("left out: " + message);
  }
  return ShowVerdict(console, verdict,
                     {.all = all, .at = at, .about = RenderPairs(beside.about, console.look(), 2)});
}

}  // namespace limequat::cli
