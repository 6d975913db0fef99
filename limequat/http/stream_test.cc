#include <atomic>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "limequat/http/server.h"
#include "limequat/http/test_support.h"

namespace limequat::http {
namespace {

Access Anybody() { return Access::Public("test"); }

constexpr std::string_view kGet = "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n";

RuntimeOptions OneWorker(std::size_t max_queued = 16) {
  RuntimeOptions options;
  options.evidence = {.workers = 1, .max_queued = max_queued};
  return options;
}

Router Streaming(RouteOptions options, std::function<Body()> body) {
  options.lane = Lane::kEvidence;
  Router router;
  router.Add(Method::kGet, "/stream", Anybody(), options,
             [body = std::move(body)](const Request&, Context&) {
               Response response;
               response.body = body();
               return Result<Response>(std::move(response));
             });
  router.Add(Method::kGet, "/version", Anybody(), {.lane = Lane::kEvidence},
             [](const Request&, Context&) { return Result<Response>(Reply(200, "{}")); });
  return router;
}

// Waits until the buffers of the kernel are full and `count`, `least` or more, goes no further.
int WaitUntilStuck(int least, const std::function<int()>& count) {
  int before = -1;
  int same = 0;
  EXPECT_TRUE(Eventually([&] {
    const int now = count();
    same = now >= least && now == before ? same + 1 : 0;
    before = now;
    std::this_thread::sleep_for(20ms);
    return same == 5;
  }));
  return before;
}

// --- produced bodies --------------------------------------------------------------

// Pieces "0", "1", ... up to `count`, then `end`.
Producer Count(
    int count, std::function<Result<std::optional<std::string>>()> end = [] {
      return Result<std::optional<std::string>>(std::nullopt);
    }) {
  return [next = 0, count,
          end = std::move(end)](Context&) mutable -> Result<std::optional<std::string>> {
    if (next == count) return end();
    return std::to_string(next++);
  };
}

TEST(Producer, PiecesBecomeChunks) {
  const TestServer server(Streaming({}, [] { return Body(Count(12)); }));
  RawClient client(server.port());
  for (int i = 0; i < 2; ++i) {
    const auto answer = client.Exchange(kGet);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->Header("Transfer-Encoding"), "chunked");
    EXPECT_EQ(answer->Header("Content-Length"), "(none)");
    EXPECT_EQ(answer->body, "01234567891011");
  }
}

TEST(Producer, OldClientsReadUntilTheEnd) {
  const TestServer server(Streaming({}, [] { return Body(Count(12)); }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  const std::string all = client.ReadUntil("\xff");
  EXPECT_TRUE(all.ends_with("\r\n\r\n01234567891011")) << all;
  EXPECT_NE(all.find("Connection: close"), std::string::npos);
}

TEST(Producer, EmptyPiecesAreSkippedAndAnEmptyBodyIsOne) {
  const TestServer server(Streaming({}, [] {
    return Body(Producer([i = 0](Context&) mutable -> Result<std::optional<std::string>> {
      if (++i > 6) return std::nullopt;
      return i == 4 ? "x" : "";
    }));
  }));
  RawClient client(server.port());
  EXPECT_EQ(client.Exchange(kGet)->body, "x");
  const TestServer empty(Streaming({}, [] { return Body(Count(0)); }));
  RawClient other(empty.port());
  const auto answer = other.Exchange(kGet);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "");
}

TEST(Producer, ErrorOfTheFirstPieceIsAnswered) {
  const TestServer server(Streaming({}, [] {
    return Body(Count(0, [] {
      return Result<std::optional<std::string>>(Unavailable("test.database", "gone"));
    }));
  }));
  RawClient client(server.port());
  const auto answer = client.Exchange(kGet);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(client.Exchange(kGet)->status, 503);
}

// No client may take half a list for a whole one.
TEST(Producer, LaterErrorCutsTheBodyOff) {
  const TestServer server(Streaming({}, [] {
    return Body(Count(3, [] {
      return Result<std::optional<std::string>>(Unavailable("test.database", "gone"));
    }));
  }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  const std::string all = client.ReadUntil("\xff");
  EXPECT_TRUE(all.ends_with("1\r\n2\r\n")) << all;
}

TEST(Producer, ExceptionAndOversizedPiece) {
  const TestServer throwing(Streaming({}, [] {
    return Body(Count(
        0, []() -> Result<std::optional<std::string>> { throw std::runtime_error("a defect"); }));
  }));
  RawClient first(throwing.port());
  EXPECT_EQ(first.Exchange(kGet)->status, 500);
  const auto piece = [](std::size_t size) {
    return Body(
        Count(0, [size] { return Result<std::optional<std::string>>(std::string(size, 'x')); }));
  };
  const TestServer large(Streaming({}, [&] { return piece(kMaxPiece + 1); }));
  RawClient second(large.port());
  EXPECT_EQ(second.Exchange(kGet)->status, 500);
}

TEST(Producer, PieceHasATime) {
  Gate release;
  std::atomic<bool> started = false;
  std::atomic<bool> cancelled = false;
  const TestServer server(Streaming({.timeout = 50ms}, [&] {
    return Body(Producer([&](Context& context) -> Result<std::optional<std::string>> {
      started = true;
      cancelled = Eventually([&] { return context.cancel().cancelled(); });
      EXPECT_TRUE(release.Wait());
      return std::nullopt;
    }));
  }));
  RawClient client(server.port());
  // A time that passes before a worker begins with the piece is 503 too, and tells less.
  ASSERT_TRUE(Eventually([&] {
    const auto answer = client.Exchange(kGet);
    EXPECT_EQ(answer ? answer->status : -1, 503);
    return started || testing::Test::HasFailure();
  }));
  release.Open();
  EXPECT_TRUE(Eventually([&] { return cancelled.load(); }));
}

// A client that does not read costs one piece and no worker: the lane has one worker,
// and it serves others meanwhile.
TEST(Producer, SlowClientHoldsNoWorker) {
  std::atomic<int> produced = 0;
  const TestServer server(
      Streaming({},
                [&] {
                  return Body(Producer([&](Context&) -> Result<std::optional<std::string>> {
                    ++produced;
                    return std::string(kMaxPiece, 'x');
                  }));
                }),
      {}, OneWorker());
  RawClient slow(server.port());
  ASSERT_TRUE(slow.Send(kGet));
  EXPECT_LT(WaitUntilStuck(2, [&] { return produced.load(); }), 64);
  RawClient other(server.port());
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(other.Exchange("GET /version HTTP/1.1\r\nHost: h\r\n\r\n")->status, 200);
}

// Once a body has begun it is not cut off because others fill the lane.
TEST(Producer, LaterPiecesAreNeverRefusedByAFullLane) {
  Gate first;
  Gate give;
  Gate sender_held;
  Gate send;
  Gate busy;
  Gate release;
  TestServer server(
      Streaming({},
                [&] {
                  return Body(
                      Producer([&, i = 0](Context&) mutable -> Result<std::optional<std::string>> {
                        if (i == 0) {
                          first.Open();
                          EXPECT_TRUE(give.Wait());
                        }
                        if (i == 12) return std::nullopt;
                        return std::to_string(i++);
                      }));
                }),
      {}, OneWorker(2));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  ASSERT_TRUE(first.Wait());
  // The first piece is produced, and its sender cannot ask for the second before the lane is full.
  server.runtime.CreateStrand().Post([&] {
    sender_held.Open();
    EXPECT_TRUE(send.Wait());
  });
  ASSERT_TRUE(sender_held.Wait());
  give.Open();
  ASSERT_TRUE(server.runtime.Post(Lane::kEvidence, [&] {
    busy.Open();
    EXPECT_TRUE(release.Wait());
  }));
  ASSERT_TRUE(busy.Wait());
  ASSERT_TRUE(server.runtime.Post(Lane::kEvidence, [] {}));
  ASSERT_TRUE(server.runtime.Post(Lane::kEvidence, [] {}));
  ASSERT_FALSE(server.runtime.Post(Lane::kEvidence, [] {}));
  send.Open();
  EXPECT_TRUE(Eventually([&] { return server.runtime.queued(Lane::kEvidence) == 3; }));
  release.Open();
  const auto answer = client.Receive();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "01234567891011");
}

TEST(Producer, ClientThatLeavesEndsTheProduction) {
  std::atomic<int> alive = 0;
  struct Counted {
    explicit Counted(std::atomic<int>& c) : count(c) { ++count; }
    ~Counted() { --count; }
    std::atomic<int>& count;
  };
  const TestServer server(Streaming({}, [&] {
    return Body(Producer(
        [counted = std::make_shared<Counted>(alive)](
            Context&) -> Result<std::optional<std::string>> { return std::string(1000, 'x'); }));
  }));
  {
    RawClient client(server.port());
    ASSERT_TRUE(client.Send(kGet));
    ASSERT_FALSE(client.ReadUntil("xxx").empty());
    EXPECT_EQ(alive, 1);
  }
  EXPECT_TRUE(Eventually([&] { return alive == 0; }));
}

TEST(Producer, HasATimeInAll) {
  const TestServer server(Streaming({.max_duration = 100ms}, [] {
    return Body(Producer([](Context&) -> Result<std::optional<std::string>> {
      std::this_thread::sleep_for(5ms);
      return "x";
    }));
  }));
  std::string all;
  // Where no worker had the time for the first piece it is 503.
  ASSERT_TRUE(Eventually([&] {
    RawClient client(server.port());
    EXPECT_TRUE(client.Send("GET /stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
    all = client.ReadUntil("\xff");
    return all.starts_with("HTTP/1.1 200");
  }));
  EXPECT_FALSE(all.ends_with("0\r\n\r\n"));
}

// --- events -----------------------------------------------------------------------

// A source with numbered events that streams read by cursor.
class Source {
 public:
  void Add(int count = 1) {
    std::vector<std::shared_ptr<EventWaker>> wakers;
    {
      const std::lock_guard lock(mutex_);
      last_ += count;
      for (const auto& weak : wakers_) {
        if (auto waker = weak.lock()) wakers.push_back(std::move(waker));
      }
    }
    for (const auto& waker : wakers) waker->Wake();
  }

  void CloseAll() {
    const std::lock_guard lock(mutex_);
    for (const auto& weak : wakers_) {
      if (const auto waker = weak.lock()) waker->Close();
    }
  }

  Body Stream(std::chrono::seconds keep_alive = 15s) {
    EventStream stream;
    stream.keep_alive = keep_alive;
    stream.subscribe = [this](const std::shared_ptr<EventWaker>& waker) {
      const std::lock_guard lock(mutex_);
      wakers_.push_back(waker);
      closed_.push_back(waker->closed());
    };
    stream.next = [this, cursor = 0](Context&) mutable -> Result<std::vector<Event>> {
      const std::lock_guard lock(mutex_);
      ++pulls_;
      std::vector<Event> events;
      while (cursor < last_ && events.size() < kMaxEventsPerBatch) {
        ++cursor;
        events.push_back({.id = std::to_string(cursor), .name = "n", .data = "d"});
      }
      return events;
    };
    return stream;
  }

  int pulls() {
    const std::lock_guard lock(mutex_);
    return pulls_;
  }
  std::size_t subscribed() {
    const std::lock_guard lock(mutex_);
    return wakers_.size();
  }
  std::size_t ended() {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const CancelToken& token : closed_) count += token.cancelled() ? 1U : 0U;
    return count;
  }

 private:
  std::mutex mutex_;
  int last_ = 0;
  int pulls_ = 0;
  std::vector<std::weak_ptr<EventWaker>> wakers_;
  std::vector<CancelToken> closed_;
};

TEST(Events, ArriveInOrderAndHoldNoWorker) {
  Source source;
  source.Add(2);
  const TestServer server(Streaming({}, [&] { return source.Stream(); }), {}, OneWorker());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(std::make_unique<RawClient>(server.port()));
    ASSERT_TRUE(clients.back()->Send(kGet));
    const std::string head = clients.back()->ReadUntil("\r\n\r\n");
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")) << head;
    EXPECT_NE(head.find("Cache-Control: no-store\r\n"), std::string::npos);
    const std::string first = clients.back()->ReadUntil("id: 2\nevent: n\ndata: d\n\n");
    EXPECT_NE(first.find("id: 1\n"), std::string::npos);
  }
  for (int i = 3; i < 20; ++i) {
    source.Add();
    for (const auto& client : clients) {
      EXPECT_TRUE(client->ReadUntil("\n\n").ends_with("id: " + std::to_string(i) +
                                                      "\nevent: n\ndata: d\n\n"));
    }
  }
}

TEST(Events, LongReplayComesInBatches) {
  Source source;
  source.Add(1000);
  const TestServer server(Streaming({}, [&] { return source.Stream(); }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  const std::string all = client.ReadUntil("id: 1000\nevent: n\ndata: d\n\n");
  EXPECT_TRUE(all.ends_with("id: 1000\nevent: n\ndata: d\n\n"));
  EXPECT_NE(all.find("id: 257\n"), std::string::npos);
  EXPECT_TRUE(Eventually([&] { return source.pulls() == 4; }));
}

// Nothing is queued for a slow client: it is not even asked for.
TEST(Events, SlowClientIsPulledLater) {
  Source source;
  const TestServer server(
      Streaming({},
                [&] {
                  EventStream stream = std::get<EventStream>(source.Stream());
                  stream.next = [&, inner = std::move(stream.next)](Context& context) mutable {
                    Result<std::vector<Event>> events = inner(context);
                    for (Event& event : *events) event.data.assign(100'000, 'x');
                    return events;
                  };
                  return Body(std::move(stream));
                }),
      {}, OneWorker());
  RawClient slow(server.port());
  ASSERT_TRUE(slow.Send(kGet));
  ASSERT_FALSE(slow.ReadUntil("\r\n\r\n").empty());
  source.Add(2560);
  EXPECT_LT(WaitUntilStuck(1, [&] { return source.pulls(); }), 10);
  RawClient other(server.port());
  EXPECT_EQ(other.Exchange("GET /version HTTP/1.1\r\nHost: h\r\n\r\n")->status, 200);
}

TEST(Events, CloseEndsInOrderAfterWhatWasThere) {
  Source source;
  const TestServer server(Streaming({}, [&] { return source.Stream(); }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  ASSERT_TRUE(Eventually([&] { return source.pulls() > 0; }));
  source.Add();
  source.CloseAll();
  const std::string all = client.ReadUntil("\r\n0\r\n\r\n");
  EXPECT_NE(all.find("id: 1\n"), std::string::npos) << all;
  EXPECT_TRUE(all.ends_with("\r\n0\r\n\r\n")) << all;
  EXPECT_TRUE(Eventually([&] { return source.ended() == 1; }));
  // The connection goes on.
  EXPECT_EQ(client.Exchange("GET /version HTTP/1.1\r\nHost: h\r\n\r\n")->status, 200);
}

TEST(Events, ClientThatLeavesClosesTheWaker) {
  Source source;
  const TestServer server(Streaming({}, [&] { return source.Stream(); }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  ASSERT_TRUE(Eventually([&] { return source.subscribed() == 1; }));
  EXPECT_EQ(source.ended(), 0U);
  client.Close();
  EXPECT_TRUE(Eventually([&] { return source.ended() == 1; }));
  source.Add();  // wakes nobody
}

TEST(Events, QuietStreamsSendComments) {
  Source source;
  const TestServer server(Streaming({}, [&] { return source.Stream(1s); }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  EXPECT_TRUE(client.ReadUntil(":\n\n").ends_with("3\r\n:\n\n"));
  source.Add();
  EXPECT_TRUE(client.ReadUntil("data: d\n\n").ends_with("id: 1\nevent: n\ndata: d\n\n"));
}

TEST(Events, ErrorClosesTheStream) {
  const auto failing = [](Result<std::vector<Event>> result) {
    EventStream stream;
    stream.subscribe = [](const std::shared_ptr<EventWaker>&) {};
    stream.next = [result](Context&) { return result; };
    return Body(std::move(stream));
  };
  const auto cut_off = [&](const Result<std::vector<Event>>& result) {
    const TestServer server(Streaming({}, [&] { return failing(result); }));
    RawClient client(server.port());
    EXPECT_TRUE(client.Send(kGet));
    const std::string all = client.ReadUntil("\xff");
    return client.Closed() && all.starts_with("HTTP/1.1 200") && !all.ends_with("0\r\n\r\n");
  };
  EXPECT_TRUE(cut_off(Unavailable("test.database", "gone")));
  EXPECT_TRUE(cut_off(std::vector<Event>{{.id = "1\n2", .name = "", .data = ""}}));
  EXPECT_TRUE(cut_off(std::vector<Event>(kMaxEventsPerBatch + 1)));
}

TEST(Events, StreamHasATimeInAll) {
  Source source;
  const TestServer server(Streaming({.max_duration = 50ms}, [&] { return source.Stream(); }));
  RawClient client(server.port());
  // One that ends before it has begun is not yet known to the source.
  ASSERT_TRUE(Eventually([&] {
    EXPECT_TRUE(client.Send(kGet));
    EXPECT_TRUE(client.ReadUntil("0\r\n\r\n").ends_with("\r\n\r\n0\r\n\r\n"));
    return source.subscribed() == 1 || testing::Test::HasFailure();
  }));
  EXPECT_TRUE(Eventually([&] { return source.ended() == 1; }));
}

TEST(Events, StopEndsStreamsInOrder) {
  Source source;
  TestServer server(Streaming({}, [&] { return source.Stream(); }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  ASSERT_TRUE(Eventually([&] { return source.pulls() == 1; }));
  std::thread stopper([&] { server.server->Stop(10s); });
  EXPECT_TRUE(client.ReadUntil("0\r\n\r\n").ends_with("0\r\n\r\n"));
  client.Close();
  stopper.join();
  EXPECT_EQ(source.ended(), 1U);
}

TEST(Events, MaxRunningCountsStreams) {
  Source source;
  const TestServer server(Streaming({.max_running = 1}, [&] { return source.Stream(); }));
  RawClient client(server.port());
  ASSERT_TRUE(client.Send(kGet));
  ASSERT_TRUE(Eventually([&] { return source.pulls() == 1; }));
  {
    RawClient second(server.port());
    EXPECT_EQ(second.Exchange(kGet)->status, 503);
  }
  client.Close();
  EXPECT_TRUE(Eventually([&] { return source.ended() == 1 && server.server->connections() == 0; }));
  RawClient third(server.port());
  ASSERT_TRUE(third.Send(kGet));
  EXPECT_TRUE(third.ReadUntil("\r\n").starts_with("HTTP/1.1 200"));
}

}  // namespace
}  // namespace limequat::http
