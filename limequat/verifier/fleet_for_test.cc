#include "limequat/verifier/fleet_for_test.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "limequat/base/encoding.h"
#include "limequat/json/value.h"
#include "limequat/verifier/clock.h"
#include "limequat/verifier/driver.h"
#include "limequat/wire/envelope.h"

namespace limequat::verifier {

namespace {

using appraise::testing::FakeMachine;

std::string Text(const http::Request& request, std::string_view name) {
  return std::string(request.QueryParameter(name).value_or(""));
}

std::uint64_t Number(std::string_view text, int base) {
  if (base == 16 && text.starts_with("0x")) text.remove_prefix(2);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  EXPECT_TRUE(error == std::errc() && end == text.data() + text.size()) << text;
  return number;
}

http::Identity AgentIdentity() {
  crypto::CertificateRequest request = http::Named("agent");
  request.server_auth = true;
  return http::SelfSigned(request);
}

http::Response Enveloped(int code, std::string status, json::Value results) {
  return http::Reply(
      code, wire::WriteEnvelope(
                {.code = code, .status = std::move(status), .results = std::move(results)}));
}

}  // namespace

// --- AgentPeer ----------------------------------------------------------------------

AgentPeer::AgentPeer(const http::TestCa& verifiers)
    : identity_(AgentIdentity()), runtime_(http::RuntimeOptions{}) {
  for (const wire::ApiVersion& version : wire::AgentVersions())
    supported_.push_back(version.ToString());
  machine_.Boot();
  machine_.Run("/usr/bin/init", "init 1");
  machine_.Run("/usr/bin/shell", "shell 1");

  auto router = std::make_shared<http::Router>();
  const auto verifier = [] { return http::Access::Roles({"verifier"}); };
  router->Add(http::Method::kGet, "/{version}/quotes/integrity", verifier(), {},
              [this](const http::Request& request, http::Context&) { return Ask(request); });
  router->Add(http::Method::kGet, "/version", verifier(), {},
              [this](const http::Request&, http::Context&) { return Versions(); });
  http::ListenOptions options;
  options.tls = http::TlsOf(identity_);
  options.tls->client_authorities = {{.role = "verifier", .anchors = {verifiers.certificate()}}};
  auto server = http::Server::Listen(runtime_, std::move(router), std::move(options));
  EXPECT_TRUE(server) << server.error().message;
  server_ = *std::move(server);
}

AgentPeer::~AgentPeer() { server_->Stop(std::chrono::milliseconds(0)); }

wire::EnrolRequest AgentPeer::Request() const {
  wire::EnrolRequest request = testing::MakeEnrolRequest();
  request.port = port();
  request.transport_certificate = identity_.certificate.ToPem();
  request.ak_tpm = machine_.ak().tpm2b();
  return request;
}

std::string AgentPeer::PolicyText() const {
  const std::lock_guard lock(mutex_);
  return machine_.PolicyText();
}

void AgentPeer::Change(const std::function<void(FakeMachine&)>& change) {
  const std::lock_guard lock(mutex_);
  change(machine_);
}

bool AgentPeer::WaitAskedInFull(std::size_t before) const {
  return http::Eventually([&] {
    const auto asked = questions();
    return std::any_of(asked.begin() + static_cast<std::ptrdiff_t>(before), asked.end(),
                       [](const Question& question) { return question.full; });
  });
}

AgentPeer::Answer HeldAnswer::Hold() {
  return [asked = asked_, go_on = may_go_on_](const auto&) -> std::optional<http::Response> {
    if (asked->fetch_add(1) == 0) go_on.wait();
    return std::nullopt;
  };
}

bool HeldAnswer::Wait() {
  return http::Eventually([this] { return *asked_ > 0; });
}

void AgentPeer::AnswerWith(Answer answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}

wire::QuoteAnswer AgentPeer::HonestQuote(const Question& question) {
  const std::lock_guard lock(mutex_);
  wire::QuoteAnswer answer{.quote = machine_.QuoteText(AsBytes(question.nonce), question.mask),
                           .hash_alg = std::string(machine_.hash_name()),
                           .enc_alg = std::string(machine_.key_name()),
                           .sign_alg = std::string(machine_.scheme_name()),
                           .pubkey = {},
                           .ima_measurement_list = {},
                           .ima_measurement_list_entry = 0,
                           .mb_measurement_list = {}};
  if (question.mask.Contains(0) && machine_.boot_log()) {
    answer.mb_measurement_list = Base64Encode(*machine_.boot_log());
  }
  if (question.full) answer.pubkey = machine_.transport_key();
  const FakeMachine::ListPart part = machine_.ListFrom(question.ima_from);
  answer.ima_measurement_list = std::string(part.text);
  answer.ima_measurement_list_entry = part.first;
  return answer;
}

http::Response AgentPeer::HonestAnswer(const Question& question) {
  return Enveloped(200, "Success", wire::WriteQuoteAnswer(HonestQuote(question)));
}

void AgentPeer::SupportOnly(std::vector<std::string> versions) {
  const std::lock_guard lock(mutex_);
  supported_ = std::move(versions);
}

void AgentPeer::AnswerVersionWith(int status, std::string body) {
  const std::lock_guard lock(mutex_);
  version_answer_ = http::Reply(status, std::move(body));
}

Result<http::Response> AgentPeer::Ask(const http::Request& request) {
  const Question question{
      .version = std::string(request.PathParameter("version")),
      .nonce = Text(request, "nonce"),
      .mask = tpm::PcrSet(static_cast<std::uint32_t>(Number(Text(request, "mask"), 16))),
      .full = Text(request, "partial") == "0",
      .ima_from = Number(Text(request, "ima_ml_entry"), 10)};
  Answer answer;
  bool known = false;
  {
    const std::lock_guard lock(mutex_);
    questions_.push_back(question);
    answer = answer_;
    known = std::ranges::find(supported_, question.version.substr(1)) != supported_.end();
  }
  if (answer) {
    if (auto told = answer(question)) return *std::move(told);
  }
  if (!known) return Enveloped(400, "API version not supported", json::Object());
  return HonestAnswer(question);
}

Result<http::Response> AgentPeer::Versions() {
  const std::lock_guard lock(mutex_);
  ++version_requests_;
  if (version_answer_) {
    return http::Reply(version_answer_->status, std::get<std::string>(version_answer_->body));
  }
  json::Array list(supported_.begin(), supported_.end());
  return Enveloped(200, "Success",
                   json::Object{{"supported_version", supported_.back()},
                                {"supported_versions", std::move(list)}});
}

std::vector<AgentPeer::Question> AgentPeer::questions() const {
  const std::lock_guard lock(mutex_);
  return questions_;
}

std::size_t AgentPeer::version_requests() const {
  const std::lock_guard lock(mutex_);
  return version_requests_;
}

bool AgentPeer::WaitAsked(std::size_t count) const {
  return http::Eventually([&] { return asked() >= count; });
}

std::string PolicyListing(std::string_view path, std::string_view content) {
  FakeMachine machine;
  machine.Run(path, content);
  return machine.PolicyText();
}

// --- NoticeReceiver -----------------------------------------------------------------

NoticeReceiver::NoticeReceiver(http::Runtime& runtime) {
  auto router = std::make_shared<http::Router>();
  router->Add(http::Method::kPost, "/hook", http::Access::Public("a test"),
              {.max_body = notify::kMaxNoticeBytes},
              [this](const http::Request& request, http::Context&) -> Result<http::Response> {
                const auto document = json::Parse(request.body);
                EXPECT_TRUE(document && document->as_object() != nullptr) << request.body;
                const std::lock_guard lock(mutex_);
                notices_.push_back(*document->as_object());
                return http::Reply(204, "");
              });
  server_ = *http::Server::Listen(runtime, std::move(router), {});
}

std::string NoticeReceiver::url() const {
  return "http://127.0.0.1:" + std::to_string(server_->port()) + "/hook";
}

std::vector<std::string> NoticeReceiver::events() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> events;
  for (const json::Object& notice : notices_) events.push_back(*notice.Find("event")->as_string());
  return events;
}

json::Object NoticeReceiver::Wait(std::string_view event) {
  json::Object found;
  EXPECT_TRUE(http::Eventually([&] {
    const std::lock_guard lock(mutex_);
    for (const json::Object& notice : notices_) {
      if (*notice.Find("event")->as_string() != event) continue;
      found = notice;
      return true;
    }
    return false;
  })) << "no notice "
      << event;
  return found;
}

// --- VerifierTest -------------------------------------------------------------------

VerifierTest::VerifierTest() {
  const http::Identity self = verifiers_.Client("verifier");
  http::ClientOptions options;
  options.chain = {self.certificate};
  options.private_key_pem = self.key.ExposePem();
  options.max_connections_per_endpoint = 1;
  client_ = *http::Client::Create(runtime_, std::move(options));
}

VerifierTest::~VerifierTest() { Stop(); }

Store& VerifierTest::store() {
  if (!store_) store_ = *Store::Open("sqlite:" + folder_ / "verifier.db");
  return *store_;
}

Fleet& VerifierTest::fleet() {
  if (!fleet_) {
    fleet_ = std::make_unique<Fleet>(FleetParts{.runtime = runtime_,
                                                .client = *client_,
                                                .store = store(),
                                                .policies = policies_,
                                                .boots = boots_,
                                                .outbox = outbox_.get()},
                                     options_);
    const Status started = fleet_->Start();
    EXPECT_TRUE(started) << started.error().message;
  }
  return *fleet_;
}

void VerifierTest::Stop() {
  fleet_.reset();
  outbox_.reset();
  // Writes that are under way refer to machines and end here.
  store_.reset();
}

void VerifierTest::Restart() {
  Stop();
  fleet();
}

void VerifierTest::SendNoticesTo(const std::string& url) {
  auto outbox = notify::Outbox::Create(runtime_, *client_, store().database(),
                                       {.url = url, .authorities = {}});
  ASSERT_TRUE(outbox) << outbox.error().message;
  outbox_ = *std::move(outbox);
}

std::shared_ptr<Machine> VerifierTest::LoneMachine(std::string_view id, const AgentPeer& agent) {
  return std::make_shared<Machine>(
      FleetParts{.runtime = runtime_,
                 .client = *client_,
                 .store = store(),
                 .policies = policies_,
                 .boots = boots_},
      options_, StartState(std::make_shared<const Enrolment>(EnrolmentOf(id, agent)), {}, Time()),
      nullptr);
}

Enrolment VerifierTest::EnrolmentOf(std::string_view id, const AgentPeer& agent) const {
  auto enrolment = MakeEnrolment(
      *wire::AgentId::Parse(id), agent.Request(),
      {.identity = "verified", .ek_fingerprint = {}, .approve_first_boot = true, .waivers = {}});
  EXPECT_TRUE(enrolment) << enrolment.error().message;
  return *std::move(enrolment);
}

Status VerifierTest::EnrolWith(std::string_view id, const AgentPeer& agent,
                               const std::optional<Fleet::PolicyChoice>& policy) {
  std::vector<Fleet::PolicyChoice> policies;
  if (policy) policies.push_back(*policy);
  return fleet().Enrol(EnrolmentOf(id, agent), policies);
}

Status VerifierTest::EnrolLayers(std::string_view id, const AgentPeer& agent,
                                 const std::vector<std::string>& names) {
  std::vector<Fleet::PolicyChoice> policies;
  for (const std::string& name : names) policies.push_back({.name = name});
  return fleet().Enrol(EnrolmentOf(id, agent), policies);
}

Status VerifierTest::Enrol(std::string_view id, const AgentPeer& agent) {
  return EnrolWith(id, agent,
                   Fleet::PolicyChoice{.name = std::string(id), .body = agent.PolicyText()});
}

MachineState VerifierTest::StateOf(std::string_view id) {
  const auto state = fleet().Find(id);
  EXPECT_NE(state, nullptr) << id;
  return state ? *state : MachineState();
}

Integrity VerifierTest::IntegrityOf(std::string_view id) {
  return IntegrityAt(StateOf(id), options_.pace, Now());
}

bool VerifierTest::Becomes(std::string_view id, Integrity integrity) {
  return Comes(id, [&](const MachineState& state) {
    return IntegrityAt(state, options_.pace, Now()) == integrity;
  });
}

bool VerifierTest::Comes(std::string_view id,
                         const std::function<bool(const MachineState&)>& condition) {
  return http::Eventually([&] {
    const auto state = fleet().Find(id);
    return state != nullptr && condition(*state);
  });
}

bool VerifierTest::AttestedAgain(std::string_view id, std::int64_t times) {
  const std::int64_t before = StateOf(id).attestations;
  return Comes(id, [&](const MachineState& now) { return now.attestations >= before + times; });
}

std::vector<std::string> VerifierTest::FailuresOf(std::string_view id) {
  EXPECT_TRUE(Becomes(id, Integrity::kFail));
  std::vector<std::string> checks;
  const MachineState state = StateOf(id);
  if (!state.newest) return checks;
  for (const Finding& finding : state.newest->findings) {
    if (!finding.passed()) checks.push_back(finding.check);
  }
  return checks;
}

std::vector<std::string> VerifierTest::LayersOf(std::string_view id) {
  std::vector<std::string> names;
  for (const BoundLayer& layer : StateOf(id).enrolment->layers) names.push_back(layer.policy);
  return names;
}

std::string VerifierTest::TroubleOf(std::string_view id) {
  std::string trouble;
  EXPECT_TRUE(Comes(id, [&](const MachineState& state) {
    trouble = state.transport_trouble;
    return !trouble.empty();
  })) << "no trouble";
  return trouble;
}

std::string VerifierTest::Column(const std::string& query) {
  std::string value;
  const Status read = store().database().Read({}, [&](sql::Connection& connection) -> Status {
    const auto rows = connection.Query(query);
    if (!rows) return rows.error();
    value = rows->empty() ? "(none)" : *rows->at(0).Text(0);
    return {};
  });
  EXPECT_TRUE(read) << read.error().message;
  return value;
}

void VerifierTest::Execute(const std::string& statement) {
  const Status done = store().database().Write({}, [&](sql::Connection& connection) -> Status {
    const auto changed = connection.Execute(statement);
    return changed ? Status() : Status(changed.error());
  });
  EXPECT_TRUE(done) << done.error().message;
}

}  // namespace limequat::verifier
