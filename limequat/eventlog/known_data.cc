#include "limequat/eventlog/known_data.h"

namespace limequat::eventlog {

std::optional<Separator> SeparatorOf(const VerifiedEvent& event) {
  constexpr std::array<std::uint8_t, 4> kZeros = {0, 0, 0, 0};
  constexpr std::array<std::uint8_t, 4> kOnes = {0xff, 0xff, 0xff, 0xff};
  constexpr std::array<std::uint8_t, 4> kErrorValue = {1, 0, 0, 0};
  if (event.Measures(kZeros) || event.Measures(kOnes)) return Separator::kNormal;
  if (event.Measures(kErrorValue)) return Separator::kError;
  return std::nullopt;
}

std::optional<std::string_view> ActionOf(const VerifiedEvent& event) {
  constexpr std::array kActions = {kActionBoot,     kActionReturn, kActionExit,  kActionExitFailed,
                                   kActionExitDone, kActionDebug,  kActionNoDma, kActionSetup};
  for (const std::string_view action : kActions) {
    if (event.Measures(AsBytes(action))) return action;
  }
  return std::nullopt;
}

std::optional<ByteView> MeasuredDataOf(const VerifiedEvent& event) {
  if (const auto data = event.MeasuredData()) return data;
  const ByteView data = event.untrusted_data();
  if (data.empty() || !event.Measures(data.first(data.size() - 1))) return std::nullopt;
  return data.first(data.size() - 1);
}

}  // namespace limequat::eventlog
