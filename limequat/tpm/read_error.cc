#include "limequat/tpm/read_error.h"

#include <string>
#include <utility>

namespace limequat::tpm {

Error InStructure(Error error, std::string_view prefix, std::string_view structure) {
  constexpr std::string_view kReader = "bytes.";
  if (!std::string_view(error.id).starts_with(kReader)) return error;
  error.id = std::string(prefix) + "." + error.id.substr(kReader.size());
  return std::move(error).In(structure);
}

}  // namespace limequat::tpm
