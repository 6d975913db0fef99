#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "limequat/base/bytes.h"
#include "limequat/base/result.h"

namespace limequat::device {

// A file descriptor that is closed when it ends.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

// A part of the kernel's measurement list in its ASCII form, unchanged.
struct ImaPart {
  std::string text;               // complete lines, each with its newline
  std::uint64_t first_entry = 0;  // number of the first line in `text`
  std::uint64_t entries = 0;      // lines of the whole list, as far as it was read
};

// The kernel's measurement list. Opened once, so that it may be opened with more
// rights than the program keeps. Thread-safe.
class ImaLog {
 public:
  // kUnavailable ("device.ima.open").
  static Result<ImaLog> Open(const std::string& path);

  // The list from entry `first` on (keylime-agent-protocol, 6.1): nothing if that is
  // its end; the whole list from entry 0 if it is shorter, which tells the verifier
  // that its bookmark is wrong. Where entries begin is remembered, and reading goes
  // on where it ended: the kernel writes its text anew for everything before the
  // place where a read begins elsewhere. A last line without newline is left out: it
  // is being written. kUnavailable ("device.ima.read"), also when the part is longer
  // than kMaxPart.
  Result<ImaPart> ReadFrom(std::uint64_t first);

  static constexpr std::size_t kMaxPart = 256U << 20U;

 private:
  struct Bookmark {
    std::uint64_t entry = 0;
    std::uint64_t offset = 0;
  };
  explicit ImaLog(File file);
  Result<ImaPart> ReadFromLocked(std::uint64_t first);
  Bookmark Nearest(std::uint64_t first) const;
  void Remember(Bookmark bookmark);
  Status DropBookmarksIfShorter();

  File file_;
  std::unique_ptr<std::mutex> mutex_;
  std::deque<Bookmark> bookmarks_;  // newest last
};

// The firmware's event log, in binary. Thread-safe.
class BootLog {
 public:
  // kUnavailable ("device.boot_log.open").
  static Result<BootLog> Open(const std::string& path);

  // All of it. kUnavailable ("device.boot_log.read"), also beyond kMaxSize.
  Result<Bytes> Read() const;

  static constexpr std::size_t kMaxSize = 32U << 20U;

 private:
  explicit BootLog(File file) : file_(std::move(file)) {}
  File file_;
};

}  // namespace limequat::device
