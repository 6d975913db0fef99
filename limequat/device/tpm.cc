#include "limequat/device/tpm.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <unistd.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/device/esys_internal.h"

namespace limequat::device {

namespace {

constexpr const char* kResourceManager = "/dev/tpmrm0";
constexpr const char* kDevice = "/dev/tpm0";
constexpr std::string_view kLost = "device.tpm.lost";
// The largest list that fits a response of every TPM.
constexpr std::uint32_t kMaxHandles = TPM2_MAX_CAP_HANDLES;

// The string for the TCTI loader. Only transports to a TPM are let through: "cmd:"
// would run a program, and a bare name would load any library.
Result<std::string> TctiConfiguration(std::string_view tcti) {
  if (tcti.empty()) {
    const bool managed = ::access(kResourceManager, F_OK) == 0;
    return fmt::format("device:{}", managed ? kResourceManager : kDevice);
  }
  const std::string_view name = tcti.substr(0, tcti.find(':'));
  constexpr std::array<std::string_view, 4> kKnown{"device", "tabrmd", "swtpm", "mssim"};
  if (std::ranges::find(kKnown, name) == kKnown.end()) {
    return Malformed("device.tcti", fmt::format("TCTI \"{}\": must begin with device, tabrmd, "
                                                "swtpm or mssim",
                                                EscapeForDisplay(tcti, 200)));
  }
  if (tcti.find('\0') != std::string_view::npos) {
    return Malformed("device.tcti", "TCTI: contains a zero byte");
  }
  return std::string(tcti);
}

// Whether the layers between us and the TPM failed. ESYS is of no use afterwards: it
// waits for the answer to the command that was lost.
bool IsOfTheTransport(TSS2_RC code) {
  const TSS2_RC layer = code & TSS2_RC_LAYER_MASK;
  if (layer == TSS2_TCTI_RC_LAYER) return true;
  if (layer != TSS2_ESAPI_RC_LAYER && layer != TSS2_SYS_RC_LAYER) return false;
  switch (code & ~TSS2_RC_LAYER_MASK) {
    case TSS2_BASE_RC_BAD_SEQUENCE:
    case TSS2_BASE_RC_NO_CONNECTION:
    case TSS2_BASE_RC_TRY_AGAIN:
    case TSS2_BASE_RC_IO_ERROR:
    case TSS2_BASE_RC_MALFORMED_RESPONSE:
    case TSS2_BASE_RC_INSUFFICIENT_RESPONSE:
      return true;
    default:
      return false;
  }
}

}  // namespace

Error TpmError(std::string_view operation, TSS2_RC code) {
  // What cannot be opened is not lost.
  const bool lost = IsOfTheTransport(code) && operation != "open";
  return Unavailable(
      lost ? std::string(kLost) : fmt::format("device.tpm.{}", operation),
      fmt::format("TPM: {} failed: {} (0x{:x})", operation, Tss2_RC_Decode(code), code));
}

bool IsTpmError(TSS2_RC code, TPM2_RC wanted) {
  if ((code & TSS2_RC_LAYER_MASK) != TSS2_TPM_RC_LAYER) return false;
  // Format-one codes carry the number of the parameter, handle or session.
  const bool format_one = (code & TPM2_RC_FMT1) != 0;
  constexpr TSS2_RC kFormatOneCode = TPM2_RC_FMT1 | 0x3fU;
  return (format_one ? code & kFormatOneCode : code) == wanted;
}

bool IsLost(const Error& error) { return error.id == kLost; }

void Tpm::Impl::Disconnect() {
  if (esys != nullptr) Esys_Finalize(&esys);
  if (tcti != nullptr) Tss2_TctiLdr_Finalize(&tcti);
  ++connection;
}

Status Tpm::Impl::Ready() const {
  if (esys == nullptr) return Unavailable(kLost, "TPM: not connected");
  return {};
}

Status Tpm::Impl::Ready(const Key& key) const {
  if (esys == nullptr || key.connection_ != connection) {
    return Unavailable(kLost, "TPM: the key was lost with its connection");
  }
  return {};
}

Tpm::Tpm(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tpm::~Tpm() = default;

bool Tpm::says_it_is_software() const { return impl_->software; }

Result<EsysPtr<TPMS_CAPABILITY_DATA>> Capability(ESYS_CONTEXT* esys, TPM2_CAP capability,
                                                 std::uint32_t first, std::uint32_t count) {
  TPMI_YES_NO more = TPM2_NO;
  TPMS_CAPABILITY_DATA* data = nullptr;
  const TSS2_RC code = Esys_GetCapability(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                          capability, first, count, &more, &data);
  if (code != TSS2_RC_SUCCESS) return TpmError("get_capability", code);
  return EsysPtr<TPMS_CAPABILITY_DATA>(data);
}

Result<std::vector<TPM2_HANDLE>> Handles(ESYS_CONTEXT* esys, TPM2_HANDLE first) {
  LQ_ASSIGN_OR_RETURN(const EsysPtr<TPMS_CAPABILITY_DATA> data,
                      Capability(esys, TPM2_CAP_HANDLES, first, kMaxHandles));
  const TPML_HANDLE& list = data->data.handles;
  const std::size_t count = std::min<std::size_t>(list.count, std::size(list.handle));
  return std::vector<TPM2_HANDLE>(list.handle, list.handle + count);
}

Result<std::optional<std::uint32_t>> Property(ESYS_CONTEXT* esys, TPM2_PT property) {
  LQ_ASSIGN_OR_RETURN(const EsysPtr<TPMS_CAPABILITY_DATA> data,
                      Capability(esys, TPM2_CAP_TPM_PROPERTIES, property, 1));
  const TPML_TAGGED_TPM_PROPERTY& list = data->data.tpmProperties;
  // A TPM without the property answers with the next one that it has.
  if (list.count == 0 || list.tpmProperty[0].property != property)
    return std::optional<std::uint32_t>();
  return std::optional<std::uint32_t>(list.tpmProperty[0].value);
}

namespace {

Result<std::string> VendorText(ESYS_CONTEXT* esys) {
  std::string text;
  for (TPM2_PT property = TPM2_PT_VENDOR_STRING_1; property <= TPM2_PT_VENDOR_STRING_4;
       ++property) {
    LQ_ASSIGN_OR_RETURN(const std::optional<std::uint32_t> value, Property(esys, property));
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
      const auto byte = static_cast<char>((value.value_or(0) >> shift) & 0xffU);
      if (byte != '\0') text.push_back(byte);
    }
  }
  return text;
}

}  // namespace

Status Tpm::Impl::Connect() {
  TSS2_RC code = Tss2_TctiLdr_Initialize(configuration.c_str(), &tcti);
  if (code == TSS2_RC_SUCCESS) code = Esys_Initialize(&esys, tcti, nullptr);
  if (code != TSS2_RC_SUCCESS) {
    Disconnect();
    return TpmError("open", code).In(fmt::format("\"{}\"", EscapeForDisplay(configuration, 200)));
  }
  return {};
}

Result<std::unique_ptr<Tpm>> Tpm::Open(std::string_view tcti) {
  auto impl = std::make_shared<Impl>();
  LQ_ASSIGN_OR_RETURN(impl->configuration, TctiConfiguration(tcti));
  LQ_RETURN_IF_ERROR(impl->Connect());
  // Also the first sign of life: some transports connect with the first command only.
  LQ_ASSIGN_OR_RETURN(const std::string vendor, VendorText(impl->esys));
  impl->software = vendor.find("SW") != std::string::npos;
  return std::unique_ptr<Tpm>(new Tpm(std::move(impl)));
}

Status Tpm::Reopen() {
  const std::lock_guard lock(impl_->mutex);
  impl_->Disconnect();
  return impl_->Connect();
}

Status Tpm::CheckBank(crypto::HashAlgorithm bank) {
  const std::lock_guard lock(impl_->mutex);
  LQ_RETURN_IF_ERROR(impl_->Ready());
  LQ_ASSIGN_OR_RETURN(const EsysPtr<TPMS_CAPABILITY_DATA> data,
                      Capability(impl_->esys, TPM2_CAP_PCRS, 0, 1));
  const TPML_PCR_SELECTION& banks = data->data.assignedPCR;
  for (std::size_t i = 0; i < std::min<std::size_t>(banks.count, std::size(banks.pcrSelections));
       ++i) {
    const TPMS_PCR_SELECTION& selection = banks.pcrSelections[i];
    const std::span<const BYTE> bits(
        selection.pcrSelect, std::min<std::size_t>(selection.sizeofSelect, TPM2_PCR_SELECT_MAX));
    const bool allocated = std::ranges::any_of(bits, [](BYTE byte) { return byte != 0; });
    if (selection.hash == static_cast<TPM2_ALG_ID>(tpm::IdOf(bank)) && allocated) return {};
  }
  return Unsupported("device.tpm.bank",
                     fmt::format("the TPM has no PCRs in the {} bank", crypto::HashName(bank)));
}

Status Tpm::FlushLeftovers(ByteView name) {
  const std::lock_guard lock(impl_->mutex);
  LQ_RETURN_IF_ERROR(impl_->Ready());
  LQ_ASSIGN_OR_RETURN(const std::vector<TPM2_HANDLE> handles,
                      Handles(impl_->esys, TPM2_TRANSIENT_FIRST));
  for (const TPM2_HANDLE handle : handles) {
    ESYS_TR object = ESYS_TR_NONE;
    // Somebody else may have flushed it by now.
    if (Esys_TR_FromTPMPublic(impl_->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                              &object) != TSS2_RC_SUCCESS) {
      continue;
    }
    TPM2B_NAME* found = nullptr;
    const TSS2_RC code = Esys_TR_GetName(impl_->esys, object, &found);
    const EsysPtr<TPM2B_NAME> owned(found);
    if (code == TSS2_RC_SUCCESS && Equal({found->name, found->size}, name)) {
      if (const TSS2_RC flushed = Esys_FlushContext(impl_->esys, object);
          flushed != TSS2_RC_SUCCESS) {
        return TpmError("flush_context", flushed);
      }
    } else {
      Esys_TR_Close(impl_->esys, &object);
    }
  }
  return {};
}

Result<tpm::PublicArea> ToPublicArea(const TPM2B_PUBLIC& area) {
  Bytes bytes(sizeof(TPM2B_PUBLIC));
  std::size_t size = 0;
  const TSS2_RC code = Tss2_MU_TPM2B_PUBLIC_Marshal(&area, bytes.data(), bytes.size(), &size);
  if (code != TSS2_RC_SUCCESS) return TpmError("marshal_public", code);
  bytes.resize(size);
  return tpm::PublicArea::FromTpm2b(bytes);
}

}  // namespace limequat::device
