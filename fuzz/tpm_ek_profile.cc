// tpm::ReadAlternativeName, ReadDirectoryAttributes and ReadName: the same bytes as each.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "limequat/base/check.h"
#include "limequat/base/utf8.h"
#include "limequat/tpm/ek_certificate_profile.h"

namespace tpm = limequat::tpm;
using limequat::ByteView;

namespace {

void CheckShowable(std::string_view text) {
  LQ_CHECK(limequat::IsUtf8(text));
  for (const char c : text) LQ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

void Check(const tpm::EkProfile& profile) {
  if (profile.tpm) {
    for (const auto* text :
         {&profile.tpm->manufacturer, &profile.tpm->model, &profile.tpm->version})
      CheckShowable(*text);
    tpm::TpmVendorName(profile.tpm->manufacturer);
  }
  if (profile.specification) CheckShowable(profile.specification->family);
  if (profile.assertions) {
    CheckShowable(profile.assertions->common_criteria);
    CheckShowable(profile.assertions->fips);
    CheckShowable(profile.assertions->ek_generation_type);
  }
  for (const auto& note : profile.notes) CheckShowable(note.detail);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  tpm::EkProfile alternative;
  tpm::ReadAlternativeName(input, alternative);
  Check(alternative);
  tpm::EkProfile attributes;
  tpm::ReadDirectoryAttributes(input, attributes);
  Check(attributes);
  tpm::EkProfile name;
  tpm::ReadName(input, name);
  Check(name);
  return 0;
}
