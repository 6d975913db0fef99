#include "limequat/policy/boot_values.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/reader.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_values_reader_internal.h"
#include "limequat/tpm/pcr.h"

namespace limequat::policy {

namespace {

using crypto::Digest;
using crypto::HashAlgorithm;
using json::ObjectReader;

constexpr std::int64_t kMaxRelease = std::int64_t{1} << 53U;
constexpr tpm::PcrSet kFirmwarePcrs = tpm::PcrSet::Range(0, 3) | tpm::PcrSet::Of(6);
constexpr tpm::PcrSet kUserSpacePcrs = tpm::PcrSet::Range(11, 13) | tpm::PcrSet::Of(15);

struct NamedPath {
  BootValuesPath path;
  std::string_view name;
};
constexpr std::array kPaths = {NamedPath{BootValuesPath::kShimGrub, "shim-grub"},
                               NamedPath{BootValuesPath::kSystemdBoot, "systemd-boot"},
                               NamedPath{BootValuesPath::kUnifiedImage, "uki"},
                               NamedPath{BootValuesPath::kEfiStub, "efi-stub"},
                               NamedPath{BootValuesPath::kNetboot, "netboot"}};

Error Bad(std::string message) { return BootValuesReader::Bad(std::move(message)); }

Status Checked(const ObjectReader& in) { return BootValuesReader::Checked(in); }

bool IsName(std::string_view name) { return BootValuesReader::IsName(name); }

class Parser {
 public:
  explicit Parser(BootValues& out) : out_(out) {}
  Status Read(const json::Value& document);

 private:
  Status ReadHead(ObjectReader& in);
  Status ReadFirmware(const json::Value& value);
  Status ReadFirmwareEntry(const json::Value& value, const std::string& where);
  Status ReadSecureBoot(const json::Value& value);
  Status ReadKeys(ObjectReader& in, std::string_view name, std::vector<std::string>& keys);
  Status ReadKernel(const json::Value& value, const std::string& where);
  Status ReadSections(const json::Array& array, const std::string& where, BootValuesKernel& kernel);
  Status CheckKernel(const BootValuesKernel& kernel, bool has_initrds,
                     const std::string& where) const;
  Status ReadUserSpace(const json::Array& array);

  BootValues& out_;
  BootValuesReader reader_{out_.algorithm};
};

Status Parser::ReadFirmwareEntry(const json::Value& value, const std::string& where) {
  ObjectReader in(value, where);
  BootValuesFirmware firmware{.model = in.OptionalString("model").value_or(""),
                              .version = in.OptionalString("version").value_or(""),
                              .pcrs = {}};
  const json::Object* pcrs = in.ObjectMember("pcrs");
  in.NoOthers();
  LQ_RETURN_IF_ERROR(Checked(in));
  for (const auto& [name, hex] : *pcrs) {
    const auto set = tpm::ParsePcrList(name);
    const auto list = set ? set->ToList() : std::vector<std::uint32_t>();
    if (list.size() != 1 || name != fmt::format("{}", list[0]) ||
        !kFirmwarePcrs.Contains(list[0])) {
      return Bad(fmt::format("{}.pcrs has values of PCRs {} only, not of '{}'", where,
                             kFirmwarePcrs.ToString(), EscapeForDisplay(name, 64)));
    }
    const std::string* text = hex.as_string();
    LQ_ASSIGN_OR_RETURN(
        const Digest digest,
        reader_.ReadDigest(text == nullptr ? "" : *text, fmt::format("{}.pcrs.{}", where, name)));
    firmware.pcrs.emplace_back(list[0], digest);
  }
  if (!pcrs->Contains("0")) return Bad(where + " needs a value of PCR 0");
  out_.firmware.push_back(std::move(firmware));
  return {};
}

Status Parser::ReadFirmware(const json::Value& value) {
  if (value.as_string() != nullptr && *value.as_string() == "any") {
    out_.any_firmware = true;
    return {};
  }
  const json::Array* array = value.as_array();
  if (array == nullptr || array->empty()) {
    return Bad("firmware is neither \"any\" nor a list that has something in it");
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    LQ_RETURN_IF_ERROR(ReadFirmwareEntry((*array)[i], fmt::format("firmware[{}]", i)));
  }
  return {};
}

// "x509:…", "sha256:…", "GUID:…": all with 64 lower-case hexadecimal digits.
bool IsSignatureName(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view kind = text.substr(0, colon);
  const std::string_view hex = text.substr(colon + 1);
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  constexpr std::size_t kGuidText = 36;
  if (kind != "x509" && kind != "sha256" &&
      (kind.size() != kGuidText ||
       !std::ranges::all_of(kind, [&](char c) { return c == '-' || is_digit(c); }))) {
    return false;
  }
  return hex.size() == 64 && std::ranges::all_of(hex, is_digit);
}

Status Parser::ReadKeys(ObjectReader& in, std::string_view name, std::vector<std::string>& keys) {
  keys = in.Strings(name);
  LQ_RETURN_IF_ERROR(Checked(in));
  for (const std::string& key : keys) {
    if (IsSignatureName(key)) continue;
    return Bad(
        fmt::format("secure_boot.{} has '{}', which is neither x509:…, sha256:… nor a type "
                    "and a SHA-256",
                    name, EscapeForDisplay(key, 128)));
  }
  return {};
}

Status Parser::ReadSecureBoot(const json::Value& value) {
  ObjectReader in(value, "secure_boot");
  BootValuesSecureBoot& secure = out_.secure_boot;
  secure.required = in.Bool("required");
  LQ_RETURN_IF_ERROR(Checked(in));
  if (secure.required) {
    LQ_RETURN_IF_ERROR(ReadKeys(in, "pk", secure.pk));
    LQ_RETURN_IF_ERROR(ReadKeys(in, "kek", secure.kek));
    LQ_RETURN_IF_ERROR(ReadKeys(in, "db", secure.db));
    LQ_RETURN_IF_ERROR(ReadKeys(in, "dbx", secure.dbx));
    LQ_RETURN_IF_ERROR(reader_.ReadNamed(in, "events", secure.events));
  }
  // Lists that nobody compares would look as if somebody did.
  in.NoOthers();
  return Checked(in);
}

Status Parser::ReadSections(const json::Array& array, const std::string& where,
                            BootValuesKernel& kernel) {
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string place = fmt::format("{}.sections[{}]", where, i);
    ObjectReader in(array[i], place);
    BootValuesSection section{.name = in.String("name")};
    const std::string hex = in.String("digest");
    in.NoOthers();
    LQ_RETURN_IF_ERROR(Checked(in));
    LQ_ASSIGN_OR_RETURN(section.digest, reader_.ReadDigest(hex, place));
    kernel.sections.push_back(std::move(section));
  }
  return {};
}

// What the path makes necessary, so that no check is left out by leaving out a member.
Status Parser::CheckKernel(const BootValuesKernel& kernel, bool has_initrds,
                           const std::string& where) const {
  const BootValuesPath path = out_.path;
  const bool grub = path == BootValuesPath::kShimGrub;
  if (kernel.images.empty() && kernel.unified) return Bad(where + " is unified and has no images");
  if (kernel.images.empty() && !kernel.file) return Bad(where + " has neither images nor file");
  if (kernel.images.empty() && (out_.secure_boot.required || !grub) &&
      path != BootValuesPath::kNetboot) {
    return Bad(where + " needs images: they are measured on this boot path");
  }
  if (grub && !kernel.file) return Bad(where + " needs file: GRUB measures it");
  if (kernel.unified != (path == BootValuesPath::kUnifiedImage) &&
      path != BootValuesPath::kSystemdBoot && path != BootValuesPath::kNetboot) {
    return Bad(fmt::format("{} is {}unified, unlike those of the boot path {}", where,
                           kernel.unified ? "" : "not ", BootValuesPathName(path)));
  }
  if (!kernel.unified && !kernel.sections.empty())
    return Bad(where + " is not unified and has sections");
  if (has_initrds == kernel.unified) {
    return Bad(where + (kernel.unified ? " is unified and has initrds" : " needs initrds"));
  }
  if (!kernel.unified && kernel.command_lines.empty() && kernel.load_options.empty()) {
    return Bad(where + " has no command_lines");
  }
  const bool expressions = std::ranges::any_of(
      kernel.command_lines, [](const TextRule& rule) { return rule.expression != nullptr; });
  if (path == BootValuesPath::kEfiStub && expressions) {
    return Bad(where +
               " has an expression for its command line, of which only a digest is measured");
  }
  return {};
}

Status Parser::ReadKernel(const json::Value& value, const std::string& where) {
  ObjectReader in(value, where);
  BootValuesKernel kernel;
  kernel.name = in.String("name");
  kernel.version = in.OptionalString("version").value_or("");
  kernel.unified = in.OptionalBool("unified").value_or(false);
  LQ_ASSIGN_OR_RETURN(kernel.images, reader_.ReadDigests(in, "images", where));
  const bool has_initrds = in.Any("initrds") != nullptr;
  LQ_ASSIGN_OR_RETURN(kernel.initrds, reader_.ReadDigests(in, "initrds", where));
  LQ_ASSIGN_OR_RETURN(kernel.load_options, reader_.ReadDigests(in, "load_options", where));
  const auto file = in.OptionalString("file");
  const json::Array* lines = BootValuesReader::OptionalArray(in, "command_lines");
  const json::Array* sections = BootValuesReader::OptionalArray(in, "sections");
  in.NoOthers();
  LQ_RETURN_IF_ERROR(Checked(in));
  if (!IsName(kernel.name)) return Bad(where + " has no name, or a long one");
  if (file) {
    LQ_ASSIGN_OR_RETURN(kernel.file, reader_.ReadDigest(*file, where + ".file"));
  }
  if (lines != nullptr) {
    LQ_ASSIGN_OR_RETURN(kernel.command_lines, reader_.ReadTexts(*lines, where + ".command_lines"));
  }
  if (sections != nullptr) LQ_RETURN_IF_ERROR(ReadSections(*sections, where, kernel));
  LQ_RETURN_IF_ERROR(CheckKernel(kernel, has_initrds, where));
  out_.kernels.push_back(std::move(kernel));
  return {};
}

Status Parser::ReadUserSpace(const json::Array& array) {
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string where = fmt::format("user_space[{}]", i);
    ObjectReader in(array[i], where);
    BootValuesRecord record;
    record.pcr = static_cast<std::uint32_t>(in.Int("pcr", 0, tpm::kPcrCount - 1));
    const auto text = in.OptionalString("text");
    const auto expression = in.OptionalString("matches");
    const auto digest = in.OptionalString("digest");
    in.NoOthers();
    LQ_RETURN_IF_ERROR(Checked(in));
    if (!kUserSpacePcrs.Contains(record.pcr)) {
      return Bad(fmt::format("{} is about PCR {}; user space measures into PCRs {}", where,
                             record.pcr, kUserSpacePcrs.ToString()));
    }
    if (int{text.has_value()} + int{expression.has_value()} + int{digest.has_value()} != 1) {
      return Bad(where + " has not one of text, matches and digest");
    }
    if (text) record.text = {.text = *text, .expression = nullptr};
    if (expression) {
      LQ_ASSIGN_OR_RETURN(record.text, reader_.Compile(*expression, where));
    }
    if (digest) {
      LQ_ASSIGN_OR_RETURN(record.digest, reader_.ReadDigest(*digest, where));
    }
    out_.user_space.push_back(std::move(record));
  }
  return {};
}

Status Parser::ReadHead(ObjectReader& in) {
  const std::string kind = in.String("kind");
  const std::int64_t version = in.Int("version", 0, kMaxRelease);
  LQ_RETURN_IF_ERROR(Checked(in));
  if (kind != kBootValuesKind) {
    return Bad(fmt::format("kind is '{}', not {}", EscapeForDisplay(kind, 64), kBootValuesKind));
  }
  if (version != std::int64_t{kBootValuesVersion}) {
    return Bad(fmt::format("version {} is not one that this program knows ({})", version,
                           kBootValuesVersion));
  }
  out_.name = in.OptionalString("name").value_or("");
  out_.release = static_cast<std::uint64_t>(in.OptionalInt("release", 0, kMaxRelease).value_or(0));
  out_.exit_boot_services = in.OptionalBool("exit_boot_services").value_or(true);
  const std::string algorithm = in.String("digest_algorithm");
  const std::string path = in.String("boot_path");
  LQ_RETURN_IF_ERROR(Checked(in));
  if (out_.name.size() > kMaxBootValuesName) return Bad("name is too long");
  const auto hash = crypto::HashFromName(algorithm);
  if (!hash || *hash == HashAlgorithm::kSha1) {
    return Bad(fmt::format("digest_algorithm is '{}', not sha256, sha384 or sha512",
                           EscapeForDisplay(algorithm, 64)));
  }
  out_.algorithm = *hash;
  const auto* found = std::ranges::find(kPaths, path, &NamedPath::name);
  if (found == kPaths.end()) {
    return Bad(
        fmt::format("boot_path is '{}', not shim-grub, systemd-boot, uki, efi-stub or "
                    "netboot",
                    EscapeForDisplay(path, 64)));
  }
  out_.path = found->path;
  return {};
}

Status Parser::Read(const json::Value& document) {
  ObjectReader in(document, "the boot reference");
  LQ_RETURN_IF_ERROR(ReadHead(in));
  const json::Value* firmware = in.Any("firmware");
  const json::Value* secure_boot = in.Any("secure_boot");
  if (firmware == nullptr || secure_boot == nullptr) return Bad("needs firmware and secure_boot");
  LQ_RETURN_IF_ERROR(ReadFirmware(*firmware));
  LQ_RETURN_IF_ERROR(ReadSecureBoot(*secure_boot));
  const json::Array* kernels = in.ArrayMember("kernels");
  const json::Array* commands = BootValuesReader::OptionalArray(in, "grub_commands");
  const json::Array* user_space = BootValuesReader::OptionalArray(in, "user_space");
  LQ_RETURN_IF_ERROR(reader_.ReadNamed(in, "loaders", out_.loaders));
  LQ_RETURN_IF_ERROR(reader_.ReadNamed(in, "files", out_.files));
  LQ_RETURN_IF_ERROR(reader_.ReadNamed(in, "machine_owner_lists", out_.machine_owner_lists));
  LQ_RETURN_IF_ERROR(reader_.ReadNamed(in, "additions", out_.additions));
  in.NoOthers();
  LQ_RETURN_IF_ERROR(Checked(in));
  if (kernels->empty()) return Bad("kernels is empty, so that no boot is good");
  if (kernels->size() > kMaxBootValuesKernels) {
    return Malformed("policy.limit",
                     fmt::format("{} kernels; at most {}", kernels->size(), kMaxBootValuesKernels));
  }
  for (std::size_t i = 0; i < kernels->size(); ++i) {
    LQ_RETURN_IF_ERROR(ReadKernel((*kernels)[i], fmt::format("kernels[{}]", i)));
  }
  if (commands != nullptr) {
    LQ_ASSIGN_OR_RETURN(out_.grub_commands, reader_.ReadTexts(*commands, "grub_commands"));
  }
  return user_space == nullptr ? Status() : ReadUserSpace(*user_space);
}

}  // namespace

std::string_view BootValuesPathName(BootValuesPath path) {
  return std::ranges::find(kPaths, path, &NamedPath::path)->name;
}

std::string SignatureName(const eventlog::Guid& type, const eventlog::SignatureData& entry) {
  if (type == eventlog::kSignatureSha256 &&
      entry.data.size() == crypto::DigestSize(HashAlgorithm::kSha256)) {
    return "sha256:" + HexEncode(entry.data);
  }
  const std::string hash = crypto::Hash(HashAlgorithm::kSha256, entry.data).hex();
  return (type == eventlog::kSignatureX509 ? "x509" : type.ToString()) + ":" + hash;
}

bool IsBootValues(std::string_view text) {
  // Most other documents do not have the word, in letters or in escapes (\u006c).
  if (text.find(kBootValuesKind) == std::string_view::npos &&
      text.find("\\u") == std::string_view::npos) {
    return false;
  }
  const auto document = json::Parse(text, {.max_bytes = kMaxBootValuesBytes});
  const json::Object* object = document ? document->as_object() : nullptr;
  const json::Value* kind = object == nullptr ? nullptr : object->Find("kind");
  return kind != nullptr && kind->as_string() != nullptr && *kind->as_string() == kBootValuesKind;
}

Result<BootValues> BootValues::Parse(std::string_view text) {
  if (text.size() > kMaxBootValuesBytes) {
    return Malformed("policy.limit", fmt::format("a boot reference of {} bytes; at most {}",
                                                 text.size(), kMaxBootValuesBytes));
  }
  const auto document = json::Parse(text, {.max_bytes = kMaxBootValuesBytes});
  if (!document) return Malformed("policy.json", document.error().message);
  BootValues values;
  values.hash = crypto::Hash(HashAlgorithm::kSha256, AsBytes(text));
  LQ_RETURN_IF_ERROR(Parser(values).Read(*document));
  return values;
}

}  // namespace limequat::policy
