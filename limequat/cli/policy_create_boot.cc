#include "limequat/cli/policy_create_boot.h"

#include <fmt/format.h>

#include "limequat/base/bytes.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/config/files.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_reference_maker.h"

namespace limequat::cli {

namespace {

json::Array Notes(const policy::MadeBootReference& made) {
  json::Array notes;
  for (const std::string& note : made.notes) notes.emplace_back(note);
  return notes;
}

}  // namespace

Result<Ending> PolicyCreateMeasuredBoot::Run(Console& console) const {
  const bool keeps = !output || *output == "-";
  if (keeps && console.for_people()) {
    return UsageError("name a file with --output, or send the reference state on with -o json");
  }
  LQ_ASSIGN_OR_RETURN(const std::string content, ReadInput(log, kMaxLogInput));
  auto made = policy::MakeBootReference(AsBytes(content), without_secureboot
                                                              ? policy::SecureBootWanted::kEither
                                                              : policy::SecureBootWanted::kOn);
  if (!made) return std::move(made).error().In(Shown(log));
  for (const std::string& note : made->notes) console.Note("limequat: " + note);
  if (!keeps) {
    LQ_RETURN_IF_ERROR(config::WriteFileAtomically(*output, made->json, 0644));
    LQ_RETURN_IF_ERROR(console.Show(json::Object{{"file", *output}, {"notes", Notes(*made)}}, [&] {
      return fmt::format("{}: a reference state\n", Shown(*output));
    }));
    return Ending::kDone;
  }
  if (console.format() == OutputFormat::kJson) {
    LQ_RETURN_IF_ERROR(console.Write(made->json));
    return Ending::kDone;
  }
  LQ_ASSIGN_OR_RETURN(const json::Value document, json::Parse(made->json));
  LQ_RETURN_IF_ERROR(console.Show(*document.as_object(), [] { return std::string(); }));
  return Ending::kDone;
}

}  // namespace limequat::cli
