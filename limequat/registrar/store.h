#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/registrar/registration.h"
#include "limequat/sql/database.h"
#include "limequat/wire/agent_id.h"

namespace limequat::registrar {

// Bounds on what strangers can leave behind: anybody may register.
inline constexpr std::int64_t kMaxChallengesPerAgent = 4;  // the oldest goes first
inline constexpr std::int64_t kMaxChallenges = 20'000;  // beyond: kUnavailable ("registrar.busy")
inline constexpr std::chrono::minutes kChallengeLifetime{10};

// Records of activated machines, and challenges that wait for their activation. The
// two are apart: nothing a stranger sends changes a record before the right TPM has
// answered (quirk Q2, attack A13). Thread-safe; errors are those of sql.
class Store {
 public:
  static Result<std::unique_ptr<Store>> Open(const std::string& url);

  using Done = std::move_only_function<void(Status)>;

  // Keeps a challenge, after Reconcile with the machine's record in the same
  // transaction. kPermissionDenied from Reconcile, kUnavailable ("registrar.busy").
  void AddChallenge(const wire::AgentId& id, wire::RegistrationRequest request, Record record,
                    ByteView secret, Time now, Done done);

  // Makes the candidate whose secret gives `auth_tag` the machine's record; its
  // challenges are gone then. Every challenge is compared, in constant time.
  // kNotFound ("registrar.unknown_agent") if nothing is known of the machine,
  // kMalformed ("registrar.auth_tag") if no challenge fits: then nothing changes.
  // kPermissionDenied ("registrar.identity_changed") if another TPM was activated
  // under this identifier meanwhile: of two, the first one wins.
  void Activate(const wire::AgentId& id, std::string auth_tag, Time now, Done done);

  // nullopt if it is not activated.
  Result<std::optional<Record>> Find(std::string_view agent_id);
  // Whether a challenge waits for it.
  enum class Waiting { kNo, kYes };
  Result<Waiting> HasChallenge(std::string_view agent_id);
  // Identifiers in their order, behind `after`, at most `limit`.
  Result<std::vector<std::string>> Page(std::string_view after, std::size_t limit);
  // kNotFound ("registrar.unknown_agent").
  Status Remove(std::string_view agent_id);

  sql::Database& database() { return *database_; }

 private:
  explicit Store(std::unique_ptr<sql::Database> database) : database_(std::move(database)) {}
  std::unique_ptr<sql::Database> database_;
};

}  // namespace limequat::registrar
