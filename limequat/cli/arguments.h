#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/list.h"
#include "limequat/policy/boot_policy.h"
#include "limequat/tpm/pcr.h"

namespace limequat::cli {

// Values of options and arguments. Whatever does not fit is a usage error
// ("cli.usage"), also the empty text, which must not read as "not given"; messages
// are safe to show.

Result<std::string> ParseText(std::string_view text);  // anything but nothing
Result<std::string> ParseAgentId(std::string_view text);
Result<std::string> ParsePolicyName(std::string_view text);
Result<std::string> ParseLabelName(std::string_view text);
Result<std::string> ParseHost(std::string_view text);
Result<std::string> ParseAddress(std::string_view text);
Result<std::string> ParseOperatorName(std::string_view text);
Result<std::uint16_t> ParsePort(std::string_view text);  // 1-65535
Result<std::int64_t> ParseIncidentNumber(std::string_view text);
Result<Time> ParseTime(std::string_view text);
// Hexadecimal; here the empty text is a value: the nonce of no bytes.
Result<Bytes> ParseNonce(std::string_view text);
Result<tpm::PcrSelection> ParsePcrSelection(std::string_view text);
// "sha256:HEX"
Result<crypto::Digest> ParseBankDigest(std::string_view text);
Result<crypto::HashAlgorithm> ParseHash(std::string_view text);
Result<crypto::Digest> ParseSha256(std::string_view text);  // hexadecimal
Result<std::uint64_t> ParseRelease(std::string_view text);  // of a policy: from 1
Result<std::size_t> ParseThreshold(std::string_view text);  // of signatures: 1-64
// "example", "measured-only", "accept-all", "reject-all".
Result<policy::BootPolicy> ParseBootPolicy(std::string_view text);
// "ascii" or "binary"; nullopt for "auto".
Result<std::optional<ima::Format>> ParseImaFormat(std::string_view text);
// "0-7,14"
Result<tpm::PcrSet> ParsePcrNumbers(std::string_view text);
// "EV_IPL", or "0x0000040e" for a type without a name.
// The name of a template of IMA (`ima-ng`, or fields like `d-ng|n-ng`).
Result<std::string> ParseTemplateName(std::string_view text);

// "HOST:PORT", an IPv6 address in brackets.
struct HostAndPort {
  std::string host;
  std::uint16_t port = 0;
};
Result<HostAndPort> ParseHostAndPort(std::string_view text);

}  // namespace limequat::cli
