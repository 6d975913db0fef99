#pragma once

#include <vector>

#include "limequat/base/bytes.h"

namespace limequat::device {

// The DER SEQUENCEs at the front of NV content, one after another, up to the first
// byte that begins none or a length that is longer than what is left: makers pad
// their certificates with zeros or ones. Nothing inside is looked at. For sources of
// this module only.
std::vector<Bytes> SplitDer(ByteView bytes);

}  // namespace limequat::device
