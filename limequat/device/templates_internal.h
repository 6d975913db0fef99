#pragma once

// Public areas of the keys that this agent makes. For sources of this module only.

#include <span>

#include <tss2/tss2_tpm2_types.h>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/device/tpm.h"
#include "limequat/tpm/algorithm.h"

namespace limequat::device {

// The endorsement key of the TCG's template for `kind`, with its `unique` field: a
// different one yields a different key.
TPM2B_PUBLIC EndorsementTemplate(KeyKind kind);

// kUnsupported ("device.ak.scheme") if `scheme` does not go with `kind`.
Result<TPM2B_PUBLIC> AttestationTemplate(KeyKind kind, tpm::AlgorithmId scheme,
                                         crypto::HashAlgorithm hash);

// Authorisation policies of endorsement keys (EK Credential Profile 2.5, B.6).
ByteView PolicyASha256();  // PolicySecret(endorsement)
ByteView PolicyASha384();
ByteView PolicyBSha384();  // PolicyOR(A, C)
ByteView PolicyCSha384();  // for owners of the NV index 0x01c07f02; satisfied by nobody here

}  // namespace limequat::device
