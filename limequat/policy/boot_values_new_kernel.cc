// Kernels that reference values accept before a machine has booted them.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/eventlog/pe_image.h"
#include "limequat/policy/boot_values_maker.h"

namespace limequat::policy {

namespace {

using eventlog::PeImage;
using eventlog::PeSection;

// The last kernel of the kind, or nullptr.
const BootValuesKernel* LastOf(const BootValues& values, bool unified) {
  const auto found = std::ranges::find(values.kernels.rbegin(), values.kernels.rend(), unified,
                                       &BootValuesKernel::unified);
  return found == values.kernels.rend() ? nullptr : &*found;
}

BootValuesKernel Named(const NewKernel& kernel, std::string_view otherwise) {
  BootValuesKernel made;
  made.name = kernel.name.empty() ? otherwise : kernel.name;
  made.version = kernel.version;
  return made;
}

std::vector<TextRule> Exact(const std::vector<std::string>& texts) {
  std::vector<TextRule> rules;
  for (const std::string& text : texts) rules.push_back({.text = text, .expression = nullptr});
  return rules;
}

Error Bad(std::string message) { return Malformed("policy.boot_values", std::move(message)); }

Result<PeImage> Read(ByteView file, bool unified) {
  LQ_ASSIGN_OR_RETURN(PeImage image, PeImage::Parse(file));
  const bool is_unified = image.Find(".linux") != nullptr;
  if (is_unified && !unified) return Bad("it is a unified kernel image: add it as one");
  if (!is_unified && unified) return Bad("it is no unified kernel image: no section .linux");
  return image;
}

}  // namespace

Result<std::vector<std::string>> AddKernel(ByteView file, const NewKernel& kernel,
                                           BootValues& values) {
  LQ_ASSIGN_OR_RETURN(const PeImage image, Read(file, false));
  std::vector<std::string> notes;
  BootValuesKernel made = Named(kernel, "kernel");
  const BootValuesKernel* last = LastOf(values, false);
  // GRUB without Secure Boot reads kernels and starts no image.
  if (last == nullptr || !last->images.empty())
    made.images = {image.Authenticode(values.algorithm)};
  if (last != nullptr && last->file) made.file = crypto::Hash(values.algorithm, file);
  made.initrds = kernel.initrds;
  made.command_lines = Exact(kernel.command_lines);
  if (last == nullptr) {
    values.kernels.push_back(std::move(made));
    return notes;
  }
  if (made.initrds.empty() && !last->initrds.empty()) {
    made.initrds = last->initrds;
    notes.emplace_back(
        "the initrds are those of the kernel before: give the new one if it has one");
  }
  if (made.command_lines.empty()) {
    made.command_lines = last->command_lines;
    made.load_options = last->load_options;
    notes.emplace_back(
        "the command lines are those of the kernel before, the kernel's path in "
        "them included");
  }
  values.kernels.push_back(std::move(made));
  return notes;
}

Result<std::vector<std::string>> AddUnifiedImage(ByteView file, const NewKernel& kernel,
                                                 BootValues& values) {
  LQ_ASSIGN_OR_RETURN(const PeImage image, Read(file, true));
  if (!kernel.initrds.empty()) return Bad("a unified kernel image has its initrd in it");
  std::vector<std::string> notes;
  BootValuesKernel made = Named(kernel, "unified kernel image");
  const PeSection* uname = image.Find(".uname");
  if (made.version.empty() && uname != nullptr) {
    made.version = EscapeForDisplay(AsText(uname->data), kMaxBootValuesName / 2);
  }
  made.unified = true;
  made.images = {image.Authenticode(values.algorithm)};
  const BootValuesKernel* last = LastOf(values, true);
  if (last != nullptr && last->images.size() > 1) {
    // The stub starts the kernel in it as an image of its own.
    LQ_ASSIGN_OR_RETURN(const PeImage inner, PeImage::Parse(image.Find(".linux")->data));
    made.images.push_back(inner.Authenticode(values.algorithm));
  }
  for (const PeSection* section : eventlog::MeasuredSections(image)) {
    made.sections.push_back({.name = section->name, .digest = section->Hash(values.algorithm)});
  }
  if (last != nullptr && last->sections.empty()) made.sections.clear();
  made.command_lines = Exact(kernel.command_lines);
  if (made.command_lines.empty() && last != nullptr && !last->command_lines.empty()) {
    made.command_lines = last->command_lines;
    notes.emplace_back(
        "the command lines that a boot loader may give are those of the kernel "
        "before");
  }
  values.kernels.push_back(std::move(made));
  return notes;
}

}  // namespace limequat::policy
