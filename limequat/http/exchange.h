#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "limequat/http/cancel.h"
#include "limequat/http/message.h"

namespace limequat::http {

// A bound that several threads share. Leases give back what they took when they end
// and may outlive everything else.
class Budget {
  struct State {
    explicit State(std::size_t bound) : limit(bound) {}
    const std::size_t limit;
    std::atomic<std::size_t> used{0};
  };

 public:
  explicit Budget(std::size_t limit) : state_(std::make_shared<State>(limit)) {}

  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept
        : state_(std::move(other.state_)), taken_(std::exchange(other.taken_, 0)) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(state_, other.state_);
      std::swap(taken_, other.taken_);
      return *this;
    }
    ~Lease();
    // Takes more so that `total` are taken. False and unchanged if that is too much.
    [[nodiscard]] bool Grow(std::size_t total);

   private:
    friend class Budget;
    std::shared_ptr<State> state_;
    std::size_t taken_ = 0;
  };

  Lease Open() const {
    Lease lease;
    lease.state_ = state_;
    return lease;
  }

 private:
  std::shared_ptr<State> state_;
};

// Who is at the other end of a connection; shared by its exchanges.
struct Peer {
  Principal principal;
  std::string address;
};

// X-Request-ID in the form that Keylime's servers echo: word characters only, 36 at most.
std::string SanitizeRequestId(std::string_view id);

// The Context of one request.
class Exchange final : public Context {
 public:
  Exchange(std::shared_ptr<const Peer> peer, std::string request_id)
      : peer_(std::move(peer)), request_id_(std::move(request_id)) {}

  const Principal& principal() const override { return peer_->principal; }
  Deadline deadline() const override { return deadline_.load(); }
  CancelToken cancel() const override { return cancel_.token(); }
  std::string_view request_id() const override { return request_id_; }
  std::string_view remote_address() const override { return peer_->address; }

  void SetDeadline(Deadline deadline) { deadline_.store(deadline); }
  void Cancel() { cancel_.Cancel(); }

 private:
  const std::shared_ptr<const Peer> peer_;
  const std::string request_id_;
  std::atomic<Deadline> deadline_{Deadline::max()};
  CancelSource cancel_;
};

// A Request and the part of the body budget that it holds until it is destroyed.
struct HeldRequest {
  Request request;
  Budget::Lease body;
};

}  // namespace limequat::http
