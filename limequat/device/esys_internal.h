#pragma once

// What the sources of this module share about tpm2-tss. Not installed, and included
// by nobody else.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

#include "limequat/base/bytes.h"
#include "limequat/base/error.h"
#include "limequat/base/result.h"
#include "limequat/device/tpm.h"

namespace limequat::device {

// What ESYS allocates.
struct FreeEsys {
  void operator()(void* pointer) const { Esys_Free(pointer); }
};
template <class T>
using EsysPtr = std::unique_ptr<T, FreeEsys>;

// kUnavailable ("device.tpm.OPERATION", or "device.tpm.lost" if the transport to the TPM
// failed) with the TSS's words for `code`.
Error TpmError(std::string_view operation, TSS2_RC code);

// Whether `code` came from the TPM itself and is `wanted`, without the number of the
// parameter, handle or session in it (part 2, 6.6).
bool IsTpmError(TSS2_RC code, TPM2_RC wanted);

// Removes the object or session from the TPM when it ends.
class Loaded {
 public:
  Loaded(ESYS_CONTEXT* esys, ESYS_TR handle) : esys_(esys), handle_(handle) {}
  Loaded(Loaded&& other) noexcept
      : esys_(other.esys_), handle_(std::exchange(other.handle_, ESYS_TR_NONE)) {}
  Loaded& operator=(Loaded&&) = delete;
  ~Loaded() {
    if (handle_ != ESYS_TR_NONE) Esys_FlushContext(esys_, handle_);
  }
  ESYS_TR handle() const { return handle_; }
  // The caller takes care of it from here on.
  ESYS_TR Release() { return std::exchange(handle_, ESYS_TR_NONE); }

 private:
  ESYS_CONTEXT* esys_;
  ESYS_TR handle_;
};

struct Tpm::Impl {
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { Disconnect(); }
  Status Connect();
  void Disconnect();
  // Whether commands can be sent, and `key` used in them.
  Status Ready() const;
  Status Ready(const Key& key) const;

  std::mutex mutex;
  std::string configuration;     // for the TCTI loader
  std::uint64_t connection = 0;  // counts them: handles belong to one
  TSS2_TCTI_CONTEXT* tcti = nullptr;
  ESYS_CONTEXT* esys = nullptr;
  bool software = false;
};

// The functions below are called with the mutex held.

// One TPM2_GetCapability.
Result<EsysPtr<TPMS_CAPABILITY_DATA>> Capability(ESYS_CONTEXT* esys, TPM2_CAP capability,
                                                 std::uint32_t first, std::uint32_t count);
// Handles of a range from `first` on, at most 254, ascending.
Result<std::vector<TPM2_HANDLE>> Handles(ESYS_CONTEXT* esys, TPM2_HANDLE first);
// One fixed property, or nullopt if this TPM has none of that number.
Result<std::optional<std::uint32_t>> Property(ESYS_CONTEXT* esys, TPM2_PT property);

// The public area of an object, through its TPM2B form.
Result<tpm::PublicArea> ToPublicArea(const TPM2B_PUBLIC& area);

// A policy session that lets `ek` be used (EK Credential Profile 2.5, B.6.2 to B.6.5).
Result<Loaded> AuthorizeEndorsementKey(ESYS_CONTEXT* esys, const tpm::PublicArea& ek);

// Copies `bytes` into a TPM2B; kMalformed ("device.tpm.size") if they do not fit.
template <class Sized>
Status Fill(Sized& sized, ByteView bytes, std::span<BYTE> buffer) {
  if (bytes.size() > buffer.size()) {
    return Malformed("device.tpm.size", "longer than any TPM takes");
  }
  std::ranges::copy(bytes, buffer.begin());
  sized.size = static_cast<UINT16>(bytes.size());
  return {};
}

}  // namespace limequat::device
