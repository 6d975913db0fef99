#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limequat::eventlog {

// Something about a log that a person should know and that does not stop reading it.
struct Note {
  std::string id;           // stable and dotted, "eventlog.padding"
  std::uint64_t event = 0;  // the record it is about
  std::string detail;       // one sentence, safe to show
  friend bool operator==(const Note&, const Note&) = default;
};

// Notes in the order in which they were taken, at most kLimit: a hostile log can
// give cause for one at every record. What is beyond is counted.
class Notes {
 public:
  static constexpr std::size_t kLimit = 1000;

  void Add(std::string_view id, std::uint64_t event, std::string detail) {
    if (notes_.size() == kLimit) {
      ++dropped_;
      return;
    }
    notes_.push_back({.id = std::string(id), .event = event, .detail = std::move(detail)});
  }
  const std::vector<Note>& list() const { return notes_; }
  std::uint64_t dropped() const { return dropped_; }

 private:
  std::vector<Note> notes_;
  std::uint64_t dropped_ = 0;
};

}  // namespace limequat::eventlog
