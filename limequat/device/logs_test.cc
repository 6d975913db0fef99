#include "limequat/device/logs.h"

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace limequat::device {
namespace {

class LogsTest : public testing::Test {
 protected:
  LogsTest() {
    std::string pattern = testing::TempDir() + "limequat-logs-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~LogsTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& text, std::ios::openmode mode = std::ios::trunc) {
    std::ofstream(path(), mode | std::ios::binary) << text;
    return path();
  }
  std::string path() const { return folder_ + "/list"; }

  std::string folder_;
};

void ExpectPart(ImaLog& log, std::uint64_t first, const std::string& text,
                std::uint64_t first_entry, std::uint64_t entries) {
  const Result<ImaPart> part = log.ReadFrom(first);
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_EQ(part->text, text) << "from " << first;
  EXPECT_EQ(part->first_entry, first_entry) << "from " << first;
  EXPECT_EQ(part->entries, entries) << "from " << first;
}

// Vectors of keylime-agent-protocol, A.6.
TEST_F(LogsTest, ReadsFromAnEntry) {
  Result<ImaLog> log = ImaLog::Open(Write("L0\nL1\nL2\n"));
  ASSERT_TRUE(log);
  ExpectPart(*log, 2, "L2\n", 2, 3);
  ExpectPart(*log, 3, "", 3, 3);
  ExpectPart(*log, 4, "L0\nL1\nL2\n", 0, 3);
  ExpectPart(*log, 0, "L0\nL1\nL2\n", 0, 3);
  ExpectPart(*log, 1, "L1\nL2\n", 1, 3);
  ExpectPart(*log, ~std::uint64_t{0}, "L0\nL1\nL2\n", 0, 3);
}

TEST_F(LogsTest, AnEmptyListHasNoEntries) {
  Result<ImaLog> log = ImaLog::Open(Write(""));
  ASSERT_TRUE(log);
  ExpectPart(*log, 0, "", 0, 0);
  ExpectPart(*log, 5, "", 0, 0);
}

TEST_F(LogsTest, GoesOnWhereItEnded) {
  Result<ImaLog> log = ImaLog::Open(Write("a\nbb\n"));
  ASSERT_TRUE(log);
  ExpectPart(*log, 2, "", 2, 2);
  Write("ccc\n", std::ios::app);
  ExpectPart(*log, 2, "ccc\n", 2, 3);
  Write("d\ne\n", std::ios::app);
  ExpectPart(*log, 3, "d\ne\n", 3, 5);
  ExpectPart(*log, 1, "bb\nccc\nd\ne\n", 1, 5);
}

TEST_F(LogsTest, Quirk_A39_ALineThatIsBeingWrittenIsLeftOut) {
  Result<ImaLog> log = ImaLog::Open(Write("a\nhal"));
  ASSERT_TRUE(log);
  ExpectPart(*log, 0, "a\n", 0, 1);
  ExpectPart(*log, 1, "", 1, 1);
  ExpectPart(*log, 2, "a\n", 0, 1);
  Write("f\n", std::ios::app);
  ExpectPart(*log, 1, "half\n", 1, 2);
}

TEST_F(LogsTest, Quirk_A39_AShorterFileIsReadAnew) {
  Result<ImaLog> log = ImaLog::Open(Write("aaaa\nbbbb\ncccc\n"));
  ASSERT_TRUE(log);
  ExpectPart(*log, 3, "", 3, 3);
  Write("x\ny\n");
  ExpectPart(*log, 3, "x\ny\n", 0, 2);
  ExpectPart(*log, 1, "y\n", 1, 2);
}

TEST_F(LogsTest, EveryEntryOfALongListIsReached) {
  std::string text;
  std::vector<std::size_t> begins;
  for (int i = 0; i < 20'000; ++i) {
    begins.push_back(text.size());
    text += "10 " + std::string(static_cast<std::size_t>(i % 90), 'x') + std::to_string(i) + '\n';
  }
  Result<ImaLog> log = ImaLog::Open(Write(text));
  ASSERT_TRUE(log);
  // More places than are remembered, forwards and backwards.
  for (const std::size_t first : {19'999U, 3U, 12'345U, 777U, 20'000U - 2, 1U, 9'999U, 5'000U, 2U,
                                  15'000U, 4'999U, 0U, 10'001U}) {
    ExpectPart(*log, first, text.substr(begins[first]), first, begins.size());
  }
}

TEST_F(LogsTest, ManyReadersAgree) {
  Result<ImaLog> log = ImaLog::Open(Write("a\nb\nc\n"));
  ASSERT_TRUE(log);
  std::vector<std::thread> threads;
  for (std::uint64_t reader = 0; reader < 4; ++reader) {
    threads.emplace_back([&log, reader] {
      for (int i = 0; i < 200; ++i) {
        const Result<ImaPart> part = log->ReadFrom(reader);
        ASSERT_TRUE(part);
        EXPECT_EQ(part->text, std::string("a\nb\nc\n").substr(2 * reader));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(LogsTest, WhatCannotBeOpenedIsUnavailable) {
  const Result<ImaLog> list = ImaLog::Open(folder_ + "/absent");
  ASSERT_FALSE(list);
  EXPECT_EQ(list.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(list.error().id, "device.ima.open");
  EXPECT_THAT(list.error().message, testing::HasSubstr("absent"));
  const Result<BootLog> boot = BootLog::Open(folder_ + "/absent");
  ASSERT_FALSE(boot);
  EXPECT_EQ(boot.error().id, "device.boot_log.open");
}

TEST_F(LogsTest, WhatCannotBeReadIsUnavailable) {
  // A folder opens and does not read.
  Result<ImaLog> list = ImaLog::Open(folder_);
  ASSERT_TRUE(list);
  const Result<ImaPart> part = list->ReadFrom(0);
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().id, "device.ima.read");
  const Result<BootLog> boot = BootLog::Open(folder_);
  ASSERT_TRUE(boot);
  const Result<Bytes> bytes = boot->Read();
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().id, "device.boot_log.read");
}

TEST_F(LogsTest, TheBootLogIsReadWholeEachTime) {
  const std::string text = std::string("\0\1binary\n", 9) + std::string(200'000, 'b');
  const Result<BootLog> log = BootLog::Open(Write(text));
  ASSERT_TRUE(log);
  for (int i = 0; i < 2; ++i) {
    const Result<Bytes> bytes = log->Read();
    ASSERT_TRUE(bytes);
    EXPECT_EQ(AsText(*bytes), text);
  }
}

TEST_F(LogsTest, ABootLogBeyondItsBoundIsRefused) {
  Write("x");
  std::filesystem::resize_file(path(), BootLog::kMaxSize + 1);
  const Result<BootLog> log = BootLog::Open(path());
  ASSERT_TRUE(log);
  const Result<Bytes> bytes = log->Read();
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().id, "device.boot_log.read");
}

TEST_F(LogsTest, AListBeyondItsBoundIsRefused) {
  Write("x\n");
  std::filesystem::resize_file(path(), ImaLog::kMaxPart + 1);
  Result<ImaLog> log = ImaLog::Open(path());
  ASSERT_TRUE(log);
  const Result<ImaPart> part = log->ReadFrom(0);
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().id, "device.ima.read");
  // What comes before the entry that is wanted costs no memory.
  Write("\ny\n", std::ios::app);
  ExpectPart(*log, 2, "y\n", 2, 3);
}

}  // namespace
}  // namespace limequat::device
