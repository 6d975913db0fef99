// wire::ParseQuoteAnswer, and what it writes again.

#include <cstddef>
#include <cstdint>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/wire/attestation.h"
#include "limequat/wire/envelope.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto answer = wire::ParseQuoteAnswer(AsText(ByteView(data, size)));
  if (!answer) return 0;
  const wire::Envelope envelope{.results = wire::WriteQuoteAnswer(*answer)};
  const auto again = wire::ParseQuoteAnswer(wire::WriteEnvelope(envelope));
  LQ_CHECK(again.has_value());
  LQ_CHECK(again->quote == answer->quote && again->pubkey == answer->pubkey);
  LQ_CHECK(again->ima_measurement_list == answer->ima_measurement_list);
  LQ_CHECK(again->ima_measurement_list_entry == answer->ima_measurement_list_entry);
  return 0;
}

}  // namespace limequat
