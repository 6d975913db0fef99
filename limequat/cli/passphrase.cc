#include "limequat/cli/passphrase.h"

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include "limequat/base/bytes.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/config/files.h"

namespace limequat::cli {

namespace {

constexpr std::size_t kMaxPassphrase = 1024;

// A terminal that does not show what is typed, until this object ends.
class SilentTerminal {
 public:
  SilentTerminal() : descriptor_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    if (descriptor_ < 0 || ::tcgetattr(descriptor_, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent_ = ::tcsetattr(descriptor_, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (silent_) ::tcsetattr(descriptor_, TCSAFLUSH, &before_);
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  bool works() const { return silent_; }
  void Write(std::string_view text) const {
    // A prompt that is not shown is no reason to give up.
    [[maybe_unused]] const ssize_t written = ::write(descriptor_, text.data(), text.size());
  }
  // Up to the line feed, or to the end of input.
  Bytes ReadLine() const {
    Bytes line;
    line.reserve(kMaxPassphrase);  // never moved: a copy would stay in freed memory
    std::uint8_t byte = 0;
    while (line.size() < kMaxPassphrase) {
      const ssize_t count = ::read(descriptor_, &byte, 1);
      if (count < 0 && errno == EINTR) continue;
      if (count != 1 || byte == '\n') break;
      line.push_back(byte);
    }
    return line;
  }

 private:
  int descriptor_;
  termios before_{};
  bool silent_ = false;
};

}  // namespace

Result<Secret> ReadPassphrase(const std::string& key_file,
                              const std::optional<std::string>& passphrase_file) {
  if (passphrase_file) {
    LQ_ASSIGN_OR_RETURN(const std::string text,
                        config::ReadSecretFile(*passphrase_file, kMaxPassphrase));
    std::string_view passphrase = text;
    if (passphrase.ends_with('\n')) passphrase.remove_suffix(1);
    return Secret(ToBytes(passphrase));
  }
  const SilentTerminal terminal;
  if (!terminal.works()) {
    return UsageError(
        fmt::format("{} is encrypted, and there is no terminal to ask for its passphrase: name a "
                    "file with --passphrase-file",
                    Shown(key_file)));
  }
  terminal.Write(fmt::format("Passphrase of {}: ", Shown(key_file)));
  Secret passphrase(terminal.ReadLine());
  terminal.Write("\n");
  return passphrase;
}

}  // namespace limequat::cli
