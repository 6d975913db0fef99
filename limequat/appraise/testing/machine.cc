#include "limequat/appraise/testing/machine.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/crypto/random.h"
#include "limequat/eventlog/log.h"
#include "limequat/eventlog/replay.h"
#include "limequat/ima/list.h"
#include "limequat/json/value.h"
#include "limequat/tpm/signature.h"
#include "limequat/tpm/testing/public_area_bytes.h"

namespace limequat::appraise::testing {

namespace {

using crypto::Digest;
using crypto::HashAlgorithm;

constexpr std::int64_t kNonceTime = 1'764'000'000;

template <class T>
T Value(Result<T> result) {
  if (!result) throw std::logic_error(result.error().id + ": " + result.error().message);
  return *std::move(result);
}

crypto::PrivateKey GenerateAk(AkKind kind) {
  return kind == AkKind::kEcdsaP256 ? crypto::PrivateKey::GenerateEc(crypto::Curve::kP256)
                                    : crypto::PrivateKey::GenerateRsa(2048);
}

tpm::AlgorithmId SchemeOf(AkKind kind) {
  switch (kind) {
    case AkKind::kEcdsaP256:
      return tpm::AlgorithmId::kEcdsa;
    case AkKind::kRsaSsa2048:
      return tpm::AlgorithmId::kRsaSsa;
    case AkKind::kRsaPss2048:
      return tpm::AlgorithmId::kRsaPss;
  }
  throw std::logic_error("unknown kind of attestation key");
}

tpm::PublicArea AkOf(const MachineOptions& options, const crypto::PublicKey& key) {
  auto area = tpm::testing::AkTemplate(SchemeOf(options.ak), tpm::IdOf(options.signature_hash));
  area.attributes = options.ak_attributes;
  return tpm::testing::MakePublicArea(area, key);
}

Digest HashText(HashAlgorithm algorithm, std::string_view text) {
  return crypto::Hash(algorithm, AsBytes(text));
}

// Template data of ima-ng (and, with an absent signature, ima-sig).
Bytes TemplateData(std::string_view name, const Digest& file, std::string_view path) {
  ByteWriter digest;
  digest.Raw(AsBytes(crypto::HashName(file.algorithm()))).U8(':').U8(0).Raw(file.bytes());
  ByteWriter out;
  out.SizedU32Le(digest.bytes());
  out.U32Le(static_cast<std::uint32_t>(path.size() + 1)).Raw(AsBytes(path)).U8(0);
  if (name == "ima-sig") out.U32Le(0);
  return out.Take();
}

std::string Line(std::uint32_t pcr, const std::string& template_hash, std::string_view name,
                 const Digest& file, std::string_view path) {
  return fmt::format("{} {} {} {}:{} {}{}\n", pcr, template_hash, name,
                     crypto::HashName(file.algorithm()), file.hex(), path,
                     name == "ima-sig" ? " " : "");
}

// A positive number as TPMs write it: as long as the curve's.
Bytes TakeDerInteger(ByteReader& in) {
  constexpr std::size_t kSize = 32;
  Value(in.U8("tag"));
  ByteView number = Value(in.Take(Value(in.U8("length")), "integer"));
  if (number.front() == 0) number = number.subspan(1);
  Bytes padded(kSize - number.size(), 0);
  limequat::Append(padded, number);
  return padded;
}

}  // namespace

FakeMachine::FakeMachine(MachineOptions options)
    : options_(std::move(options)),
      ak_key_(GenerateAk(options_.ak)),
      ak_(AkOf(options_, ak_key_.public_key())),
      transport_key_(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key().ToPem()) {
  ResetTpm("");
}

void FakeMachine::ResetTpm(std::string_view kernel) {
  for (const HashAlgorithm bank : {HashAlgorithm::kSha1, HashAlgorithm::kSha256,
                                   HashAlgorithm::kSha384, HashAlgorithm::kSha512}) {
    pcrs_[bank] = std::vector<Digest>(tpm::kPcrCount, Digest(bank));
  }
  ++clock_.reset_count;
  clock_.restart_count = 0;
  clock_.clock += 10'000;
  list_.clear();
  boot_log_.reset();
  if (kernel.empty()) return;
  for (std::uint32_t pcr = 0; pcr < 8; ++pcr) Extend(pcr, fmt::format("firmware {}", pcr));
  Extend(4, kernel);
  Extend(8, fmt::format("{} command line", kernel));
  Extend(9, kernel);
}

void FakeMachine::BootWithoutIma(std::string_view kernel) { ResetTpm(kernel); }

void FakeMachine::Boot(std::string_view kernel) {
  ResetTpm(kernel);
  StartIma();
}

void FakeMachine::BootFromLog(Bytes log) {
  ResetTpm("");
  eventlog::LogReader reader = Value(eventlog::LogReader::Open(log));
  eventlog::Replay replay(options_.active);
  for (auto event = Value(reader.Next()); event; event = Value(reader.Next())) {
    replay.Extend(*event);
  }
  for (const HashAlgorithm bank : options_.active) {
    for (std::uint32_t pcr = 0; pcr < kTransportKeyPcr; ++pcr) {
      pcrs_.at(bank).at(pcr) = replay.Pcr(bank, pcr);
    }
  }
  boot_log_ = std::move(log);
  StartIma();
}

void FakeMachine::StartIma() {
  const HashAlgorithm hash = options_.boot_aggregate_hash;
  const std::uint32_t count = hash == HashAlgorithm::kSha1 ? 8 : 10;
  crypto::Hasher hasher(hash);
  for (std::uint32_t pcr = 0; pcr < count; ++pcr) hasher.Update(Pcr(hash, pcr).bytes());
  Measure("boot_aggregate", hasher.Finish());
}

void FakeMachine::Suspend() {
  ++clock_.restart_count;
  clock_.clock += 1000;
}

void FakeMachine::Extend(std::uint32_t pcr, std::string_view data) {
  for (const HashAlgorithm bank : options_.active) {
    Digest& value = pcrs_.at(bank).at(pcr);
    value = crypto::Extend(value, HashText(bank, data).bytes());
  }
}

void FakeMachine::ExtendRaw(HashAlgorithm bank, std::uint32_t pcr, const Digest& digest) {
  Digest& value = pcrs_.at(bank).at(pcr);
  value = crypto::Extend(value, digest.bytes());
}

void FakeMachine::Run(std::string_view path, std::string_view content) {
  const Digest file = HashText(HashAlgorithm::kSha256, content);
  Measure(path, file);
  std::vector<std::string>& known = measured_[std::string(path)];
  if (std::ranges::find(known, file.hex()) == known.end()) known.push_back(file.hex());
}

void FakeMachine::Measure(std::string_view path, const Digest& file, std::uint32_t pcr) {
  const Bytes data = TemplateData(options_.template_name, file, path);
  const std::string stated = crypto::Hash(HashAlgorithm::kSha1, data).hex();
  Append(Line(pcr, stated, options_.template_name, file, path), pcr, data, false);
}

void FakeMachine::MeasureWith(std::string_view template_name, std::string_view path,
                              const Digest& file, ByteView field, std::uint32_t pcr) {
  ByteWriter data;
  data.Raw(TemplateData("ima-ng", file, path)).SizedU32Le(field);
  const std::string stated = crypto::Hash(HashAlgorithm::kSha1, data.bytes()).hex();
  const std::string line =
      fmt::format("{} {} {} {}:{} {} {}\n", pcr, stated, template_name,
                  crypto::HashName(file.algorithm()), file.hex(), path, HexEncode(field));
  Append(line, pcr, data.bytes(), false);
}

void FakeMachine::Violate(std::string_view path) {
  const Digest file(HashAlgorithm::kSha256);
  const Bytes data = TemplateData(options_.template_name, file, path);
  Append(Line(tpm::kImaPcr, std::string(40, '0'), options_.template_name, file, path), tpm::kImaPcr,
         data, true);
}

void FakeMachine::Append(const std::string& line, std::uint32_t pcr, ByteView template_data,
                         bool violation) {
  list_ += line;
  ima::Entry entry;
  entry.template_data = template_data;
  entry.violation = violation;
  for (const HashAlgorithm bank : options_.active) {
    const auto kind =
        bank == HashAlgorithm::kSha1 ? ima::TemplateDigests::kNative : options_.template_digests;
    Digest& value = pcrs_.at(bank).at(pcr);
    value = crypto::Extend(value, ima::TemplateDigest(entry, bank, kind).bytes());
  }
}

void FakeMachine::ExtendFromList(const std::string& list) {
  std::string kept = std::exchange(list_, {});
  ima::ListReader reader(AsBytes(list), ima::Format::kAscii);
  while (const auto entry = Value(reader.Next())) {
    Append({}, entry->pcr, entry->template_data, entry->violation);
  }
  list_ = std::move(kept);
}

std::uint64_t FakeMachine::entries() const {
  return static_cast<std::uint64_t>(std::ranges::count(list_, '\n'));
}

FakeMachine::ListPart FakeMachine::ListFrom(std::uint64_t first) const {
  if (first > entries()) return {.text = list_, .first = 0};
  std::size_t offset = 0;
  for (std::uint64_t i = 0; i < first; ++i) offset = list_.find('\n', offset) + 1;
  return {.text = std::string_view(list_).substr(offset), .first = first};
}

const Digest& FakeMachine::Pcr(HashAlgorithm bank, std::uint32_t pcr) const {
  return pcrs_.at(bank).at(pcr);
}

Bytes FakeMachine::Sign(ByteView message) const {
  tpm::Signature signature;
  signature.scheme = SchemeOf(options_.ak);
  signature.hash = options_.signature_hash;
  switch (options_.ak) {
    case AkKind::kRsaSsa2048:
      signature.rsa =
          Value(ak_key_.Sign(crypto::SignatureScheme::kRsaSsa, signature.hash, message));
      break;
    case AkKind::kRsaPss2048:
      signature.rsa =
          Value(ak_key_.Sign(crypto::SignatureScheme::kRsaPss, signature.hash, message));
      break;
    case AkKind::kEcdsaP256: {
      const Bytes der =
          Value(ak_key_.Sign(crypto::SignatureScheme::kEcdsa, signature.hash, message));
      ByteReader in(der);
      Value(in.Take(2, "sequence"));
      signature.r = TakeDerInteger(in);
      signature.s = TakeDerInteger(in);
      break;
    }
  }
  return tpm::WriteSignature(signature);
}

tpm::QuoteString FakeMachine::Quote(ByteView nonce, const tpm::PcrSelection& selection) {
  PassTime(10);
  tpm::PcrValues values;
  crypto::Hasher hasher(options_.signature_hash);
  for (const tpm::BankSelection& bank : selection) {
    for (const std::uint32_t pcr : bank.pcrs.ToList()) {
      const Digest& value = Pcr(tpm::HashOf(bank.bank).value(), pcr);
      values.Set(pcr, value);
      hasher.Update(value.bytes());
    }
  }
  Bytes attest = tpm::WriteQuoteAttest({.qualified_signer = ak_.Name(),
                                        .extra_data = ToBytes(nonce),
                                        .clock_info = clock_,
                                        .firmware_version = 1,
                                        .selection = selection,
                                        .pcr_digest = ToBytes(hasher.Finish().bytes())});
  Bytes signature = Sign(attest);
  return {.attest = std::move(attest),
          .signature = std::move(signature),
          .pcrs = {.selection = selection, .values = std::move(values)}};
}

void FakeMachine::SetTransportPcr() {
  const Digest key = HashText(options_.bank, transport_key_);
  pcrs_.at(options_.bank).at(kTransportKeyPcr) = crypto::Extend(Digest(options_.bank), key.bytes());
}

tpm::QuoteString FakeMachine::QuoteMask(ByteView nonce, tpm::PcrSet mask) {
  SetTransportPcr();
  return Quote(nonce, {{.bank = tpm::IdOf(options_.bank),
                        .pcrs = mask | tpm::PcrSet::Of(kTransportKeyPcr)}});
}

std::string FakeMachine::QuoteText(ByteView nonce, tpm::PcrSet mask) {
  const tpm::QuoteString quote = QuoteMask(nonce, mask);
  return tpm::WriteQuoteString(quote.attest, quote.signature,
                               tpm::WritePcrBlob(quote.pcrs.selection, quote.pcrs.values));
}

Answer FakeMachine::AnswerTo(const Challenge& challenge) {
  Answer answer;
  answer.quote = QuoteMask(challenge.nonce, challenge.pcrs);
  answer.hash_alg = hash_name();
  answer.enc_alg = key_name();
  answer.sign_alg = scheme_name();
  if (challenge.full) answer.transport_key_pem = transport_key_;
  const ListPart part = ListFrom(challenge.ima_from);
  answer.ima_list = part.text;
  answer.ima_first = part.first;
  if (challenge.pcrs.Contains(0) && boot_log_) answer.boot_log = *boot_log_;
  return answer;
}

std::string_view FakeMachine::hash_name() const {
  return crypto::HashName(options_.signature_hash);
}

std::string_view FakeMachine::scheme_name() const {
  switch (options_.ak) {
    case AkKind::kEcdsaP256:
      return "ecdsa";
    case AkKind::kRsaSsa2048:
      return "rsassa";
    case AkKind::kRsaPss2048:
      return "rsapss";
  }
  throw std::logic_error("unknown kind of attestation key");
}

std::string_view FakeMachine::key_name() const {
  return options_.ak == AkKind::kEcdsaP256 ? "ecc256" : "rsa2048";
}

std::string FakeMachine::PolicyText(const std::vector<std::string>& excludes) const {
  json::Object digests;
  for (const auto& [path, known] : measured_) {
    json::Array list(known.begin(), known.end());
    digests.Set(path, std::move(list));
  }
  return json::Serialize(json::Object{
      {"meta", json::Object{{"version", 1}, {"generator", 3}}},
      {"release", 0},
      {"digests", std::move(digests)},
      {"excludes", json::Array(excludes.begin(), excludes.end())},
      {"keyrings", json::Object{}},
      {"ima",
       json::Object{
           {"ignored_keyrings", json::Array{}}, {"log_hash_alg", "sha1"}, {"dm_policy", nullptr}}},
      {"ima-buf", json::Object{}},
      {"verification-keys", ""},
  });
}

Reference FakeMachine::MakeReference() const {
  return {
      .ak = ak_,
      .bank = options_.bank,
      .accepted_hashes = {HashAlgorithm::kSha512, HashAlgorithm::kSha384, HashAlgorithm::kSha256},
      .policy = ParsePolicy(PolicyText()),
      .baseline = std::nullopt,
      .pcr_policy = {},
      .requested = {},
      .waivers = {}};
}

BootBaseline FakeMachine::ApprovedBaseline() const {
  BootBaseline baseline{.pcrs = {}, .approved = true};
  for (const std::uint32_t pcr : kBootPcrs.ToList()) {
    baseline.pcrs.Set(pcr, Pcr(options_.bank, pcr));
  }
  return baseline;
}

Challenge MakeChallenge(const Reference& reference, bool full, std::uint64_t ima_from) {
  return {.nonce = ToBytes(crypto::RandomAlphanumeric(20)),
          .nonce_issued = FromUnixSeconds(kNonceTime),
          .pcrs = PcrsToAsk(reference, full),
          .ima_from = full ? 0 : ima_from,
          .full = full};
}

Time EvaluationTime() { return FromUnixSeconds(kNonceTime + 1); }

std::shared_ptr<const policy::PolicySet> ParsePolicy(std::string_view json) {
  return policy::PolicySet::Of(Value(policy::RuntimePolicy::Parse(json)));
}

}  // namespace limequat::appraise::testing
