#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <tss2/tss2_mu.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/device/esys_internal.h"
#include "limequat/device/tpm.h"
#include "limequat/tpm/attest.h"

namespace limequat::device {

namespace {

constexpr int kAttempts = 5;
constexpr ESYS_TR kBindingPcr = ESYS_TR_PCR16;
constexpr std::uint32_t kBindingPcrNumber = 16;

TPML_PCR_SELECTION ToSelection(crypto::HashAlgorithm bank, tpm::PcrSet pcrs) {
  TPML_PCR_SELECTION selection{};
  selection.count = 1;
  TPMS_PCR_SELECTION& entry = selection.pcrSelections[0];
  entry.hash = static_cast<TPMI_ALG_HASH>(tpm::IdOf(bank));
  entry.sizeofSelect = 3;
  for (unsigned i = 0; i < 3; ++i) {
    entry.pcrSelect[i] = static_cast<BYTE>((pcrs.bits() >> (8U * i)) & 0xffU);
  }
  return selection;
}

tpm::PcrSet FromSelection(const TPML_PCR_SELECTION& selection, crypto::HashAlgorithm bank) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(selection.count, TPM2_NUM_PCR_BANKS); ++i) {
    const TPMS_PCR_SELECTION& entry = selection.pcrSelections[i];
    if (entry.hash != static_cast<TPMI_ALG_HASH>(tpm::IdOf(bank))) continue;
    for (unsigned byte = 0; byte < std::min<unsigned>(entry.sizeofSelect, 3); ++byte) {
      bits |= static_cast<std::uint32_t>(entry.pcrSelect[byte]) << (8U * byte);
    }
  }
  return tpm::PcrSet(bits);
}

// A TPM returns as many PCRs as fit into one answer, and none of a bank that is not
// allocated.
Status ReadSome(ESYS_CONTEXT* esys, crypto::HashAlgorithm bank, tpm::PcrSet& wanted,
                tpm::PcrValues& values) {
  const TPML_PCR_SELECTION selection = ToSelection(bank, wanted);
  std::uint32_t counter = 0;
  TPML_PCR_SELECTION* delivered = nullptr;
  TPML_DIGEST* digests = nullptr;
  const TSS2_RC code = Esys_PCR_Read(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &selection,
                                     &counter, &delivered, &digests);
  if (code != TSS2_RC_SUCCESS) return TpmError("pcr_read", code);
  const EsysPtr<TPML_PCR_SELECTION> owned_selection(delivered);
  const EsysPtr<TPML_DIGEST> owned_digests(digests);
  const tpm::PcrSet read = FromSelection(*delivered, bank) & wanted;
  const std::vector<std::uint32_t> numbers = read.ToList();
  if (numbers.empty() || numbers.size() != digests->count) {
    return Unsupported("device.tpm.bank",
                       fmt::format("the TPM gives no value for PCR {} in the {} bank",
                                   wanted.ToString(), crypto::HashName(bank)));
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const TPM2B_DIGEST& digest = digests->digests[i];
    LQ_ASSIGN_OR_RETURN(const crypto::Digest value,
                        crypto::Digest::FromBytes(bank, {digest.buffer, digest.size}));
    values.Set(numbers[i], value);
  }
  wanted = wanted - read;
  return {};
}

Result<tpm::PcrValues> ReadPcrs(ESYS_CONTEXT* esys, crypto::HashAlgorithm bank, tpm::PcrSet pcrs) {
  tpm::PcrValues values;
  while (!pcrs.empty()) LQ_RETURN_IF_ERROR(ReadSome(esys, bank, pcrs, values));
  return values;
}

Status Bind(ESYS_CONTEXT* esys, const crypto::Digest& digest) {
  TSS2_RC code = Esys_PCR_Reset(esys, kBindingPcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
  if (code != TSS2_RC_SUCCESS) return TpmError("pcr_reset", code);
  TPML_DIGEST_VALUES values{};
  values.count = 1;
  values.digests[0].hashAlg = static_cast<TPMI_ALG_HASH>(tpm::IdOf(digest.algorithm()));
  std::ranges::copy(digest.bytes(), values.digests[0].digest.sha512);
  code = Esys_PCR_Extend(esys, kBindingPcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &values);
  if (code != TSS2_RC_SUCCESS) return TpmError("pcr_extend", code);
  return {};
}

struct Signed {
  Bytes attest;
  Bytes signature;
};

Result<Signed> Sign(ESYS_CONTEXT* esys, ESYS_TR ak, const QuoteRequest& request) {
  TPM2B_DATA nonce{};
  LQ_RETURN_IF_ERROR(Fill(nonce, request.nonce, nonce.buffer));
  TPMT_SIG_SCHEME own_scheme{};
  own_scheme.scheme = TPM2_ALG_NULL;
  const TPML_PCR_SELECTION selection = ToSelection(request.bank, request.pcrs);
  TPM2B_ATTEST* attest = nullptr;
  TPMT_SIGNATURE* signature = nullptr;
  TSS2_RC code = Esys_Quote(esys, ak, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &nonce,
                            &own_scheme, &selection, &attest, &signature);
  // Flushed by somebody else, or by a reset that the connection outlived.
  if (IsTpmError(code, TPM2_RC_REFERENCE_H0) || IsTpmError(code, TPM2_RC_HANDLE)) {
    return Unavailable("device.tpm.lost", "TPM: the key is not in the TPM any more");
  }
  if (code != TSS2_RC_SUCCESS) return TpmError("quote", code);
  const EsysPtr<TPM2B_ATTEST> owned_attest(attest);
  const EsysPtr<TPMT_SIGNATURE> owned_signature(signature);
  Signed result;
  result.attest.assign(attest->attestationData, attest->attestationData + attest->size);
  result.signature.resize(sizeof(TPMT_SIGNATURE));
  std::size_t size = 0;
  code = Tss2_MU_TPMT_SIGNATURE_Marshal(signature, result.signature.data(), result.signature.size(),
                                        &size);
  if (code != TSS2_RC_SUCCESS) return TpmError("marshal_signature", code);
  result.signature.resize(size);
  return result;
}

// Whether `values` are what the TPM has signed.
bool Belong(const tpm::PcrValues& values, const QuoteRequest& request,
            crypto::HashAlgorithm signature_hash, ByteView signed_digest) {
  crypto::Hasher hasher(signature_hash);
  for (const std::uint32_t pcr : request.pcrs.ToList()) {
    hasher.Update(values.Find(request.bank, pcr)->bytes());
  }
  return Equal(hasher.Finish().bytes(), signed_digest);
}

}  // namespace

Result<Quote> Tpm::TakeQuote(const Key& ak, const QuoteRequest& request) {
  const std::optional<crypto::HashAlgorithm> hash = tpm::HashOf(ak.public_area().scheme_hash());
  if (!hash) {
    return Unsupported("device.ak.scheme", "attestation key: its scheme has no hash that is known");
  }
  LQ_CHECK(!request.binding || request.pcrs.Contains(kBindingPcrNumber));
  const std::lock_guard lock(impl_->mutex);
  LQ_RETURN_IF_ERROR(impl_->Ready(ak));
  if (request.binding) LQ_RETURN_IF_ERROR(Bind(impl_->esys, *request.binding));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    LQ_ASSIGN_OR_RETURN(tpm::PcrValues values, ReadPcrs(impl_->esys, request.bank, request.pcrs));
    LQ_ASSIGN_OR_RETURN(Signed made, Sign(impl_->esys, ak.esys_, request));
    LQ_ASSIGN_OR_RETURN(const tpm::UnverifiedQuote attest, tpm::ParseQuoteAttest(made.attest));
    if (Belong(values, request, *hash, attest.pcr_digest)) {
      return Quote{std::move(made.attest), std::move(made.signature), attest.selection,
                   std::move(values)};
    }
  }
  return Unavailable("device.tpm.busy_pcrs",
                     fmt::format("PCRs changed during each of {} quotes", kAttempts));
}

}  // namespace limequat::device
