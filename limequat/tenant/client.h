#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/http/client.h"
#include "limequat/http/runtime.h"
#include "limequat/wire/boot_log_view.h"
#include "limequat/wire/label.h"
#include "limequat/wire/own_api.h"
#include "limequat/wire/policy_view.h"
#include "limequat/wire/registration.h"

namespace limequat::tenant {

// One service as an operator reaches it.
struct ServiceAddress {
  std::string host;
  std::uint16_t port = 0;
};

struct OperatorIdentity {
  std::vector<crypto::Certificate> chain;
  std::string private_key_pem;
  std::vector<crypto::Certificate> server_authorities;
};

// The registrar and the verifier for an operator: each call is one exchange over
// mutual TLS. Errors: kUnavailable if nobody answers, kUntrusted if it is not our
// server, kPermissionDenied if we may not, and the service's own error (with its
// identifier and text) otherwise.
class Services {
 public:
  static Result<std::unique_ptr<Services>> Create(http::Runtime& runtime,
                                                  const OperatorIdentity& identity,
                                                  ServiceAddress registrar,
                                                  ServiceAddress verifier);

  // --- registrar ---
  Result<wire::RegistrarIdentity> FindRegistered(std::string_view agent_id);
  Result<std::vector<std::string>> ListRegistered();
  Status RemoveRegistered(std::string_view agent_id);

  // --- verifier ---
  Status Enrol(std::string_view agent_id, const wire::OwnEnrolment& enrolment);
  // The machine as it is bound from now on.
  Result<wire::MachineView> Update(std::string_view agent_id, const wire::MachineChange& change);
  Status Remove(std::string_view agent_id);
  Result<std::vector<wire::MachineView>> ListMachines();
  Result<wire::MachineView> FindMachine(std::string_view agent_id);
  Result<wire::FindingsView> Findings(std::string_view agent_id);
  // kNotFound also if no event log of the machine is kept, kUnavailable if it is being stored.
  Result<wire::BootLogView> FindBootLog(std::string_view agent_id);
  struct Pushed {
    std::string hash;
    std::int64_t machines = 0;
  };
  enum class PolicyKind { kRuntime, kMeasuredBoot };
  Result<Pushed> PushPolicy(std::string_view name, std::string body,
                            PolicyKind kind = PolicyKind::kRuntime);
  // kConflict ("verifier.policy_in_use") while machines are held to it; the message names some.
  Status RemovePolicy(std::string_view name, PolicyKind kind = PolicyKind::kRuntime);
  // From now on policies of this name must be signed with the key `key` (PEM, or an envelope by
  // which the present key hands over to another); its identifier (policy::KeyIdOf). kConflict if
  // the name is pinned to another one.
  Result<std::string> PinPolicyKey(std::string_view name, std::string key);
  Result<std::vector<wire::PolicyView>> ListPolicies(PolicyKind kind = PolicyKind::kRuntime);
  Result<std::string> FetchPolicy(std::string_view name, PolicyKind kind = PolicyKind::kRuntime);
  struct PolicyVersion {
    std::int64_t number = 0;
    std::string hash;
    std::string pushed;  // RFC 3339
  };
  // Newest first.
  Result<std::vector<PolicyVersion>> ListPolicyVersions(std::string_view name);
  // Back to a version, or to the one before the present one: pushed as a new version.
  Result<Pushed> RollBackPolicy(std::string_view name, std::optional<std::int64_t> version);
  // Keeps the label as this list of policies; how many machines that carry it are appraised
  // again.
  Result<std::int64_t> PutLabel(std::string_view name, const std::vector<std::string>& policies);
  Result<std::vector<wire::LabelView>> ListLabels();
  Result<wire::LabelView> FindLabel(std::string_view name);
  // kConflict while machines carry it.
  Status RemoveLabel(std::string_view name);
  Result<std::vector<wire::IncidentView>> ListIncidents(const std::optional<std::string>& agent_id,
                                                        bool open_only);
  Result<wire::IncidentView> CloseIncident(std::int64_t number, std::string_view note);

 private:
  Services(std::unique_ptr<http::Client> client, http::Endpoint registrar, http::Endpoint verifier)
      : client_(std::move(client)),
        registrar_(std::move(registrar)),
        verifier_(std::move(verifier)) {}
  Result<std::string> Call(const http::Endpoint& endpoint, http::Method method, std::string target,
                           std::string body = {});
  Result<json::Value> CallJson(const http::Endpoint& endpoint, http::Method method,
                               std::string target, std::string body = {});

  std::unique_ptr<http::Client> client_;
  http::Endpoint registrar_;
  http::Endpoint verifier_;
};

}  // namespace limequat::tenant
