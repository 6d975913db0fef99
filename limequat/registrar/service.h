#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "limequat/base/result.h"
#include "limequat/config/registrar.h"
#include "limequat/http/runtime.h"
#include "limequat/http/server.h"
#include "limequat/registrar/store.h"

namespace limequat::registrar {

// The running registrar: database, trust in endorsement keys, two listeners.
class Service {
 public:
  // Builds everything in order and serves. Errors name what is wrong with the
  // configuration's files, the database or the ports. kUntrusted ("config.lab")
  // if an operators' authority is a lab's and the configuration is not (attack A17).
  static Result<std::unique_ptr<Service>> Start(http::Runtime& runtime,
                                                const config::RegistrarConfig& config);

  std::uint16_t port() const { return plain_->port(); }
  std::uint16_t tls_port() const { return tls_->port(); }

 private:
  Service(std::unique_ptr<Store> store, std::unique_ptr<http::Server> plain,
          std::unique_ptr<http::Server> tls)
      : store_(std::move(store)), plain_(std::move(plain)), tls_(std::move(tls)) {}
  // Destroyed from the last: listeners end before the database.
  std::unique_ptr<Store> store_;
  std::unique_ptr<http::Server> plain_;
  std::unique_ptr<http::Server> tls_;
};

}  // namespace limequat::registrar
