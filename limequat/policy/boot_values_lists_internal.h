#pragma once

#include <algorithm>
#include <vector>

#include "limequat/policy/boot_values.h"

// Lists of reference values are sets in their order: what is there is not added again.
namespace limequat::policy {

inline bool Same(const TextRule& a, const TextRule& b) {
  return a.text == b.text && (a.expression == nullptr) == (b.expression == nullptr);
}
// By what decides: names and versions do not.
inline bool Same(const NamedDigest& a, const NamedDigest& b) { return a.digest == b.digest; }
inline bool Same(const BootValuesRecord& a, const BootValuesRecord& b) {
  return a.pcr == b.pcr && a.digest == b.digest && Same(a.text, b.text);
}
inline bool Same(const BootValuesFirmware& a, const BootValuesFirmware& b) {
  return a.model == b.model && a.pcrs == b.pcrs;
}
template <class T>
  requires std::equality_comparable<T>
bool Same(const T& a, const T& b) {
  return a == b;
}

template <class T>
void AddOnce(std::vector<T>& list, const T& item) {
  if (std::ranges::none_of(list, [&](const T& other) { return Same(other, item); }))
    list.push_back(item);
}

template <class T>
void AddAllOnce(std::vector<T>& list, const std::vector<T>& items) {
  for (const T& item : items) AddOnce(list, item);
}

}  // namespace limequat::policy
