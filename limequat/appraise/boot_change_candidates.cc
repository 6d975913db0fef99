// What a boot's log shows and its reference does not list.

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/appraise/boot_change_internal.h"
#include "limequat/base/utf8.h"
#include "limequat/eventlog/boot_chain.h"
#include "limequat/policy/boot_reference_maker.h"
#include "limequat/policy/boot_values.h"
#include "limequat/policy/boot_values_maker.h"

namespace limequat::appraise {

namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr std::array<std::string_view, 4> kNamedLists = {"loaders", "files", "machine_owner_lists",
                                                         "additions"};
constexpr std::array<std::string_view, 4> kSecureBootLists = {"pk", "kek", "db", "events"};
constexpr std::array<std::string_view, 3> kKernelLists = {"initrds", "command_lines",
                                                          "load_options"};
// What makes a kernel another one (policy::MergeBootValues).
constexpr std::array<std::string_view, 4> kKernelIdentity = {"images", "file", "unified",
                                                             "sections"};
constexpr std::array<std::string_view, 9> kStateLists = {
    "scrtm_and_bios", "pk", "kek", "db", "dbx", "vendor_db", "mokdig", "mokxdig", "kernels"};

const Array& ListAt(const Object& object, std::string_view name) {
  static const Array kNone;
  const Value* value = object.Find(name);
  return value == nullptr || value->as_array() == nullptr ? kNone : *value->as_array();
}

const Object& ObjectAt(const Object& object, std::string_view name) {
  static const Object kNone;
  const Value* value = object.Find(name);
  return value == nullptr || value->as_object() == nullptr ? kNone : *value->as_object();
}

// Digests with a name are the same if the digest is.
bool Same(const Value& a, const Value& b) {
  const Object* one = a.as_object();
  const Object* two = b.as_object();
  if (one == nullptr || two == nullptr) return a == b;
  const Value* digest = one->Find("digest");
  const Value* other = two->Find("digest");
  const auto pcr = [](const Object& object) {
    return object.Contains("pcr") ? *object.Find("pcr") : Value();
  };
  return digest == nullptr || other == nullptr ? a == b
                                               : *digest == *other && pcr(*one) == pcr(*two);
}

bool Lists(const Array& list, const Value& value) {
  return std::ranges::any_of(list, [&](const Value& one) { return Same(one, value); });
}

// Absent, false and empty mean the same.
Value Kept(const Object& object, std::string_view name) {
  const Value* value = object.Find(name);
  if (value == nullptr || (value->as_array() != nullptr && value->as_array()->empty())) return {};
  return value->as_bool() != nullptr && !*value->as_bool() ? Value() : *value;
}

class Collector {
 public:
  explicit Collector(const Object& reference) : reference_(reference) {}

  void AddList(const ListPlace& place, const Array& listed, const Array& shown) {
    for (const Value& value : shown) {
      if (!Lists(listed, value)) Add({.place = place, .value = value});
    }
  }
  void Add(Candidate candidate) { out_.push_back(std::move(candidate)); }
  // A kernel as a whole, or what goes with one that is there.
  void AddKernel(const Object& kernel) {
    const Array& kernels = ListAt(reference_, "kernels");
    for (std::size_t i = 0; i < kernels.size(); ++i) {
      const Object* one = kernels[i].as_object();
      const bool same = one != nullptr && std::ranges::all_of(kKernelIdentity, [&](auto name) {
                          return Kept(*one, name) == Kept(kernel, name);
                        });
      if (!same) continue;
      for (const std::string_view name : kKernelLists) {
        AddList({.member = "kernels", .index = i, .inner = std::string(name)}, ListAt(*one, name),
                ListAt(kernel, name));
      }
      return;
    }
    Add({.place = {.member = "kernels"}, .value = kernel});
  }
  std::vector<Candidate> Take() { return std::move(out_); }

 private:
  const Object& reference_;
  std::vector<Candidate> out_;
};

// The values of all PCRs that the reference has of a firmware.
void AddFirmware(const BootCase& about, const eventlog::VerifiedLog& log, const Object& reference,
                 Collector& out) {
  const Array& listed = ListAt(reference, "firmware");
  bool is_for_models = !listed.empty();
  Object pcrs;
  for (const Value& one : listed) {
    if (one.as_object() == nullptr) continue;
    is_for_models = is_for_models && one.as_object()->Contains("model");
    for (const auto& [name, value] : ObjectAt(*one.as_object(), "pcrs")) {
      std::uint32_t pcr = tpm::kPcrCount;
      for (std::uint32_t i = 0; i < tpm::kPcrCount; ++i) {
        if (std::to_string(i) == name) pcr = i;
      }
      if (pcr < tpm::kPcrCount && log.pcrs().Contains(pcr)) pcrs.Set(name, log.Value(pcr).hex());
    }
  }
  if (pcrs.empty() || (is_for_models && about.model.empty())) return;
  Object firmware;
  if (is_for_models) firmware.Set("model", about.model);
  firmware.Set("pcrs", std::move(pcrs));
  out.Add({.place = {.member = "firmware"}, .value = std::move(firmware)});
}

void AddUserSpace(const eventlog::VerifiedLog& log, const Object& reference, Collector& out) {
  Array shown;
  eventlog::VerifiedRecords records = log.user_space_records();
  for (auto record = records.Next(); record && shown.size() <= kMaxBootAdditions;
       record = records.Next()) {
    Object object{{"pcr", record->pcr()}};
    const auto text = record->MeasuredText();
    if (text && IsUtf8(*text)) object.Set("text", *text);
    if (!object.Contains("text")) object.Set("digest", record->digest().hex());
    if (!Lists(shown, Value(object))) shown.emplace_back(std::move(object));
  }
  out.AddList({.member = "user_space"}, ListAt(reference, "user_space"), shown);
}

void AddGrubCommands(const eventlog::VerifiedLog& log, const Object& reference, Collector& out) {
  if (!reference.Contains("grub_commands")) return;
  const eventlog::BootChainReading reading = eventlog::ReadBootChain(log);
  Array shown;
  for (const eventlog::MeasuredText& command : reading.chain.grub_commands) {
    if (shown.size() > kMaxBootAdditions) break;  // too many to be proposed
    const Value text(AsText(command.text));
    if (IsUtf8(AsText(command.text)) && !Lists(shown, text)) shown.push_back(text);
  }
  out.AddList({.member = "grub_commands"}, ListAt(reference, "grub_commands"), shown);
}

std::vector<Candidate> OfValues(const BootCase& about, const Object& reference,
                                crypto::HashAlgorithm bank) {
  const auto verification = about.pcrs
                                ? eventlog::VerifyLogByValues(about.logs, *about.pcrs, bank, {})
                                : eventlog::VerifyLogByItself(about.logs, bank);
  if (!verification || !verification->log) return {};
  const auto made = policy::MakeBootValues(*verification->log, {});
  if (!made) return {};
  const auto written = json::Parse(policy::WriteBootValues(made->values));
  if (!written) return {};
  const Object& shown = *written->as_object();
  Collector out(reference);
  AddFirmware(about, *verification->log, reference, out);
  const Object& secure = ObjectAt(reference, "secure_boot");
  if (!Kept(secure, "required").is_null()) {
    for (const std::string_view name : kSecureBootLists) {
      out.AddList({.member = "secure_boot", .index = {}, .inner = std::string(name)},
                  ListAt(secure, name), ListAt(ObjectAt(shown, "secure_boot"), name));
    }
  }
  for (const std::string_view name : kNamedLists) {
    out.AddList({.member = std::string(name)}, ListAt(reference, name), ListAt(shown, name));
  }
  for (const Value& kernel : ListAt(shown, "kernels")) out.AddKernel(*kernel.as_object());
  AddGrubCommands(*verification->log, reference, out);
  AddUserSpace(*verification->log, reference, out);
  return out.Take();
}

std::vector<Candidate> OfState(const BootCase& about, const Object& reference) {
  const auto made =
      policy::MakeBootReference(about.logs.firmware, policy::SecureBootWanted::kEither);
  if (!made) return {};
  const auto written = json::Parse(made->json);
  if (!written) return {};
  Collector out(reference);
  for (const std::string_view name : kStateLists) {
    out.AddList({.member = std::string(name)}, ListAt(reference, name),
                ListAt(*written->as_object(), name));
  }
  return out.Take();
}

void Append(std::string_view name, const Value& value, Object& object) {
  Array list = ListAt(object, name);
  list.push_back(value);
  object.Set(name, std::move(list));
}

}  // namespace

std::string NameOf(const ListPlace& place) {
  std::string name = place.member;
  if (place.index) name += fmt::format("[{}]", *place.index);
  return place.inner.empty() ? name : fmt::format("{}.{}", name, place.inner);
}

std::vector<Candidate> CandidatesOf(const BootCase& about, const Object& reference,
                                    crypto::HashAlgorithm bank) {
  return policy::IsBootValues(about.reference) ? OfValues(about, reference, bank)
                                               : OfState(about, reference);
}

void AddCandidate(const Candidate& candidate, Object& reference) {
  const ListPlace& place = candidate.place;
  if (place.inner.empty()) return Append(place.member, candidate.value, reference);
  if (!place.index) {
    Object member = ObjectAt(reference, place.member);
    Append(place.inner, candidate.value, member);
    reference.Set(place.member, std::move(member));
    return;
  }
  Array elements = ListAt(reference, place.member);
  Append(place.inner, candidate.value, *elements.at(*place.index).as_object());
  reference.Set(place.member, std::move(elements));
}

}  // namespace limequat::appraise
