// eventlog::ParseEfiVariable, ParseSignatureLists, ParseSignatureData, ParseLoadOption,
// DecodeUtf16: what they give lies in the input and is no more than it.

#include <cstddef>
#include <cstdint>

#include "limequat/base/check.h"
#include "limequat/base/utf8.h"
#include "limequat/eventlog/efi_variable.h"
#include "limequat/eventlog/utf16.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  if (const auto variable = eventlog::ParseEfiVariable(input)) {
    LQ_CHECK(IsUtf8(variable->name));
    LQ_CHECK(variable->data.size() + variable->trailing.size() <= size);
    static_cast<void>(eventlog::ParseSignatureLists(variable->data));
    static_cast<void>(eventlog::ParseLoadOption(variable->data));
  }
  if (const auto lists = eventlog::ParseSignatureLists(input)) {
    std::size_t bytes = 0;
    for (const auto& list : *lists) {
      bytes += 28 + list.header.size();
      for (const auto& entry : list.entries) bytes += 16 + entry.data.size();
    }
    LQ_CHECK(bytes == size);
  }
  static_cast<void>(eventlog::ParseSignatureData(input));
  static_cast<void>(eventlog::ParseLoadOption(input));
  if (const auto headless = eventlog::ParseHeadlessLoadOption(input)) {
    LQ_CHECK(headless->device_path.size() < size);
  }
  const std::string text = eventlog::DecodeUtf16(input);
  LQ_CHECK(IsUtf8(text));
  LQ_CHECK(text.size() <= 3 * ((size + 1) / 2));
  return 0;
}

}  // namespace limequat
