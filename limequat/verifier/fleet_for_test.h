#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/appraise/testing/machine.h"
#include "limequat/http/server.h"
#include "limequat/http/test_support.h"
#include "limequat/sql/temporary_folder_test.h"
#include "limequat/verifier/fleet.h"
#include "limequat/verifier/testing.h"
#include "limequat/wire/attestation.h"

// What the tests of fleet, driver and API share: machines at the other end of real TLS
// connections, and a verifier with everything but its listener.

namespace limequat::verifier {

// The agent of one machine as it is on the wire: a server on a port of its own that
// wants the verifier's certificate and answers with quotes which an attestation key
// signed. It does what a test tells it, and is honest otherwise. Thread-safe.
class AgentPeer {
 public:
  // One question for evidence.
  struct Question {
    std::string version;  // "v2.6"
    std::string nonce;
    tpm::PcrSet mask;
    bool full = false;
    std::uint64_t ima_from = 0;
  };

  // Serves callers whose certificate this authority issued.
  explicit AgentPeer(const http::TestCa& verifiers);
  AgentPeer(const AgentPeer&) = delete;
  AgentPeer& operator=(const AgentPeer&) = delete;
  ~AgentPeer();

  // What Keylime's tenant would send about it.
  wire::EnrolRequest Request() const;
  std::string PolicyText() const;
  // Does something to the machine; not in the middle of a quote.
  void Change(const std::function<void(appraise::testing::FakeMachine&)>& change);

  // Answers questions with what `answer` returns; with nullopt it stays honest.
  using Answer = std::function<std::optional<http::Response>(const Question&)>;
  void AnswerWith(Answer answer);
  http::Response HonestAnswer(const Question& question);
  // The body of one, to be changed.
  wire::QuoteAnswer HonestQuote(const Question& question);
  // Other versions are answered 400, as Keylime's agent does.
  void SupportOnly(std::vector<std::string> versions);
  // The answer to GET /version, instead of the list of what is supported.
  void AnswerVersionWith(int status, std::string body);

  std::vector<Question> questions() const;
  std::size_t asked() const { return questions().size(); }
  std::size_t version_requests() const;
  // Waits for a question behind the first `before` that asks for everything. One that was on its
  // way to a removed machine, or to a verifier that ended, may come before it.
  [[nodiscard]] bool WaitAskedInFull(std::size_t before) const;
  // Waits until it has been asked `count` times in all.
  [[nodiscard]] bool WaitAsked(std::size_t count) const;
  std::uint16_t port() const { return server_->port(); }

 private:
  Result<http::Response> Ask(const http::Request& request);
  Result<http::Response> Versions();

  const http::Identity identity_;
  mutable std::mutex mutex_;
  appraise::testing::FakeMachine machine_;
  Answer answer_;
  std::vector<std::string> supported_;
  std::optional<http::Response> version_answer_;
  std::vector<Question> questions_;
  std::size_t version_requests_ = 0;
  http::Runtime runtime_;
  std::unique_ptr<http::Server> server_;
};

// Holds the first answer of an agent back until it may go on, or until this ends.
class HeldAnswer {
 public:
  AgentPeer::Answer Hold();
  // Waits until one is held.
  [[nodiscard]] bool Wait();
  void GoOn() { go_on_.set_value(); }

 private:
  const std::shared_ptr<std::atomic<int>> asked_ = std::make_shared<std::atomic<int>>(0);
  std::promise<void> go_on_;
  const std::shared_future<void> may_go_on_ = go_on_.get_future().share();
};

// A policy that lists nothing but this file.
std::string PolicyListing(std::string_view path, std::string_view content = "content");

// A receiver of notices over plain HTTP that keeps their documents.
class NoticeReceiver {
 public:
  explicit NoticeReceiver(http::Runtime& runtime);
  std::string url() const;
  // Waits for the first notice of this event; fails the test if none comes.
  json::Object Wait(std::string_view event);
  std::vector<std::string> events() const;

 private:
  mutable std::mutex mutex_;
  std::vector<json::Object> notices_;
  std::unique_ptr<http::Server> server_;
};

// A verifier with database, client and fleet, and machines for it. The fleet starts when
// it is first used; options are set before.
class VerifierTest : public ::testing::Test {
 protected:
  VerifierTest();
  ~VerifierTest() override;

  Fleet& fleet();
  Store& store();

  // Ends fleet and database and opens both again.
  void Restart();
  // Only ends them.
  void Stop();
  void SendNoticesTo(const std::string& url);

  // Enrols `agent`, with a policy of its own that lists what it ran so far.
  Status Enrol(std::string_view id, const AgentPeer& agent);
  Status EnrolWith(std::string_view id, const AgentPeer& agent,
                   const std::optional<Fleet::PolicyChoice>& policy);
  // Enrols it under policies that were pushed before.
  Status EnrolLayers(std::string_view id, const AgentPeer& agent,
                     const std::vector<std::string>& names);
  Enrolment EnrolmentOf(std::string_view id, const AgentPeer& agent) const;

  // One machine without a fleet; not started.
  std::shared_ptr<Machine> LoneMachine(std::string_view id, const AgentPeer& agent);

  MachineState StateOf(std::string_view id);
  // The names of its layers.
  std::vector<std::string> LayersOf(std::string_view id);
  Integrity IntegrityOf(std::string_view id);
  // Wait until it is so, at most for 10 seconds.
  [[nodiscard]] bool Becomes(std::string_view id, Integrity integrity);
  [[nodiscard]] bool Comes(std::string_view id,
                           const std::function<bool(const MachineState&)>& condition);
  // Waits until so many more answers were verified.
  [[nodiscard]] bool AttestedAgain(std::string_view id, std::int64_t times = 2);
  // Waits until an answer was judged a failure; the checks that did not pass.
  std::vector<std::string> FailuresOf(std::string_view id);
  // Waits until a question failed on its way; what was said of it.
  std::string TroubleOf(std::string_view id);

  // One column of one row, as text.
  std::string Column(const std::string& query);
  void Execute(const std::string& statement);

  const http::TestCa verifiers_{"verifiers"};
  FleetOptions options_{.pace = {.interval = std::chrono::milliseconds(10),
                                 .late_after = std::chrono::hours(1),
                                 .max_retry_interval = std::chrono::milliseconds(20)}};
  sql::TemporaryFolder folder_;
  http::Runtime runtime_{{}};
  std::unique_ptr<Store> store_;
  PolicyShelf policies_;
  BootShelf boots_;
  std::unique_ptr<http::Client> client_;
  std::unique_ptr<notify::Outbox> outbox_;

 private:
  std::unique_ptr<Fleet> fleet_;
};

}  // namespace limequat::verifier
