#pragma once

#include <string_view>

#include "limequat/base/result.h"
#include "limequat/cli/console.h"
#include "limequat/tenant/site.h"

namespace limequat::cli {

// limequat init: the authorities, certificates and configuration of a site.
// Without hosts only --all-in-one is possible: then for this computer alone.
struct Init {
  tenant::SiteOptions options;

  Result<Ending> Run(Console& console) const;
};

// Whether `text` is a DNS name (RFC 1123) or an IPv4 or IPv6 address. What passes is
// safe in a certificate and in a configuration file. kMalformed ("cli.usage").
Status CheckHost(std::string_view text);
// An IPv4 or IPv6 address.
Status CheckAddress(std::string_view text);
// The name in an operator's certificate: 1 to 64 of A-Z a-z 0-9 . _ @ - and blanks.
Status CheckOperatorName(std::string_view text);

}  // namespace limequat::cli
