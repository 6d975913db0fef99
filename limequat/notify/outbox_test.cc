#include "limequat/notify/outbox.h"

#include <condition_variable>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "limequat/http/router.h"
#include "limequat/http/server.h"
#include "limequat/sql/temporary_folder_test.h"

namespace limequat::notify {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Time kNow = FromUnixSeconds(1'800'000'000);

// A receiver that refuses as often as it is told to.
class Receiver {
 public:
  explicit Receiver(http::Runtime& runtime) {
    auto router = std::make_shared<http::Router>();
    router->Add(http::Method::kPost, "/hook", http::Access::Public("a test"), {},
                [this](const http::Request& request, http::Context&) -> Result<http::Response> {
                  const std::lock_guard lock(mutex_);
                  if (refuse_ > 0) {
                    --refuse_;
                    ++refused_;
                    changed_.notify_all();
                    return http::Reply(503, "");
                  }
                  numbers_.push_back(std::stoll(
                      std::string(request.headers.Find("Limequat-Notice").value_or("0"))));
                  bodies_.push_back(request.body);
                  changed_.notify_all();
                  return http::Reply(204, "");
                });
    server_ = *http::Server::Listen(runtime, router, {});
  }

  std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + "/hook";
  }

  void Refuse(int times) {
    const std::lock_guard lock(mutex_);
    refuse_ = times;
  }
  std::vector<std::string> Wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, seconds(20), [&] { return bodies_.size() >= count; });
    return bodies_;
  }
  void WaitRefused(int count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, seconds(20), [&] { return refused_ >= count; }));
  }
  std::vector<std::int64_t> numbers() {
    const std::lock_guard lock(mutex_);
    return numbers_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int refuse_ = 0;
  int refused_ = 0;
  std::vector<std::string> bodies_;
  std::vector<std::int64_t> numbers_;
  std::unique_ptr<http::Server> server_;
};

class OutboxTest : public ::testing::Test {
 protected:
  OutboxTest() {
    const sql::Migration migration{.version = 1, .name = "notices", .statements = {kOutboxTable}};
    database_ = *sql::Database::Open({.url = "sqlite:" + folder_ / "notices.db"}, {&migration, 1});
    client_ = *http::Client::Create(runtime_, {});
  }

  std::unique_ptr<Outbox> MakeOutbox(const std::string& url) {
    auto outbox = Outbox::Create(runtime_, *client_, *database_,
                                 {.url = url,
                                  .authorities = {},
                                  .timeout = milliseconds(2000),
                                  .first_retry = milliseconds(20),
                                  .max_retry = milliseconds(100)});
    EXPECT_TRUE(outbox) << outbox.error().message;
    return *std::move(outbox);
  }

  std::int64_t Waiting() {
    std::int64_t count = -1;
    EXPECT_TRUE(database_->Read({}, [&](sql::Connection& connection) -> Status {
      count = *connection.Query("SELECT COUNT(*) FROM notices")->at(0).Int(0);
      return {};
    }));
    return count;
  }

  bool WaitForWaiting(std::int64_t count) {
    for (int i = 0; i < 1000 && Waiting() != count; ++i)
      std::this_thread::sleep_for(milliseconds(10));
    return Waiting() == count;
  }

  void Execute(const std::string& statement) {
    const Status done = database_->Write({}, [&](sql::Connection& connection) -> Status {
      const auto changed = connection.Execute(statement);
      return changed ? Status() : Status(changed.error());
    });
    EXPECT_TRUE(done) << done.error().message;
  }

  sql::TemporaryFolder folder_;
  http::Runtime runtime_{{}};
  std::unique_ptr<sql::Database> database_;
  std::unique_ptr<http::Client> client_;
};

TEST_F(OutboxTest, DeliversInOrderWithRisingNumbers) {
  Receiver receiver(runtime_);
  const auto outbox = MakeOutbox(receiver.url());
  for (const char* body : {"1", "2", "3"}) outbox->Put("test", kNow, body);
  EXPECT_EQ(receiver.Wait(3), (std::vector<std::string>{"1", "2", "3"}));
  const auto numbers = receiver.numbers();
  EXPECT_LT(numbers[0], numbers[1]);
  EXPECT_LT(numbers[1], numbers[2]);
}

TEST_F(OutboxTest, ReceiverThatRefusesDelaysAndLosesNothing) {
  Receiver receiver(runtime_);
  receiver.Refuse(3);
  const auto outbox = MakeOutbox(receiver.url());
  outbox->Put("test", kNow, "1");
  outbox->Put("test", kNow, "2");
  EXPECT_EQ(receiver.Wait(2), (std::vector<std::string>{"1", "2"}));
}

TEST_F(OutboxTest, WhatWaitsIsDeliveredByTheNextProcess) {
  {
    const auto outbox =
        MakeOutbox("http://127.0.0.1:9/hook");  // nobody listens on the discard port
    outbox->Put("test", kNow, "1");
    ASSERT_TRUE(WaitForWaiting(1));
  }
  Receiver receiver(runtime_);
  const auto outbox = MakeOutbox(receiver.url());
  EXPECT_EQ(receiver.Wait(1), std::vector<std::string>{"1"});
}

TEST_F(OutboxTest, NumberIsNotUsedAgainAfterDelivery) {
  Receiver receiver(runtime_);
  const auto outbox = MakeOutbox(receiver.url());
  outbox->Put("test", kNow, "1");
  receiver.Wait(1);
  ASSERT_TRUE(WaitForWaiting(0));
  outbox->Put("test", kNow + seconds(1), "2");
  receiver.Wait(2);
  EXPECT_LT(receiver.numbers()[0], receiver.numbers()[1]);
}

// A reader that finds nothing and a notice that comes in the same moment.
TEST_F(OutboxTest, NoticeThatComesWhileNothingIsFoundIsDelivered) {
  Receiver receiver(runtime_);
  const auto outbox = MakeOutbox(receiver.url());
  std::size_t count = 0;
  for (int i = 0; i < 200; ++i) {
    outbox->Put("test", kNow, "1");
    ASSERT_EQ(receiver.Wait(++count).size(), count);
  }
}

TEST_F(OutboxTest, NoticeThatTheDatabaseRefusedIsStoredWhenItCan) {
  Receiver receiver(runtime_);
  const auto outbox = MakeOutbox(receiver.url());
  Execute("CREATE TRIGGER full BEFORE INSERT ON notices BEGIN SELECT RAISE(ABORT, 'full'); END");
  outbox->Put("test", kNow, "1");
  outbox->Put("test", kNow, "2");
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_TRUE(receiver.numbers().empty());
  Execute("DROP TRIGGER full");
  EXPECT_THAT(receiver.Wait(2), ::testing::UnorderedElementsAre("1", "2"));
}

TEST_F(OutboxTest, WhatTheDatabaseRefusedIsTriedOnceMoreAtTheEnd) {
  {
    Receiver receiver(runtime_);
    const auto outbox = Outbox::Create(
        runtime_, *client_, *database_,
        {.url = receiver.url(), .authorities = {}, .first_retry = std::chrono::hours(1)});
    ASSERT_TRUE(outbox);
    Execute("CREATE TRIGGER full BEFORE INSERT ON notices BEGIN SELECT RAISE(ABORT, 'full'); END");
    (*outbox)->Put("test", kNow, "1");
    Execute("DROP TRIGGER full");
    // The completion of what was refused comes before that of what was written later.
    Execute("DELETE FROM notices");
  }
  EXPECT_TRUE(WaitForWaiting(1));
}

TEST_F(OutboxTest, BadAddressesAreRefusedAtTheStart) {
  const auto create = [&](const std::string& url) {
    return Outbox::Create(runtime_, *client_, *database_, {.url = url, .authorities = {}})
        .error()
        .code;
  };
  EXPECT_EQ(create("ftp://x/"), ErrorCode::kMalformed);
  EXPECT_EQ(create("https://127.0.0.1/"), ErrorCode::kUntrusted)
      << "https without an authority trusts nobody";
}

}  // namespace
}  // namespace limequat::notify
