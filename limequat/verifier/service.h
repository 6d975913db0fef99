#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "limequat/base/result.h"
#include "limequat/config/verifier.h"
#include "limequat/http/client.h"
#include "limequat/http/runtime.h"
#include "limequat/http/server.h"
#include "limequat/notify/outbox.h"
#include "limequat/verifier/fleet.h"
#include "limequat/verifier/policy_shelf.h"
#include "limequat/verifier/store.h"

namespace limequat::verifier {

// The running verifier: database, client towards the machines, fleet, listener.
class Service {
 public:
  // Builds everything in order, loads the fleet and serves. Errors name what is
  // wrong with the configuration's files, the database or the port. kUntrusted
  // ("config.lab") if an authority is a lab's and the configuration is not (A17).
  static Result<std::unique_ptr<Service>> Start(http::Runtime& runtime,
                                                const config::VerifierConfig& config);

  std::uint16_t port() const { return server_->port(); }
  Fleet& fleet() { return *fleet_; }

 private:
  Service(PolicySigning signing, policy::BootPolicy usual)
      : policies_(std::move(signing)), boots_(usual) {}
  // Destroyed from the last: listener, fleet, notices, client, threads, database.
  std::unique_ptr<Store> store_;
  // The fleet's own threads: however many answers come, the API and its health routes
  // have theirs.
  std::unique_ptr<http::Runtime> fleet_runtime_;
  PolicyShelf policies_;
  BootShelf boots_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<notify::Outbox> outbox_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace limequat::verifier
