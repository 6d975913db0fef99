#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/base/secret.h"
#include "limequat/crypto/digest.h"
#include "limequat/tpm/algorithm.h"
#include "limequat/tpm/credential.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/public_area.h"

namespace limequat::device {

// Key types that this agent makes. The endorsement key is the one of the TCG's
// template (EK Credential Profile 2.5, annex B): the only one whose certificate fits.
enum class KeyKind : std::uint8_t {
  kRsa2048,  // template L-1
  kEcc256,   // template L-2
  kEcc384,   // template H-3
};

// What the TPM holds about its endorsement key. "Absent" is certain; "unreadable" may
// pass, and a machine that forgets its certificate is taken for another one (quirk
// A22 of Keylime), so the two are never mixed.
struct EkCertificates {
  enum class State : std::uint8_t { kAbsent, kUnreadable, kPresent };
  State state = State::kAbsent;
  std::string reason;        // why it is unreadable, for people
  Bytes der;                 // the certificate without padding; its inside is not looked at
  std::vector<Bytes> chain;  // of NV indices 0x01c00100 to 0x01c001ff, in their order
};

// An attestation key outside the TPM: only the TPM that made it can load it.
struct KeyBlob {
  Bytes public_area;   // TPMT_PUBLIC
  Bytes private_area;  // content of TPM2B_PRIVATE
};

// Whether `error` of a Tpm means that its connection is broken or the key that was
// used is not in the TPM any more: Reopen and loading the key again may help, which they
// do not for what the TPM itself refuses.
bool IsLost(const Error& error);

// What a quote is asked for.
struct QuoteRequest {
  Bytes nonce;
  crypto::HashAlgorithm bank = crypto::HashAlgorithm::kSha256;
  tpm::PcrSet pcrs;
  // When set, PCR 16 of `bank` is reset and extended with this digest first: how
  // Keylime binds the transport key to a quote. PCR 16 must then be in `pcrs`.
  std::optional<crypto::Digest> binding;
};

struct Quote {
  Bytes attest;     // TPMS_ATTEST
  Bytes signature;  // TPMT_SIGNATURE
  tpm::PcrSelection selection;
  tpm::PcrValues values;  // as read; they hash to the digest in `attest`
};

// The TPM of this machine. Thread-safe: one mutex in front of it, since a TPM does one
// thing at a time. Whatever is loaded is flushed on every path, also without a
// resource manager. Errors: kUnavailable ("device.tpm.OPERATION") with the TPM's own
// words for trouble of the device, ("device.tpm.lost") for trouble of the connection
// to it, see IsLost; others are named at the functions.
class Tpm {
 private:
  struct Impl;

 public:
  // A key that is loaded, or a persistent one. Flushed (unless persistent) when it
  // ends. It keeps the connection to its TPM alive.
  class Key {
   public:
    Key(Key&& other) noexcept;
    Key& operator=(Key&& other) noexcept;
    ~Key();
    const tpm::PublicArea& public_area() const { return public_area_; }
    // The TPM's handle: of interest to people only.
    std::uint32_t handle() const { return handle_; }

   private:
    friend class Tpm;
    // Made by the connection that is open now.
    Key(std::shared_ptr<Impl> tpm, std::uint32_t esys, std::uint32_t handle, bool transient,
        tpm::PublicArea area);
    void Flush();
    std::shared_ptr<Impl> tpm_;
    std::uint32_t esys_;
    std::uint32_t handle_;
    std::uint64_t connection_;
    bool transient_;
    tpm::PublicArea public_area_;
  };

  // `tcti`: "device[:PATH]", "tabrmd[:CONF]", "swtpm[:host=H,port=P]" or
  // "mssim[:host=H,port=P]"; "" is the machine's own TPM, by its resource manager
  // where the kernel has one. kMalformed ("device.tcti") for anything else.
  static Result<std::unique_ptr<Tpm>> Open(std::string_view tcti);
  ~Tpm();

  // Connects anew after trouble: a connection that broke in the middle of a command is
  // of no use any more. Keys of the old one are lost (operations with them give
  // kUnavailable "device.tpm.lost"); what they were in a TPM without a resource manager
  // stays there until FlushLeftovers.
  Status Reopen();

  // Whether the TPM says that it is a simulation. For a warning: a simulator could
  // as well not say so.
  bool says_it_is_software() const;

  // kUnsupported ("device.tpm.bank") unless PCRs of this bank are allocated.
  Status CheckBank(crypto::HashAlgorithm bank);

  // Flushes loaded objects with this Name: what a killed process left in a TPM
  // without a resource manager. Only for keys that nobody else uses.
  Status FlushLeftovers(ByteView name);

  Result<Key> CreateEndorsementKey(KeyKind kind);
  // An endorsement key at a persistent handle (0x81......). kMalformed
  // ("device.ek_handle") for other handles.
  Result<Key> OpenEndorsementKey(std::uint32_t handle);
  EkCertificates ReadEkCertificates(KeyKind kind);

  // An attestation key under `ek`: restricted, signing, with `scheme` and `hash`
  // (keylime-agent-protocol, 1.10). kUnsupported ("device.ak.scheme") if the scheme
  // does not go with the key type.
  Result<KeyBlob> CreateAttestationKey(const Key& ek, KeyKind kind, tpm::AlgorithmId scheme,
                                       crypto::HashAlgorithm hash);
  // kMalformed ("device.ak.blob") if the blob is damaged; kUntrusted
  // ("device.ak.foreign") if it is not of this TPM or not of this endorsement key.
  Result<Key> LoadAttestationKey(const Key& ek, const KeyBlob& blob);

  // TPM2_ActivateCredential. `credential` may be hostile: it comes from the network.
  // kUntrusted ("device.credential") if it was not made for `ek` and `ak`.
  Result<Secret> ActivateCredential(const Key& ak, const Key& ek,
                                    const tpm::Credential& credential);

  // A quote whose PCR values belong to it: read, quoted, and again at most four
  // times if a PCR changed in between. kUnsupported ("device.tpm.bank") if the bank
  // is not allocated (quirk A24: never a loop).
  Result<Quote> TakeQuote(const Key& ak, const QuoteRequest& request);

 private:
  explicit Tpm(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace limequat::device
