#include "limequat/cli/inspect_quote.h"

#include <chrono>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/time.h"
#include "limequat/cli/input.h"
#include "limequat/cli/quote_json.h"
#include "limequat/cli/table.h"
#include "limequat/cli/usage.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/signature.h"

namespace limequat::cli {

namespace {

std::string ClockText(const tpm::ClockInfo& clock) {
  return fmt::format("{} ({}), {}", clock.clock,
                     FormatDuration(std::chrono::milliseconds(clock.clock)),
                     clock.safe ? "safe" : "not safe");
}

std::string ResetsText(const tpm::ClockInfo& clock) {
  return fmt::format("{}, restarts {}", clock.reset_count, clock.restart_count);
}

std::string HexOrNone(ByteView bytes) { return bytes.empty() ? "(none)" : HexEncode(bytes); }

using Pairs = std::vector<std::pair<std::string, Cell>>;

// What the attestation is about, by type.
struct AttestedText {
  Pairs operator()(const tpm::NvInfo& info) const {
    return {{"index name", HexOrNone(info.index_name)},
            {"offset", fmt::format("{}", info.offset)},
            {"contents", HexOrNone(info.contents)}};
  }
  Pairs operator()(const tpm::CommandAuditInfo& info) const {
    return {{"audit counter", fmt::format("{}", info.audit_counter)},
            {"audit digest", fmt::format("{} ({})", HexOrNone(info.audit_digest),
                                         tpm::AlgorithmName(info.digest_algorithm))},
            {"command digest", HexOrNone(info.command_digest)}};
  }
  Pairs operator()(const tpm::SessionAuditInfo& info) const {
    return {{"session", info.exclusive_session ? "exclusive" : "not exclusive"},
            {"session digest", HexOrNone(info.session_digest)}};
  }
  Pairs operator()(const tpm::CertifyInfo& info) const {
    return {{"name", HexOrNone(info.name)}, {"qualified name", HexOrNone(info.qualified_name)}};
  }
  Pairs operator()(const tpm::QuoteInfo& info) const {
    return {{"selection", SelectionText(info.selection)},
            {"pcr digest", HexOrNone(info.pcr_digest)}};
  }
  Pairs operator()(const tpm::TimeInfo& info) const {
    return {{"time", fmt::format("{} ({})", info.time,
                                 FormatDuration(std::chrono::milliseconds(info.time)))},
            {"clock then", ClockText(info.clock_info)},
            {"resets then", ResetsText(info.clock_info)},
            {"firmware then", FirmwareText(info.firmware_version)}};
  }
  Pairs operator()(const tpm::CreationInfo& info) const {
    return {{"object name", HexOrNone(info.object_name)},
            {"creation hash", HexOrNone(info.creation_hash)}};
  }
  Pairs operator()(const tpm::NvDigestInfo& info) const {
    return {{"index name", HexOrNone(info.index_name)}, {"digest", HexOrNone(info.nv_digest)}};
  }
};

std::string ForPeople(const tpm::UnverifiedAttest& attest,
                      const std::optional<tpm::Signature>& signature, const Look& look) {
  const std::string_view type = tpm::AttestTypeName(tpm::TypeOf(attest.attested));
  const bool is_quote = std::holds_alternative<tpm::QuoteInfo>(attest.attested);
  Pairs pairs{{"type", is_quote ? std::string(type) : fmt::format("{}: not a quote", type)}};
  for (auto& pair : std::visit(AttestedText(), attest.attested)) pairs.push_back(std::move(pair));
  pairs.emplace_back("extra data", HexOrNone(attest.extra_data));
  pairs.emplace_back("qualified signer", HexOrNone(attest.qualified_signer));
  pairs.emplace_back("clock", ClockText(attest.clock_info));
  pairs.emplace_back("resets", ResetsText(attest.clock_info));
  pairs.emplace_back("firmware", FirmwareText(attest.firmware_version));
  pairs.emplace_back("signature",
                     signature ? fmt::format("{} with {}", tpm::AlgorithmName(signature->scheme),
                                             crypto::HashName(signature->hash))
                               : std::string());
  return "what the message claims, nothing was verified:\n" + RenderPairs(pairs, look, 2);
}

}  // namespace

Result<Ending> InspectQuote::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({message, signature.value_or("")}));
  LQ_ASSIGN_OR_RETURN(const std::string attest, ReadInput(message, kMaxSmallInput));
  LQ_ASSIGN_OR_RETURN(const tpm::UnverifiedAttest parsed, tpm::ParseAttest(AsBytes(attest)));
  std::optional<tpm::Signature> signed_by;
  json::Object document = ToJson(parsed);
  if (signature) {
    LQ_ASSIGN_OR_RETURN(const std::string bytes, ReadInput(*signature, kMaxSmallInput));
    LQ_ASSIGN_OR_RETURN(signed_by, tpm::ParseSignature(AsBytes(bytes)));
    document.Set("signature", ToJson(*signed_by));
  }
  LQ_RETURN_IF_ERROR(
      console.Show(document, [&] { return ForPeople(parsed, signed_by, console.look()); }));
  return Ending::kDone;
}

}  // namespace limequat::cli
