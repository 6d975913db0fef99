// policy::BootValues::Parse, and what is written of it.

#include "limequat/policy/boot_values.h"

#include <cstddef>
#include <cstdint>
#include <string>

#include "limequat/base/check.h"
#include "limequat/policy/boot_diff.h"
#include "limequat/policy/boot_lint.h"
#include "limequat/policy/boot_values_appraisal.h"
#include "limequat/policy/boot_values_maker.h"

namespace limequat {

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto values = policy::BootValues::Parse(AsText(ByteView(data, size)));
  if (!values) return 0;
  LQ_CHECK(policy::IsBootValues(AsText(ByteView(data, size))));
  LQ_CHECK(!values->kernels.empty());
  LQ_CHECK(policy::PcrsOf(*values).Contains(4));
  const std::string text = policy::WriteBootValues(*values);
  auto again = policy::BootValues::Parse(text);
  LQ_CHECK(again.has_value());
  LQ_CHECK(policy::WriteBootValues(*again) == text);
  // What is good already makes nothing more good.
  const std::size_t kernels = again->kernels.size();
  LQ_CHECK(policy::MergeBootValues(*values, *again).has_value());
  LQ_CHECK(again->kernels.size() == kernels);
  const auto difference = policy::DiffBootValues(text, text);
  LQ_CHECK(difference && difference->same());
  LQ_CHECK(policy::CheckBootValues(text).front().passed());
  return 0;
}

}  // namespace limequat
