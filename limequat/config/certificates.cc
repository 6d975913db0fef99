#include "limequat/config/certificates.h"

#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/config/files.h"

namespace limequat::config {

namespace {
constexpr std::size_t kMaxPemFile = 4U << 20U;
}  // namespace

Result<std::vector<crypto::Certificate>> LoadCertificates(
    const std::vector<std::filesystem::path>& files) {
  std::vector<crypto::Certificate> certificates;
  for (const auto& file : files) {
    LQ_ASSIGN_OR_RETURN(const std::string pem, ReadTextFile(file, kMaxPemFile));
    auto read = crypto::Certificate::AllFromPem(pem);
    if (!read) return std::move(read).error().In(file.string());
    certificates.insert(certificates.end(), read->begin(), read->end());
  }
  return certificates;
}

Result<std::vector<crypto::Certificate>> LoadTrusted(
    const std::vector<std::filesystem::path>& files, bool lab) {
  LQ_ASSIGN_OR_RETURN(auto certificates, LoadCertificates(files));
  for (const crypto::Certificate& certificate : certificates) {
    if (lab || !certificate.extension(crypto::kLabExtensionOid)) continue;
    return Untrusted(
        "config.lab",
        fmt::format("{} belongs to a lab; only a program started by the lab accepts it",
                    certificate.subject()));
  }
  return certificates;
}

}  // namespace limequat::config
