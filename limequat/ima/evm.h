#pragma once

#include "limequat/base/result.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/entry.h"

namespace limequat::ima {

// The digest that a portable EVM signature of the file of `entry` is made over (Linux,
// security/integrity/evm/evm_crypto.c): the values of its protected extended attributes,
// security.ima among them, in the kernel's order, then owner, group and mode, with a zero
// inode number and generation. What it covers: those metadata, and of the content as much
// as security.ima does, which is for the caller to check. What it does not: the file's
// name, and the names of the attributes.
//
// As kernels of 64-bit little-endian machines make it; others lay the numbers out
// otherwise, and their signatures look bad. kUnsupported ("ima.evm"): the template does
// not have the fields xattrnames, xattrlengths, xattrvalues, iuid, igid and imode, or the
// entry not their values; there is no security.ima, without which no kernel accepts such
// a signature. kMalformed ("ima.xattrs"): see XattrReader. Hostile input.
Result<crypto::Digest> PortableDigest(const Entry& entry, crypto::HashAlgorithm hash);

}  // namespace limequat::ima
