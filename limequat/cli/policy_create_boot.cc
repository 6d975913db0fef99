#include "limequat/cli/policy_create_boot.h"

#include <fmt/format.h>

#include "limequat/base/bytes.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/text.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_reference_maker.h"

namespace limequat::cli {

Result<Ending> PolicyCreateMeasuredBoot::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOutput(output, "reference state", console));
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(log, kMaxLogInput));
  auto made = policy::MakeBootReference(AsBytes(content), without_secureboot
                                                              ? policy::SecureBootWanted::kEither
                                                              : policy::SecureBootWanted::kOn);
  if (!made) return std::move(made).error().In(Shown(log));
  for (const std::string& note : made->notes) console.Note("limequat: " + note);
  if (KeepsToStandardOutput(output)) return ShowMade(made->json, console);
  LQ_RETURN_IF_ERROR(WriteMade(*output, made->json));
  const json::Object document{{"file", *output},
                              {"notes", json::Array(made->notes.begin(), made->notes.end())}};
  LQ_RETURN_IF_ERROR(console.Show(
      document, [&] { return fmt::format("{}: a reference state\n", Shown(*output)); }));
  return Ending::kDone;
}

}  // namespace limequat::cli
