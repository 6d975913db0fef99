#include "limequat/cli/inspect_ekcert.h"

#include "limequat/base/result_macros.h"
#include "limequat/cli/ekcert_json.h"
#include "limequat/cli/input.h"

namespace limequat::cli {

Result<Ending> InspectEkcert::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(file, kMaxSmallInput));
  LQ_ASSIGN_OR_RETURN(const crypto::StoredCertificates stored,
                      crypto::ReadStoredCertificates(AsBytes(content)));
  const auto for_people = [&] {
    return "what the certificate says, nothing was verified:\n" +
           RenderPairs(PairsOf(stored), console.look(), 2) + NotesText(stored);
  };
  LQ_RETURN_IF_ERROR(console.Show(ToJson(stored), for_people));
  return Ending::kDone;
}

}  // namespace limequat::cli
