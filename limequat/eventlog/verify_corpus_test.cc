// Real logs against PCRs that the machine itself had, and against quotes of its TPM.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "limequat/eventlog/testing/corpus.h"
#include "limequat/eventlog/testing/quote.h"
#include "limequat/eventlog/verify.h"
#include "limequat/json/value.h"

namespace limequat::eventlog {
namespace {

namespace fs = std::filesystem;
using crypto::HashAlgorithm;
using testing::Member;
using testing::QuoteOf;
using testing::ReadFile;

std::string OutcomeOf(const LogVerification& result, std::string_view check) {
  const Finding* finding = FindCheck(result.findings, check);
  return finding == nullptr ? "absent" : std::string(OutcomeName(finding->outcome));
}

const Finding* ReplayOf(const LogVerification& result, std::uint32_t pcr) {
  for (const Finding& finding : result.findings) {
    if (finding.check == "eventlog.replay" && finding.subject.pcr == pcr) return &finding;
  }
  return nullptr;
}

tpm::PcrSet Numbers(const json::Value& list) {
  tpm::PcrSet pcrs;
  if (list.as_array() == nullptr) return pcrs;
  for (const json::Value& number : *list.as_array()) {
    pcrs = pcrs | tpm::PcrSet::Of(static_cast<std::uint32_t>(number.as_uint64().value_or(24)));
  }
  return pcrs;
}

// The references say which PCRs replay to what the machine had.
void CheckBank(ByteView log, const std::string& name, const json::Value& bank) {
  SCOPED_TRACE(name);
  const HashAlgorithm hash = *crypto::HashFromName(name);
  const auto values = tpm::PcrValues::FromJson(json::Object{{name, Member(bank, "values")}});
  ASSERT_TRUE(values) << values.error().message;
  const tpm::PcrSet matching = Numbers(Member(bank, "replay_matches"));
  const tpm::PcrSet differing = Numbers(Member(bank, "replay_differs"));
  const auto result = VerifyLog(log, QuoteOf(*values, hash), hash, matching | differing);
  ASSERT_TRUE(result) << result.error().message;
  for (const std::uint32_t pcr : matching.ToList()) {
    EXPECT_TRUE(ReplayOf(*result, pcr)->passed()) << ReplayOf(*result, pcr)->detail;
  }
  for (const std::uint32_t pcr : differing.ToList()) {
    EXPECT_EQ(ReplayOf(*result, pcr)->outcome, Outcome::kFailed) << pcr;
  }
  if (!matching.empty()) {
    EXPECT_EQ(OutcomeOf(*result, "eventlog.boot"), "passed");
    ASSERT_TRUE(result->log);
    EXPECT_TRUE(result->log->pcrs().ContainsAll(matching));
  }
}

int CheckMachines(const fs::path& folder) {
  constexpr std::string_view kEnding = ".pcrs.json";
  int machines = 0;
  std::error_code error;
  for (const auto& file : fs::directory_iterator(folder, error)) {
    std::string path = file.path().string();
    if (!path.ends_with(kEnding)) continue;
    const auto document = json::Parse(ReadFile(path));
    if (!document) continue;
    const json::Object* banks = Member(Member(*document, "machine_pcrs"), "banks").as_object();
    if (banks == nullptr) continue;
    ++machines;
    path.resize(path.size() - kEnding.size());
    SCOPED_TRACE(path);
    const std::string log = ReadFile(path + ".bin");
    for (const auto& [name, bank] : *banks) CheckBank(AsBytes(log), name, bank);
  }
  return machines;
}

TEST(VerifyLogCorpus, OwnMachines) { EXPECT_GE(CheckMachines(testing::OwnData()), 2); }

TEST(VerifyLogCorpus, SharedMachines) {
  if (CheckMachines(testing::SharedCorpus() / "eventlog") == 0) {
    GTEST_SKIP() << "the shared corpus is absent: 0 of its machines were checked";
  }
}

// A whole chain: the quote of a TPM, and the log of the same boot.
void CheckQuote(const fs::path& boot, const fs::path& quote, HashAlgorithm bank) {
  SCOPED_TRACE(quote.string());
  const auto ak = crypto::PublicKey::FromPem(ReadFile(boot / "ak_rsassa.pem"));
  ASSERT_TRUE(ak) << ak.error().message;
  const auto pcrs = tpm::ParsePcrBlob(AsBytes(ReadFile(quote / "pcrs")));
  ASSERT_TRUE(pcrs) << pcrs.error().message;
  const auto verified =
      tpm::VerifyQuote(*ak, AsBytes(ReadFile(quote / "msg")), AsBytes(ReadFile(quote / "sig")),
                       pcrs->values, {.nonce = std::nullopt, .pcrs = {}, .allow_sha1 = true});
  ASSERT_TRUE(verified) << verified.error().message;
  ASSERT_TRUE(verified->quote);
  const std::string log = ReadFile(boot / "binary_bios_measurements");
  const tpm::PcrSet boot_pcrs = tpm::PcrSet::Range(0, 9) | tpm::PcrSet::Range(11, 15);
  const auto result = VerifyLog(AsBytes(log), *verified->quote, bank, boot_pcrs);
  ASSERT_TRUE(result) << result.error().message;
  for (const Finding& finding : result->findings) {
    EXPECT_TRUE(finding.passed()) << finding.check << ": " << finding.detail;
  }
  // PCR 10 is what IMA extends; the firmware's log knows nothing of it.
  ASSERT_TRUE(result->log);
  EXPECT_EQ(result->log->pcrs(), boot_pcrs);
}

void CheckBoot(const fs::path& boot) {
  CheckQuote(boot, boot / "quotes" / "q1_rsassa_sha256_all", HashAlgorithm::kSha256);
  CheckQuote(boot, boot / "quotes" / "q2_rsassa_sha1_all", HashAlgorithm::kSha1);
  CheckQuote(boot, boot / "quotes" / "q5_rsassa_sha384_all", HashAlgorithm::kSha384);
}

TEST(VerifyLogCorpus, OwnQuotes) { CheckBoot(testing::OwnData() / "run1-secureboot"); }

TEST(VerifyLogCorpus, SharedQuotes) {
  const fs::path folder = testing::SharedCorpus() / "qemu";
  if (!fs::exists(folder)) {
    GTEST_SKIP() << "the shared corpus is absent: 0 of its boots were checked";
  }
  int boots = 0;
  for (const auto& boot : fs::directory_iterator(folder)) {
    // Without a log: firmware that writes none (run5).
    if (!fs::exists(boot.path() / "binary_bios_measurements")) continue;
    CheckBoot(boot.path());
    ++boots;
  }
  EXPECT_GE(boots, 1);
}

}  // namespace
}  // namespace limequat::eventlog
