#include "limequat/cli/policy_create_boot_values.h"

#include <utility>

#include <fmt/format.h>

#include "limequat/base/bytes.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/pcr_input.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/eventlog/verify.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_values_maker.h"

namespace limequat::cli {

namespace {

using crypto::HashAlgorithm;

// Makes the values step by step, and collects what is to be said of them.
class Making {
 public:
  explicit Making(const PolicyCreateBoot& asked) : asked_(asked) {}
  Status Make();
  policy::BootValues values;
  std::vector<std::string> notes;

 private:
  Status ReadOld();
  Status AddLog(std::size_t index);
  Status AddFile(const std::string& path, bool unified);
  Result<policy::NewKernel> KernelOf() const;
  void Note(std::vector<std::string> more) {
    for (std::string& note : more) notes.push_back(std::move(note));
  }

  const PolicyCreateBoot& asked_;
  bool has_values_ = false;
};

Status Making::ReadOld() {
  LQ_ASSIGN_OR_RETURN(const std::string text, ReadInput(*asked_.update, kMaxPolicyInput));
  auto old = policy::BootValues::Parse(text);
  if (!old) return std::move(old).error().In(Shown(*asked_.update));
  values = *std::move(old);
  ++values.release;
  has_values_ = true;
  return {};
}

Status Making::AddLog(std::size_t index) {
  const std::string& path = asked_.logs[index];
  LQ_ASSIGN_OR_RETURN(const std::string log, ReadInput(path, kMaxLogInput));
  std::string user_space;
  if (asked_.user_space_log) {
    LQ_ASSIGN_OR_RETURN(user_space, ReadInput(*asked_.user_space_log, kMaxLogInput));
  }
  const eventlog::BootLogs logs{.firmware = AsBytes(log), .user_space = AsBytes(user_space)};
  const HashAlgorithm bank = has_values_ ? values.algorithm : HashAlgorithm::kSha256;
  Result<eventlog::LogVerification> verification = Unsupported("", "");
  if (asked_.pcrs.empty()) {
    verification = eventlog::VerifyLogByItself(logs, bank);
    if (index == 0) notes.emplace_back("nothing vouches for a log without --pcrs");
  } else {
    LQ_ASSIGN_OR_RETURN(const tpm::PcrValues pcrs, ReadPcrValues(asked_.pcrs[index]));
    verification = eventlog::VerifyLogByValues(logs, pcrs, bank, {});
  }
  if (!verification) return std::move(verification).error().In(Shown(path));
  if (!verification->log) {
    return Untrusted("policy.boot_values.log",
                     Shown(path) + ": the log leads to none of the PCR values");
  }
  auto made =
      policy::MakeBootValues(*verification->log, {.model = asked_.model,
                                                  .firmware_version = asked_.firmware_version,
                                                  .kernel_name = asked_.kernel_name,
                                                  .kernel_version = asked_.kernel_version});
  if (!made) return std::move(made).error().In(Shown(path));
  Note(std::move(made->notes));
  if (!has_values_) {
    values = std::move(made->values);
    values.release = 1;
    has_values_ = true;
    return {};
  }
  Status merged = policy::MergeBootValues(made->values, values);
  return merged ? merged : std::move(merged).error().In(Shown(path));
}

Result<policy::NewKernel> Making::KernelOf() const {
  policy::NewKernel kernel{.name = asked_.kernel_name,
                           .version = asked_.kernel_version,
                           .initrds = {},
                           .command_lines = asked_.command_lines};
  for (const std::string& path : asked_.initrds) {
    LQ_ASSIGN_OR_RETURN(const std::string initrd, ReadInput(path, kMaxListInput));
    kernel.initrds.push_back(crypto::Hash(values.algorithm, AsBytes(initrd)));
  }
  return kernel;
}

Status Making::AddFile(const std::string& path, bool unified) {
  LQ_ASSIGN_OR_RETURN(const std::string file, ReadInput(path, kMaxListInput));
  LQ_ASSIGN_OR_RETURN(const policy::NewKernel kernel, KernelOf());
  auto more = unified ? policy::AddUnifiedImage(AsBytes(file), kernel, values)
                      : policy::AddKernel(AsBytes(file), kernel, values);
  if (!more) return std::move(more).error().In(Shown(path));
  Note(*std::move(more));
  return {};
}

Status Making::Make() {
  if (asked_.update) LQ_RETURN_IF_ERROR(ReadOld());
  for (std::size_t i = 0; i < asked_.logs.size(); ++i) LQ_RETURN_IF_ERROR(AddLog(i));
  for (const std::string& path : asked_.kernels) LQ_RETURN_IF_ERROR(AddFile(path, false));
  for (const std::string& path : asked_.unified_images) LQ_RETURN_IF_ERROR(AddFile(path, true));
  if (asked_.name) values.name = *asked_.name;
  if (asked_.release) values.release = *asked_.release;
  return {};
}

Status CheckUsage(const PolicyCreateBoot& asked, const Console& console) {
  if (asked.logs.empty() && !asked.update) {
    return UsageError("give an event log, or --update with the values that are to accept more");
  }
  if (!asked.pcrs.empty() && asked.pcrs.size() != asked.logs.size()) {
    return UsageError("give --pcrs as often as there are logs, or not at all");
  }
  if (asked.user_space_log && asked.logs.size() != 1) {
    return UsageError("--user-space-log goes with one event log");
  }
  const bool adds = !asked.kernels.empty() || !asked.unified_images.empty();
  if (asked.update && asked.logs.empty() && !adds) {
    return UsageError("--update needs a log, --add-kernel or --add-uki");
  }
  if (!adds && (!asked.initrds.empty() || !asked.command_lines.empty())) {
    return UsageError("--initrd and --command-line go with --add-kernel or --add-uki");
  }
  std::vector<std::string> inputs = asked.logs;
  inputs.insert(inputs.end(), {asked.update.value_or(""), asked.user_space_log.value_or("")});
  for (const auto* more : {&asked.pcrs, &asked.kernels, &asked.unified_images, &asked.initrds})
    inputs.insert(inputs.end(), more->begin(), more->end());
  LQ_RETURN_IF_ERROR(CheckOneStandardInput({}, inputs));
  return CheckOutput(asked.output, "boot reference", console);
}

}  // namespace

Result<Ending> PolicyCreateBoot::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckUsage(*this, console));
  Making making(*this);
  LQ_RETURN_IF_ERROR(making.Make());
  const std::string made = policy::WriteBootValues(making.values);
  // What is written is read again: a document that no verifier takes is none.
  LQ_RETURN_IF_ERROR(policy::BootValues::Parse(made));
  for (const std::string& note : making.notes) console.Note("limequat: " + note);
  if (KeepsToStandardOutput(output)) return ShowMade(made, console);
  LQ_RETURN_IF_ERROR(WriteMade(*output, made));
  const json::Object document{{"file", *output},
                              {"release", making.values.release},
                              {"boot_path", policy::BootValuesPathName(making.values.path)},
                              {"kernels", std::uint64_t{making.values.kernels.size()}},
                              {"notes", json::Array(making.notes.begin(), making.notes.end())}};
  LQ_RETURN_IF_ERROR(console.Show(document, [&] {
    return fmt::format("{}: boot reference, release {}, {}, {} kernels\n", Shown(*output),
                       making.values.release, policy::BootValuesPathName(making.values.path),
                       making.values.kernels.size());
  }));
  return Ending::kDone;
}

}  // namespace limequat::cli
