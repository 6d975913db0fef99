#include "limequat/notify/outbox.h"

#include <algorithm>
#include <atomic>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/telemetry/log.h"

namespace limequat::notify {

namespace {

struct Notice {
  std::int64_t number = 0;
  std::string kind;
  std::string body;
};

sql::Limits Patience() {
  return {.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10), .cancelled = {}};
}

Status RemoveNotice(sql::Connection& connection, std::int64_t number) {
  LQ_ASSIGN_OR_RETURN(auto removed,
                      connection.Execute("DELETE FROM notices WHERE number = ?", {number}));
  static_cast<void>(removed);
  return {};
}

Status InsertNotice(sql::Connection& connection, std::string_view kind, Time at,
                    const std::string& body) {
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
  const std::int64_t number =
      std::max(newest + 1, static_cast<std::int64_t>(at.time_since_epoch().count()));
  LQ_ASSIGN_OR_RETURN(
      auto inserted,
      connection.Execute("INSERT INTO notices (number, at_us, kind, body) VALUES (?, ?, ?, ?)",
                         {number, at.time_since_epoch().count(), std::string(kind), body}));
  static_cast<void>(inserted);
  return {};
}

}  // namespace

// One strand owns `sending` and the timer; the database holds the queue.
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
      if (self->sending || self->stopped || self->waiting_for_retry) return;
      self->sending = true;
      self->Load();
    });
  }

  // Reads the oldest notice on a worker; the strand goes on with it.
  void Load() {
    const Status posted = runtime.Post(http::Lane::kAdministration, [self = shared_from_this()] {
      std::optional<Notice> oldest;
      const Status status =
          self->database.Read(Patience(), [&](sql::Connection& connection) -> Status {
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
          });
      self->strand.Post([self, status, oldest = std::move(oldest)]() mutable {
        if (!status) {
          self->Later(status.error().message);
        } else if (!oldest) {
          self->sending = false;
        } else {
          self->Send(*std::move(oldest));
        }
      });
    });
    if (!posted) Later(posted.error().message);
  }

  void Send(Notice notice) {
    if (stopped) return;
    http::ClientRequest request{.method = http::Method::kPost,
                                .target = url.target,
                                .headers = {},
                                .body = notice.body,
                                .max_response = 64U << 10U,
                                .may_repeat = true};
    request.headers.Set("Content-Type", "application/json");
    request.headers.Set("Limequat-Notice", fmt::format("{}", notice.number));
    request.headers.Set("Limequat-Event", notice.kind);
    client.Send(
        endpoint, std::move(request), std::chrono::steady_clock::now() + options.timeout,
        cancel.token(),
        [self = shared_from_this(), number = notice.number](Result<http::ClientResponse> response) {
          self->strand.Post(
              [self, number, response = std::move(response)] { self->Sent(number, response); });
        });
  }

  void Sent(std::int64_t number, const Result<http::ClientResponse>& response) {
    if (stopped) return;
    if (!response || response->status < 200 || response->status > 299) {
      Later(response ? fmt::format("the receiver answered {}", response->status)
                     : response.error().message);
      return;
    }
    retry = options.first_retry;
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
  }

  void Later(std::string_view why) {
    if (stopped) return;
    telemetry::LogWarning("notify.undelivered", {{"why", why}, {"retry_ms", retry.count()}});
    waiting_for_retry = true;
    timer = runtime.After(retry, strand, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->stopped) return;
      self->waiting_for_retry = false;
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
  http::CancelSource cancel;
  std::chrono::milliseconds retry;
  bool sending = false;
  bool waiting_for_retry = false;
  std::atomic<bool> stopped = false;
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
}

void Outbox::Put(std::string_view kind, Time at, std::string body) {
  if (body.size() > kMaxNoticeBytes) {
    telemetry::LogError("notify.too_long", {{"kind", kind}, {"bytes", body.size()}});
    return;
  }
  impl_->database.WriteAsync(
      {},
      [kind = std::string(kind), at, body = std::move(body)](sql::Connection& connection) {
        return InsertNotice(connection, kind, at, body);
      },
      [weak = std::weak_ptr(impl_)](Status status) {
        const auto impl = weak.lock();
        if (!impl) return;
        if (!status) telemetry::LogError("notify.not_stored", status.error());
        impl->Kick();
      });
}

}  // namespace limequat::notify
