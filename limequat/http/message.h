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
  // Replaces. A name that is no token, or CR, LF or NUL in the value, makes the
  // message one that cannot be sent: kInternal, answered 500.
  Headers& Set(std::string_view name, std::string_view value);
  // As Set, but keeps what is there.
  Headers& Add(std::string_view name, std::string_view value);
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

// What a handler may ask about its surroundings. A synchronous handler may use its
// Context& and Request& for the whole call, also after cancellation, and never
// keeps them; an asynchronous one owns them by shared_ptr. A Producer or an event
// source is given the Context again at each call.
class Context {
 public:
  virtual ~Context() = default;
  virtual const Principal& principal() const = 0;
  // When the Response must be there; in a call of a Producer or event source, when
  // its piece must be there.
  virtual Deadline deadline() const = 0;
  // Cancelled when the client goes away, the server stops, or the Response is not
  // there by the deadline. Reaching max_duration cancels a stream.
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
// it must hold no connection, lock or worker (read lists by key, page by page).
//
// The first piece is produced before the head is sent: its error is answered like
// an error of the handler. A later error closes the connection without the final
// chunk, so that no client takes half for whole. An empty piece is skipped (as a
// chunk it would end the body); one above kMaxPiece is kInternal and closes the
// connection. Later calls are never refused by a full lane: the route's
// max_running bounds them.
using Producer = std::move_only_function<Result<std::optional<std::string>>(Context&)>;
inline constexpr std::size_t kMaxPiece = 1U << 20U;

// One server-sent event (HTML, "Server-sent events"). CR, LF or NUL in `id` or
// `name` are kInternal and close the stream; `data` may have several lines.
struct Event {
  std::string id;
  std::string name;
  std::string data;
};

// Tells an event stream that its source has something new. Thread-safe, never
// blocks; keep it weakly or drop it when `closed` fires.
class EventWaker {
 public:
  virtual ~EventWaker() = default;
  virtual void Wake() = 0;
  virtual void Close() = 0;  // ends the stream in order, after what was given
  virtual CancelToken closed() const = 0;
};

// A stream of events, pulled by cursor: nothing is queued for a slow client, it
// simply reads later. Resuming from Last-Event-ID is the first value of the cursor.
struct EventStream {
  // Called once before the first `next`: keep the waker and wake it for news.
  std::move_only_function<void(std::shared_ptr<EventWaker>)> subscribe;
  // The oldest events behind the cursor, at most kMaxEventsPerBatch, none if there
  // is nothing new. On a worker of the route's lane, when everything before has
  // left and (the first time, or Wake was called since); again at once after a full
  // batch. An error closes the stream.
  std::move_only_function<Result<std::vector<Event>>(Context&)> next;
  std::chrono::seconds keep_alive{15};  // a comment line when nothing else is sent
};
inline constexpr std::size_t kMaxEventsPerBatch = 256;

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
