#include <utility>

#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/verifier/api.h"
#include "limequat/wire/boot_log_view.h"

// /api/v1/agents/{id}/boot-log: what `limequat explain --change` and `policy simulate` look at.

namespace limequat::verifier {

namespace {

using http::Context;
using http::Request;
using http::Response;

wire::BootLogView ViewOf(const Enrolment& enrolment, const Store::KeptBoot& kept) {
  wire::BootLogView view{.agent_id = enrolment.id.text(),
                         .verified = FormatRfc3339(kept.verified),
                         .log = kept.evidence->log,
                         .pcrs = kept.evidence->pcrs.ToJson(),
                         .boot_policy = {},
                         .boot_reference = enrolment.boot_policy_name,
                         .model = enrolment.model};
  if (const auto& boot = enrolment.reference.boot) {
    view.boot_policy = policy::BootPolicyName(boot->policy());
  }
  return view;
}

Result<Response> Show(const ApiParts& parts, const Request& request) {
  const auto state = parts.fleet.Find(request.PathParameter("id"));
  if (!state) return NotFound("verifier.unknown_agent", "no machine of this name is enrolled");
  const std::optional<crypto::Digest>& newest = state->memory.boot_evidence;
  if (!newest) {
    return NotFound(
        "verifier.no_boot_log",
        "no event log of the machine's newest boot is kept: a boot policy that looks at the "
        "log has to ask for one, and the log has to verify");
  }
  LQ_ASSIGN_OR_RETURN(const auto kept, parts.store.FindBootEvidence(state->enrolment->id.text()));
  // An older one is of another boot.
  if (!kept || kept->evidence->id != *newest) {
    return Unavailable("verifier.boot_log_pending",
                       "the newest event log is not in the database yet: ask again");
  }
  return http::Reply(200,
                     json::Serialize(wire::WriteBootLogView(ViewOf(*state->enrolment, *kept))));
}

}  // namespace

void AddBootLogRoutes(http::Router& router, const ApiParts& parts) {
  router.Add(http::Method::kGet, "/api/v1/agents/{id}/boot-log", Operators(), Administration(),
             [parts](const Request& request, Context&) { return Show(parts, request); });
}

}  // namespace limequat::verifier
