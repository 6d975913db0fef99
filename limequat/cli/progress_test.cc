#include "limequat/cli/progress.h"

#include <cstdio>
#include <string>

#include <gtest/gtest.h>

namespace limequat::cli {
namespace {

using std::chrono::seconds;

TEST(DescribeProgress, EstimatesTheRestFromWhatIsDone) {
  EXPECT_EQ(
      DescribeProgress({.files = 1, .bytes = 250'000, .total_files = 4, .total_bytes = 1'000'000},
                       seconds(10)),
      "1 of 4 files, 250.0 kB of 1.0 MB, 25 %, 30.0 s left");
}

TEST(DescribeProgress, SaysNothingThatItCannotKnow) {
  const Amount none{.files = 0, .bytes = 0, .total_files = 4, .total_bytes = 1000};
  EXPECT_EQ(DescribeProgress(none, seconds(10)), "0 of 4 files, 0 B of 1.0 kB, 0 %");
  const Amount early{.files = 1, .bytes = 500, .total_files = 4, .total_bytes = 1000};
  EXPECT_EQ(DescribeProgress(early, std::chrono::milliseconds(499)),
            "1 of 4 files, 500 B of 1.0 kB, 50 %");
  const Amount empty{.files = 3, .bytes = 0, .total_files = 3, .total_bytes = 0};
  EXPECT_EQ(DescribeProgress(empty, seconds(1)), "3 of 3 files, 0 B of 0 B");
}

// A file that grew while it was read.
TEST(DescribeProgress, NeverExceedsTheWhole) {
  const Amount grown{.files = 1, .bytes = 3000, .total_files = 1, .total_bytes = 1000};
  EXPECT_EQ(DescribeProgress(grown, seconds(10)), "1 of 1 files, 3.0 kB of 1.0 kB, 100 %");
}

std::string Written(bool is_terminal) {
  std::FILE* file = std::tmpfile();
  {
    ProgressLine line(file, is_terminal, "hashing");
    line.Show({.files = 1, .bytes = 1, .total_files = 2, .total_bytes = 2});
  }
  EXPECT_EQ(std::fseek(file, 0, SEEK_SET), 0);
  char content[256] = {};
  const std::size_t size = std::fread(content, 1, sizeof content, file);
  std::fclose(file);
  return {content, size};
}

TEST(ProgressLine, IsOnlyOnTerminalsAndGoesAway) {
  EXPECT_EQ(Written(false), "");
  const std::string shown = Written(true);
  EXPECT_NE(shown.find("hashing: 1 of 2 files"), std::string::npos);
  EXPECT_TRUE(shown.ends_with("\r\x1b[K"));
}

}  // namespace
}  // namespace limequat::cli
