// What is good by one of two sets of boot reference values.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/result_macros.h"
#include "limequat/policy/boot_values_lists_internal.h"
#include "limequat/policy/boot_values_maker.h"

namespace limequat::policy {

namespace {

bool SameSections(const BootValuesKernel& a, const BootValuesKernel& b) {
  return std::ranges::equal(a.sections, b.sections, [](const auto& x, const auto& y) {
    return x.name == y.name && x.digest == y.digest;
  });
}

// The same kernel, whatever goes with it.
bool SameKernel(const BootValuesKernel& a, const BootValuesKernel& b) {
  return a.images == b.images && a.file == b.file && a.unified == b.unified && SameSections(a, b);
}

void MergeKernel(const BootValuesKernel& kernel, std::vector<BootValuesKernel>& kernels) {
  const auto same = std::ranges::find_if(
      kernels, [&](const BootValuesKernel& other) { return SameKernel(other, kernel); });
  if (same == kernels.end()) {
    kernels.push_back(kernel);
    return;
  }
  AddAllOnce(same->initrds, kernel.initrds);
  AddAllOnce(same->command_lines, kernel.command_lines);
  AddAllOnce(same->load_options, kernel.load_options);
}

Error Differs(std::string_view what) {
  return Conflict("policy.boot_values.merge",
                  fmt::format("the two have different {}: one of them has to be changed", what));
}

Status CheckSame(const BootValues& a, const BootValues& b) {
  if (!a.name.empty() && !b.name.empty() && a.name != b.name) return Differs("names");
  if (a.algorithm != b.algorithm) return Differs("digest algorithms");
  if (a.path != b.path) return Differs("boot paths");
  if (a.any_firmware != b.any_firmware) return Differs("rules for firmware");
  if (a.secure_boot.required != b.secure_boot.required) return Differs("rules for Secure Boot");
  if (a.exit_boot_services != b.exit_boot_services) return Differs("rules for PCR 5");
  if (a.grub_commands.has_value() != b.grub_commands.has_value())
    return Differs("rules for commands of GRUB");
  return {};
}

// What has one value: the first document is merged into it like the others, so that what it
// lists twice is there once.
BootValues WithoutLists(BootValues values) {
  values.firmware.clear();
  const bool required = values.secure_boot.required;
  values.secure_boot = BootValuesSecureBoot();
  values.secure_boot.required = required;
  values.loaders.clear();
  values.kernels.clear();
  values.files.clear();
  if (values.grub_commands) values.grub_commands->clear();
  values.machine_owner_lists.clear();
  values.additions.clear();
  values.user_space.clear();
  return values;
}

}  // namespace

Status MergeBootValues(const BootValues& other, BootValues& into) {
  if (const Status same = CheckSame(into, other); !same) return same;
  if (into.name.empty()) into.name = other.name;
  into.release = std::max(into.release, other.release);
  AddAllOnce(into.firmware, other.firmware);
  AddAllOnce(into.secure_boot.pk, other.secure_boot.pk);
  AddAllOnce(into.secure_boot.kek, other.secure_boot.kek);
  AddAllOnce(into.secure_boot.db, other.secure_boot.db);
  AddAllOnce(into.secure_boot.dbx, other.secure_boot.dbx);
  AddAllOnce(into.secure_boot.events, other.secure_boot.events);
  AddAllOnce(into.loaders, other.loaders);
  AddAllOnce(into.files, other.files);
  AddAllOnce(into.machine_owner_lists, other.machine_owner_lists);
  AddAllOnce(into.additions, other.additions);
  AddAllOnce(into.user_space, other.user_space);
  if (into.grub_commands) AddAllOnce(*into.grub_commands, *other.grub_commands);
  for (const BootValuesKernel& kernel : other.kernels) MergeKernel(kernel, into.kernels);
  if (into.kernels.size() <= kMaxBootValuesKernels) return {};
  return Malformed("policy.limit", fmt::format("{} kernels; at most {}", into.kernels.size(),
                                               kMaxBootValuesKernels));
}

Result<std::string> MergeBootValues(std::span<const std::string_view> documents) {
  std::optional<BootValues> merged;
  std::size_t number = 0;
  for (const std::string_view document : documents) {
    ++number;
    auto values = BootValues::Parse(document);
    if (!values) return std::move(values).error().In(fmt::format("policy {}", number));
    if (!merged) merged = WithoutLists(*values);
    if (Status added = MergeBootValues(*values, *merged); !added) {
      return std::move(added).error().In(fmt::format("policy {}", number));
    }
  }
  LQ_CHECK(merged.has_value());
  std::string text = WriteBootValues(*merged);
  // What nobody would take is not written: the limits hold for the whole.
  LQ_RETURN_IF_ERROR(BootValues::Parse(text));
  return text;
}

}  // namespace limequat::policy
