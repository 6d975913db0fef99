#include "limequat/policy/digest_map.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "limequat/base/check.h"

namespace limequat::policy {

namespace {

void PutSize(Bytes& out, std::size_t size) {
  while (size >= 0x80) {
    out.push_back(static_cast<std::uint8_t>(size | 0x80U));
    size >>= 7U;
  }
  out.push_back(static_cast<std::uint8_t>(size));
}

// Our own records: not input, so nothing is checked.
std::size_t TakeSize(ByteView& in) {
  std::size_t size = 0;
  for (unsigned shift = 0;; shift += 7) {
    const std::uint8_t byte = in.front();
    in = in.subspan(1);
    size |= std::size_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return size;
  }
}

ByteView TakeBytes(ByteView& in, std::size_t size) {
  const ByteView bytes = in.first(size);
  in = in.subspan(size);
  return bytes;
}

constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15U;  // 2^64 divided by the golden ratio
constexpr std::size_t kBlock = 2 * sizeof(std::uint64_t);

std::uint64_t WordAt(const char* text) {
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof word);
  return word;
}

// Both halves of the product. Of factors that are not known, no change of one is known to
// be made up for by a change of what follows, as it would be by a product of 64 bits.
std::uint64_t Folded(std::uint64_t one, std::uint64_t two) {
  __extension__ using Product = unsigned __int128;
  const Product product = Product{one} * two;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

}  // namespace

DigestMap::DigestMap(std::uint64_t seed, std::size_t paths, std::size_t bytes) : seed_(seed) {
  // At most seven of eight places taken.
  table_.resize(std::bit_ceil(paths + paths / 7 + 1));
  records_.reserve(bytes);
}

std::uint64_t DigestMap::HashOf(std::string_view path) const {
  std::uint64_t hash = seed_ ^ path.size();
  const std::uint64_t other = seed_ * kOdd;
  const auto mix = [&](const char* block) {
    hash = Folded(WordAt(block) ^ hash, WordAt(block + sizeof(std::uint64_t)) ^ other);
  };
  std::string_view left = path;
  for (; left.size() > kBlock; left.remove_prefix(kBlock)) mix(left.data());
  if (path.size() >= kBlock) {
    mix(path.data() + path.size() - kBlock);  // some bytes a second time
  } else {
    std::array<char, kBlock> last{};
    std::ranges::copy(left, last.begin());
    mix(last.data());
  }
  return Folded(hash, kOdd);
}

void DigestMap::AddPath(std::string_view path, std::size_t digests) {
  LQ_CHECK(size_ + 1 < table_.size());  // a search ends at a free place
  LQ_CHECK(records_.size() < std::numeric_limits<std::uint32_t>::max());
  const std::uint64_t hash = HashOf(path);
  std::size_t place = HomeOf(hash);
  while (table_[place].record != 0) place = Behind(place);
  table_[place] = {.tag = TagOf(hash), .record = static_cast<std::uint32_t>(records_.size() + 1)};
  ++size_;
  PutSize(records_, path.size());
  Append(records_, AsBytes(path));
  PutSize(records_, digests);
}

void DigestMap::AddDigest(ByteView digest) {
  PutSize(records_, digest.size());
  Append(records_, digest);
}

void DigestMap::Expect(std::string_view path) const {
  if (size_ > 0) __builtin_prefetch(&table_[HomeOf(HashOf(path))]);
}

std::size_t DigestMap::Candidate(std::size_t place, std::uint32_t tag) const {
  while (table_[place].record != 0 && table_[place].tag != tag) place = Behind(place);
  return place;
}

void DigestMap::Fetch(std::string_view path) const {
  if (size_ == 0) return;
  const std::uint64_t hash = HashOf(path);
  const Place& place = table_[Candidate(HomeOf(hash), TagOf(hash))];
  if (place.record == 0) return;
  // The record as it is if it is the one, with a single digest; the end of another's may lie
  // behind records_.
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kSizesAndDigest = 3 + 32;
  const std::size_t first = place.record - 1;
  const std::size_t end = std::min(records_.size(), first + path.size() + kSizesAndDigest);
  for (std::size_t at = first; at < end; at += kLine) __builtin_prefetch(&records_[at]);
  __builtin_prefetch(&records_[end - 1]);
}

std::optional<DigestMap::Digests> DigestMap::Find(std::string_view path) const {
  if (size_ == 0) return std::nullopt;  // most maps of a policy have nothing
  const std::uint64_t hash = HashOf(path);
  const std::uint32_t tag = TagOf(hash);
  for (std::size_t place = Candidate(HomeOf(hash), tag); table_[place].record != 0;
       place = Candidate(Behind(place), tag)) {
    ByteView record = ByteView(records_).subspan(table_[place].record - 1);
    const std::size_t size = TakeSize(record);
    if (size != path.size() || AsText(TakeBytes(record, size)) != path) continue;
    const std::size_t count = TakeSize(record);
    return Digests(record, count);
  }
  return std::nullopt;
}

std::string_view DigestMap::SkipRecord(std::size_t& at) const {
  ByteView record = ByteView(records_).subspan(at);
  const std::size_t size = TakeSize(record);
  const std::string_view path = AsText(TakeBytes(record, size));
  for (std::size_t left = TakeSize(record); left > 0; --left) {
    TakeBytes(record, TakeSize(record));
  }
  at = records_.size() - record.size();
  return path;
}

std::size_t DigestMap::MemorySize() const {
  return records_.capacity() + table_.capacity() * sizeof(Place);
}

std::optional<ByteView> DigestMap::Digests::Next() {
  if (left_ == 0) return std::nullopt;
  --left_;
  return TakeBytes(rest_, TakeSize(rest_));
}

}  // namespace limequat::policy
