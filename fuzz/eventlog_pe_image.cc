// eventlog::PeImage::Parse, and the digests of what comes out of it.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/eventlog/pe_image.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr auto kHash = crypto::HashAlgorithm::kSha256;
  const ByteView file(data, size);
  const auto image = eventlog::PeImage::Parse(file);
  if (!image) return 0;
  LQ_CHECK(image->Authenticode(kHash) == image->Authenticode(kHash));
  LQ_CHECK(image->sections().size() <= eventlog::kMaxPeSections);
  for (const eventlog::PeSection* section : eventlog::MeasuredSections(*image)) {
    LQ_CHECK(section->data.size() <= size);
    static_cast<void>(section->Hash(kHash));
  }
  return 0;
}

}  // namespace limequat
