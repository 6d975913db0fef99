#include "limequat/ima/template.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"

namespace limequat::ima {

namespace {

constexpr std::array<std::pair<std::string_view, Field>, 16> kFieldNames = {{
    {"d", Field::kD},
    {"n", Field::kN},
    {"d-ng", Field::kDNg},
    {"n-ng", Field::kNNg},
    {"sig", Field::kSig},
    {"d-ngv2", Field::kDNgV2},
    {"buf", Field::kBuf},
    {"d-modsig", Field::kDModsig},
    {"modsig", Field::kModsig},
    {"evmsig", Field::kEvmSig},
    {"xattrnames", Field::kXattrNames},
    {"xattrlengths", Field::kXattrLengths},
    {"xattrvalues", Field::kXattrValues},
    {"iuid", Field::kUid},
    {"igid", Field::kGid},
    {"imode", Field::kMode},
}};

constexpr std::string_view kLegacy = "ima";
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kTemplates = {{
    {"ima-ng", "d-ng|n-ng"},
    {"ima-sig", "d-ng|n-ng|sig"},
    {kLegacy, "d|n"},
    {"ima-ngv2", "d-ngv2|n-ng"},
    {"ima-sigv2", "d-ngv2|n-ng|sig"},
    {"ima-buf", "d-ng|n-ng|buf"},
    {"ima-modsig", "d-ng|n-ng|sig|d-modsig|modsig"},
    {"evm-sig", "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode"},
}};

// The fields of a template of the kernel; nullopt for other names.
std::optional<std::string_view> KernelsFields(std::string_view name) {
  for (const auto& [known, fields] : kTemplates) {
    if (known == name) return fields;
  }
  return std::nullopt;
}

std::optional<Field> FieldFromName(std::string_view name) {
  for (const auto& [known, field] : kFieldNames) {
    if (known == name) return field;
  }
  return std::nullopt;
}

}  // namespace

std::string_view FieldName(Field field) {
  for (const auto& [name, known] : kFieldNames) {
    if (known == field) return name;
  }
  return "";
}

bool Template::Has(Field field) const {
  return std::ranges::find(fields(), field) != fields().end();
}

bool Template::IsKernels(std::string_view name) { return KernelsFields(name).has_value(); }

Result<Template> Template::FromName(std::string_view name) {
  Template made;
  made.is_legacy_ = name == kLegacy;
  std::string_view format = KernelsFields(name).value_or(name);
  while (true) {
    const std::size_t end = format.find('|');
    const std::optional<Field> field = FieldFromName(format.substr(0, end));
    if (!field || made.count_ == kMaxFields) {
      return Unsupported("ima.template", fmt::format("template '{}' is not known",
                                                     EscapeForDisplay(name, kMaxTemplateName)));
    }
    made.fields_[made.count_++] = *field;
    if (end == std::string_view::npos) return made;
    format.remove_prefix(end + 1);
  }
}

}  // namespace limequat::ima
