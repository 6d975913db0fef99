#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <tss2/tss2_mu.h>

#include "limequat/base/result_macros.h"
#include "limequat/device/esys_internal.h"
#include "limequat/device/templates_internal.h"
#include "limequat/device/tpm.h"

namespace limequat::device {

namespace {

constexpr TPML_PCR_SELECTION kNoPcrs{};
constexpr TPM2B_DATA kNoData{};
constexpr TPM2B_SENSITIVE_CREATE kEmptySensitive{};
constexpr TPMT_SYM_DEF kNoParameterEncryption{
    .algorithm = TPM2_ALG_NULL, .keyBits = {}, .mode = {}};

TPM2B_DIGEST ToDigest(ByteView bytes) {
  TPM2B_DIGEST digest{};
  std::ranges::copy(bytes, digest.buffer);
  digest.size = static_cast<UINT16>(bytes.size());
  return digest;
}

Status SatisfyPolicyOr(ESYS_CONTEXT* esys, ESYS_TR session) {
  TPML_DIGEST branches{};
  branches.count = 2;
  branches.digests[0] = ToDigest(PolicyASha384());
  branches.digests[1] = ToDigest(PolicyCSha384());
  const TSS2_RC code =
      Esys_PolicyOR(esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &branches);
  if (code != TSS2_RC_SUCCESS) return TpmError("policy_or", code);
  return {};
}

}  // namespace

namespace {

// swtpm 0.7 answers TPM_RC_FAILURE when the seed of a credential does not decrypt,
// without being in failure mode: then it would refuse everything but its self-test.
enum class Health { kWell, kFailed };
Health CheckHealth(ESYS_CONTEXT* esys, ESYS_TR key) {
  TPM2B_PUBLIC* area = nullptr;
  const TSS2_RC code =
      Esys_ReadPublic(esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, nullptr, nullptr);
  const EsysPtr<TPM2B_PUBLIC> owned(area);
  return code == TSS2_RC_SUCCESS ? Health::kWell : Health::kFailed;
}

// Whether `code` of TPM2_ActivateCredential is about what came from the network.
bool BlamesCredential(TSS2_RC code) {
  constexpr std::array<TPM2_RC, 5> kBlame{TPM2_RC_INTEGRITY, TPM2_RC_SIZE, TPM2_RC_VALUE,
                                          TPM2_RC_INSUFFICIENT, TPM2_RC_ECC_POINT};
  return std::ranges::any_of(kBlame, [code](TPM2_RC blame) { return IsTpmError(code, blame); });
}

}  // namespace

Tpm::Key::Key(std::shared_ptr<Impl> tpm, std::uint32_t esys, std::uint32_t handle, bool transient,
              tpm::PublicArea area)
    : tpm_(std::move(tpm)),
      esys_(esys),
      handle_(handle),
      connection_(tpm_->connection),
      transient_(transient),
      public_area_(std::move(area)) {}

Tpm::Key::Key(Key&& other) noexcept
    : tpm_(std::move(other.tpm_)),
      esys_(std::exchange(other.esys_, ESYS_TR_NONE)),
      handle_(other.handle_),
      connection_(other.connection_),
      transient_(other.transient_),
      public_area_(std::move(other.public_area_)) {}

Tpm::Key& Tpm::Key::operator=(Key&& other) noexcept {
  if (this != &other) {
    Flush();
    tpm_ = std::move(other.tpm_);
    esys_ = std::exchange(other.esys_, ESYS_TR_NONE);
    handle_ = other.handle_;
    connection_ = other.connection_;
    transient_ = other.transient_;
    public_area_ = std::move(other.public_area_);
  }
  return *this;
}

Tpm::Key::~Key() { Flush(); }

void Tpm::Key::Flush() {
  if (esys_ == ESYS_TR_NONE) return;
  const std::lock_guard lock(tpm_->mutex);
  if (!tpm_->Ready(*this)) return;
  if (transient_) {
    Esys_FlushContext(tpm_->esys, esys_);
  } else {
    Esys_TR_Close(tpm_->esys, &esys_);
  }
  esys_ = ESYS_TR_NONE;
}

Result<Loaded> AuthorizeEndorsementKey(ESYS_CONTEXT* esys, const tpm::PublicArea& ek) {
  const bool high_range = Equal(ek.auth_policy(), PolicyBSha384());
  if (!high_range && !Equal(ek.auth_policy(), PolicyASha256())) {
    return Unsupported("device.ek.policy",
                       "the endorsement key has an authorisation policy that is not one of the "
                       "TCG's templates");
  }
  ESYS_TR handle = ESYS_TR_NONE;
  const TSS2_RC started =
      Esys_StartAuthSession(esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                            ESYS_TR_NONE, nullptr, TPM2_SE_POLICY, &kNoParameterEncryption,
                            static_cast<TPMI_ALG_HASH>(tpm::IdOf(ek.name_algorithm())), &handle);
  if (started != TSS2_RC_SUCCESS) return TpmError("start_auth_session", started);
  Loaded session(esys, handle);
  const TSS2_RC code =
      Esys_PolicySecret(esys, ESYS_TR_RH_ENDORSEMENT, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                        ESYS_TR_NONE, nullptr, nullptr, nullptr, 0, nullptr, nullptr);
  if (code != TSS2_RC_SUCCESS) return TpmError("policy_secret", code);
  if (high_range) LQ_RETURN_IF_ERROR(SatisfyPolicyOr(esys, handle));
  return session;
}

Result<Tpm::Key> Tpm::CreateEndorsementKey(KeyKind kind) {
  const std::lock_guard lock(impl_->mutex);
  LQ_RETURN_IF_ERROR(impl_->Ready());
  const TPM2B_PUBLIC wanted = EndorsementTemplate(kind);
  ESYS_TR handle = ESYS_TR_NONE;
  TPM2B_PUBLIC* area = nullptr;
  const TSS2_RC code = Esys_CreatePrimary(
      impl_->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
      &kEmptySensitive, &wanted, &kNoData, &kNoPcrs, &handle, &area, nullptr, nullptr, nullptr);
  if (code != TSS2_RC_SUCCESS) return TpmError("create_primary", code);
  const EsysPtr<TPM2B_PUBLIC> owned(area);
  Loaded loaded(impl_->esys, handle);
  LQ_ASSIGN_OR_RETURN(tpm::PublicArea public_area, ToPublicArea(*area));
  TPM2_HANDLE number = 0;
  Esys_TR_GetTpmHandle(impl_->esys, handle, &number);
  return Key(impl_, loaded.Release(), number, true, std::move(public_area));
}

Result<Tpm::Key> Tpm::OpenEndorsementKey(std::uint32_t handle) {
  if ((handle >> 24U) != TPM2_HT_PERSISTENT) {
    return Malformed("device.ek_handle",
                     fmt::format("0x{:08x} is not a persistent handle (0x81......)", handle));
  }
  const std::lock_guard lock(impl_->mutex);
  LQ_RETURN_IF_ERROR(impl_->Ready());
  ESYS_TR object = ESYS_TR_NONE;
  TSS2_RC code =
      Esys_TR_FromTPMPublic(impl_->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &object);
  if (code != TSS2_RC_SUCCESS) return TpmError("read_public", code);
  TPM2B_PUBLIC* area = nullptr;
  code = Esys_ReadPublic(impl_->esys, object, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area,
                         nullptr, nullptr);
  const EsysPtr<TPM2B_PUBLIC> owned(area);
  Result<tpm::PublicArea> public_area =
      code == TSS2_RC_SUCCESS ? ToPublicArea(*area) : TpmError("read_public", code);
  if (!public_area) {
    Esys_TR_Close(impl_->esys, &object);
    return std::move(public_area).error();
  }
  return Key(impl_, object, handle, false, *std::move(public_area));
}

Result<KeyBlob> Tpm::CreateAttestationKey(const Key& ek, KeyKind kind, tpm::AlgorithmId scheme,
                                          crypto::HashAlgorithm hash) {
  LQ_ASSIGN_OR_RETURN(const TPM2B_PUBLIC wanted, AttestationTemplate(kind, scheme, hash));
  const std::lock_guard lock(impl_->mutex);
  LQ_RETURN_IF_ERROR(impl_->Ready(ek));
  LQ_ASSIGN_OR_RETURN(const Loaded session, AuthorizeEndorsementKey(impl_->esys, ek.public_area()));
  TPM2B_PRIVATE* private_area = nullptr;
  TPM2B_PUBLIC* public_area = nullptr;
  const TSS2_RC code = Esys_Create(impl_->esys, ek.esys_, session.handle(), ESYS_TR_NONE,
                                   ESYS_TR_NONE, &kEmptySensitive, &wanted, &kNoData, &kNoPcrs,
                                   &private_area, &public_area, nullptr, nullptr, nullptr);
  if (code != TSS2_RC_SUCCESS) return TpmError("create", code);
  const EsysPtr<TPM2B_PRIVATE> owned_private(private_area);
  const EsysPtr<TPM2B_PUBLIC> owned_public(public_area);
  LQ_ASSIGN_OR_RETURN(const tpm::PublicArea area, ToPublicArea(*public_area));
  return KeyBlob{area.tpmt(),
                 Bytes(private_area->buffer, private_area->buffer + private_area->size)};
}

Result<Tpm::Key> Tpm::LoadAttestationKey(const Key& ek, const KeyBlob& blob) {
  const Result<tpm::PublicArea> area = tpm::PublicArea::FromTpmt(blob.public_area);
  if (!area) return Malformed("device.ak.blob", "attestation key: " + area.error().message);
  const Bytes tpm2b = area->tpm2b();
  TPM2B_PUBLIC public_area{};
  std::size_t offset = 0;
  if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(tpm2b.data(), tpm2b.size(), &offset, &public_area) !=
      TSS2_RC_SUCCESS) {
    return Malformed("device.ak.blob", "attestation key: the public area is damaged");
  }
  TPM2B_PRIVATE private_area{};
  if (!Fill(private_area, blob.private_area, private_area.buffer)) {
    return Malformed("device.ak.blob", "attestation key: the private area is too long");
  }
  const std::lock_guard lock(impl_->mutex);
  LQ_RETURN_IF_ERROR(impl_->Ready(ek));
  LQ_ASSIGN_OR_RETURN(const Loaded session, AuthorizeEndorsementKey(impl_->esys, ek.public_area()));
  ESYS_TR handle = ESYS_TR_NONE;
  const TSS2_RC code = Esys_Load(impl_->esys, ek.esys_, session.handle(), ESYS_TR_NONE,
                                 ESYS_TR_NONE, &private_area, &public_area, &handle);
  // The TPM checks a seal over the private part that only the parent can make.
  for (const TPM2_RC wrong : {TPM2_RC_INTEGRITY, TPM2_RC_SIZE, TPM2_RC_BINDING, TPM2_RC_TYPE}) {
    if (IsTpmError(code, wrong)) {
      return Untrusted("device.ak.foreign",
                       "attestation key: it was not made by this TPM under this endorsement key");
    }
  }
  if (code != TSS2_RC_SUCCESS) return TpmError("load", code);
  TPM2_HANDLE number = 0;
  Esys_TR_GetTpmHandle(impl_->esys, handle, &number);
  return Key(impl_, handle, number, true, *area);
}

Result<Secret> Tpm::ActivateCredential(const Key& ak, const Key& ek,
                                       const tpm::Credential& credential) {
  TPM2B_ID_OBJECT id_object{};
  LQ_RETURN_IF_ERROR(Fill(id_object, credential.id_object, id_object.credential));
  TPM2B_ENCRYPTED_SECRET secret{};
  LQ_RETURN_IF_ERROR(Fill(secret, credential.encrypted_secret, secret.secret));
  const std::lock_guard lock(impl_->mutex);
  LQ_RETURN_IF_ERROR(impl_->Ready(ek));
  LQ_RETURN_IF_ERROR(impl_->Ready(ak));
  LQ_ASSIGN_OR_RETURN(const Loaded session, AuthorizeEndorsementKey(impl_->esys, ek.public_area()));
  TPM2B_DIGEST* information = nullptr;
  const TSS2_RC code =
      Esys_ActivateCredential(impl_->esys, ak.esys_, ek.esys_, ESYS_TR_PASSWORD, session.handle(),
                              ESYS_TR_NONE, &id_object, &secret, &information);
  const EsysPtr<TPM2B_DIGEST> owned(information);
  if (BlamesCredential(code) ||
      (IsTpmError(code, TPM2_RC_FAILURE) && CheckHealth(impl_->esys, ak.esys_) == Health::kWell)) {
    return Untrusted("device.credential",
                     "credential: it was not made for this endorsement key and attestation key");
  }
  if (code != TSS2_RC_SUCCESS) return TpmError("activate_credential", code);
  return Secret(Bytes(information->buffer, information->buffer + information->size));
}

}  // namespace limequat::device
