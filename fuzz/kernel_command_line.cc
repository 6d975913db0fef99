// policy::ObjectToCommandLine: a hostile command line of a kernel.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "limequat/base/bytes.h"
#include "limequat/base/check.h"
#include "limequat/policy/command_line_coverage.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const policy::ParameterValues kNeeded = {{"ima_policy", {"tcb"}}};
  const std::string_view line = AsText(ByteView(data, size));
  const bool good = policy::ObjectToCommandLine(line, kNeeded).empty();
  // Whatever is good says it, and not only in a quote or for init.
  LQ_CHECK(!good || line.find("policy=tcb") != std::string_view::npos);
  // What else is said of IMA is never good.
  const std::string more = "ima_tcb " + std::string(line);
  LQ_CHECK(!policy::ObjectToCommandLine(more, kNeeded).empty());
  return 0;
}

}  // namespace limequat
