#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "limequat/http/router.h"
#include "limequat/verifier/boot_shelf.h"
#include "limequat/verifier/fleet.h"
#include "limequat/verifier/policy_shelf.h"
#include "limequat/verifier/store.h"

namespace limequat::verifier {

// Role of an operator's certificate; services and machines have others (attack A16).
inline constexpr std::string_view kOperatorRole = "operator";

// What the handlers work on; outlives the router.
struct ApiParts {
  Fleet& fleet;
  Store& store;
  PolicyShelf& policies;
  BootShelf& boots;
  std::string verifier_id = "default";
  std::string listen_address;
  std::uint16_t listen_port = 0;
};

// Limits of bodies.
inline constexpr std::size_t kMaxPolicyBody = 100U << 20U;  // Keylime's default upload limit

// Every route of the verifier: Keylime's API v2 and our own /api/v1.
std::shared_ptr<http::Router> MakeRouter(const ApiParts& parts);

// What the routes for operators share: who may use them, and how much they may take. Uploads
// have bodies of up to `max_body` bytes, and few run at one time.
http::Access Operators();
http::RouteOptions Administration();
http::RouteOptions Upload(std::size_t max_body);

// Parts of MakeRouter, each in its own file.
void AddKeylimeRoutes(http::Router& router, const ApiParts& parts);
void AddMachineRoutes(http::Router& router, const ApiParts& parts);
void AddBootLogRoutes(http::Router& router, const ApiParts& parts);
void AddPolicyRoutes(http::Router& router, const ApiParts& parts);
void AddPolicyRemovalRoutes(http::Router& router, const ApiParts& parts);
void AddLabelRoutes(http::Router& router, const ApiParts& parts);
void AddBootPolicyRoutes(http::Router& router, const ApiParts& parts);
void AddKeylimePolicyRoutes(http::Router& router, const ApiParts& parts);
void AddKeylimeBootRoutes(http::Router& router, const ApiParts& parts);
void AddIncidentRoutes(http::Router& router, const ApiParts& parts);

// A policy that says nothing would turn every machine bound to it unpoliced. Our own API
// refuses it (attack A10), kMalformed ("verifier.policy_says_nothing"); Keylime's stores it.
Status CheckSaysSomething(const policy::RuntimePolicy& policy);

// The same for a reference state of measured boot: every boot would be unpoliced. Also the
// errors of BootShelf::Get.
Status CheckSaysSomething(BootShelf& boots, std::string_view reference);

// {"error": {"code", "id", "message"}}: errors of /api/v1.
http::Response OwnError(int status, const Error& error);

}  // namespace limequat::verifier
