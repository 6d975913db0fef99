#include "limequat/json/siphash.h"

#include <bit>
#include <cstddef>
#include <cstring>

#include <sys/random.h>

#include "limequat/base/check.h"

namespace limequat::json {

namespace {

struct State {
  std::uint64_t v0;
  std::uint64_t v1;
  std::uint64_t v2;
  std::uint64_t v3;

  void Round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }

  void Take(std::uint64_t word) {
    v3 ^= word;
    Round();
    Round();
    v0 ^= word;
  }
};

std::uint64_t LittleEndianWord(const char* bytes) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

}  // namespace

std::uint64_t SipHash(const std::array<std::uint64_t, 2>& key, std::string_view data) {
  State state{key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU,
              key[0] ^ 0x6c7967656e657261U, key[1] ^ 0x7465646279746573U};
  std::size_t at = 0;
  for (; at + 8 <= data.size(); at += 8) state.Take(LittleEndianWord(data.data() + at));
  std::uint64_t last = static_cast<std::uint64_t>(data.size()) << 56U;
  for (std::size_t i = at; i < data.size(); ++i) {
    last |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(data[i])) << (8U * (i - at));
  }
  state.Take(last);
  state.v2 ^= 0xffU;
  for (int i = 0; i < 4; ++i) state.Round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

std::uint64_t HashName(std::string_view name) {
  static const std::array<std::uint64_t, 2> key = [] {
    std::array<std::uint64_t, 2> drawn{};
    LQ_CHECK(getrandom(drawn.data(), sizeof drawn, 0) == static_cast<ssize_t>(sizeof drawn));
    return drawn;
  }();
  return SipHash(key, name);
}

}  // namespace limequat::json
