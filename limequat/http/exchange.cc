#include "limequat/http/exchange.h"

namespace limequat::http {

Budget::Lease::~Lease() {
  if (state_) state_->used.fetch_sub(taken_);
}

bool Budget::Lease::Grow(std::size_t total) {
  if (total <= taken_) return true;
  const std::size_t more = total - taken_;
  std::size_t used = state_->used.load();
  do {
    if (more > state_->limit || used > state_->limit - more) return false;
  } while (!state_->used.compare_exchange_weak(used, used + more));
  taken_ = total;
  return true;
}

std::string SanitizeRequestId(std::string_view id) {
  constexpr std::size_t kMaxLength = 36;
  std::string result;
  for (const char c : id) {
    if (result.size() == kMaxLength) break;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_') {
      result += c;
    }
  }
  return result;
}

}  // namespace limequat::http
