#include "limequat/policy/boot_diff.h"

#include <map>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_reference.h"
#include "limequat/policy/boot_values.h"

namespace limequat::policy {

namespace {

// A document as lists of what decides, each with its words for people, and single values.
struct Flat {
  std::map<std::string, std::map<std::string, std::string>> lists;
  std::map<std::string, std::string> values;

  void Add(std::string_view member, const std::string& decides, std::string words) {
    lists[std::string(member)].emplace(decides, std::move(words));
  }
};

std::string Words(const NamedDigest& named) {
  return fmt::format("{}{}{} {}", named.name, named.version.empty() ? "" : " ", named.version,
                     named.digest.hex());
}

void AddAll(std::string_view member, const std::vector<NamedDigest>& list, Flat& out) {
  for (const NamedDigest& one : list) out.Add(member, one.digest.hex(), Words(one));
}

void AddAll(std::string_view member, const std::vector<std::string>& list, Flat& out) {
  for (const std::string& one : list) out.Add(member, one, one);
}

std::string Words(const TextRule& rule) {
  return (rule.expression == nullptr ? "" : "matches ") + rule.text;
}

void AddFirmware(const BootValues& values, Flat& out) {
  out.values["firmware"] = values.any_firmware ? "any" : "listed";
  for (const BootValuesFirmware& one : values.firmware) {
    std::string decides = one.model;
    for (const auto& [pcr, value] : one.pcrs) {
      decides += fmt::format("{}PCR {} {}", decides.empty() ? "" : " ", pcr, value.hex());
    }
    out.Add("firmware", decides, decides);
  }
}

// What makes a kernel another one.
std::string IdentityOf(const BootValuesKernel& kernel) {
  std::string text = kernel.unified ? "unified" : "kernel";
  for (const crypto::Digest& image : kernel.images) text += " image " + image.hex();
  if (kernel.file) text += " file " + kernel.file->hex();
  for (const BootValuesSection& section : kernel.sections) {
    text += fmt::format(" {} {}", section.name, section.digest.hex());
  }
  return text;
}

void AddKernel(const BootValuesKernel& kernel, Flat& out) {
  const std::string identity = IdentityOf(kernel);
  const std::string name =
      kernel.version.empty() ? kernel.name : fmt::format("{} {}", kernel.name, kernel.version);
  out.Add("kernels", identity, fmt::format("{}: {}", name, identity));
  const auto add = [&](std::string_view list, const std::string& what) {
    out.Add(fmt::format("kernels.{}", list), identity + '\n' + what,
            fmt::format("{}: {}", name, what));
  };
  for (const crypto::Digest& one : kernel.initrds) add("initrds", one.hex());
  for (const TextRule& one : kernel.command_lines) add("command_lines", Words(one));
  for (const crypto::Digest& one : kernel.load_options) add("load_options", one.hex());
}

Flat FlatOf(const BootValues& values) {
  Flat out;
  out.values["name"] = values.name;
  out.values["release"] = fmt::format("{}", values.release);
  out.values["digest_algorithm"] = crypto::HashName(values.algorithm);
  out.values["boot_path"] = BootValuesPathName(values.path);
  out.values["secure_boot.required"] = values.secure_boot.required ? "true" : "false";
  out.values["exit_boot_services"] = values.exit_boot_services ? "true" : "false";
  out.values["grub_commands"] = values.grub_commands ? "compared" : "not compared";
  AddFirmware(values, out);
  AddAll("secure_boot.pk", values.secure_boot.pk, out);
  AddAll("secure_boot.kek", values.secure_boot.kek, out);
  AddAll("secure_boot.db", values.secure_boot.db, out);
  AddAll("secure_boot.dbx", values.secure_boot.dbx, out);
  AddAll("secure_boot.events", values.secure_boot.events, out);
  AddAll("loaders", values.loaders, out);
  AddAll("files", values.files, out);
  AddAll("machine_owner_lists", values.machine_owner_lists, out);
  AddAll("additions", values.additions, out);
  for (const BootValuesKernel& kernel : values.kernels) AddKernel(kernel, out);
  for (const TextRule& rule : values.grub_commands.value_or(std::vector<TextRule>())) {
    out.Add("grub_commands", Words(rule), Words(rule));
  }
  for (const BootValuesRecord& record : values.user_space) {
    const std::string words = fmt::format(
        "PCR {} {}", record.pcr, record.digest ? record.digest->hex() : Words(record.text));
    out.Add("user_space", words, words);
  }
  return out;
}

// Every list as the document has it: BootReference leaves out what nothing evaluates.
Flat FlatOf(const json::Object& reference) {
  Flat out;
  for (const auto& [name, value] : reference) {
    if (const json::Array* list = value.as_array()) {
      for (const json::Value& one : *list) {
        out.Add(name, json::Serialize(one), json::Serialize(one));
      }
    } else {
      out.values[name] = json::Serialize(value);
    }
  }
  return out;
}

ListChange Compare(const std::map<std::string, std::string>& before,
                   const std::map<std::string, std::string>& after) {
  ListChange change;
  for (const auto& [decides, words] : after) {
    if (!before.contains(decides)) change.added.push_back(words);
  }
  for (const auto& [decides, words] : before) {
    if (!after.contains(decides)) change.removed.push_back(words);
  }
  return change;
}

BootDiff Compare(Flat before, Flat after) {
  // Both get all names.
  for (const auto& [member, list] : before.lists) after.lists[member];
  for (const auto& [member, list] : after.lists) before.lists[member];
  for (const auto& [member, value] : before.values) after.values[member];
  for (const auto& [member, value] : after.values) before.values[member];
  BootDiff diff;
  for (const auto& [member, list] : before.lists) {
    ListChange change = Compare(list, after.lists.at(member));
    if (!change.empty()) diff.lists.push_back({.member = member, .change = std::move(change)});
  }
  for (const auto& [member, value] : before.values) {
    const std::string& now = after.values.at(member);
    if (value != now) diff.values.push_back({.member = member, .before = value, .after = now});
  }
  return diff;
}

Result<Flat> ReadValues(std::string_view text, std::string_view which) {
  auto values = BootValues::Parse(text);
  if (!values) return std::move(values).error().In(which);
  return FlatOf(*values);
}

Result<Flat> ReadReference(std::string_view text, std::string_view which) {
  if (auto read = BootReference::Parse(text); !read) return std::move(read).error().In(which);
  const auto document = json::Parse(text, {.max_bytes = kMaxBootReferenceBytes});
  if (!document || document->as_object() == nullptr) return Flat();  // it says nothing
  return FlatOf(*document->as_object());
}

}  // namespace

Result<BootDiff> DiffBootValues(std::string_view first, std::string_view second) {
  LQ_ASSIGN_OR_RETURN(Flat before, ReadValues(first, "first policy"));
  LQ_ASSIGN_OR_RETURN(Flat after, ReadValues(second, "second policy"));
  return Compare(std::move(before), std::move(after));
}

Result<BootDiff> DiffBootReferences(std::string_view first, std::string_view second) {
  LQ_ASSIGN_OR_RETURN(Flat before, ReadReference(first, "first policy"));
  LQ_ASSIGN_OR_RETURN(Flat after, ReadReference(second, "second policy"));
  return Compare(std::move(before), std::move(after));
}

}  // namespace limequat::policy
