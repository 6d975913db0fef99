#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/result_macros.h"
#include "limequat/crypto/stored_certificate.h"
#include "limequat/device/esys_internal.h"
#include "limequat/device/tpm.h"

namespace limequat::device {

namespace {

constexpr TPM2_HANDLE kChainFirst = 0x01c00100;
constexpr TPM2_HANDLE kChainLast = 0x01c001ff;
constexpr std::uint32_t kDefaultNvBuffer = 512;
constexpr int kReadAttempts = 3;

// EK Credential Profile 2.5, 2.2.1.4 and 2.2.1.5.
TPM2_HANDLE CertificateIndex(KeyKind kind) {
  switch (kind) {
    case KeyKind::kRsa2048:
      return 0x01c00002;
    case KeyKind::kEcc256:
      return 0x01c0000a;
    case KeyKind::kEcc384:
      return 0x01c00016;
  }
  return 0;
}

// An NV index as ESYS knows it.
class NvIndex {
 public:
  static Result<NvIndex> Open(ESYS_CONTEXT* esys, TPM2_HANDLE handle) {
    ESYS_TR object = ESYS_TR_NONE;
    TSS2_RC code =
        Esys_TR_FromTPMPublic(esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object);
    if (code != TSS2_RC_SUCCESS) return TpmError("nv_read_public", code);
    NvIndex index(esys, object);
    TPM2B_NV_PUBLIC* area = nullptr;
    code =
        Esys_NV_ReadPublic(esys, object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, nullptr);
    if (code != TSS2_RC_SUCCESS) return TpmError("nv_read_public", code);
    const EsysPtr<TPM2B_NV_PUBLIC> owned(area);
    index.size_ = area->nvPublic.dataSize;
    // Most allow everybody to read; some only the owner, whose auth is empty where
    // nobody took ownership.
    index.reader_ = (area->nvPublic.attributes & TPMA_NV_AUTHREAD) != 0 ? object : ESYS_TR_RH_OWNER;
    return index;
  }
  NvIndex(NvIndex&& other) noexcept
      : esys_(other.esys_),
        object_(std::exchange(other.object_, ESYS_TR_NONE)),
        reader_(other.reader_),
        size_(other.size_) {}
  NvIndex& operator=(NvIndex&&) = delete;
  ~NvIndex() {
    if (object_ != ESYS_TR_NONE) Esys_TR_Close(esys_, &object_);
  }

  Result<Bytes> Read(std::uint32_t piece) const {
    Bytes bytes;
    while (bytes.size() < size_) {
      const auto count = static_cast<UINT16>(std::min<std::size_t>(piece, size_ - bytes.size()));
      TPM2B_MAX_NV_BUFFER* data = nullptr;
      const TSS2_RC code =
          Esys_NV_Read(esys_, reader_, object_, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, count,
                       static_cast<UINT16>(bytes.size()), &data);
      if (code != TSS2_RC_SUCCESS) return TpmError("nv_read", code);
      const EsysPtr<TPM2B_MAX_NV_BUFFER> owned(data);
      if (data->size == 0)
        return Unavailable("device.tpm.nv_read", "TPM: an empty piece of NV data");
      bytes.insert(bytes.end(), data->buffer, data->buffer + data->size);
    }
    return bytes;
  }

 private:
  NvIndex(ESYS_CONTEXT* esys, ESYS_TR object) : esys_(esys), object_(object) {}
  ESYS_CONTEXT* esys_;
  ESYS_TR object_;
  ESYS_TR reader_ = ESYS_TR_NONE;
  std::size_t size_ = 0;
};

Result<Bytes> ReadIndex(ESYS_CONTEXT* esys, TPM2_HANDLE handle, std::uint32_t piece) {
  Result<Bytes> bytes = Internal("device.tpm.nv_read", "not read");
  for (int attempt = 0; attempt < kReadAttempts && !bytes; ++attempt) {
    Result<NvIndex> index = NvIndex::Open(esys, handle);
    if (!index) {
      bytes = std::move(index).error();
      continue;
    }
    bytes = index->Read(piece);
  }
  return bytes;
}

Result<std::vector<TPM2_HANDLE>> IndicesBetween(ESYS_CONTEXT* esys, TPM2_HANDLE first,
                                                TPM2_HANDLE last) {
  LQ_ASSIGN_OR_RETURN(std::vector<TPM2_HANDLE> handles, Handles(esys, first));
  // The TPM answers with everything from `first` on (quirk A19 of Keylime).
  std::erase_if(handles, [last](TPM2_HANDLE handle) { return handle > last; });
  return handles;
}

std::vector<Bytes> Certificates(ByteView content) {
  std::vector<Bytes> certificates;
  for (const ByteView der : crypto::SplitNvCertificates(content).der) {
    certificates.push_back(ToBytes(der));
  }
  return certificates;
}

// The chain runs over the indices as if they were one. One that cannot be read ends it.
std::vector<Bytes> ReadChain(ESYS_CONTEXT* esys, std::uint32_t piece) {
  const Result<std::vector<TPM2_HANDLE>> handles = IndicesBetween(esys, kChainFirst, kChainLast);
  if (!handles) return {};
  Bytes all;
  for (const TPM2_HANDLE handle : *handles) {
    const Result<Bytes> bytes = ReadIndex(esys, handle, piece);
    if (!bytes) break;
    Append(all, *bytes);
  }
  return Certificates(all);
}

EkCertificates Unreadable(std::string reason) {
  EkCertificates result;
  result.state = EkCertificates::State::kUnreadable;
  result.reason = std::move(reason);
  return result;
}

}  // namespace

EkCertificates Tpm::ReadEkCertificates(KeyKind kind) {
  const std::lock_guard lock(impl_->mutex);
  if (const Status ready = impl_->Ready(); !ready) return Unreadable(ready.error().message);
  const TPM2_HANDLE handle = CertificateIndex(kind);
  const Result<std::vector<TPM2_HANDLE>> present = IndicesBetween(impl_->esys, handle, handle);
  if (!present) return Unreadable(present.error().message);
  if (present->empty()) return {};
  const Result<std::optional<std::uint32_t>> limit = Property(impl_->esys, TPM2_PT_NV_BUFFER_MAX);
  if (!limit) return Unreadable(limit.error().message);
  const std::uint32_t piece =
      std::clamp<std::uint32_t>(limit->value_or(kDefaultNvBuffer), 1, TPM2_MAX_NV_BUFFER_SIZE);
  const Result<Bytes> bytes = ReadIndex(impl_->esys, handle, piece);
  if (!bytes) return Unreadable(bytes.error().message);
  std::vector<Bytes> certificates = Certificates(*bytes);
  if (certificates.empty()) {
    return Unreadable(fmt::format("NV index 0x{:08x} does not begin with a certificate", handle));
  }
  EkCertificates result;
  result.state = EkCertificates::State::kPresent;
  result.der = std::move(certificates.front());
  result.chain = ReadChain(impl_->esys, piece);
  return result;
}

}  // namespace limequat::device
