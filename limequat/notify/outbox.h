#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/result.h"
#include "limequat/base/time.h"
#include "limequat/http/client.h"
#include "limequat/http/runtime.h"
#include "limequat/sql/database.h"

namespace limequat::notify {

// Bounds of the outbox.
inline constexpr std::int64_t kMaxWaiting = 10'000;  // beyond, the oldest is dropped and logged
inline constexpr std::size_t kMaxNoticeBytes = 256U << 10U;
inline constexpr std::size_t kMaxUnstored = 256;  // that the database did not take; the same

// The table an outbox needs; the owner of the database puts it into a migration.
inline constexpr std::string_view kOutboxTable =
    "CREATE TABLE notices (number BIGINT NOT NULL PRIMARY KEY, at_us BIGINT NOT NULL, kind "
    "VARCHAR(64) NOT NULL, "
    "body TEXT NOT NULL)";

struct WebhookOptions {
  std::string url;                               // http or https
  std::vector<crypto::Certificate> authorities;  // for https
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds first_retry{1'000};  // doubles up to max_retry
  std::chrono::milliseconds max_retry{300'000};
};

// Delivers notices to a webhook, each at least once, in the order in which the database took them:
// a notice is in the database before Put's write is acknowledged and leaves it when the receiver
// answered 2xx. A receiver that is away delays, it never loses, up to kMaxWaiting; a database
// that refuses a notice is asked again until it takes it, up to kMaxUnstored.
// The request is a POST of the notice's JSON with the header Limequat-Notice: NUMBER,
// which stays the same when it is sent again. Thread-safe.
class Outbox {
 public:
  // Starts delivering what an earlier process left behind. kMalformed for a URL
  // that is none, kUntrusted for https without authorities.
  static Result<std::unique_ptr<Outbox>> Create(http::Runtime& runtime, http::Client& client,
                                                sql::Database& database, WebhookOptions options);
  // Stops sending, and waits until nothing uses database and client any more; what waits stays
  // in the database.
  ~Outbox();

  // Adds a notice. `body` is a JSON document.
  void Put(std::string_view kind, Time at, std::string body);

 private:
  struct Impl;
  explicit Outbox(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<Impl> impl_;
};

}  // namespace limequat::notify
