#pragma once

#include <filesystem>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/crypto/certificate.h"

namespace limequat::config {

// Every certificate of every file, in order. Errors name the file.
Result<std::vector<crypto::Certificate>> LoadCertificates(
    const std::vector<std::filesystem::path>& files);

// The certificates of one authority that a program is asked to trust or to show.
// kUntrusted ("config.lab") if one carries the mark of a lab and `lab` is not set: a
// lab's authority in a real site is a leftover that anybody with that lab's folder
// could use (attack A17).
Result<std::vector<crypto::Certificate>> LoadTrusted(
    const std::vector<std::filesystem::path>& files, bool lab);

// Certificates of TPM vendors: in any form of crypto::ReadStoredCertificates, with the
// leniencies of crypto::Certificate::FromVendorDer.
struct VendorCertificates {
  std::vector<crypto::Certificate> certificates;
  std::vector<Error> unreadable;  // files of a folder that hold none
};
// Those of the file `path`, or of the files in the folder `path`, sorted by name, at most
// kMaxVendorFiles of them; subfolders are left alone. A file that is named and cannot be
// read is an error, one in a folder is only reported: it makes nobody trusted.
Result<VendorCertificates> LoadVendorCertificates(const std::filesystem::path& path);
inline constexpr std::size_t kMaxVendorFiles = 10'000;

// The regular files in the folder `path`, sorted by name, at most `limit`; or `path` itself if
// it is no folder. kUnavailable ("config.file").
Result<std::vector<std::filesystem::path>> FilesOf(const std::filesystem::path& path,
                                                   std::size_t limit = kMaxVendorFiles);

}  // namespace limequat::config
