// wire::ParseEnvelope, and everything that reads results of an answer.

#include <cstddef>
#include <cstdint>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/wire/envelope.h"
#include "limequat/wire/registration.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto envelope = wire::ParseEnvelope(AsText(ByteView(data, size)));
  if (!envelope) return 0;
  const auto again = wire::ParseEnvelope(wire::WriteEnvelope(*envelope));
  LQ_CHECK(again.has_value());
  LQ_CHECK(again->code == envelope->code && again->status == envelope->status);
  static_cast<void>(wire::ParseVersions(envelope->results));
  static_cast<void>(wire::ParseRegistrationResults(envelope->results));
  static_cast<void>(wire::ParseRegistrarIdentity(envelope->results));
  const auto agent = wire::ParseRegistrarAgent(envelope->results);
  if (!agent) return 0;
  LQ_CHECK(wire::ParseRegistrarAgent(wire::WriteRegistrarAgent(*agent)).has_value());
  return 0;
}

}  // namespace limequat
