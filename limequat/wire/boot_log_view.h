#pragma once

#include <string>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/json/value.h"

namespace limequat::wire {

// GET /api/v1/agents/{id}/boot-log: the event log of the machine's newest boot whose log led to
// the signed PCRs, those values, and what the machine's boots are held against now.
struct BootLogView {
  std::string agent_id;
  std::string verified;        // when this log was first verified, RFC 3339
  Bytes log;                   // of the firmware, TCG
  json::Value pcrs;            // {"sha256": {"0": "…"}}
  std::string boot_policy;     // name of the policy, "" if there is none by now
  std::string boot_reference;  // name of the reference, "" if there is none
  std::string model;           // what the machine was enrolled as, "" if nobody said
};

// The document of `view`.
json::Object WriteBootLogView(const BootLogView& view);
// Reads one. kMalformed ("wire.boot_log.MEMBER") for a member that is absent or none of its
// kind; the values are not looked at. Hostile input: the log is the machine's, and nothing in
// the document proves that it led to the values: verify it again.
Result<BootLogView> ParseBootLogView(const json::Value& document);

}  // namespace limequat::wire
