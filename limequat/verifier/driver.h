#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "limequat/http/client.h"
#include "limequat/http/runtime.h"
#include "limequat/verifier/evaluation.h"
#include "limequat/verifier/fleet.h"
#include "limequat/verifier/machine.h"
#include "limequat/verifier/siblings.h"
#include "limequat/wire/version.h"

namespace limequat::verifier {

// Drives one machine: holds its state on one strand, gives events to Next and
// performs the effects. It decides nothing itself.
class Machine : public std::enable_shared_from_this<Machine> {
 public:
  // `siblings`: the machines with its endorsement key, itself among them; null if it has none.
  Machine(FleetParts parts, const FleetOptions& options, MachineState state,
          std::shared_ptr<Siblings> siblings);

  // Begins to ask after `delay`.
  void Start(Duration delay);
  // Gives an event to the machine, in the order of the calls.
  void Post(Event event);
  // Changes its enrolment as it is when this call's turn comes: of two changes that come
  // close together, the second is made to what the first left. `generation`: of the change.
  void Change(std::int64_t generation, Time now, std::function<void(Enrolment&)> change);
  // Waits until what was changed before is so. Not to be called on an I/O thread of the runtime.
  void WaitForChanges();
  // Ends the machine and waits until its strand has seen it: nothing is sent
  // afterwards. Not to be called on an I/O thread of the runtime.
  void StopAndWait();
  // Takes that back.
  void Resume();

  // Has the open incidents counted anew: until that is done the machine is not trusted.
  void RecountIncidents();

  std::shared_ptr<const MachineState> Snapshot() const;
  // That of a Snapshot, without the rest.
  std::shared_ptr<const Enrolment> Enrolled() const;

 private:
  void Handle(Event event);
  void Perform(Ask& ask);
  void Perform(PlanDue& plan);
  void Perform(Remember& remember);
  void Perform(KeepFailure& failure);
  void Perform(CountIncidents& count);
  void Perform(KeepBootEvidence& keep);
  void Perform(Notify& notify);

  void Send(const std::shared_ptr<const Ask>& ask);
  void Received(const std::shared_ptr<const Ask>& ask, Result<http::ClientResponse> response);
  void Negotiate(const std::shared_ptr<const Ask>& ask);
  void Negotiated(const std::shared_ptr<const Ask>& ask,
                  const Result<http::ClientResponse>& response);
  void Answer(const Ask& ask, Result<Evaluated> evaluated);

  const FleetParts parts_;
  const FleetOptions& options_;
  const http::Strand strand_;
  const std::shared_ptr<Siblings> siblings_;

  // Owned by the strand; the mutex lets readers copy the state between two events.
  mutable std::mutex state_mutex_;
  MachineState state_;
  http::Endpoint endpoint_;
  wire::ApiVersion version_;
  http::Timer timer_;
  http::CancelSource asking_;
};

}  // namespace limequat::verifier
