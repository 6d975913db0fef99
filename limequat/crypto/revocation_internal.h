#pragma once

// How a path is compared with revocation lists. For the sources of this module only.

#include <string_view>
#include <vector>

#include "limequat/base/finding.h"
#include "limequat/base/time.h"
#include "limequat/crypto/openssl_internal.h"
#include "limequat/crypto/revocation.h"

namespace limequat::crypto {

// One finding `check` about the certificates of `path` (leaf first) below its last one,
// the anchor, which is trusted as it stands unless another one of `anchors` issued it and revokes
// it:
//   failed         one is revoked by a list that its issuer signed, however old the list
//   not evaluated  for one there is no list of its issuer that is current at `at`, whole,
//                  and covers it
// Memory: none beyond the finding.
Finding JudgeRevocation(STACK_OF(X509) * path, const std::vector<Certificate>& anchors,
                        const std::vector<RevocationList>& lists, Time at, std::string_view check);

}  // namespace limequat::crypto
