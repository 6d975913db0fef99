#include "limequat/appraise/first_verified.h"

#include <algorithm>

namespace limequat::appraise {

void FirstVerified::Add(std::uint64_t entries, Time at) {
  if (entries == 0) return;
  if (!marks_.empty()) {
    if (marks_.back().end >= entries) return;
    at = std::max(at, marks_.back().at);
  }
  marks_.push_back({.end = entries, .at = at});
  if (marks_.size() <= kMaxVerifiedMarks) return;
  std::size_t nearest = 0;
  for (std::size_t i = 1; i + 1 < marks_.size(); ++i) {
    if (marks_[i + 1].at - marks_[i].at < marks_[nearest + 1].at - marks_[nearest].at) nearest = i;
  }
  marks_.erase(marks_.begin() + static_cast<std::ptrdiff_t>(nearest));
}

Time FirstVerified::Of(std::uint64_t index, Time otherwise) const {
  const auto mark =
      std::upper_bound(marks_.begin(), marks_.end(), index,
                       [](std::uint64_t number, const Mark& each) { return number < each.end; });
  return mark == marks_.end() ? otherwise : mark->at;
}

}  // namespace limequat::appraise
