#include "limequat/notify/outbox.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/http/job_gate.h"
#include "limequat/telemetry/log.h"

namespace limequat::notify {

namespace {

struct Notice {
  std::int64_t number = 0;
  std::string kind;
  std::string body;
};

// One that no database has yet.
struct NewNotice {
  std::string kind;
  Time at{};
  std::string body;
};

Status RemoveNotice(sql::Connection& connection, std::int64_t number) {
  LQ_ASSIGN_OR_RETURN(auto removed,
                      connection.Execute("DELETE FROM notices WHERE number = ?", {number}));
  static_cast<void>(removed);
  return {};
}

Status InsertNotice(sql::Connection& connection, const NewNotice& notice) {
  LQ_ASSIGN_OR_RETURN(
      auto rows,
      connection.Query(
          "SELECT COUNT(*), COALESCE(MAX(number), 0), COALESCE(MIN(number), 0) FROM notices"));
  LQ_ASSIGN_OR_RETURN(std::int64_t waiting, rows.at(0).Int(0));
  LQ_ASSIGN_OR_RETURN(std::int64_t newest, rows.at(0).Int(1));
  LQ_ASSIGN_OR_RETURN(std::int64_t oldest, rows.at(0).Int(2));
  if (waiting >= kMaxWaiting) {
    LQ_RETURN_IF_ERROR(RemoveNotice(connection, oldest));
    telemetry::LogError("notify.dropped", {{"number", oldest}, {"bound", kMaxWaiting}});
  }
  // Numbers rise with time, so that they stay unique when the table was empty.
  const auto at = static_cast<std::int64_t>(notice.at.time_since_epoch().count());
  const std::int64_t number = std::max(newest + 1, at);
  LQ_ASSIGN_OR_RETURN(
      auto inserted,
      connection.Execute("INSERT INTO notices (number, at_us, kind, body) VALUES (?, ?, ?, ?)",
                         {number, at, notice.kind, notice.body}));
  static_cast<void>(inserted);
  return {};
}

}  // namespace

// One strand owns the flags and the timers; the database holds the queue. Database and client are
// used within the gate: they end after the outbox, before what it left in the runtime.
struct Outbox::Impl : std::enable_shared_from_this<Outbox::Impl> {
  Impl(http::Runtime& r, http::Client& c, sql::Database& d, WebhookOptions o, http::Url u)
      : runtime(r),
        client(c),
        database(d),
        options(std::move(o)),
        url(std::move(u)),
        strand(r.CreateStrand()),
        retry(options.first_retry) {
    endpoint = {.host = url.host, .port = url.port, .tls = url.tls, .trust = nullptr};
    if (url.tls) {
      endpoint.trust = std::make_shared<http::ServerTrust>(
          http::ServerTrust{.pinned = {}, .anchors = options.authorities, .check_host = true});
    }
  }

  void Kick() {
    strand.Post([self = shared_from_this()] {
      // Whoever reads now may have read before this one was there.
      self->kicked = true;
      if (self->sending || self->stopped) return;
      self->sending = true;
      self->Load();
    });
  }

  sql::Limits Patience() {
    return {.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10),
            .cancelled = [this] { return stopped.load(); }};
  }

  void Store(std::shared_ptr<const NewNotice> notice) {
    gate.Run([&] {
      database.WriteAsync(
          {}, [notice](sql::Connection& connection) { return InsertNotice(connection, *notice); },
          [weak = weak_from_this(), notice](const Status& status) {
            const auto self = weak.lock();
            if (!self) return;
            if (status) return self->Kick();
            self->StoreLater(notice, status.error());
          });
    });
  }

  // Takes a new notice: behind those that wait, if there are any.
  void Take(std::shared_ptr<const NewNotice> notice) {
    {
      const std::lock_guard lock(unstored_mutex);
      if (!unstored.empty()) return Append(std::move(notice));
    }
    Store(std::move(notice));
  }

  // The mutex is held.
  void Append(std::shared_ptr<const NewNotice> notice) {
    if (unstored.size() == kMaxUnstored) {
      telemetry::LogError("notify.dropped",
                          {{"kind", unstored.front()->kind}, {"bound", kMaxUnstored}});
      unstored.pop_front();
    }
    unstored.push_back(std::move(notice));
  }

  // Tries again until the database takes it.
  void StoreLater(std::shared_ptr<const NewNotice> notice, const Error& why) {
    {
      const std::lock_guard lock(unstored_mutex);
      Append(std::move(notice));
      if (unstored.size() > 1) return;
    }
    telemetry::LogError("notify.not_stored", why, {{"retry_ms", options.first_retry.count()}});
    strand.Post([self = shared_from_this()] {
      if (self->stopped) return;
      self->store_timer = self->runtime.After(self->options.first_retry, self->strand,
                                              [weak = self->weak_from_this()] {
                                                if (const auto again = weak.lock())
                                                  again->StoreWhatIsLeft();
                                              });
    });
  }

  std::size_t StoreWhatIsLeft() {
    std::deque<std::shared_ptr<const NewNotice>> left;
    {
      const std::lock_guard lock(unstored_mutex);
      left.swap(unstored);
    }
    for (auto& notice : left) Store(std::move(notice));
    return left.size();
  }

  // Reads the oldest notice on a worker; the strand goes on with it.
  void Load() {
    kicked = false;
    const Status posted = runtime.Post(http::Lane::kAdministration, [self = shared_from_this()] {
      Result<std::optional<Notice>> oldest = std::optional<Notice>();
      if (!self->gate.Run([&] { oldest = self->ReadOldest(); })) return;
      self->strand.Post(
          [self, oldest = std::move(oldest)]() mutable { self->Loaded(std::move(oldest)); });
    });
    if (!posted) Later(posted.error().message);
  }

  Result<std::optional<Notice>> ReadOldest() {
    std::optional<Notice> oldest;
    LQ_RETURN_IF_ERROR(database.Read(Patience(), [&](sql::Connection& connection) -> Status {
      LQ_ASSIGN_OR_RETURN(
          auto rows,
          connection.Query("SELECT number, kind, body FROM notices ORDER BY number LIMIT 1"));
      if (rows.empty()) return {};
      Notice notice;
      LQ_ASSIGN_OR_RETURN(notice.number, rows[0].Int(0));
      LQ_ASSIGN_OR_RETURN(notice.kind, rows[0].Text(1));
      LQ_ASSIGN_OR_RETURN(notice.body, rows[0].Text(2));
      oldest = std::move(notice);
      return {};
    }));
    return oldest;
  }

  void Loaded(Result<std::optional<Notice>> oldest) {
    if (!oldest) return Later(oldest.error().message);
    if (*oldest) return Send(**std::move(oldest));
    if (kicked) return Load();
    sending = false;
  }

  void Send(Notice notice) {
    http::ClientRequest request{.method = http::Method::kPost,
                                .target = url.target,
                                .headers = {},
                                .body = notice.body,
                                .max_response = 64U << 10U,
                                .may_repeat = true};
    request.headers.Set("Content-Type", "application/json");
    request.headers.Set("Limequat-Notice", fmt::format("{}", notice.number));
    request.headers.Set("Limequat-Event", notice.kind);
    gate.Run([&] {
      client.Send(endpoint, std::move(request), std::chrono::steady_clock::now() + options.timeout,
                  cancel.token(),
                  [self = shared_from_this(),
                   number = notice.number](Result<http::ClientResponse> response) {
                    self->strand.Post([self, number, response = std::move(response)] {
                      self->Sent(number, response);
                    });
                  });
    });
  }

  void Sent(std::int64_t number, const Result<http::ClientResponse>& response) {
    if (!response || response->status < 200 || response->status > 299) {
      Later(response ? fmt::format("the receiver answered {}", response->status)
                     : response.error().message);
      return;
    }
    retry = options.first_retry;
    gate.Run([&] {
      database.WriteAsync(
          {}, [number](sql::Connection& connection) { return RemoveNotice(connection, number); },
          [weak = weak_from_this()](Status status) {
            const auto self = weak.lock();
            if (!self) return;
            self->strand.Post([self, status = std::move(status)] {
              if (status) {
                self->Load();
              } else {
                self->Later(status.error().message);
              }
            });
          });
    });
  }

  void Later(std::string_view why) {
    if (stopped) return;
    telemetry::LogWarning("notify.undelivered", {{"why", why}, {"retry_ms", retry.count()}});
    timer = runtime.After(retry, strand, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->stopped) return;
      self->Load();
    });
    retry = std::min(retry * 2, options.max_retry);
  }

  http::Runtime& runtime;
  http::Client& client;
  sql::Database& database;
  const WebhookOptions options;
  const http::Url url;
  http::Endpoint endpoint;
  http::Strand strand;
  http::Timer timer;
  http::Timer store_timer;
  http::CancelSource cancel;
  std::chrono::milliseconds retry;
  bool sending = false;  // or waiting to try again
  bool kicked = false;   // since the last reading began
  std::atomic<bool> stopped = false;
  http::JobGate gate;

  std::mutex unstored_mutex;
  std::deque<std::shared_ptr<const NewNotice>> unstored;
};

Result<std::unique_ptr<Outbox>> Outbox::Create(http::Runtime& runtime, http::Client& client,
                                               sql::Database& database, WebhookOptions options) {
  LQ_ASSIGN_OR_RETURN(http::Url url, http::ParseUrl(options.url));
  if (url.tls && options.authorities.empty()) {
    return Untrusted("notify.webhook_ca",
                     "a webhook over https needs the certificates of its authority (webhook_ca)");
  }
  auto impl = std::make_shared<Impl>(runtime, client, database, std::move(options), std::move(url));
  impl->Kick();
  return std::unique_ptr<Outbox>(new Outbox(std::move(impl)));
}

Outbox::~Outbox() {
  impl_->stopped = true;
  impl_->cancel.Cancel();
  // The last try; what comes of it nobody hears.
  const std::size_t left = impl_->StoreWhatIsLeft();
  if (left > 0) telemetry::LogWarning("notify.stored_at_the_end", {{"notices", left}});
  impl_->gate.CloseAndWait();
}

void Outbox::Put(std::string_view kind, Time at, std::string body) {
  if (body.size() > kMaxNoticeBytes) {
    telemetry::LogError("notify.too_long", {{"kind", kind}, {"bytes", body.size()}});
    return;
  }
  impl_->Take(std::make_shared<const NewNotice>(
      NewNotice{.kind = std::string(kind), .at = at, .body = std::move(body)}));
}

}  // namespace limequat::notify
