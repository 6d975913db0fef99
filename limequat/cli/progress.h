#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

namespace limequat::cli {

// How far work on files has come, and how much there is.
struct Amount {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
  std::uint64_t total_files = 0;
  std::uint64_t total_bytes = 0;
};

// "1234 of 5678 files, 12.3 MB of 45.6 MB, 27 %, 8 s left": the rest is estimated from
// `elapsed`, and left out before there is anything to estimate from.
std::string DescribeProgress(const Amount& amount, std::chrono::milliseconds elapsed);

// One line on a terminal that is written over again and again; nothing elsewhere.
class ProgressLine {
 public:
  ProgressLine(std::FILE* terminal, bool is_terminal, std::string what);
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  // Takes the line away.
  ~ProgressLine();

  void Show(const Amount& amount);

 private:
  std::FILE* terminal_;
  bool is_terminal_;
  std::string what_;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace limequat::cli
