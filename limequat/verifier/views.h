#pragma once

#include <string>

#include "limequat/base/time.h"
#include "limequat/verifier/machine.h"
#include "limequat/verifier/store.h"
#include "limequat/wire/enrolment.h"
#include "limequat/wire/own_api.h"

namespace limequat::verifier {

// How a machine's state looks to the two APIs. Pure.

wire::MachineView ViewOf(const MachineState& state, const Pace& pace, Time now);
wire::IncidentView ViewOf(const Incident& incident);

// Keylime's status. A machine without a policy is state 3 and PENDING, never PASS; a
// late one is state 4 and TIMEOUT; after a failure it stays state 9 and FAIL with
// frozen counters until its incidents are closed (attacks.md, "Where safety and
// Keylime's wire meet"; quirk Q13).
wire::AgentStatus KeylimeStatusOf(const MachineState& state, const Pace& pace, Time now);

// Keylime's event id for one of our checks: "ima.validation.ima-ng.not_in_allowlist".
std::string KeylimeEventId(const Finding& finding);

}  // namespace limequat::verifier
