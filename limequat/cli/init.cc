#include "limequat/cli/init.h"

#include <algorithm>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/json/value.h"

namespace limequat::cli {

namespace {

constexpr std::size_t kMaxHostName = 253;
constexpr std::size_t kMaxLabel = 63;
constexpr std::size_t kMaxOperatorName = 64;

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsAddress(std::string_view text) {
  // Behind it inet_pton would not look.
  if (text.find('\0') != std::string_view::npos) return false;
  const std::string terminated(text);
  in6_addr address{};  // large enough for both
  return ::inet_pton(AF_INET, terminated.c_str(), &address) == 1 ||
         ::inet_pton(AF_INET6, terminated.c_str(), &address) == 1;
}

bool IsLabel(std::string_view label) {
  return !label.empty() && label.size() <= kMaxLabel && IsLetterOrDigit(label.front()) &&
         IsLetterOrDigit(label.back()) &&
         std::ranges::all_of(label, [](char c) { return IsLetterOrDigit(c) || c == '-'; });
}

// A name of digits and dots alone is a misspelt address.
bool IsHostName(std::string_view text) {
  if (text.size() > kMaxHostName) return false;
  if (text.find_first_not_of("0123456789.") == std::string_view::npos) return false;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('.', begin), text.size());
    if (!IsLabel(text.substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

// Certificates that name no host but this one are of no use on others.
Result<tenant::SiteOptions> WithHosts(tenant::SiteOptions options) {
  const bool complete = !options.registrar_hosts.empty() && !options.verifier_hosts.empty();
  if (!complete && !options.all_in_one) {
    return UsageError(
        "name the hosts with --registrar-host and --verifier-host, or give --all-in-one");
  }
  for (auto* hosts : {&options.registrar_hosts, &options.verifier_hosts}) {
    if (hosts->empty()) *hosts = {"127.0.0.1", "localhost"};
  }
  return options;
}

// What lies where, and where it belongs.
json::Object ToJson(const tenant::Site& site, bool all_in_one) {
  return {{"authorities", site.authorities.string()},
          {"registrar", site.registrar.string()},
          {"verifier", site.verifier.string()},
          {"operator", site.operator_bundle.string()},
          {"agent", site.agent.string()},
          {"configuration", (site.operator_bundle / "limequat.toml").string()},
          {"all_in_one", all_in_one}};
}

std::string ForPeople(const tenant::Site& site, const tenant::SiteOptions& options,
                      const Look& look) {
  const auto operator_config = site.operator_bundle / "limequat.toml";
  std::string text = fmt::format("A site was made in {}\n", Shown(options.folder.string()));
  text += RenderPairs(
      {{site.authorities.string(),
        options.all_in_one
            ? Cell("keys of the authorities: THEY LIE ON THE HOST OF THE SERVICES", Tint::kBad)
            : Cell("keys of the authorities: stay here, with the operator, off every host")},
       {site.registrar.string(), "copy to the registrar's host"},
       {site.verifier.string(), "copy to the verifier's host"},
       {site.operator_bundle.string(), "for whoever operates the site"},
       {site.agent.string(), "copy to each machine; set contact_ip in it"}},
      look, 2);
  text += fmt::format(
      "Certificates of TPM manufacturers go to {}\n"
      "next:\n"
      "  limequat-registrar --config {}\n"
      "  limequat-verifier --config {}\n"
      "  export LIMEQUAT_CONFIG={}\n",
      Shown((site.registrar / "ek-trust").string()),
      Shown((site.registrar / "limequat-registrar.toml").string()),
      Shown((site.verifier / "limequat-verifier.toml").string()), Shown(operator_config.string()));
  return text;
}

}  // namespace

Status CheckHost(std::string_view text) {
  if (IsAddress(text) || IsHostName(text)) return {};
  return UsageError(
      fmt::format("{} is neither a host name nor an address", EscapeForDisplay(text, 256)));
}

Status CheckAddress(std::string_view text) {
  if (IsAddress(text)) return {};
  return UsageError(fmt::format("{} is no IPv4 or IPv6 address", EscapeForDisplay(text, 256)));
}

Status CheckOperatorName(std::string_view text) {
  const bool good = std::ranges::all_of(text, [](char c) {
    return IsLetterOrDigit(c) || std::string_view(" ._@-").find(c) != std::string_view::npos;
  });
  if (good && !text.empty() && text.size() <= kMaxOperatorName) return {};
  return UsageError("an operator's name has 1 to 64 characters of A-Z a-z 0-9 . _ @ - and blank");
}

Result<Ending> Init::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(const tenant::SiteOptions complete, WithHosts(options));
  LQ_ASSIGN_OR_RETURN(const tenant::Site site, tenant::CreateSite(complete));
  LQ_RETURN_IF_ERROR(console.Show(ToJson(site, options.all_in_one),
                                  [&] { return ForPeople(site, options, console.look()); }));
  if (options.all_in_one) {
    console.Note(
        "limequat: WARNING: with --all-in-one the keys of the authorities lie on the host of the "
        "services: whoever breaks into it can issue operator certificates. For trials only.");
  }
  if (options.lab) {
    console.Note("limequat: the certificates carry the mark of a lab; real services refuse them");
  }
  return Ending::kDone;
}

}  // namespace limequat::cli
