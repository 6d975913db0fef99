#include "limequat/cli/arguments.h"

#include <charconv>
#include <limits>
#include <system_error>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/init.h"
#include "limequat/cli/usage.h"
#include "limequat/ima/template.h"
#include "limequat/wire/agent_id.h"

namespace limequat::cli {

namespace {

std::string Quoted(std::string_view text) {
  return fmt::format("'{}'", EscapeForDisplay(text, 256));
}

// The error of a parser that is not about usage, as one that is.
Error AsUsage(const Error& error) { return UsageError(error.message); }

Result<std::uint64_t> ParseNumber(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least || number > most) {
    return UsageError(fmt::format("{} is not a number from {} to {}", Quoted(text), least, most));
  }
  return number;
}

// What policies and labels may be called.
Result<std::string> ParseName(std::string_view text, std::string_view what) {
  if (wire::AgentId::Parse(text)) return std::string(text);
  return UsageError(fmt::format("a {}'s name has 1 to 128 characters of A-Z a-z 0-9 . _ -", what));
}

}  // namespace

Result<std::string> ParseText(std::string_view text) {
  if (text.empty()) return UsageError("the value is empty");
  // A path or a name with a NUL would be cut where the system takes it.
  if (text.find('\0') != std::string_view::npos) return UsageError("the value holds a NUL");
  return std::string(text);
}

Result<std::string> ParseAgentId(std::string_view text) {
  auto id = wire::AgentId::Parse(text);
  if (!id) return AsUsage(id.error());
  return id->text();
}

Result<std::string> ParsePolicyName(std::string_view text) { return ParseName(text, "policy"); }

Result<std::string> ParseLabelName(std::string_view text) { return ParseName(text, "label"); }

Result<std::string> ParseHost(std::string_view text) {
  LQ_RETURN_IF_ERROR(CheckHost(text));
  return std::string(text);
}

Result<std::string> ParseAddress(std::string_view text) {
  LQ_RETURN_IF_ERROR(CheckAddress(text));
  return std::string(text);
}

Result<std::string> ParseOperatorName(std::string_view text) {
  LQ_RETURN_IF_ERROR(CheckOperatorName(text));
  return std::string(text);
}

Result<std::uint16_t> ParsePort(std::string_view text) {
  LQ_ASSIGN_OR_RETURN(const std::uint64_t port,
                      ParseNumber(text, 1, std::numeric_limits<std::uint16_t>::max()));
  return static_cast<std::uint16_t>(port);
}

Result<std::int64_t> ParseIncidentNumber(std::string_view text) {
  LQ_ASSIGN_OR_RETURN(const std::uint64_t number,
                      ParseNumber(text, 1, std::numeric_limits<std::int64_t>::max()));
  return static_cast<std::int64_t>(number);
}

Result<Time> ParseTime(std::string_view text) {
  auto time = ParseRfc3339(text);
  if (!time) {
    return UsageError(
        fmt::format("{} is not a time like 2026-11-25T09:00:00Z (RFC 3339)", Quoted(text)));
  }
  return *time;
}

Result<Bytes> ParseNonce(std::string_view text) {
  auto bytes = HexDecode(text);
  if (!bytes) return UsageError(fmt::format("{} is not hexadecimal", Quoted(text)));
  return *std::move(bytes);
}

Result<tpm::PcrSelection> ParsePcrSelection(std::string_view text) {
  auto selection = tpm::ParsePcrSelectionText(text);
  if (!selection) return AsUsage(selection.error());
  return *std::move(selection);
}

Result<crypto::Digest> ParseBankDigest(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return UsageError(fmt::format("{} is not BANK:HEX, for example sha256:00…", Quoted(text)));
  }
  const auto bank = tpm::BankFromName(text.substr(0, colon));
  if (!bank) {
    return UsageError(fmt::format("{} is not the name of a bank of PCRs: sha256, sha3_384, ...",
                                  Quoted(text.substr(0, colon))));
  }
  auto digest = crypto::Digest::FromHex(*bank, text.substr(colon + 1));
  if (!digest) {
    return UsageError(fmt::format("{} is not a {} digest: {} hexadecimal digits",
                                  Quoted(text.substr(colon + 1)), crypto::HashName(*bank),
                                  2 * crypto::DigestSize(*bank)));
  }
  return *digest;
}

Result<crypto::HashAlgorithm> ParseHash(std::string_view text) {
  const auto hash = crypto::HashFromName(text);
  if (!hash) {
    return UsageError(fmt::format("{} is not one of sha1, sha256, sha384, sha512", Quoted(text)));
  }
  return *hash;
}

Result<crypto::Digest> ParseSha256(std::string_view text) {
  auto digest = crypto::Digest::FromHex(crypto::HashAlgorithm::kSha256, text);
  if (!digest) {
    return UsageError(
        fmt::format("{} is not a SHA-256 digest: 64 hexadecimal digits", Quoted(text)));
  }
  return *digest;
}

Result<std::uint64_t> ParseRelease(std::string_view text) {
  return ParseNumber(text, 1, std::numeric_limits<std::int64_t>::max());
}

Result<std::size_t> ParseThreshold(std::string_view text) {
  constexpr std::uint64_t kMost = 64;
  LQ_ASSIGN_OR_RETURN(const std::uint64_t number, ParseNumber(text, 1, kMost));
  return static_cast<std::size_t>(number);
}

Result<policy::BootPolicy> ParseBootPolicy(std::string_view text) {
  const auto policy = policy::BootPolicyFromName(text);
  if (!policy) {
    return UsageError(fmt::format("{} is not one of example, measured-only, accept-all, reject-all",
                                  Quoted(text)));
  }
  return *policy;
}

Result<std::optional<ima::Format>> ParseImaFormat(std::string_view text) {
  if (text == "auto") return std::optional<ima::Format>();
  if (text == "ascii") return std::optional(ima::Format::kAscii);
  if (text == "binary") return std::optional(ima::Format::kBinary);
  return UsageError(fmt::format("{} is not one of auto, ascii, binary", Quoted(text)));
}

Result<tpm::PcrSet> ParsePcrNumbers(std::string_view text) {
  const auto pcrs = tpm::ParsePcrList(text);
  if (!pcrs) return AsUsage(pcrs.error());
  if (pcrs->empty()) return UsageError("no PCR is listed");
  return *pcrs;
}

Result<std::string> ParseTemplateName(std::string_view text) {
  if (ima::Template::FromName(text)) return std::string(text);
  return UsageError(
      fmt::format("{} is not a template, for example ima-ng or d-ng|n-ng", Quoted(text)));
}

Result<HostAndPort> ParseHostAndPort(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::string_view host = text.substr(0, colon == std::string_view::npos ? 0 : colon);
  const bool in_brackets = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (in_brackets) host = host.substr(1, host.size() - 2);
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  if (colon == std::string_view::npos || is_ipv6 != in_brackets || !CheckHost(host)) {
    return UsageError(
        fmt::format("{} is not HOST:PORT (an IPv6 address in brackets)", Quoted(text)));
  }
  LQ_ASSIGN_OR_RETURN(const std::uint16_t port, ParsePort(text.substr(colon + 1)));
  return HostAndPort{.host = std::string(host), .port = port};
}

}  // namespace limequat::cli
