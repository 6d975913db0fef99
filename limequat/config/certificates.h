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

}  // namespace limequat::config
