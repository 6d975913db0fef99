#include "limequat/config/certificates.h"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/config/files.h"
#include "limequat/crypto/stored_certificate.h"

namespace limequat::config {

namespace {

constexpr std::size_t kMaxPemFile = 4U << 20U;
constexpr std::size_t kMaxVendorBundle = 1'000;  // certificates in one file

Result<crypto::StoredCertificates> ReadVendorFile(const std::filesystem::path& file) {
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadTextFile(file, kMaxPemFile));
  auto stored = crypto::ReadStoredCertificates(AsBytes(content), kMaxVendorBundle);
  if (!stored) return std::move(stored).error().In(file.string());
  return stored;
}

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

Result<std::vector<std::filesystem::path>> FilesOf(const std::filesystem::path& path,
                                                   std::size_t limit) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return std::vector{path};
  std::vector<std::filesystem::path> files;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file() && files.size() < limit) files.push_back(it->path());
  }
  if (error) {
    return Unavailable("config.file", fmt::format("{}: {}", path.string(), error.message()));
  }
  std::ranges::sort(files);
  return files;
}

Result<VendorCertificates> LoadVendorCertificates(const std::filesystem::path& path) {
  LQ_ASSIGN_OR_RETURN(const auto files, FilesOf(path));
  VendorCertificates loaded;
  for (const std::filesystem::path& file : files) {
    auto stored = ReadVendorFile(file);
    if (!stored && file == path) return std::move(stored).error();
    if (!stored) {
      loaded.unreadable.push_back(std::move(stored).error());
      continue;
    }
    std::ranges::move(stored->certificates, std::back_inserter(loaded.certificates));
  }
  return loaded;
}

}  // namespace limequat::config
