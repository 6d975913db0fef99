#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/cli/console.h"
#include "limequat/ima/list.h"

namespace limequat::cli {

// limequat verify ima-signatures: the signatures of the files in an IMA list, with given
// keys. Says nothing of the list, which is taken at its word, and of unsigned files.
struct VerifyImaSignatures {
  std::string list;
  std::vector<std::string> keys;  // files: see ReadKeyFiles
  std::optional<ima::Format> format;
  bool all = false;
  Time at{};

  Result<Ending> Run(Console& console) const;
};

}  // namespace limequat::cli
