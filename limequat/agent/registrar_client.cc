#include "limequat/agent/registrar_client.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/telemetry/log.h"
#include "limequat/wire/envelope.h"
#include "limequat/wire/version.h"

namespace limequat::agent {

namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxAnswer = 1U << 20U;
constexpr milliseconds kMaxRetryAfter{300'000};

// One try, with what the retry loop wants to know about its failure.
struct Attempt {
  Status status;
  bool again = false;                // it may go better later
  std::optional<milliseconds> wait;  // what the registrar asked for
};

Attempt Final(Error error) { return {.status = std::move(error), .again = false, .wait = {}}; }

// The text of an answer that is not a success, for people.
std::string StatusText(const http::ClientResponse& response) {
  const Result<wire::Envelope> envelope = wire::ParseEnvelope(response.body);
  return envelope ? EscapeForDisplay(envelope->status, 400) : "no explanation";
}

std::optional<milliseconds> RetryAfter(const http::ClientResponse& response) {
  const std::optional<std::string_view> text = response.headers.Find("Retry-After");
  if (!text) return std::nullopt;
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  // A date: the usual delay will do.
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return std::min<milliseconds>(std::chrono::seconds(seconds), kMaxRetryAfter);
}

class Conversation {
 public:
  Conversation(http::Client& client, const http::Endpoint& registrar, const wire::AgentId& id,
               const RetryPolicy& policy, const http::CancelToken& cancel)
      : client_(client), registrar_(registrar), id_(id), policy_(policy), cancel_(cancel) {}

  Attempt Run(const wire::Registration& registration, const Activate& activate) {
    Result<std::vector<wire::ApiVersion>> versions = Versions();
    if (!versions) return Failed(std::move(versions).error());
    Result<Bytes> blob = NotFound("agent.registration.version", "no version was tried");
    std::string target;
    for (const wire::ApiVersion& version : *versions) {
      target = fmt::format("/v{}/agents/{}", version.ToString(), id_.text());
      blob = Post(target, wire::WriteRegistration(registration));
      if (blob || last_status_ != 404) break;
    }
    if (!blob) return Failed(std::move(blob).error());
    Result<tpm::Credential> credential = tpm::ParseCredentialBlob(*blob);
    if (!credential) return Final(std::move(credential).error().In("the registrar's credential"));
    Result<Secret> secret = activate(*credential);
    if (!secret) return Final(std::move(secret).error());
    const std::string body = wire::WriteActivation(wire::AuthTag(secret->Expose(), id_));
    if (Status activated = Put(target, body); !activated)
      return Failed(std::move(activated).error());
    return {};
  }

 private:
  Attempt Failed(Error error) const {
    const bool again = error.code == ErrorCode::kUnavailable;
    return {
        .status = std::move(error), .again = again, .wait = again ? retry_after_ : std::nullopt};
  }

  // The envelope's results of a success.
  Result<json::Value> Send(http::Method method, const std::string& target, std::string body) {
    last_status_ = 0;
    retry_after_.reset();
    http::ClientRequest request;
    request.method = method;
    request.target = target;
    request.max_response = kMaxAnswer;
    if (!body.empty()) request.headers.Set("Content-Type", "application/json");
    request.headers.Set("Accept", "application/json");
    request.body = std::move(body);
    // A registration that arrives twice is answered twice; an activation answers a challenge that
    // is good once, so that a repeated one would be refused.
    request.may_repeat = method != http::Method::kPut;
    LQ_ASSIGN_OR_RETURN(const http::ClientResponse response,
                        client_.SendAndWait(registrar_, std::move(request),
                                            Clock::now() + policy_.request_timeout, cancel_));
    last_status_ = response.status;
    if (response.status < 200 || response.status > 299) return Refusal(response);
    LQ_ASSIGN_OR_RETURN(wire::Envelope envelope, wire::ParseEnvelope(response.body));
    return std::move(envelope.results);
  }

  Error Refusal(const http::ClientResponse& response) {
    const std::string text =
        fmt::format("the registrar answers {}: {}", response.status, StatusText(response));
    if (response.status == 403) return Conflict("agent.registration.identity", text);
    if (response.status == 408 || response.status == 429 || response.status >= 500) {
      retry_after_ = RetryAfter(response);
      return Unavailable("agent.registration.status", text);
    }
    return Untrusted("agent.registration.refused", text);
  }

  // What to try, the best first.
  Result<std::vector<wire::ApiVersion>> Versions() {
    const Result<json::Value> results = Send(http::Method::kGet, "/version", "");
    if (!results) {
      // A registrar from before the question existed says that it has no such path.
      if (results.error().code == ErrorCode::kUnavailable || last_status_ < 400)
        return results.error();
      const auto ours = wire::AgentVersions();
      return std::vector<wire::ApiVersion>(ours.rbegin(), ours.rend());
    }
    LQ_ASSIGN_OR_RETURN(const wire::Versions versions, wire::ParseVersions(*results));
    const std::optional<wire::ApiVersion> best =
        wire::HighestCommon(wire::AgentVersions(), versions.supported);
    if (!best) {
      return Unsupported("agent.registration.version",
                         "the registrar offers no version of the API that this agent knows");
    }
    return std::vector{*best};
  }

  Result<Bytes> Post(const std::string& target, std::string body) {
    LQ_ASSIGN_OR_RETURN(const json::Value results,
                        Send(http::Method::kPost, target, std::move(body)));
    return wire::ParseRegistrationResults(results);
  }

  Status Put(const std::string& target, std::string body) {
    LQ_ASSIGN_OR_RETURN(const json::Value results,
                        Send(http::Method::kPut, target, std::move(body)));
    if (results.as_object() == nullptr) {
      return Malformed("agent.registration.activation", "the activation's answer has no results");
    }
    return {};
  }

  http::Client& client_;
  const http::Endpoint& registrar_;
  const wire::AgentId& id_;
  const RetryPolicy& policy_;
  const http::CancelToken& cancel_;
  int last_status_ = 0;  // of the last request; 0: no answer
  std::optional<milliseconds> retry_after_;
};

// Waits, or less if `cancel` fires.
void Sleep(milliseconds time, const http::CancelToken& cancel) {
  std::mutex mutex;
  std::condition_variable cancelled;
  const http::CancelToken::Registration registration = cancel.OnCancel([&] {
    const std::lock_guard lock(mutex);
    cancelled.notify_all();
  });
  std::unique_lock lock(mutex);
  cancelled.wait_for(lock, time, [&] { return cancel.cancelled(); });
}

}  // namespace

Status Register(http::Client& client, const http::Endpoint& registrar, const wire::AgentId& id,
                const wire::Registration& registration, const Activate& activate,
                const RetryPolicy& policy, const http::CancelToken& cancel) {
  milliseconds delay = policy.first_delay;
  for (int retries = 0;; ++retries) {
    Attempt attempt =
        Conversation(client, registrar, id, policy, cancel).Run(registration, activate);
    if (attempt.status) return {};
    if (cancel.cancelled()) {
      return Unavailable("agent.registration.cancelled", "stopped before it was registered");
    }
    if (!attempt.again || retries >= policy.max_retries) return attempt.status;
    const milliseconds wait = std::max(delay, attempt.wait.value_or(milliseconds(0)));
    telemetry::LogWarning("agent.registration.again",
                          {{"why", attempt.status.error().message},
                           {"seconds", std::chrono::duration<double>(wait).count()}});
    Sleep(wait, cancel);
    delay = std::min(2 * delay, policy.max_delay);
  }
}

}  // namespace limequat::agent
