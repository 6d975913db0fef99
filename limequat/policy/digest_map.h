#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "limequat/base/bytes.h"

namespace limequat::policy {

// Internal to this module: digests by path, for policies of a hundred thousand
// files held in memory by every verifier. All records lie behind one another in one
// block, found by a table of 8 bytes a place: about 12 bytes over the text and the
// digests themselves. Built once, then only read.
//
// A record: size of the path, path, number of digests, then each digest behind its
// size; sizes and numbers as base-128 integers, least significant first.
class DigestMap {
 public:
  // The digests of one path.
  class Digests {
   public:
    explicit Digests(ByteView records, std::size_t count) : rest_(records), left_(count) {}
    // The next one; nullopt at the end.
    std::optional<ByteView> Next();

   private:
    ByteView rest_;
    std::size_t left_;
  };

  DigestMap() = default;
  // Room for `paths` paths. `seed` scatters them: without knowing it nobody can
  // choose paths that meet in one place of the table. `bytes` is what all records
  // take, or about that.
  DigestMap(std::uint64_t seed, std::size_t paths, std::size_t bytes);

  // Adds a path that is not there yet, and then each of its `digests` digests, before
  // anything else is asked or added. No more paths than there is room for (checked: the
  // caller's duty).
  void AddPath(std::string_view path, std::size_t digests);
  void AddDigest(ByteView digest);

  // Say that Find(path) comes soon: what it will read is fetched from memory while the
  // caller does something else. Expect fetches the place in the table where Find begins, Fetch
  // the record that Find will compare, for which it searches the table: it waits if Expect was
  // not called a hundred nanoseconds before. They change nothing.
  void Expect(std::string_view path) const;
  void Fetch(std::string_view path) const;
  std::optional<Digests> Find(std::string_view path) const;
  std::size_t size() const { return size_; }
  // Calls `visit` with each path in the order of adding, until it gives false.
  template <class Visit>
  void ForEachPath(Visit visit) const {
    for (std::size_t at = 0; at < records_.size();) {
      if (!visit(SkipRecord(at))) return;
    }
  }
  // Bytes of memory it holds.
  std::size_t MemorySize() const;

 private:
  struct Place {
    std::uint32_t tag = 0;     // upper half of the hash
    std::uint32_t record = 0;  // offset in records_ plus one; 0: free
  };

  std::uint64_t HashOf(std::string_view path) const;
  // Where the search for a path with that hash begins and goes on. The table has places.
  std::size_t HomeOf(std::uint64_t hash) const { return hash & (table_.size() - 1); }
  std::size_t Behind(std::size_t place) const { return (place + 1) & (table_.size() - 1); }
  static std::uint32_t TagOf(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32U); }
  // The first place from `place` on that has the tag or is free.
  std::size_t Candidate(std::size_t place, std::uint32_t tag) const;
  // The path of the record at `at`, which is moved behind it.
  std::string_view SkipRecord(std::size_t& at) const;

  std::uint64_t seed_ = 0;
  std::size_t size_ = 0;
  std::vector<Place> table_;  // a power of two of places
  Bytes records_;
};

}  // namespace limequat::policy
