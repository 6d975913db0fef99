#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

#include "limequat/http/router.h"
#include "limequat/registrar/store.h"
#include "limequat/tpm/ek_certificate.h"

namespace limequat::registrar {

inline constexpr std::string_view kOperatorRole = "operator";

// Largest registration: keys, an EK certificate with its chain, a TLS certificate.
inline constexpr std::size_t kMaxRegistration = 256U << 10U;

struct ApiParts {
  Store& store;
  std::shared_ptr<const tpm::EkTrust> trust;
};

// Every route of the registrar. Registration and activation are public by protocol
// and also served over plain HTTP; everything about registered machines needs an
// operator's certificate, which plain HTTP cannot show.
std::shared_ptr<http::Router> MakeRouter(const ApiParts& parts);

}  // namespace limequat::registrar
