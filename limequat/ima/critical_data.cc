#include "limequat/ima/critical_data.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/ima/template_data.h"

namespace limequat::ima {

namespace {

constexpr std::size_t kMaxAssignments = 256;

Error Bad(std::string message) { return Malformed("ima.critical_data", std::move(message)); }

constexpr std::array kNames = {
    std::pair<std::string_view, CriticalDataKind>{"selinux-state", CriticalDataKind::kSelinuxState},
    std::pair<std::string_view, CriticalDataKind>{"selinux-policy-hash",
                                                  CriticalDataKind::kSelinuxPolicyHash},
    std::pair<std::string_view, CriticalDataKind>{"kernel_version",
                                                  CriticalDataKind::kKernelVersion},
    std::pair<std::string_view, CriticalDataKind>{kKexecCommandLineName,
                                                  CriticalDataKind::kKexecCommandLine},
    std::pair<std::string_view, CriticalDataKind>{"begin_copy_ima_log",
                                                  CriticalDataKind::kImaKexec},
    std::pair<std::string_view, CriticalDataKind>{"kexec_load", CriticalDataKind::kImaKexec},
    std::pair<std::string_view, CriticalDataKind>{"kexec_execute", CriticalDataKind::kImaKexec},
};

std::string_view WithoutNul(std::string_view text) {
  if (text.ends_with('\0')) text.remove_suffix(1);
  return text;
}

Status ReadState(std::string_view text, std::vector<Assignment>& state) {
  while (!text.empty()) {
    const std::size_t end = text.find(';');
    if (end == std::string_view::npos) return Bad("the last assignment does not end with ';'");
    const std::string_view one = text.substr(0, end);
    const std::size_t equals = one.find('=');
    if (equals == 0 || equals == std::string_view::npos) return Bad("an assignment without '='");
    const Assignment read{.key = one.substr(0, equals), .value = one.substr(equals + 1)};
    if (std::ranges::count(state, read.key, &Assignment::key) > 0) return Bad("a key is set twice");
    if (state.size() == kMaxAssignments) {
      return Bad(fmt::format("more than {} assignments", kMaxAssignments));
    }
    state.push_back(read);
    text.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

std::string_view CriticalDataName(CriticalDataKind kind) {
  switch (kind) {
    case CriticalDataKind::kSelinuxState:
      return "selinux-state";
    case CriticalDataKind::kSelinuxPolicyHash:
      return "selinux-policy-hash";
    case CriticalDataKind::kKernelVersion:
      return "kernel-version";
    case CriticalDataKind::kKexecCommandLine:
      return "kexec-command-line";
    case CriticalDataKind::kImaKexec:
      return "ima-kexec";
  }
  return "";
}

Result<std::optional<CriticalData>> ParseCriticalData(const Entry& entry) {
  const auto* const known =
      std::ranges::find(kNames, entry.path, [](const auto& pair) { return pair.first; });
  if (entry.Find(Field::kBuf) == nullptr || known == kNames.end()) {
    return std::optional<CriticalData>();
  }
  CriticalData data;
  data.kind = known->second;
  const std::string_view text = WithoutNul(AsText(entry.buffer));
  switch (data.kind) {
    case CriticalDataKind::kSelinuxState:
    case CriticalDataKind::kImaKexec:
      LQ_RETURN_IF_ERROR(ReadState(text, data.state));
      break;
    case CriticalDataKind::kSelinuxPolicyHash:
      if (!IsTemplateDigestSize(entry.buffer.size())) {
        return Bad(fmt::format("a policy's hash of {} bytes", entry.buffer.size()));
      }
      data.hash = entry.buffer;
      break;
    case CriticalDataKind::kKernelVersion:
    case CriticalDataKind::kKexecCommandLine:
      if (text.contains('\0')) return Bad("a text with a NUL inside");
      data.text = text;
      break;
  }
  return std::optional<CriticalData>(std::move(data));
}

}  // namespace limequat::ima
