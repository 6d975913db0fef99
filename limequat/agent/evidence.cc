#include "limequat/agent/evidence.h"

#include <utility>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/telemetry/log.h"
#include "limequat/tpm/quote.h"

namespace limequat::agent {

namespace {

constexpr std::uint32_t kBindingPcr = 16;

}  // namespace

Evidence::Evidence(device::Tpm& tpm, device::Tpm::Key ak, ReloadKey reload, const KeyChoice& choice,
                   const crypto::PublicKey& transport_key, Logs logs)
    : tpm_(tpm),
      ak_(std::move(ak)),
      ak_public_(ak_.public_area()),
      reload_(std::move(reload)),
      choice_(choice),
      transport_key_pem_(transport_key.ToPem()),
      logs_(std::move(logs)) {}

std::uint32_t Evidence::ak_handle() const {
  const std::lock_guard lock(mutex_);
  return ak_.handle();
}

Result<Secret> Evidence::Activate(const device::Tpm::Key& ek, const tpm::Credential& credential) {
  const std::lock_guard lock(mutex_);
  return tpm_.ActivateCredential(ak_, ek, credential);
}

Result<device::Quote> Evidence::TakeQuote(const device::QuoteRequest& request) {
  const std::lock_guard lock(mutex_);
  Result<device::Quote> quote = tpm_.TakeQuote(ak_, request);
  // What the TPM refuses it refuses again; and whoever can make it refuse (by extending
  // PCR 16 all the time, say) need not cost a key loaded for each question as well.
  if (quote || !device::IsLost(quote.error())) return quote;
  telemetry::LogWarning("agent.tpm_reopened", {{"why", quote.error().message}});
  LQ_RETURN_IF_ERROR(tpm_.Reopen());
  LQ_ASSIGN_OR_RETURN(ak_, reload_());
  return tpm_.TakeQuote(ak_, request);
}

Result<wire::QuoteAnswer> Evidence::Quote(std::string_view nonce, tpm::PcrSet pcrs,
                                          const wire::ApiVersion& version) {
  const device::QuoteRequest request{
      .nonce = ToBytes(nonce),
      .bank = choice_.hash,
      .pcrs = pcrs | tpm::PcrSet::Of(kBindingPcr),
      .binding = crypto::Hash(choice_.hash, AsBytes(transport_key_pem_))};
  LQ_ASSIGN_OR_RETURN(const device::Quote quote, TakeQuote(request));
  wire::QuoteAnswer answer;
  answer.quote = tpm::WriteQuoteString(quote.attest, quote.signature,
                                       tpm::WritePcrBlob(quote.selection, quote.values));
  answer.hash_alg = crypto::HashName(choice_.hash);
  answer.enc_alg = EncryptionName(choice_.kind, version.minor);
  answer.sign_alg = tpm::AlgorithmName(choice_.scheme);
  return answer;
}

Result<wire::QuoteAnswer> Evidence::Identity(std::string_view nonce,
                                             const wire::ApiVersion& version) {
  LQ_ASSIGN_OR_RETURN(wire::QuoteAnswer answer, Quote(nonce, tpm::PcrSet(), version));
  answer.pubkey = transport_key_pem_;
  return answer;
}

Result<wire::QuoteAnswer> Evidence::Integrity(const wire::IntegrityQuery& query,
                                              const wire::ApiVersion& version) {
  const tpm::PcrSet pcrs(query.mask);
  LQ_ASSIGN_OR_RETURN(wire::QuoteAnswer answer, Quote(query.nonce, pcrs, version));
  if (!query.partial) answer.pubkey = transport_key_pem_;
  if (logs_.boot && pcrs.Contains(0)) {
    if (const Result<Bytes> log = logs_.boot->Read()) {
      answer.mb_measurement_list = Base64Encode(*log);
    } else {
      telemetry::LogError("agent.boot_log", log.error());
    }
  }
  if (logs_.ima) {
    LQ_ASSIGN_OR_RETURN(device::ImaPart part, logs_.ima->ReadFrom(query.ima_entry));
    answer.ima_measurement_list = std::move(part.text);
    answer.ima_measurement_list_entry = part.first_entry;
  }
  return answer;
}

}  // namespace limequat::agent
