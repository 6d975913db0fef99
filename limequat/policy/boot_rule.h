#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/finding.h"
#include "limequat/eventlog/efi_variable.h"
#include "limequat/eventlog/verify.h"
#include "limequat/policy/boot_reference.h"

namespace limequat::policy {

// The parts that measured-boot policies are made of. A rule looks at a subject and gives
// its objections; none means that it accepts. Unlike Keylime's tests it does not stop at
// the first: what is wrong is told in full. Rules that count are good for one log.
template <class T>
using Rule = std::function<Findings(const T&)>;
using EventRule = Rule<eventlog::VerifiedEvent>;

// How many objections one rule keeps to one variable, and how many subjects Collect
// keeps: what is beyond is told as a number, so that memory is not a hostile log's to
// choose.
inline constexpr std::size_t kMaxObjections = 256;
inline constexpr std::size_t kMaxCollected = 1024;

// No objection to anything.
template <class T>
Rule<T> Accept() {
  return [](const T&) { return Findings(); };
}

// Every rule's objections.
template <class T>
Rule<T> AllOf(std::vector<Rule<T>> rules) {
  return [rules = std::move(rules)](const T& subject) {
    Findings all;
    for (const Rule<T>& rule : rules) {
      for (Finding& finding : rule(subject)) all.push_back(std::move(finding));
    }
    return all;
  };
}

// One of the rules has to accept. If none does: the objections of the one that has the
// fewest, the first of them, since that is most likely what was meant. `none` is the
// objection if there is no rule at all.
template <class T>
Rule<T> AnyOf(std::vector<Rule<T>> rules, Finding none) {
  return [rules = std::move(rules), none = std::move(none)](const T& subject) -> Findings {
    if (rules.empty()) return {none};
    Findings fewest = rules.front()(subject);
    for (std::size_t i = 1; i < rules.size() && !fewest.empty(); ++i) {
      Findings other = rules[i](subject);
      if (other.size() < fewest.size()) fewest = std::move(other);
    }
    return fewest;
  };
}

// At most `most` subjects come here; `beyond` tells what it is to be one too many.
template <class T>
Rule<T> AtMost(std::size_t most, Rule<T> rule, Rule<T> beyond) {
  return [most, rule = std::move(rule), beyond = std::move(beyond),
          seen = std::make_shared<std::size_t>(0)](const T& subject) {
    return ++*seen > most ? beyond(subject) : rule(subject);
  };
}

// Keeps the subject for a rule about all of them: at most kMaxCollected, which is more
// than any rule is for.
template <class T>
Rule<T> Collect(std::vector<T>& list) {
  return [&list](const T& subject) {
    if (list.size() < kMaxCollected) list.push_back(subject);
    return Findings();
  };
}

// One rule for each element, and as many elements as rules. `count` makes the objection
// to another number of them, from the number that was found.
template <class T>
Rule<std::vector<T>> InOrder(std::vector<Rule<T>> rules,
                             std::function<Finding(std::size_t)> count) {
  return [rules = std::move(rules), count = std::move(count)](const std::vector<T>& list) {
    Findings all;
    for (std::size_t i = 0; i < rules.size() && i < list.size(); ++i) {
      for (Finding& finding : rules[i](list[i])) all.push_back(std::move(finding));
    }
    if (list.size() != rules.size()) all.push_back(count(list.size()));
    return all;
  };
}

// The rule for the subject's key, or `otherwise`.
template <class T, class Key>
Rule<T> Dispatch(std::function<Key(const T&)> key, std::map<Key, Rule<T>> rules,
                 Rule<T> otherwise) {
  return [key = std::move(key), rules = std::move(rules),
          otherwise = std::move(otherwise)](const T& subject) {
    const auto found = rules.find(key(subject));
    return found == rules.end() ? otherwise(subject) : found->second(subject);
  };
}

// A finding about a PCR, and about an event; with the command that shows them.
Finding AboutPcr(std::uint32_t pcr, Finding finding);
Finding About(const eventlog::VerifiedEvent& event, Finding finding);
// "PCR 4 event 17 (EV_EFI_ACTION, sha256:…)": its type as the log states it.
std::string Shown(const eventlog::VerifiedEvent& event);

// Objects to everything with `why` behind the event's name.
EventRule RejectEvent(std::string_view check, std::string_view why);
// The digest is one of these: whatever the log calls the event, it measures the thing.
EventRule DigestIs(std::string_view check, std::string_view what, ReferenceDigests good,
                   Cause cause);
// The digest is that of a separator that reports no error ("boot.separator").
EventRule IsSeparator();
// The digest is that of one of these texts ("boot.action").
EventRule IsAction(std::vector<std::string_view> texts);

// A UEFI variable that an event measured, name and owner included.
struct MeasuredVariable {
  eventlog::VerifiedEvent event;
  eventlog::EfiVariable variable;
};
// The event measured the variable that it shows, all of it, and `rule` accepts it
// ("boot.variable").
EventRule Variable(Rule<MeasuredVariable> rule);
// The variable is signature lists of these types, at least one, and every entry is among
// `keys`, which must outlive the rule, as for the next ones.
Rule<MeasuredVariable> KeysWithin(std::string_view check, std::vector<eventlog::Guid> types,
                                  const std::vector<ReferenceKey>& keys);
// The variable is one signature list of this type that has all `keys`, and maybe more.
Rule<MeasuredVariable> KeysInclude(std::string_view check, const eventlog::Guid& type,
                                   const std::vector<ReferenceKey>& keys);
// The variable is signatures without a list, as authorities are measured, and every one
// is among `keys`.
Rule<MeasuredVariable> AuthorityWithin(std::string_view check,
                                       const std::vector<ReferenceKey>& keys);

}  // namespace limequat::policy
