#include "limequat/wire/boot_log_view.h"

#include <utility>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/time.h"
#include "limequat/json/reader.h"
#include "limequat/wire/document.h"

namespace limequat::wire {

json::Object WriteBootLogView(const BootLogView& view) {
  return {{"agent_id", view.agent_id},
          {"verified", view.verified},
          {"log", Base64Encode(view.log)},
          {"pcrs", view.pcrs},
          {"boot_policy", view.boot_policy},
          {"boot_reference", view.boot_reference},
          {"model", view.model}};
}

Result<BootLogView> ParseBootLogView(const json::Value& document) {
  json::ObjectReader in(document, "boot log");
  BootLogView view;
  view.agent_id = in.String("agent_id");
  view.verified = in.String("verified");
  if (in.status() && !ParseRfc3339(view.verified)) in.Fail("verified", "not a time of RFC 3339");
  view.log = in.Base64("log");
  const json::Object* pcrs = in.ObjectMember("pcrs");
  view.boot_policy = in.String("boot_policy");
  view.boot_reference = in.String("boot_reference");
  view.model = in.String("model");
  LQ_RETURN_IF_ERROR(MemberStatus(in, "wire.boot_log"));
  view.pcrs = *pcrs;
  return view;
}

}  // namespace limequat::wire
