#include "hostile.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include <gtest/gtest.h>

#include "allocations.h"

namespace limequat::testing {

namespace {

// What is written over a field: as one, two or four bytes of either order, as many as
// there can be, half of it, and a mebibyte.
constexpr std::array<std::string_view, 7> kLengths = {std::string_view("\xff", 1),
                                                      std::string_view("\xff\xff", 2),
                                                      std::string_view("\x7f\xff", 2),
                                                      std::string_view("\xff\xff\xff\xff", 4),
                                                      std::string_view("\xff\xff\xff\x7f", 4),
                                                      std::string_view("\x00\x00\x10\x00", 4),
                                                      std::string_view("\x00\x10\x00\x00", 4)};

// All of the beginning, where the structure of most inputs is, and a part of the rest.
constexpr std::size_t kAllUpTo = 400;
constexpr std::size_t kStep = 61;
constexpr int kCopies = 50;

std::size_t Next(std::size_t place) { return place + (place < kAllUpTo ? 1 : kStep); }

std::vector<Bytes> SeedsOf(std::string_view target) {
  std::vector<Bytes> seeds;
  const auto folder = std::filesystem::path(LQ_SOURCE_DIR) / "fuzz" / "corpus" / target;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(file)), {});
    seeds.push_back(ToBytes(content));
  }
  return seeds;
}

}  // namespace

void ForEachHostile(std::string_view target, const std::function<void(ByteView)>& visit) {
  const std::vector<Bytes> seeds = SeedsOf(target);
  ASSERT_FALSE(seeds.empty()) << target;
  for (const Bytes& seed : seeds) {
    visit(seed);
    Bytes many;
    for (int i = 0; i < kCopies; ++i) Append(many, seed);
    visit(many);
    for (std::size_t at = 0; at < seed.size(); at = Next(at)) {
      visit(ByteView(seed).first(at));
      for (const std::string_view length : kLengths) {
        Bytes changed = seed;
        const std::size_t fits = std::min(length.size(), seed.size() - at);
        std::copy_n(length.begin(), fits, changed.begin() + static_cast<std::ptrdiff_t>(at));
        visit(changed);
      }
    }
  }
}

void ExpectBounded(ByteView input, const Bound& bound, const std::function<void(ByteView)>& parse) {
  const std::size_t peak = PeakOf([&] { parse(input); });
  EXPECT_LE(peak, bound.Of(input.size())) << input.size() << " bytes of input";
}

void ExpectBounded(std::string_view target, const Bound& bound,
                   const std::function<void(ByteView)>& parse) {
  ForEachHostile(target, [&](ByteView input) { ExpectBounded(input, bound, parse); });
}

}  // namespace limequat::testing
