#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/error.h"
#include "limequat/base/result.h"
#include "limequat/crypto/certificate.h"
#include "limequat/http/cancel.h"

namespace limequat::http {

enum class Method { kGet, kPost, kPut, kPatch, kDelete };
std::string_view MethodName(Method method);

using Deadline = std::chrono::steady_clock::time_point;

// Who is at the other end, as the TLS handshake proved it.
struct Principal {
  // Empty: nobody has been proved (plain HTTP, or no certificate was offered).
  std::string role;         // the role of the authority that issued the certificate
  std::string common_name;  // escaped for display
  std::optional<crypto::Certificate> certificate;

  bool anonymous() const { return role.empty(); }
};

// Headers with case-insensitive names, in order.
class Headers {
 public:
  Headers& Set(std::string_view name, std::string_view value);  // replaces
  // The first value, or nullopt.
  std::optional<std::string_view> Find(std::string_view name) const;
  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// A request that passed the limits of its route. Every member but `route` is
// chosen by the peer.
struct Request {
  Method method = Method::kGet;
  std::string target;  // as received: path and query, not decoded
  std::string path;    // up to '?', not percent-decoded (as Keylime's servers treat it)
  // Percent-decoded name and value pairs, in order; at most kMaxQueryParameters.
  std::vector<std::pair<std::string, std::string>> query;
  Headers headers;
  std::string body;
  // What the pattern's parameters matched: "/v2.6/agents/{id}" gives {"id", "..."}.
  std::vector<std::pair<std::string, std::string>> path_parameters;
  bool tls = false;

  // The first value of this name, or nullopt.
  std::optional<std::string_view> QueryParameter(std::string_view name) const;
  // The value of a parameter of the route's pattern: it exists by construction.
  std::string_view PathParameter(std::string_view name) const;
};

inline constexpr std::size_t kMaxQueryParameters = 64;

// What a handler may ask about its surroundings. Valid until the response has been
// sent or given up, also for a body that is produced piece by piece.
class Context {
 public:
  virtual ~Context() = default;
  virtual const Principal& principal() const = 0;
  // When the answer must be complete; for streams, when the next piece must be.
  virtual Deadline deadline() const = 0;
  // Cancelled when the client goes away, the deadline passes or the server stops.
  virtual CancelToken cancel() const = 0;
  // The client's X-Request-ID if it is harmless, else one made here. For logs.
  virtual std::string_view request_id() const = 0;
  virtual std::string_view remote_address() const = 0;
};

// --- bodies -------------------------------------------------------------------
// A body is bytes, a pull producer or an event stream. None of them holds a worker
// thread while it waits for the network or for an event.

// Gives the next piece of a long body, an empty optional at its end. It is called
// on a worker of the route's lane, once for each piece, when the piece before it
// has left: a slow client costs memory for one piece and no thread. Between calls
// it must hold no connection, lock or worker (read lists by key, page by page). An
// error closes the connection without the final chunk, so the client sees that the
// body is incomplete. Pieces have at most kMaxPiece bytes.
using Producer = std::move_only_function<Result<std::optional<std::string>>(Context&)>;
inline constexpr std::size_t kMaxPiece = 1U << 20U;

// The writing end of a server-sent event stream (HTML, "Server-sent events"). Kept
// by whoever has events, on any thread; never blocks. Copies share the stream.
class EventSink {
 public:
  enum class Pushed {
    kQueued,
    kClosed,  // the client went away, or the sink overflowed before
    kOverflow  // more than the bound is waiting: the stream is closed, the client reconnects and resumes from its last id
  };
  virtual ~EventSink() = default;
  // `id` may be empty. `data` may have several lines.
  virtual Pushed Push(std::string_view id, std::string_view event, std::string_view data) = 0;
  // Ends the stream in order.
  virtual void Close() = 0;
  virtual bool closed() const = 0;
};

struct EventStream {
  // Called once, on a worker, when the head of the response has been sent.
  std::move_only_function<void(std::shared_ptr<EventSink>)> start;
  std::size_t max_queued_events = 256;
  std::size_t max_queued_bytes = 1U << 20U;
  std::chrono::seconds keep_alive{15};  // a comment line when nothing else is sent
};

using Body = std::variant<std::string, Producer, EventStream>;

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  Headers headers;
  Body body;
};

// A response with a text body.
Response Reply(int status, std::string body, std::string_view content_type = "application/json");

// HTTP status for `code`: 400 501 403 404 409 403 503 500 in the order of ErrorCode.
int HttpStatus(ErrorCode code);

}  // namespace limequat::http
