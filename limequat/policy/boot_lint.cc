#include "limequat/policy/boot_lint.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/crypto/digest.h"
#include "limequat/policy/boot_reference.h"
#include "limequat/policy/boot_values.h"

namespace limequat::policy {

namespace {

constexpr std::string_view kCheckSchema = "policy.check.schema";
constexpr std::string_view kCheckMembers = "policy.check.members";
constexpr std::string_view kCheckOpen = "policy.check.boot.open";
constexpr std::string_view kCheckEmpty = "policy.check.boot.empty";
constexpr std::string_view kCheckRelease = "policy.check.boot.release";
constexpr std::size_t kShown = 128;
constexpr std::size_t kExamples = 8;

// Sentences about one check; what is beyond the first ones is counted.
class Sentences {
 public:
  void Add(const std::string& sentence) {
    if (count_++ < kExamples) text_ += (text_.empty() ? "" : "; ") + sentence;
  }
  void AddIf(bool wrong, const std::string& sentence) {
    if (wrong) Add(sentence);
  }
  Finding Judge(std::string_view check) const {
    if (count_ == 0) return Passed(check);
    const std::string more =
        count_ > kExamples ? fmt::format("; and {} more", count_ - kExamples) : "";
    return Failed(check, text_ + more, Cause::kConfiguration);
  }

 private:
  std::string text_;
  std::size_t count_ = 0;
};

std::string NameOf(const BootValuesKernel& kernel) {
  return fmt::format(
      "kernel '{}'",
      EscapeForDisplay(kernel.name + (kernel.version.empty() ? "" : " ") + kernel.version, kShown));
}

// Whether it matches texts that no author can have had in mind.
bool MatchesAll(const TextRule& rule, std::string_view seed) {
  if (rule.expression == nullptr) return false;
  const auto matches = [&](const std::string& text) {
    return rule.expression->Match(text, Expression::Effort::kTrial) == Expression::Answer::kYes;
  };
  return matches(std::string(seed)) && matches(fmt::format("/{} init=/{}", seed, seed));
}

Finding CheckOpen(const BootValues& values) {
  Sentences open;
  const std::string seed = values.hash.hex();
  open.AddIf(values.any_firmware, "any firmware is accepted");
  open.AddIf(!values.secure_boot.required, "Secure Boot is not required, and PCR 7 not compared");
  const auto try_all = [&](const std::vector<TextRule>& rules, const std::string& where) {
    for (const TextRule& rule : rules) {
      open.AddIf(MatchesAll(rule, seed), fmt::format("{}: '{}' matches every text", where,
                                                     EscapeForDisplay(rule.text, kShown)));
    }
  };
  for (const BootValuesKernel& kernel : values.kernels) {
    try_all(kernel.command_lines, "command line of " + NameOf(kernel));
  }
  if (values.grub_commands) try_all(*values.grub_commands, "commands of GRUB");
  for (const BootValuesRecord& record : values.user_space) {
    try_all({record.text}, fmt::format("records of PCR {}", record.pcr));
  }
  return open.Judge(kCheckOpen);
}

Finding CheckEmpty(const BootValues& values) {
  Sentences empty;
  const BootValuesSecureBoot& secure = values.secure_boot;
  for (const auto& [name, list] :
       {std::pair{"pk", &secure.pk}, std::pair{"kek", &secure.kek}, std::pair{"db", &secure.db}}) {
    empty.AddIf(secure.required && list->empty(),
                fmt::format("Secure Boot is required and {} is empty: no machine has none", name));
  }
  const bool needs_loader =
      values.path == BootValuesPath::kShimGrub || values.path == BootValuesPath::kSystemdBoot;
  empty.AddIf(needs_loader && values.loaders.empty(),
              "there are no loaders, which this boot path needs");
  return empty.Judge(kCheckEmpty);
}

Finding CheckRelease(const BootValues& values) {
  if (values.release > 0) return Passed(kCheckRelease);
  return Failed(kCheckRelease, "they have no release: nothing tells which values are newer",
                Cause::kConfiguration);
}

Finding Schema(const Error& error) {
  return Failed(kCheckSchema, error.message, Cause::kConfiguration);
}

}  // namespace

Findings CheckBootValues(std::string_view text) {
  const auto values = BootValues::Parse(text);
  if (values) {
    return {Passed(kCheckSchema), CheckOpen(*values), CheckEmpty(*values), CheckRelease(*values)};
  }
  const std::string why = "the values cannot be read";
  return {Schema(values.error()), NotEvaluated(kCheckOpen, why), NotEvaluated(kCheckEmpty, why),
          NotEvaluated(kCheckRelease, why)};
}

Findings CheckBootReference(std::string_view text) {
  const auto reference = BootReference::Parse(text);
  if (!reference) {
    const std::string why = "the reference state cannot be read";
    return {Schema(reference.error()), NotEvaluated(kCheckMembers, why),
            NotEvaluated(kCheckEmpty, why)};
  }
  Sentences unknown;
  Sentences empty;
  for (const std::string& name : reference->unevaluated) unknown.Add(name);
  for (const std::string& name : reference->missing) {
    empty.Add(EscapeForDisplay(name, kShown) + " is absent: no boot is accepted");
  }
  empty.AddIf(reference->says_nothing, "it is empty: nothing of a boot is compared");
  return {Passed(kCheckSchema), unknown.Judge(kCheckMembers), empty.Judge(kCheckEmpty)};
}

Finding CheckReleases(std::span<const std::string_view> texts) {
  Sentences wrong;
  std::map<std::string, std::uint64_t> highest;
  std::size_t number = 0;
  for (const std::string_view text : texts) {
    ++number;
    const auto values = BootValues::Parse(text);
    if (!values) continue;
    const auto [known, is_first] = highest.try_emplace(values->name, values->release);
    if (is_first) continue;
    wrong.AddIf(
        values->release <= known->second,
        fmt::format("document {} is release {} of '{}', and one in front of it is {}", number,
                    values->release, EscapeForDisplay(values->name, kShown), known->second));
    known->second = std::max(known->second, values->release);
  }
  return wrong.Judge(kCheckRelease);
}

}  // namespace limequat::policy
