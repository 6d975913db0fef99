#include "limequat/base/check_catalogue.h"

#include <algorithm>
#include <array>

#include "limequat/base/check_catalogue_internal.h"

namespace limequat {

std::span<const CheckSection> CheckCatalogue() {
  static const std::array sections = {EvidenceAsAWholeChecks(),
                                      QuoteChecks(),
                                      IdentityChecks(),
                                      BootChecks(),
                                      EventLogChecks(),
                                      BootPolicyChecks(),
                                      MeasurementListChecks(),
                                      BlockDeviceChecks(),
                                      PolicyChecks()};
  return sections;
}

const CheckEntry* FindCheckEntry(std::string_view check) {
  for (const CheckSection& section : CheckCatalogue()) {
    const auto entry = std::ranges::find(section.entries, check, &CheckEntry::check);
    if (entry != section.entries.end()) return &*entry;
  }
  return nullptr;
}

}  // namespace limequat
