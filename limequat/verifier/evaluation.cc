#include "limequat/verifier/evaluation.h"

#include <optional>
#include <utility>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/tpm/quote.h"
#include "limequat/verifier/clock.h"
#include "limequat/wire/attestation.h"

namespace limequat::verifier {

namespace {

// The event log of an answer, if anything will look at it.
Result<std::optional<Bytes>> BootLogOf(const Ask& ask, const wire::QuoteAnswer& message) {
  const bool looks = appraise::LooksAtBootLog(*ask.reference) && ask.flight.challenge.full;
  if (!looks || !message.mb_measurement_list) return std::optional<Bytes>();
  auto log = Base64Decode(*message.mb_measurement_list);
  if (!log) return std::move(log).error().In("mb_measurement_list");
  return std::optional<Bytes>(*std::move(log));
}

}  // namespace

Result<Evaluated> Evaluate(const Ask& ask, std::string_view body) {
  LQ_ASSIGN_OR_RETURN(wire::QuoteAnswer message, wire::ParseQuoteAnswer(body));
  LQ_ASSIGN_OR_RETURN(tpm::QuoteString quote, tpm::ParseQuoteString(message.quote));
  appraise::Answer answer{.quote = std::move(quote),
                          .hash_alg = std::move(message.hash_alg),
                          .enc_alg = std::move(message.enc_alg),
                          .sign_alg = std::move(message.sign_alg),
                          .transport_key_pem = std::move(message.pubkey),
                          .ima_list = {},
                          .ima_first = message.ima_measurement_list_entry};
  if (message.ima_measurement_list) answer.ima_list = *message.ima_measurement_list;
  LQ_ASSIGN_OR_RETURN(std::optional<Bytes> boot_log, BootLogOf(ask, message));
  if (boot_log) answer.boot_log = *boot_log;
  LQ_ASSIGN_OR_RETURN(appraise::Attestation attestation,
                      appraise::AppraiseAttestation(*ask.reference, ask.flight.challenge, answer,
                                                    ask.before.get(), Now()));
  std::shared_ptr<const BootEvidence> boot;
  if (boot_log && attestation.boot_log_pcrs) {
    boot = MakeBootEvidence(*std::move(boot_log), *std::move(attestation.boot_log_pcrs));
  }
  return Evaluated{.attestation = std::move(attestation), .boot = std::move(boot)};
}

}  // namespace limequat::verifier
