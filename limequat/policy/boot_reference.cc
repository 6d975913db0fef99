#include "limequat/policy/boot_reference.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/json/value.h"
#include "limequat/policy/policy_document.h"
#include "limequat/policy/python_expression.h"

namespace limequat::policy {

namespace {

using crypto::Digest;
using crypto::HashAlgorithm;
using eventlog::Guid;

Error Bad(std::string_view where, std::string_view why) {
  return Malformed("policy.boot_reference", fmt::format("{} {}", where, why));
}

std::string Named(std::string_view name) { return EscapeForDisplay(name, 64); }

// "0x" and lower-case digits.
Result<Bytes> ReadHex(const json::Value& value, std::string_view where) {
  constexpr std::string_view kPrefix = "0x";
  const std::string* text = value.as_string();
  const bool fits = text != nullptr && text->starts_with(kPrefix) &&
                    text->size() > kPrefix.size() &&
                    std::ranges::none_of(*text, [](char c) { return c >= 'A' && c <= 'F'; });
  auto bytes = fits ? HexDecode(std::string_view(*text).substr(kPrefix.size())) : Malformed("", "");
  if (!bytes) return Bad(where, "is not 0x and lower-case hexadecimal digits");
  return bytes;
}

Result<Digest> ReadDigest(const json::Value& value, HashAlgorithm bank, std::string_view where) {
  LQ_ASSIGN_OR_RETURN(const Bytes bytes, ReadHex(value, where));
  auto digest = Digest::FromBytes(bank, bytes);
  if (!digest) return Bad(where, fmt::format("is no digest of {}", crypto::HashName(bank)));
  return digest;
}

// A GUID whose first three fields are turned round: between the order in memory and the
// order in which they are written.
Guid Turned(Guid guid) {
  const auto at = guid.bytes.begin();
  std::reverse(at, at + 4);
  std::reverse(at + 4, at + 6);
  std::reverse(at + 6, at + 8);
  return guid;
}

// "8be4df61-93ca-11d2-aa0d-00e098032b8c"
std::optional<Guid> GuidOf(std::string_view text) {
  constexpr std::array<std::size_t, 4> kDashes = {8, 13, 18, 23};
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = std::ranges::find(kDashes, i) != kDashes.end();
    if (is_dash != (text[i] == '-')) return std::nullopt;
    if (!is_dash) digits += text[i];
  }
  Guid written;
  if (!HexDecodeTo(digits, written.bytes)) return std::nullopt;
  return Turned(written);
}

class Reader {
 public:
  explicit Reader(BootReference& out) : out_(out) {}
  Status Read(const json::Object& object);

 private:
  // The member, or nullptr and its name among the missing ones.
  const json::Value* Need(const json::Object& object, std::string_view name,
                          std::string_view where);
  void NoteOthers(const json::Object& object, std::initializer_list<std::string_view> known,
                  std::string_view where);
  Status ReadFirmware(const json::Object& object);
  Status ReadKeys(const json::Object& object, std::string_view name,
                  std::vector<ReferenceKey>& keys, bool required);
  Status ReadLists(const json::Object& object, std::string_view name,
                   std::vector<ReferenceDigests>& lists);
  Result<ReferenceDigests> ReadDigests(const json::Value& value, const std::string& where);
  Status ReadKernels(const json::Object& object);
  Status ReadKernel(const json::Object& object, const std::string& where);
  Status ReadCommandLine(const json::Value& value, const std::string& where,
                         ReferenceKernel& kernel);

  BootReference& out_;
  std::size_t compiled_ = 0;
};

std::string Joined(std::string_view where, std::string_view name) {
  return where.empty() ? std::string(name) : fmt::format("{}.{}", where, name);
}

Result<const json::Array*> ArrayOf(const json::Value& value, std::string_view where) {
  const json::Array* array = value.as_array();
  if (array == nullptr) return Bad(where, fmt::format("is {}, not a list", value.type_name()));
  return array;
}

Result<const json::Object*> ObjectOf(const json::Value& value, std::string_view where) {
  const json::Object* object = value.as_object();
  if (object == nullptr) return Bad(where, fmt::format("is {}, not an object", value.type_name()));
  return object;
}

const json::Value* Reader::Need(const json::Object& object, std::string_view name,
                                std::string_view where) {
  const json::Value* value = object.Find(name);
  if (value == nullptr) out_.missing.push_back(Joined(where, name));
  return value;
}

void Reader::NoteOthers(const json::Object& object, std::initializer_list<std::string_view> known,
                        std::string_view where) {
  for (const auto& [name, value] : object) {
    if (std::ranges::find(known, name) == known.end()) {
      out_.unevaluated.push_back(Joined(where, Named(name)));
    }
  }
}

Result<ReferenceDigests> Reader::ReadDigests(const json::Value& value, const std::string& where) {
  LQ_ASSIGN_OR_RETURN(const json::Object* object, ObjectOf(value, where));
  ReferenceDigests digests;
  for (const auto& [name, hex] : *object) {
    const auto bank = crypto::HashFromName(name);
    if (!bank) {
      // A digest that no TPM of this library compares with: it makes nothing good.
      LQ_RETURN_IF_ERROR(ReadHex(hex, Joined(where, Named(name))));
      out_.unevaluated.push_back(Joined(where, Named(name)));
      continue;
    }
    LQ_ASSIGN_OR_RETURN(const Digest digest, ReadDigest(hex, *bank, Joined(where, name)));
    digests.push_back(digest);
  }
  return digests;
}

Status Reader::ReadFirmware(const json::Object& object) {
  const json::Value* value = Need(object, "scrtm_and_bios", "");
  if (value == nullptr) return {};
  LQ_ASSIGN_OR_RETURN(const json::Array* array, ArrayOf(*value, "scrtm_and_bios"));
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string where = fmt::format("scrtm_and_bios[{}]", i);
    LQ_ASSIGN_OR_RETURN(const json::Object* entry, ObjectOf((*array)[i], where));
    NoteOthers(*entry, {"scrtm", "platform_firmware"}, where);
    ReferenceFirmware firmware;
    if (const json::Value* scrtm = Need(*entry, "scrtm", where)) {
      LQ_ASSIGN_OR_RETURN(firmware.scrtm, ReadDigests(*scrtm, where + ".scrtm"));
    }
    if (const json::Value* blobs = Need(*entry, "platform_firmware", where)) {
      const std::string name = where + ".platform_firmware";
      LQ_ASSIGN_OR_RETURN(const json::Array* list, ArrayOf(*blobs, name));
      firmware.platform_firmware.emplace();
      for (std::size_t k = 0; k < list->size(); ++k) {
        LQ_ASSIGN_OR_RETURN(ReferenceDigests digests,
                            ReadDigests((*list)[k], fmt::format("{}[{}]", name, k)));
        firmware.platform_firmware->push_back(std::move(digests));
      }
    }
    out_.scrtm_and_bios.push_back(std::move(firmware));
  }
  return {};
}

Status Reader::ReadKeys(const json::Object& object, std::string_view name,
                        std::vector<ReferenceKey>& keys, bool required) {
  const json::Value* value = required ? Need(object, name, "") : object.Find(name);
  if (value == nullptr) return {};
  LQ_ASSIGN_OR_RETURN(const json::Array* array, ArrayOf(*value, name));
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string where = fmt::format("{}[{}]", name, i);
    LQ_ASSIGN_OR_RETURN(const json::Object* entry, ObjectOf((*array)[i], where));
    NoteOthers(*entry, {"SignatureOwner", "SignatureData"}, where);
    const json::Value* owner = entry->Find("SignatureOwner");
    const json::Value* data = entry->Find("SignatureData");
    if (owner == nullptr || owner->as_string() == nullptr || data == nullptr) {
      return Bad(where, "needs SignatureOwner and SignatureData");
    }
    const auto guid = GuidOf(*owner->as_string());
    if (!guid) return Bad(where, "has an owner that is no GUID");
    ReferenceKey key{.owner = *guid, .data = {}};
    LQ_ASSIGN_OR_RETURN(key.data, ReadHex(*data, where + ".SignatureData"));
    keys.push_back(std::move(key));
  }
  return {};
}

Status Reader::ReadLists(const json::Object& object, std::string_view name,
                         std::vector<ReferenceDigests>& lists) {
  const json::Value* value = Need(object, name, "");
  if (value == nullptr) return {};
  LQ_ASSIGN_OR_RETURN(const json::Array* array, ArrayOf(*value, name));
  for (std::size_t i = 0; i < array->size(); ++i) {
    LQ_ASSIGN_OR_RETURN(ReferenceDigests digests,
                        ReadDigests((*array)[i], fmt::format("{}[{}]", name, i)));
    lists.push_back(std::move(digests));
  }
  return {};
}

Status Reader::ReadCommandLine(const json::Value& value, const std::string& where,
                               ReferenceKernel& kernel) {
  const std::string* text = value.as_string();
  if (text == nullptr) return Bad(where, fmt::format("is {}, not a string", value.type_name()));
  if (text->size() > kMaxCommandLineExpression) {
    return Malformed("policy.limit", fmt::format("{} has {} bytes; at most {}", where, text->size(),
                                                 kMaxCommandLineExpression));
  }
  // Read by itself, so that no parenthesis of it ends the group that is put around it below.
  if (auto alone = PcreFromPython(*text); !alone) return std::move(alone).error().In(where);
  auto expression = Expression::Compile(fmt::format("{}(?:{})", kCommandLineKey, *text),
                                        Expression::Extent::kWhole);
  if (!expression) return std::move(expression).error().In(where);
  compiled_ += expression->size();
  if (compiled_ > kMaxCompiledCommandLines) {
    return Malformed("policy.limit", "the command lines are too large when compiled");
  }
  kernel.command_line = std::make_shared<const Expression>(*std::move(expression));
  kernel.command_line_text = *text;
  return {};
}

Status Reader::ReadKernel(const json::Object& object, const std::string& where) {
  constexpr std::string_view kKernel = "kernel_authcode_sha256";
  constexpr std::string_view kFile = "vmlinuz_plain_sha256";
  constexpr std::string_view kCommandLine = "kernel_cmdline";
  struct Member {
    std::string_view name;
    std::optional<Digest> ReferenceKernel::* digest;
    bool required;
  };
  const std::array members = {Member{"shim_authcode_sha256", &ReferenceKernel::shim, true},
                              Member{"grub_authcode_sha256", &ReferenceKernel::grub, true},
                              Member{kKernel, &ReferenceKernel::kernel, out_.has_secureboot},
                              Member{kFile, &ReferenceKernel::kernel_file, !out_.has_secureboot},
                              Member{"initrd_plain_sha256", &ReferenceKernel::initrd, true}};
  NoteOthers(object,
             {members[0].name, members[1].name, kKernel, kFile, members[4].name, kCommandLine},
             where);
  ReferenceKernel kernel;
  for (const Member& member : members) {
    const json::Value* value =
        member.required ? Need(object, member.name, where) : object.Find(member.name);
    if (value == nullptr) continue;
    LQ_ASSIGN_OR_RETURN(kernel.*member.digest,
                        ReadDigest(*value, HashAlgorithm::kSha256, Joined(where, member.name)));
  }
  if (const json::Value* value = Need(object, kCommandLine, where)) {
    LQ_RETURN_IF_ERROR(ReadCommandLine(*value, Joined(where, kCommandLine), kernel));
  }
  out_.kernels.push_back(std::move(kernel));
  return {};
}

Status Reader::ReadKernels(const json::Object& object) {
  const json::Value* value = Need(object, "kernels", "");
  if (value == nullptr) return {};
  LQ_ASSIGN_OR_RETURN(const json::Array* array, ArrayOf(*value, "kernels"));
  if (array->size() > kMaxReferenceKernels) {
    return Malformed("policy.limit",
                     fmt::format("{} kernels; at most {}", array->size(), kMaxReferenceKernels));
  }
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string where = fmt::format("kernels[{}]", i);
    LQ_ASSIGN_OR_RETURN(const json::Object* kernel, ObjectOf((*array)[i], where));
    LQ_RETURN_IF_ERROR(ReadKernel(*kernel, where));
  }
  return {};
}

Status Reader::Read(const json::Object& object) {
  NoteOthers(object,
             {"has_secureboot", "scrtm_and_bios", "pk", "kek", "db", "dbx", "vendor_db", "mokdig",
              "mokxdig", "kernels"},
             "");
  if (const json::Value* value = object.Find("has_secureboot")) {
    if (value->as_bool() == nullptr) return Bad("has_secureboot", "is neither true nor false");
    out_.has_secureboot = *value->as_bool();
  }
  LQ_RETURN_IF_ERROR(ReadFirmware(object));
  LQ_RETURN_IF_ERROR(ReadKeys(object, "pk", out_.pk, true));
  LQ_RETURN_IF_ERROR(ReadKeys(object, "kek", out_.kek, true));
  LQ_RETURN_IF_ERROR(ReadKeys(object, "db", out_.db, true));
  LQ_RETURN_IF_ERROR(ReadKeys(object, "dbx", out_.dbx, true));
  LQ_RETURN_IF_ERROR(ReadKeys(object, "vendor_db", out_.vendor_db, false));
  LQ_RETURN_IF_ERROR(ReadLists(object, "mokdig", out_.mokdig));
  LQ_RETURN_IF_ERROR(ReadLists(object, "mokxdig", out_.mokxdig));
  return ReadKernels(object);
}

}  // namespace

bool Contains(const ReferenceDigests& digests, const Digest& digest) {
  return std::ranges::find(digests, digest) != digests.end();
}

bool IsEntry(const ReferenceKey& key, const eventlog::SignatureData& entry) {
  return Equal(key.data, entry.data) &&
         (key.owner == entry.owner || Turned(key.owner) == entry.owner);
}

Result<BootReference> BootReference::Parse(std::string_view text) {
  if (text.size() > kMaxBootReferenceBytes) {
    return Malformed("policy.limit", fmt::format("a reference state of {} bytes; at most {}",
                                                 text.size(), kMaxBootReferenceBytes));
  }
  BootReference reference;
  reference.hash = crypto::Hash(HashAlgorithm::kSha256, AsBytes(text));
  if (text.empty()) {
    reference.says_nothing = true;
    return reference;
  }
  const auto document = json::Parse(text, {.max_bytes = kMaxBootReferenceBytes});
  if (!document) return Malformed("policy.json", document.error().message);
  if (IsFalseInPython(*document)) {
    reference.says_nothing = true;
    return reference;
  }
  LQ_ASSIGN_OR_RETURN(const json::Object* object, ObjectOf(*document, "the reference state"));
  LQ_RETURN_IF_ERROR(Reader(reference).Read(*object));
  return reference;
}

}  // namespace limequat::policy
