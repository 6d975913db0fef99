#include "limequat/verifier/driver.h"

#include <future>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/attestation.h"
#include "limequat/base/escape.h"
#include "limequat/crypto/random.h"
#include "limequat/json/value.h"
#include "limequat/telemetry/log.h"
#include "limequat/verifier/clock.h"
#include "limequat/wire/attestation.h"
#include "limequat/wire/envelope.h"

namespace limequat::verifier {

namespace {

// Keylime's length; about 119 bits.
constexpr std::size_t kNonceLength = 20;
// An answer up to this size is appraised on the I/O thread that received it: it holds a
// quote and at most about ten entries, which takes less time than to wake a worker. It
// also bounds how long one machine's answer keeps those of others waiting.
constexpr std::size_t kAppraisedInPlace = 4U << 10U;
// So many mean that the database has another policy for the machine than we.
constexpr int kStaleWritesInARow = 10;
constexpr std::string_view kVersionNotSupported = "API version not supported";

http::Endpoint EndpointOf(const Enrolment& enrolment) {
  http::Endpoint endpoint{
      .host = enrolment.host, .port = enrolment.port, .tls = true, .trust = nullptr};
  endpoint.trust = std::make_shared<http::ServerTrust>(http::ServerTrust{
      .pinned = enrolment.transport_certificate, .anchors = {}, .check_host = false});
  return endpoint;
}

// The reason in an error answer of an agent; it is the agent's text.
std::string StatusText(const http::ClientResponse& response) {
  const auto envelope = wire::ParseEnvelope(response.body);
  return envelope ? EscapeForDisplay(envelope->status, 200) : std::string();
}

void LogFailure(const wire::AgentId& id, const KeepFailure& failure) {
  const Finding* first = nullptr;
  for (const Finding& finding : failure.appraisal->findings) {
    if (!finding.passed()) {
      first = &finding;
      break;
    }
  }
  telemetry::LogWarning("verifier.machine_fails",
                        {{"agent", id.text()},
                         {"check", first != nullptr ? first->check : std::string()},
                         {"detail", first != nullptr ? first->detail : std::string()},
                         {"new_incident", failure.opens_incident}});
}

std::string NoticeDocument(const MachineState& state, const Notify& notify) {
  json::Object document{{"event", NoticeName(notify.notice)},
                        {"agent_id", state.enrolment->id.text()},
                        {"at", FormatRfc3339(notify.at)},
                        {"open_incidents", state.memory.open_incidents}};
  if (notify.appraisal) {
    // The whole is at /api/v1/agents/{id}/findings; a notice stays small.
    constexpr std::size_t kFindingsInNotice = 20;
    document.Set("result", appraise::ToJson(*notify.appraisal, kFindingsInNotice));
  }
  return json::Serialize(document);
}

}  // namespace

Machine::Machine(FleetParts parts, const FleetOptions& options, MachineState state,
                 std::shared_ptr<Siblings> siblings)
    : parts_(parts),
      options_(options),
      strand_(parts.runtime.CreateStrand()),
      siblings_(std::move(siblings)),
      state_(std::move(state)),
      endpoint_(EndpointOf(*state_.enrolment)),
      version_(wire::ParseVersion(state_.enrolment->api_version).value_or(wire::ApiVersion{})) {}

void Machine::Start(Duration delay) {
  strand_.Post([self = shared_from_this(), delay] {
    PlanDue plan{delay};
    self->Perform(plan);
  });
}

void Machine::Post(Event event) {
  strand_.Post([self = shared_from_this(), event = std::move(event)]() mutable {
    self->Handle(std::move(event));
  });
}

void Machine::Change(std::int64_t generation, Time now, std::function<void(Enrolment&)> change) {
  strand_.Post([self = shared_from_this(), generation, now, change = std::move(change)] {
    // Written on this strand alone.
    auto enrolment = std::make_shared<Enrolment>(*self->state_.enrolment);
    enrolment->generation = generation;
    change(*enrolment);
    self->Handle(EnrolmentChanged{.now = now, .enrolment = std::move(enrolment)});
  });
}

void Machine::WaitForChanges() {
  std::promise<void> seen;
  strand_.Post([&seen] { seen.set_value(); });
  seen.get_future().wait();
}

void Machine::StopAndWait() {
  strand_.Post([self = shared_from_this()] {
    self->Handle(Removed{});
    self->timer_.Cancel();
    self->asking_.Cancel();
  });
  WaitForChanges();
  parts_.client.Forget(endpoint_);
}

void Machine::Resume() {
  strand_.Post([self = shared_from_this()] { self->Handle(Resumed{}); });
}

std::shared_ptr<const MachineState> Machine::Snapshot() const {
  const std::lock_guard lock(state_mutex_);
  return std::make_shared<const MachineState>(state_);
}

std::shared_ptr<const Enrolment> Machine::Enrolled() const {
  const std::lock_guard lock(state_mutex_);
  return state_.enrolment;
}

void Machine::Handle(Event event) {
  Effects effects;
  std::string trouble;
  {
    const std::lock_guard lock(state_mutex_);
    const auto enrolment = state_.enrolment;
    const bool troubled = !state_.transport_trouble.empty();
    effects = Next(state_, std::move(event), options_.pace);
    if (state_.enrolment != enrolment) endpoint_ = EndpointOf(*state_.enrolment);
    if (!troubled) trouble = state_.transport_trouble;
  }
  // Once for each period of silence: a machine that is away must not fill the log.
  if (!trouble.empty()) {
    telemetry::LogWarning("verifier.no_answer",
                          {{"agent", state_.enrolment->id.text()}, {"why", trouble}});
  }
  for (Effect& effect : effects) std::visit([this](auto& e) { Perform(e); }, effect);
}

void Machine::Perform(PlanDue& plan) {
  // Rounded up: a delay of less than a millisecond is none, but never becomes a spin.
  const auto delay = std::chrono::ceil<std::chrono::milliseconds>(plan.after);
  timer_ = parts_.runtime.After(delay, strand_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->Handle(Due{.now = Now(), .nonce = ToBytes(crypto::RandomAlphanumeric(kNonceLength))});
    }
  });
}

void Machine::Perform(Ask& ask) {
  asking_ = http::CancelSource();
  Send(std::make_shared<const Ask>(std::move(ask)));
}

void Machine::Send(const std::shared_ptr<const Ask>& ask) {
  const appraise::Challenge& challenge = ask->flight.challenge;
  http::ClientRequest request{
      .method = http::Method::kGet,
      .target = wire::IntegrityTarget(version_, {.nonce = std::string(AsText(challenge.nonce)),
                                                 .mask = challenge.pcrs.bits(),
                                                 .partial = !challenge.full,
                                                 .ima_entry = challenge.ima_from}),
      .headers = {},
      .body = {},
      .max_response = options_.max_answer};
  parts_.client.Send(endpoint_, std::move(request),
                     std::chrono::steady_clock::now() + options_.request_timeout, asking_.token(),
                     [self = shared_from_this(), ask](Result<http::ClientResponse> response) {
                       self->Received(ask, std::move(response));
                     });
}

// On an I/O thread: a long answer is moved to a worker.
void Machine::Received(const std::shared_ptr<const Ask>& ask,
                       Result<http::ClientResponse> response) {
  if (!response) {
    // Whatever went wrong on the way, no evidence came: a certificate that is not
    // the registered one is as much "no answer" as a closed port.
    Error error = std::move(response).error();
    error.code = ErrorCode::kUnavailable;
    return Answer(*ask, std::move(error));
  }
  if (response->status != 200) {
    const std::string text = StatusText(*response);
    if (response->status == 400 && text.contains(kVersionNotSupported)) {
      return strand_.Post([self = shared_from_this(), ask] { self->Negotiate(ask); });
    }
    return Answer(*ask, Unavailable("verifier.agent_status", fmt::format("the agent answered {} {}",
                                                                         response->status, text)));
  }
  if (response->body.size() <= kAppraisedInPlace) {
    return Answer(*ask, Evaluate(*ask, response->body));
  }
  const Status posted = parts_.runtime.Post(
      http::Lane::kEvidence, [self = shared_from_this(), ask, body = std::move(response->body)] {
        self->Answer(*ask, Evaluate(*ask, body));
      });
  if (!posted) Answer(*ask, posted.error());
}

void Machine::Negotiate(const std::shared_ptr<const Ask>& ask) {
  // The answer may have come in the moment of the removal (A20).
  if (state_.removed) return;
  http::ClientRequest request{.method = http::Method::kGet,
                              .target = "/version",
                              .headers = {},
                              .body = {},
                              .max_response = 64U << 10U};
  parts_.client.Send(endpoint_, std::move(request),
                     std::chrono::steady_clock::now() + options_.request_timeout, asking_.token(),
                     [self = shared_from_this(), ask](Result<http::ClientResponse> response) {
                       self->strand_.Post([self, ask, response = std::move(response)] {
                         self->Negotiated(ask, response);
                       });
                     });
}

// The next question uses the version; this one is lost, as a transport trouble.
void Machine::Negotiated(const std::shared_ptr<const Ask>& ask,
                         const Result<http::ClientResponse>& response) {
  const auto refuse = [&](std::string why) {
    Answer(*ask, Unavailable("verifier.version", std::move(why)));
  };
  if (!response || response->status != 200)
    return refuse("the agent does not support the API version and gives no list");
  const auto envelope = wire::ParseEnvelope(response->body);
  if (!envelope) return refuse("the agent's list of API versions cannot be read");
  const auto versions = wire::ParseVersions(envelope->results);
  if (!versions) return refuse("the agent's list of API versions cannot be read");
  const auto common = wire::HighestCommon(wire::AgentVersions(), versions->supported);
  if (!common) return refuse("no API version in common with the agent");
  // Once evidence was accepted, an older version is a downgrade.
  if (state_.attestations > 0 && *common < version_)
    return refuse("the agent offers only older API versions than before");
  version_ = *common;
  refuse(fmt::format("API version {} was agreed; asking again", version_.ToString()));
}

void Machine::Answer(const Ask& ask, Result<Evaluated> evaluated) {
  Answered answered{.now = Now(),
                    .generation = ask.flight.generation,
                    .policy_hash = ask.flight.policy_hash,
                    .nonce = ask.flight.challenge.nonce,
                    .attestation = appraise::Attestation()};
  if (evaluated) {
    answered.attestation = std::move(evaluated->attestation);
    answered.boot = std::move(evaluated->boot);
  } else {
    answered.attestation = std::move(evaluated).error();
  }
  // Never inside another event: no answer comes while a question is being sent.
  strand_.Dispatch([self = shared_from_this(), answered = std::move(answered)]() mutable {
    self->Handle(std::move(answered));
  });
}

void Machine::Perform(verifier::Remember& remember) {
  parts_.store.Remember(
      state_.enrolment->id, remember,
      [self = shared_from_this(), number = remember.number](const Status& status) {
        // What was found under another policy is dropped by design (A14), but not for ever.
        // Anything else an operator must see, once for each time that the database is away.
        if (!status) {
          const auto state = self->Snapshot();
          const int lost = state->memory_writes.lost_in_a_row;
          const bool stale = status.error().id == "verifier.stale";
          if (lost == (stale ? kStaleWritesInARow : 0)) {
            telemetry::LogError("verifier.not_remembered", status.error(),
                                {{"agent", state->enrolment->id.text()}});
          }
        }
        self->Post(MemoryWritten{.number = number, .kept = status.has_value()});
      });
}

void Machine::Perform(verifier::KeepFailure& failure) {
  if (failure.lost == 0) LogFailure(state_.enrolment->id, failure);
  parts_.store.KeepFailure(
      *state_.enrolment, failure, [self = shared_from_this(), failure](Result<std::int64_t> open) {
        if (open) {
          self->Post(FailureKept{.opens_incident = failure.opens_incident, .open = *open});
          if (self->siblings_) self->siblings_->RecountIncidents(self.get());
          return;
        }
        if (failure.lost == 0) {
          telemetry::LogError("verifier.failure_not_kept", open.error(),
                              {{"agent", self->Enrolled()->id.text()}});
        }
        self->Post(FailureNotKept{failure});
      });
}

void Machine::Perform(verifier::KeepBootEvidence& keep) {
  parts_.store.KeepBootEvidence(
      state_.enrolment->id, keep,
      [self = shared_from_this(), evidence = keep.evidence->id](const Status& status) {
        if (status) return;
        self->Post(BootNotKept{.id = evidence});
        // Evidence of another enrolment is dropped by design (A14).
        if (status.error().id == "verifier.stale") return;
        telemetry::LogError("verifier.boot_not_kept", status.error(),
                            {{"agent", self->Enrolled()->id.text()}});
      });
}

void Machine::RecountIncidents() { Post(RecountWanted{}); }

void Machine::Perform(CountIncidents&) {
  parts_.store.RecountOpenIncidents(
      *state_.enrolment, [self = shared_from_this()](Result<std::int64_t> open) {
        if (open) return self->Post(IncidentsCounted{.now = Now(), .open = *open});
        telemetry::LogError("verifier.incidents_not_counted", open.error(),
                            {{"agent", self->Enrolled()->id.text()}});
        self->Post(IncidentsNotCounted{});
      });
}

void Machine::Perform(Notify& notify) {
  telemetry::LogInfo(NoticeName(notify.notice), {{"agent", state_.enrolment->id.text()}});
  if (parts_.outbox != nullptr)
    parts_.outbox->Put(NoticeName(notify.notice), notify.at, NoticeDocument(state_, notify));
}

}  // namespace limequat::verifier
