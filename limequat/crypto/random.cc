#include "limequat/crypto/random.h"

#include <cerrno>
#include <cstdint>
#include <string_view>

#include <sys/random.h>

#include "limequat/base/check.h"

namespace limequat::crypto {

Bytes RandomBytes(std::size_t count) {
  Bytes bytes(count);
  std::size_t have = 0;
  while (have < count) {
    // getrandom(2) waits until the kernel's generator is seeded; it needs no file
    // and no configuration that could name another source.
    const ssize_t got = getrandom(bytes.data() + have, count - have, 0);
    if (got < 0 && errno == EINTR) continue;
    LQ_CHECK(got > 0);
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::string RandomAlphanumeric(std::size_t count) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  // The largest multiple of 62 below 256: what is above would favour the first letters.
  constexpr std::size_t kFair = 256 / kAlphabet.size() * kAlphabet.size();
  std::string text;
  text.reserve(count);
  while (text.size() < count) {
    for (const std::uint8_t byte : RandomBytes(count - text.size())) {
      if (byte < kFair) text.push_back(kAlphabet[byte % kAlphabet.size()]);
    }
  }
  return text;
}

}  // namespace limequat::crypto
