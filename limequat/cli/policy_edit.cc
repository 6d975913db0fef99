#include "limequat/cli/policy_edit.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/made_policy.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/json/value.h"
#include "limequat/policy/allow_list.h"
#include "limequat/policy/boot_values.h"
#include "limequat/policy/boot_values_maker.h"
#include "limequat/policy/dsse.h"
#include "limequat/policy/policy_kind.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::cli {

namespace {

// The policy as the result, or into its file and `about` it as the result.
Result<Ending> Deliver(const std::string& text, const std::optional<std::string>& output,
                       json::Object about, Console& console) {
  if (KeepsToStandardOutput(output)) return ShowMade(text, console);
  LQ_ASSIGN_OR_RETURN(const auto policy, policy::RuntimePolicy::Parse(text));
  LQ_RETURN_IF_ERROR(WriteMade(*output, text));
  about.Set("file", *output);
  about.Set("sha256", policy->hash().hex());
  about.Set("paths", std::uint64_t{policy->paths()});
  about.Set("digests", std::uint64_t{policy->digests()});
  LQ_RETURN_IF_ERROR(console.Show(about, [&] {
    return fmt::format("{}: {} paths, {} digests\n", Shown(*output), policy->paths(),
                       policy->digests());
  }));
  return Ending::kDone;
}

// Boot reference values in the same way.
Result<Ending> DeliverBoot(const std::string& text, const std::optional<std::string>& output,
                           json::Object about, Console& console) {
  if (KeepsToStandardOutput(output)) return ShowMade(text, console);
  LQ_ASSIGN_OR_RETURN(const policy::BootValues values, policy::BootValues::Parse(text));
  LQ_RETURN_IF_ERROR(WriteMade(*output, text));
  about.Set("file", *output);
  about.Set("sha256", values.hash.hex());
  about.Set("release", values.release);
  about.Set("kernels", std::uint64_t{values.kernels.size()});
  LQ_RETURN_IF_ERROR(console.Show(about, [&] {
    return fmt::format("{}: boot reference, release {}, {} kernels\n", Shown(*output),
                       values.release, values.kernels.size());
  }));
  return Ending::kDone;
}

// Converted, either would accept more than before, or no boot at all.
Status CheckConvertible(policy::PolicyKind kind) {
  switch (kind) {
    case policy::PolicyKind::kRuntimePolicy:
      return {};
    case policy::PolicyKind::kBootValues:
      return Unsupported("policy.convert",
                         "boot reference values have no other form: they are not converted");
    case policy::PolicyKind::kBootReference:
      return Unsupported(
          "policy.convert",
          "a reference state does not say what boot reference values ask for (the values of "
          "PCRs 0 and 2, the authorities of PCR 7, the files of GRUB): make them of an event log "
          "instead, with `limequat policy create boot`");
  }
  return {};
}

// Changed, a policy is no longer what was signed.
Status CheckUnsigned(const std::string& file, const std::string& text) {
  if (!policy::UnverifiedEnvelope::Parse(text)) return {};
  return UsageError(fmt::format(
      "{} is signed: take the policy from before it was signed, and sign what comes of it",
      Shown(file)));
}

}  // namespace

Result<Ending> PolicyConvert::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOutput(output, "policy", console));
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({source.place, exclude_list.value_or("")}));
  LQ_ASSIGN_OR_RETURN(const std::string text, ReadPolicy(source));
  LQ_RETURN_IF_ERROR(CheckUnsigned(source.place, text));
  LQ_RETURN_IF_ERROR(CheckConvertible(policy::KindOfPolicy(text)));
  std::string excludes;
  if (exclude_list) {
    LQ_ASSIGN_OR_RETURN(excludes, ReadInput(*exclude_list, kMaxPolicyInput));
  }
  auto converted = policy::ConvertPolicy(text, excludes, PolicyTimestamp(now));
  if (!converted) return std::move(converted).error().In(Shown(source.place));
  json::Array notes;
  for (const std::string& note : converted->notes) {
    console.Note("limequat: " + note);
    notes.emplace_back(note);
  }
  return Deliver(converted->json, output,
                 {{"form", policy::PolicyFormName(converted->form)}, {"notes", std::move(notes)}},
                 console);
}

Result<Ending> PolicyMerge::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOutput(output, "policy", console));
  std::vector<std::string> texts;
  std::size_t left = kMaxPolicyInput;
  for (const std::string& file : files) {
    LQ_ASSIGN_OR_RETURN(std::string text, ReadInput(file, left));
    LQ_RETURN_IF_ERROR(CheckUnsigned(file, text));
    left -= text.size();
    texts.push_back(std::move(text));
  }
  const std::vector<std::string_view> views(texts.begin(), texts.end());
  LQ_ASSIGN_OR_RETURN(const policy::PolicyKind kind, policy::KindOfPolicies(views));
  if (kind == policy::PolicyKind::kBootReference) {
    return Unsupported("policy.merge",
                       "reference states are not merged: push them under names of their own, or "
                       "make boot reference values, which are");
  }
  if (kind == policy::PolicyKind::kBootValues) {
    LQ_ASSIGN_OR_RETURN(const std::string values, policy::MergeBootValues(views));
    return DeliverBoot(values, output, {{"merged", std::uint64_t{files.size()}}}, console);
  }
  LQ_ASSIGN_OR_RETURN(const std::string merged, policy::MergeRuntimePolicies(views));
  return Deliver(merged, output, {{"merged", std::uint64_t{files.size()}}}, console);
}

Result<Ending> PolicyMark::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckOutput(output, "policy", console));
  if (label.empty()) {
    return UsageError("give --name, --release, --effective-from or --retire-after");
  }
  LQ_ASSIGN_OR_RETURN(const std::string text, ReadInput(file, kMaxPolicyInput));
  LQ_RETURN_IF_ERROR(CheckUnsigned(file, text));
  auto labelled = policy::LabelPolicy(text, label);
  if (!labelled) return std::move(labelled).error().In(Shown(file));
  return Deliver(*labelled, output, {}, console);
}

}  // namespace limequat::cli
