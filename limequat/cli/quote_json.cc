#include "limequat/cli/quote_json.h"

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::cli {

namespace {

json::Object ToJson(const tpm::ClockInfo& clock) {
  return {{"clock", clock.clock},
          {"reset_count", clock.reset_count},
          {"restart_count", clock.restart_count},
          {"safe", clock.safe}};
}

// Adds what each type of attestation is about.
struct AttestedJson {
  json::Object& object;

  void Set(std::string_view name, json::Value value) const { object.Set(name, std::move(value)); }
  void SetHex(std::string_view name, ByteView bytes) const { Set(name, HexEncode(bytes)); }

  void operator()(const tpm::NvInfo& info) const {
    SetHex("index_name", info.index_name);
    Set("offset", info.offset);
    SetHex("contents", info.contents);
  }
  void operator()(const tpm::CommandAuditInfo& info) const {
    Set("audit_counter", info.audit_counter);
    Set("digest_algorithm", tpm::AlgorithmName(info.digest_algorithm));
    SetHex("audit_digest", info.audit_digest);
    SetHex("command_digest", info.command_digest);
  }
  void operator()(const tpm::SessionAuditInfo& info) const {
    Set("exclusive_session", info.exclusive_session);
    SetHex("session_digest", info.session_digest);
  }
  void operator()(const tpm::CertifyInfo& info) const {
    SetHex("name", info.name);
    SetHex("qualified_name", info.qualified_name);
  }
  void operator()(const tpm::QuoteInfo& info) const {
    Set("selection", cli::ToJson(info.selection));
    SetHex("pcr_digest", info.pcr_digest);
  }
  void operator()(const tpm::TimeInfo& info) const {
    Set("time", json::Object{{"time", info.time},
                             {"clock_info", ToJson(info.clock_info)},
                             {"firmware_version", FirmwareText(info.firmware_version)}});
  }
  void operator()(const tpm::CreationInfo& info) const {
    SetHex("object_name", info.object_name);
    SetHex("creation_hash", info.creation_hash);
  }
  void operator()(const tpm::NvDigestInfo& info) const {
    SetHex("index_name", info.index_name);
    SetHex("nv_digest", info.nv_digest);
  }
};

}  // namespace

json::Object ToJson(const tpm::UnverifiedAttest& attest) {
  json::Object object{{"type", tpm::AttestTypeName(tpm::TypeOf(attest.attested))},
                      {"qualified_signer", HexEncode(attest.qualified_signer)},
                      {"extra_data", HexEncode(attest.extra_data)},
                      {"clock_info", ToJson(attest.clock_info)},
                      {"firmware_version", FirmwareText(attest.firmware_version)}};
  std::visit(AttestedJson{object}, attest.attested);
  return object;
}

json::Object ToJson(const tpm::UnverifiedQuote& quote) {
  return ToJson(tpm::UnverifiedAttest{
      .qualified_signer = quote.qualified_signer,
      .extra_data = quote.extra_data,
      .clock_info = quote.clock_info,
      .firmware_version = quote.firmware_version,
      .attested = tpm::QuoteInfo{.selection = quote.selection, .pcr_digest = quote.pcr_digest}});
}

json::Object ToJson(const tpm::Signature& signature) {
  return {{"scheme", tpm::AlgorithmName(signature.scheme)},
          {"hash", crypto::HashName(signature.hash)}};
}

json::Object ToJson(const tpm::PcrSelection& selection) {
  json::Object banks;
  for (const tpm::BankSelection& bank : selection) {
    json::Array numbers;
    for (const tpm::BankSelection& part : selection) {
      if (part.bank != bank.bank) continue;
      for (const std::uint32_t pcr : part.pcrs.ToList()) numbers.emplace_back(pcr);
    }
    banks.Set(tpm::AlgorithmName(bank.bank), std::move(numbers));
  }
  return banks;
}

std::string FirmwareText(std::uint64_t version) { return fmt::format("{:016x}", version); }

std::string SelectionText(const tpm::PcrSelection& selection) {
  std::string text;
  for (const tpm::BankSelection& bank : selection) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : "+", tpm::AlgorithmName(bank.bank),
                        bank.pcrs.ToString());
  }
  return text;
}

}  // namespace limequat::cli
