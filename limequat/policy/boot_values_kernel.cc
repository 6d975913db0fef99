// Which kernel of the reference values was started, and what does not fit it.

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/eventlog/pcr_use.h"
#include "limequat/eventlog/pe_image.h"
#include "limequat/policy/boot_values_checks_internal.h"

namespace limequat::policy {

namespace {

using crypto::Digest;
using eventlog::kFilePcr;
using eventlog::kGrubPcr;
using eventlog::kLoaderPcr;
using eventlog::kUnifiedImagePcr;
using eventlog::MeasuredObject;

constexpr std::size_t kShownText = 512;
constexpr std::size_t kShownRules = 4;

std::string NameOf(const BootValuesKernel& kernel) {
  return EscapeForDisplay(
      kernel.version.empty() ? kernel.name : fmt::format("{} {}", kernel.name, kernel.version),
      2 * kMaxBootValuesName);
}

bool IsThere(const std::vector<MeasuredObject>& objects, const Digest& digest) {
  return std::ranges::any_of(objects,
                             [&](const MeasuredObject& object) { return object.digest == digest; });
}

bool IsAmong(const std::vector<Digest>& list, const Digest& digest) {
  return std::ranges::find(list, digest) != list.end();
}

class KernelFit {
 public:
  KernelFit(const BootValues& values, const BootValuesKernel& kernel,
            const eventlog::VerifiedLog& log, const BootEvidence& evidence)
      : values_(values), kernel_(kernel), log_(log), evidence_(evidence) {}

  // All but the command line, which costs the most.
  void CheckDigests();
  void CheckTexts(TextJudge& judge);
  std::size_t objections() const { return out_.size(); }
  Findings Take() { return std::move(out_); }

 private:
  void CheckImages();
  void CheckLastImage();
  void CheckFile();
  void CheckInitrd();
  void CheckSections();
  void CheckLines(TextJudge& judge);
  void CheckFiles();
  void Object(std::uint32_t pcr, std::string_view check, std::string detail,
              Cause cause = Cause::kTamper);
  // With Secure Boot an image that nobody listed has at least a signature that counts.
  Cause UnlistedImage() const {
    return values_.secure_boot.required ? Cause::kPolicyLag : Cause::kTamper;
  }

  const BootValues& values_;
  const BootValuesKernel& kernel_;
  const eventlog::VerifiedLog& log_;
  const BootEvidence& evidence_;
  std::set<Digest> load_options_;  // what the accepted command lines are in PCR 9
  bool line_is_proven_ = false;
  Findings out_;
};

void KernelFit::Object(std::uint32_t pcr, std::string_view check, std::string detail, Cause cause) {
  out_.push_back(AboutPcr(pcr, Failed(check, std::move(detail), cause)));
}

void KernelFit::CheckImages() {
  std::set<Digest> told;
  for (const MeasuredObject& image : evidence_.chain.images) {
    if (IsAmong(kernel_.images, image.digest)) continue;
    if (policy::IsAmong(values_.loaders, image.digest)) continue;
    if (told.size() >= kMaxObjections || !told.insert(image.digest).second) continue;
    out_.push_back(AboutEvent(
        kLoaderPcr, image.event,
        Failed(kCheckImage,
               fmt::format("PCR 4 event {} is the image {}, which is neither a loader of the "
                           "reference values nor the kernel {}",
                           image.event, Shown(image.digest), NameOf(kernel_)),
               UnlistedImage())));
  }
  for (const Digest& image : kernel_.images) {
    if (IsThere(evidence_.chain.images, image)) continue;
    Object(kLoaderPcr, kCheckKernel,
           fmt::format("PCR 4 does not show the kernel {} ({})", NameOf(kernel_), Shown(image)),
           UnlistedImage());
  }
  if (!kernel_.images.empty()) CheckLastImage();
}

// What was started last is what left the firmware's services. An image in front of the
// separator is the firmware's doing, as is a kernel that it was handed (QEMU's -kernel).
void KernelFit::CheckLastImage() {
  if (evidence_.chain.images.empty()) return;  // CheckImages has said so
  const MeasuredObject& last = evidence_.chain.images.back();
  if (!IsAmong(kernel_.images, last.digest)) {
    out_.push_back(AboutEvent(
        kLoaderPcr, last.event,
        Failed(kCheckKernel,
               fmt::format("PCR 4 event {} is the last image, and it is not the kernel {}",
                           last.event, NameOf(kernel_)),
               UnlistedImage())));
  } else if (last.event < evidence_.loader_separator && values_.path != BootValuesPath::kEfiStub) {
    out_.push_back(
        AboutEvent(kLoaderPcr, last.event,
                   Failed(kCheckKernel, fmt::format("PCR 4 event {} is the kernel, in front of the "
                                                    "separator",
                                                    last.event))));
  }
}

void KernelFit::CheckFile() {
  if (!kernel_.file || IsThere(evidence_.chain.files, *kernel_.file)) return;
  Object(kFilePcr, kCheckKernel,
         fmt::format("PCR 9 does not show the file of the kernel {} ({})", NameOf(kernel_),
                     Shown(*kernel_.file)));
}

void KernelFit::CheckInitrd() {
  if (kernel_.unified || kernel_.initrds.empty()) return;
  const bool found = std::ranges::any_of(kernel_.initrds, [&](const Digest& initrd) {
    return IsThere(evidence_.chain.files, initrd);
  });
  if (found) return;
  std::string good;
  for (std::size_t i = 0; i < kernel_.initrds.size() && i < kShownRules; ++i)
    good += fmt::format("{}{}", i == 0 ? "" : ", ", Shown(kernel_.initrds[i]));
  Object(kFilePcr, kCheckInitrd,
         fmt::format("PCR 9 shows no initrd of the kernel {}: {}", NameOf(kernel_), good),
         UnlistedImage());
}

// systemd-stub measures the name of each section, with its NUL, and then the content.
void KernelFit::CheckSections() {
  const std::vector<MeasuredObject>& found = evidence_.chain.image_sections;
  if (kernel_.sections.empty()) return;
  if (found.size() != 2 * kernel_.sections.size()) {
    Object(kUnifiedImagePcr, kCheckSection,
           fmt::format("PCR 11 shows {} events of sections, the kernel {} has {}", found.size(),
                       NameOf(kernel_), 2 * kernel_.sections.size()));
  }
  for (std::size_t i = 0; i < kernel_.sections.size() && 2 * i + 1 < found.size(); ++i) {
    const BootValuesSection& section = kernel_.sections[i];
    const MeasuredObject& content = found[2 * i + 1];
    if (found[2 * i].digest == eventlog::HashSectionName(section.name, log_.bank()) &&
        content.digest == section.digest) {
      continue;
    }
    out_.push_back(
        AboutEvent(kUnifiedImagePcr, content.event,
                   Failed(kCheckSection,
                          fmt::format("PCR 11 event {} is {} where the kernel {} has {} {}",
                                      content.event, Shown(content.digest), NameOf(kernel_),
                                      EscapeForDisplay(section.name, 64), Shown(section.digest)),
                          UnlistedImage())));
    if (out_.size() >= kMaxObjections) return;
  }
}

void KernelFit::CheckDigests() {
  CheckImages();
  CheckFile();
  CheckInitrd();
  CheckSections();
}

std::string Joined(const std::vector<TextRule>& rules) {
  std::string text;
  for (std::size_t i = 0; i < rules.size() && i < kShownRules; ++i) {
    text += fmt::format("{}{}'{}'", i == 0 ? "" : ", ",
                        rules[i].expression == nullptr ? "" : "the expression ",
                        EscapeForDisplay(rules[i].text, kShownText));
  }
  return text.empty() ? "none" : text;
}

void KernelFit::CheckLines(TextJudge& judge) {
  std::map<std::string_view, bool> judged;
  for (const MeasuredLine& line : evidence_.lines) {
    const auto [known, is_new] = judged.try_emplace(line.text, false);
    if (is_new) known->second = judge.IsGood(line.text, kernel_.command_lines);
    if (!known->second) {
      if (!is_new || out_.size() >= kMaxObjections) continue;
      out_.push_back(AboutEvent(
          line.pcr, line.event,
          Failed(kCheckCommandLine,
                 fmt::format("the kernel was started with '{}', the reference values of {} have {}",
                             EscapeForDisplay(line.text, kShownText), NameOf(kernel_),
                             Joined(kernel_.command_lines)))));
      continue;
    }
    line_is_proven_ = true;
    if (line.is_wide) load_options_.insert(line.digest);
    load_options_.insert(crypto::Hash(log_.bank(), LoadOptions(line.text)));
    load_options_.insert(crypto::Hash(log_.bank(), LoadOptions("BOOT_IMAGE=" + line.text)));
  }
}

// Every event of PCR 9 is a file or a command line that is good.
void KernelFit::CheckFiles() {
  std::set<Digest> exact(kernel_.load_options.begin(), kernel_.load_options.end());
  for (const TextRule& rule : kernel_.command_lines) {
    if (rule.expression == nullptr) exact.insert(crypto::Hash(log_.bank(), LoadOptions(rule.text)));
  }
  std::set<Digest> told;
  for (const MeasuredObject& file : evidence_.chain.files) {
    if (exact.contains(file.digest)) {
      line_is_proven_ = true;
      continue;
    }
    if (load_options_.contains(file.digest) || kernel_.file == file.digest) continue;
    if (IsAmong(kernel_.initrds, file.digest)) continue;
    if (policy::IsAmong(values_.files, file.digest)) continue;
    if (told.size() >= kMaxObjections || !told.insert(file.digest).second) continue;
    out_.push_back(AboutEvent(
        kFilePcr, file.event,
        Failed(kCheckFile,
               fmt::format("PCR 9 event {} ('{}') is {}, which is no file, initrd or command line "
                           "of the reference values",
                           file.event, EscapeForDisplay(file.untrusted_name, 256),
                           Shown(file.digest)))));
  }
}

void KernelFit::CheckTexts(TextJudge& judge) {
  CheckLines(judge);
  if (kernel_.unified) return;
  CheckFiles();
  if (line_is_proven_) return;
  Object(values_.path == BootValuesPath::kEfiStub ? kFilePcr : kGrubPcr, kCheckCommandLine,
         fmt::format("no command line that the reference values of {} list was measured",
                     NameOf(kernel_)));
}

}  // namespace

Findings CheckKernels(const BootValues& values, const eventlog::VerifiedLog& log,
                      const BootEvidence& evidence, TextJudge& judge) {
  const eventlog::BootChain& chain = evidence.chain;
  if (std::max({chain.images.size(), chain.files.size(), chain.image_sections.size(),
                evidence.lines.size()}) > kMaxJudgedTexts) {
    return {Failed(kCheckKernel, fmt::format("more than {} images, files, sections or command "
                                             "lines were measured: they are not compared",
                                             kMaxJudgedTexts))};
  }
  std::vector<KernelFit> fits;
  std::size_t fewest = static_cast<std::size_t>(-1);
  for (const BootValuesKernel& kernel : values.kernels) {
    KernelFit fit(values, kernel, log, evidence);
    fit.CheckDigests();
    if (fit.objections() < fewest) fits.clear();
    if (fit.objections() > fewest) continue;
    fewest = fit.objections();
    fits.push_back(std::move(fit));
  }
  std::optional<Findings> best;
  for (KernelFit& fit : fits) {
    fit.CheckTexts(judge);
    if (!best || fit.objections() < best->size()) best = fit.Take();
  }
  return best.value_or(Findings());
}

}  // namespace limequat::policy
