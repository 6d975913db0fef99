#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/finding.h"
#include "limequat/eventlog/efi_variable.h"
#include "limequat/eventlog/verify.h"

namespace limequat::eventlog {

// What PCR 7 proves about Secure Boot (PFP 1.06, 3.3.4.8). Every byte was measured, in
// this order. Views point into the log. Memory: at most six times the log and 4 KiB.
struct SecureBootState {
  bool enabled = false;
  std::vector<SignatureList> platform_key;        // PK
  std::vector<SignatureList> key_exchange_keys;   // KEK
  std::vector<SignatureList> allowed_signatures;  // db
  std::vector<SignatureList> revoked_signatures;  // dbx
  // Variables that allowed an image to run: before the separator drivers of the
  // firmware, behind it boot loaders and what shim loads (also its SbatLevel and Mok
  // variables, by name).
  std::vector<EfiVariable> driver_authorities;
  std::vector<EfiVariable> loader_authorities;
  // The database of devices, devdb (UEFI 2.10, 32.8.1): what devices are verified with by
  // SPDM, absent if the firmware does not measure it, and the entries of it that verified
  // one, before or behind the separator. No image is allowed by them.
  std::optional<std::vector<SignatureList>> device_policy;
  std::vector<EfiVariable> device_authorities;
  // Other variables of the configuration (DeployedMode, AuditMode, a vendor's). Their
  // type alone parts them from authorities of drivers with such names; an authority
  // named db, as firmware measures it, cannot be moved here.
  std::vector<EfiVariable> other_variables;
  // EV_EFI_ACTION: "DMA Protection Disabled", "UEFI Debug Mode". Some firmware (HP)
  // measures its own behind the separator.
  std::vector<std::string> actions;
  std::vector<std::string> late_actions;
};

// What ReadSecureBoot found.
struct SecureBootReading {
  Findings findings;
  std::optional<SecureBootState> state;  // only if all of them passed
};

// Reads PCR 7 with a state machine. Types decide nothing that the digests do not
// confirm; the finding "eventlog.secure_boot" fails unless
//   - SecureBoot, PK, KEK, db and dbx are there once each, in this order, before the
//     separator, with their own vendors, and the digest of each is that of its event;
//   - there is one separator, and it is not the one that reports an error;
//   - the configuration ends at the separator;
//   - devdb is there once at most, behind dbx and before the separator;
//   - every other event is an authority or an action whose digest is of its data: of a
//     variable with its name, not of its value alone;
//   - an event of a device's type (EV_EFI_SPDM_DEVICE_POLICY, _AUTHORITY) is about devdb;
//   - Secure Boot is not said to be on without a platform key.
// Not evaluated if PCR 7 is not covered. The finding says nothing about whether Secure
// Boot has to be on: that is a policy's.
SecureBootReading ReadSecureBoot(const VerifiedLog& log);

}  // namespace limequat::eventlog
