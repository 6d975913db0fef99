#include "limequat/policy/boot_rule.h"

#include <algorithm>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/eventlog/known_data.h"

namespace limequat::policy {

namespace {

using eventlog::SignatureData;
using eventlog::SignatureList;
using eventlog::VerifiedEvent;

constexpr std::string_view kCheckSeparator = "boot.separator";
constexpr std::string_view kCheckAction = "boot.action";
constexpr std::string_view kCheckVariable = "boot.variable";
// Of the digests that would be good; a list of revocations has hundreds.
constexpr std::size_t kShownDigests = 4;
constexpr std::size_t kShownName = 64;

std::string Joined(const ReferenceDigests& digests) {
  std::string text;
  for (std::size_t i = 0; i < digests.size() && i < kShownDigests; ++i) {
    text += fmt::format("{}{}:{}", i == 0 ? "" : ", ", crypto::HashName(digests[i].algorithm()),
                        digests[i].hex());
  }
  if (digests.size() > kShownDigests)
    text += fmt::format(" and {} more", digests.size() - kShownDigests);
  return text.empty() ? "no digest" : text;
}

std::string NameOf(const MeasuredVariable& measured) {
  return EscapeForDisplay(measured.variable.name, kShownName);
}

std::string TypeName(const eventlog::Guid& type) {
  if (type == eventlog::kSignatureX509) return "certificate";
  if (type == eventlog::kSignatureSha256) return "SHA-256 digest";
  return fmt::format("entry of type {}", type.ToString());
}

// A certificate by its hash, a digest as it is.
std::string Shown(const SignatureData& entry) {
  const std::string hash =
      entry.data.size() == crypto::DigestSize(crypto::HashAlgorithm::kSha256)
          ? HexEncode(entry.data)
          : fmt::format("with the SHA-256 {}",
                        crypto::Hash(crypto::HashAlgorithm::kSha256, entry.data).hex());
  return fmt::format("{} of owner {}", hash, entry.owner.ToString());
}

Finding AboutVariable(std::string_view check, const MeasuredVariable& measured,
                      std::string_view what, Cause cause = Cause::kTamper) {
  return About(measured.event, Failed(check, fmt::format("{} {}", NameOf(measured), what), cause));
}

// Keys of a reference, to be found by what they are: a list of a log may be long.
class KeyIndex {
 public:
  explicit KeyIndex(const std::vector<ReferenceKey>& keys) {
    sorted_.reserve(keys.size());
    for (const ReferenceKey& key : keys) sorted_.push_back(&key);
    std::ranges::sort(sorted_, {}, [](const ReferenceKey* key) { return AsText(key->data); });
  }
  // Calls `found` with each key that the entry is.
  template <class Found>
  void Find(const SignatureData& entry, const Found& found) const {
    const auto range = std::ranges::equal_range(
        sorted_, AsText(entry.data), {}, [](const ReferenceKey* key) { return AsText(key->data); });
    for (const ReferenceKey* key : range) {
      if (IsEntry(*key, entry)) found(key);
    }
  }
  bool Contains(const SignatureData& entry) const {
    bool is_there = false;
    Find(entry, [&](const ReferenceKey*) { is_there = true; });
    return is_there;
  }

 private:
  std::vector<const ReferenceKey*> sorted_;
};

// Objections to entries of one variable, of which there may be as many as the log is long.
class Objections {
 public:
  Objections(std::string_view check, const MeasuredVariable& measured)
      : check_(check), measured_(measured) {}
  // `what` is only called if it is going to be kept.
  template <class What>
  void Add(const What& what) {
    if (findings_.size() < kMaxObjections) {
      findings_.push_back(AboutVariable(check_, measured_, what()));
    } else {
      ++more_;
    }
  }
  Findings Take() {
    if (more_ > 0) {
      findings_.push_back(AboutVariable(
          check_, measured_, fmt::format("has {} more objections of these kinds", more_)));
    }
    return std::move(findings_);
  }

 private:
  std::string_view check_;
  const MeasuredVariable& measured_;
  Findings findings_;
  std::size_t more_ = 0;
};

// The lists of a variable, or the objection to it.
struct Lists {
  std::vector<SignatureList> lists;
  Findings objections;
};
Lists ReadLists(std::string_view check, const MeasuredVariable& measured) {
  auto lists = eventlog::ParseSignatureLists(measured.variable.data);
  if (!lists) {
    return {{},
            {AboutVariable(check, measured, "holds no signature lists: " + lists.error().message)}};
  }
  if (lists->empty()) return {{}, {AboutVariable(check, measured, "is empty")}};
  return {*std::move(lists), {}};
}

// EFI_SIGNATURE_DATA one behind the other. Certificates tell their lengths; what does not
// is one entry to the end.
std::vector<SignatureData> WithoutList(ByteView data) {
  constexpr std::size_t kOwner = 16;
  constexpr std::size_t kDerHead = 4;  // 30 82 and two bytes of length
  std::vector<SignatureData> entries;
  while (!data.empty()) {
    std::size_t size = data.size();
    if (size > kOwner + kDerHead && data[kOwner] == 0x30 && data[kOwner + 1] == 0x82) {
      const std::size_t der = data[kOwner + 2] * std::size_t{256} + data[kOwner + 3];
      size = std::min(size, kOwner + kDerHead + der);
    }
    const auto entry = eventlog::ParseSignatureData(data.first(size));
    if (!entry) return {};
    entries.push_back(*entry);
    data = data.subspan(size);
  }
  return entries;
}

}  // namespace

std::string Shown(const VerifiedEvent& event) {
  return fmt::format("PCR {} event {} ({}, {}:{})", event.pcr(), event.index(),
                     eventlog::EventTypeName(event.untrusted_type()),
                     crypto::HashName(event.digest().algorithm()), event.digest().hex());
}

Finding AboutPcr(std::uint32_t pcr, Finding finding) {
  finding.subject.pcr = pcr;
  // LOG stands for itself: nothing of the evidence is in a command (attack A15).
  finding.next = fmt::format("limequat inspect eventlog LOG --pcr {}", pcr);
  return finding;
}

Finding About(const VerifiedEvent& event, Finding finding) {
  finding.subject.event = event.index();
  return AboutPcr(event.pcr(), std::move(finding));
}

EventRule RejectEvent(std::string_view check, std::string_view why) {
  return [check = std::string(check), why = std::string(why)](const VerifiedEvent& event) {
    return Findings{
        About(event, Failed(check, fmt::format("{} {}", Shown(event), why), Cause::kTamper))};
  };
}

EventRule DigestIs(std::string_view check, std::string_view what, ReferenceDigests good,
                   Cause cause) {
  return [check = std::string(check), what = std::string(what), good = std::move(good),
          cause](const VerifiedEvent& event) -> Findings {
    if (Contains(good, event.digest())) return {};
    std::vector<std::string> expected;
    for (const crypto::Digest& digest : good) expected.push_back(digest.hex());
    return {About(event, Comparing(Failed(check,
                                          fmt::format("{} where the reference state has {}: {}",
                                                      Shown(event), what, Joined(good)),
                                          cause),
                                   expected, event.digest().hex()))};
  };
}

EventRule IsSeparator() {
  return [](const VerifiedEvent& event) -> Findings {
    const auto separator = eventlog::SeparatorOf(event);
    if (separator == eventlog::Separator::kNormal) return {};
    const std::string_view why = separator ? "says that the firmware had an error"
                                           : "does not have the digest of a separator";
    return RejectEvent(kCheckSeparator, why)(event);
  };
}

EventRule IsAction(std::vector<std::string_view> texts) {
  return [texts = std::move(texts)](const VerifiedEvent& event) -> Findings {
    const auto action = eventlog::ActionOf(event);
    if (action && std::ranges::find(texts, *action) != texts.end()) return {};
    return RejectEvent(kCheckAction,
                       action ? fmt::format("is '{}', which has no place in this PCR", *action)
                              : "does not have the digest of an action")(event);
  };
}

EventRule Variable(Rule<MeasuredVariable> rule) {
  return [rule = std::move(rule)](const VerifiedEvent& event) -> Findings {
    const auto data = eventlog::MeasuredDataOf(event);
    if (!data) {
      return RejectEvent(kCheckVariable,
                         "does not have the digest of the variable that it shows")(event);
    }
    auto variable = eventlog::ParseEfiVariable(*data);
    if (!variable) {
      return RejectEvent(kCheckVariable, "carries no variable: " + variable.error().message)(event);
    }
    return rule({.event = event, .variable = *std::move(variable)});
  };
}

Rule<MeasuredVariable> KeysWithin(std::string_view check, std::vector<eventlog::Guid> types,
                                  const std::vector<ReferenceKey>& keys) {
  return [check = std::string(check), types = std::move(types),
          index = KeyIndex(keys)](const MeasuredVariable& measured) {
    Lists read = ReadLists(check, measured);
    if (!read.objections.empty()) return std::move(read.objections);
    Objections objections(check, measured);
    for (const SignatureList& list : read.lists) {
      if (std::ranges::find(types, list.type) == types.end()) {
        objections.Add([&] {
          return fmt::format("has a list of a kind that may not be here: {}", TypeName(list.type));
        });
      }
      for (const SignatureData& entry : list.entries) {
        if (index.Contains(entry)) continue;
        objections.Add([&] {
          return fmt::format("holds a {} {}, which the reference state does not list",
                             TypeName(list.type), Shown(entry));
        });
      }
    }
    return objections.Take();
  };
}

Rule<MeasuredVariable> KeysInclude(std::string_view check, const eventlog::Guid& type,
                                   const std::vector<ReferenceKey>& keys) {
  return [check = std::string(check), type, &keys,
          index = KeyIndex(keys)](const MeasuredVariable& measured) {
    Lists read = ReadLists(check, measured);
    if (!read.objections.empty()) return std::move(read.objections);
    Objections objections(check, measured);
    if (read.lists.size() != 1) {
      objections.Add([&] {
        return fmt::format("has {} signature lists; this policy compares a single one",
                           read.lists.size());
      });
    }
    if (read.lists.front().type != type) {
      objections.Add(
          [&] { return fmt::format("is a list for a {}", TypeName(read.lists.front().type)); });
    }
    std::set<const ReferenceKey*> there;
    for (const SignatureList& list : read.lists) {
      for (const SignatureData& entry : list.entries) {
        index.Find(entry, [&](const ReferenceKey* key) { there.insert(key); });
      }
    }
    for (const ReferenceKey& key : keys) {
      if (there.contains(&key)) continue;
      objections.Add([&] {
        return fmt::format("lacks {}, which the reference state lists",
                           Shown(SignatureData{.owner = key.owner, .data = key.data}));
      });
    }
    return objections.Take();
  };
}

Rule<MeasuredVariable> AuthorityWithin(std::string_view check,
                                       const std::vector<ReferenceKey>& keys) {
  return [check = std::string(check), index = KeyIndex(keys)](const MeasuredVariable& measured) {
    const std::vector<SignatureData> entries = WithoutList(measured.variable.data);
    Objections objections(check, measured);
    if (entries.empty()) objections.Add([] { return "holds no signature"; });
    for (const SignatureData& entry : entries) {
      if (index.Contains(entry)) continue;
      objections.Add([&] {
        return fmt::format("is {}, which the reference state does not list", Shown(entry));
      });
    }
    return objections.Take();
  };
}

}  // namespace limequat::policy
