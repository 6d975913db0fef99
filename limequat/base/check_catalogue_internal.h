#pragma once

#include "limequat/base/check_catalogue.h"

namespace limequat {

// The sections of the catalogue, one function each.
CheckSection EvidenceAsAWholeChecks();
CheckSection QuoteChecks();
CheckSection IdentityChecks();
CheckSection BootChecks();
CheckSection EventLogChecks();
CheckSection BootPolicyChecks();
CheckSection MeasurementListChecks();
CheckSection BlockDeviceChecks();
CheckSection PolicyChecks();

}  // namespace limequat
