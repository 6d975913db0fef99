#include "limequat/cli/made_policy.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/text.h"

namespace limequat::cli {

namespace {

constexpr std::size_t kNotesShown = 5;
// Of the template digests in ascii_runtime_measurements, which every kernel has.
constexpr auto kLogHash = crypto::HashAlgorithm::kSha1;

void NoteWhatIsLeftOut(const MadePolicy& made, Console& console) {
  for (std::size_t i = 0; i < made.left_out.size() && i < kNotesShown; ++i) {
    console.Note("limequat: not in the policy: " + made.left_out[i]);
  }
  if (made.left_out.size() > kNotesShown) {
    console.Note(fmt::format("limequat: not in the policy: {} more (named with -o json)",
                             made.left_out.size() - kNotesShown));
  }
}

Result<Ending> ShowSummary(const MadePolicy& made, const std::string& file, Console& console) {
  LQ_ASSIGN_OR_RETURN(const auto policy, policy::RuntimePolicy::Parse(made.text));
  json::Array left_out;
  for (const std::string& text : made.left_out) left_out.emplace_back(text);
  json::Object document{{"file", file},
                        {"sha256", policy->hash().hex()},
                        {"files", made.files},
                        {"paths", policy->paths()},
                        {"digests", policy->digests()},
                        {"left_out", std::move(left_out)}};
  for (const auto& [name, value] : made.more) document.Set(name, value);
  LQ_RETURN_IF_ERROR(console.Show(document, [&] {
    return fmt::format("{}: {} paths, {} digests ({} taken in now)\n", Shown(file), policy->paths(),
                       policy->digests(), Counted(made.files, "file"));
  }));
  return Ending::kDone;
}

}  // namespace

std::string PolicyTimestamp(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Duration> clock(time - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<std::string> ReadBasePolicy(const std::optional<std::string>& base) {
  if (!base) return std::string();
  LQ_ASSIGN_OR_RETURN(std::string text, ReadInput(*base, kMaxPolicyInput));
  auto parsed = policy::RuntimePolicy::Parse(text);
  if (!parsed) return std::move(parsed).error().In(Shown(*base));
  return text;
}

Result<std::string> WriteWithBase(const policy::RuntimePolicyBuilder& builder,
                                  const std::string& base, Time now) {
  LQ_ASSIGN_OR_RETURN(std::string text, builder.ToJson(PolicyTimestamp(now), kLogHash));
  if (base.empty()) return text;
  return policy::MergeRuntimePolicies(base, text);
}

Result<Ending> DeliverMade(const MadePolicy& made, const std::optional<std::string>& output,
                           Console& console) {
  NoteWhatIsLeftOut(made, console);
  if (KeepsToStandardOutput(output)) return ShowMade(made.text, console);
  LQ_RETURN_IF_ERROR(WriteMade(*output, made.text));
  return ShowSummary(made, *output, console);
}

}  // namespace limequat::cli
