#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/tpm/public_area.h"
#include "limequat/tpm/quote.h"

namespace limequat::tpm {
namespace {

namespace fs = std::filesystem;

const fs::path kOwn = fs::path(LQ_SOURCE_DIR) / "data" / "quote";
const fs::path kCorpus = fs::path(LQ_SOURCE_DIR) / ".." / "shared" / "corpus" / "quote";

std::optional<std::string> Content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

json::Value Json(const fs::path& path) {
  const auto text = Content(path);
  if (!text) throw std::runtime_error("no file " + path.string());
  auto value = json::Parse(*text);
  if (!value) throw std::runtime_error(value.error().message);
  return *std::move(value);
}

const json::Value& Member(const json::Value& value, std::string_view name) {
  static const json::Value null;
  const json::Object* object = value.as_object();
  const json::Value* member = object == nullptr ? nullptr : object->Find(name);
  return member == nullptr ? null : *member;
}

std::optional<crypto::PublicKey> AkOf(const fs::path& folder) {
  for (const std::string_view name : {"ak.tpm2b_public", "ak.tpmt_public"}) {
    const auto file = Content(folder / name);
    if (!file) continue;
    const auto area = PublicArea::FromEither(AsBytes(*file));
    EXPECT_TRUE(area.has_value()) << area.error().message;
    if (area) return area->key();
  }
  const auto pem = Content(folder / "ak.pem");
  if (!pem) return std::nullopt;
  const auto key = crypto::PublicKey::FromPem(*pem);
  EXPECT_TRUE(key.has_value()) << key.error().message;
  return key ? std::optional(*key) : std::nullopt;
}

std::optional<PcrValues> ValuesOf(const fs::path& folder) {
  if (!fs::exists(folder / "pcrs.json")) return std::nullopt;
  const auto values = PcrValues::FromJson(Json(folder / "pcrs.json"));
  EXPECT_TRUE(values.has_value()) << values.error().message;
  return values ? std::optional(*values) : std::nullopt;
}

// As `limequat verify quote` does it with all files of the folder.
Result<QuoteVerification> Verify(const fs::path& folder) {
  const auto ak = AkOf(folder);
  const auto message = Content(folder / "quote.msg");
  const auto signature_file = Content(folder / "quote.sig");
  if (!ak || !message || !signature_file) return NotFound("test.file", "no AK, quote or signature");
  const auto claimed = ParseQuoteAttest(AsBytes(*message));
  if (!claimed) return claimed.error();
  auto signature = ParseSignatureFile(AsBytes(*signature_file), *ak,
                                      BareSignatureHash(*claimed, *ak), AsBytes(*message));
  if (!signature) return std::move(signature).error();
  QuoteRequirements requirements;
  if (auto nonce = Content(folder / "nonce.hex")) {
    while (!nonce->empty() && nonce->back() == '\n') nonce->pop_back();
    requirements.nonce = *HexDecode(*nonce);
  }
  return VerifyQuote(*ak, AsBytes(*message), *signature, ValuesOf(folder), requirements);
}

void ExpectVerdict(const Result<QuoteVerification>& result, const json::Value& expected) {
  const bool* verifies = Member(expected, "verify").as_bool();
  ASSERT_NE(verifies, nullptr);
  std::string why = result ? "" : result.error().message;
  if (result) {
    for (const Finding& finding : result->findings) {
      if (!finding.passed()) why += finding.check + ": " + finding.detail + "\n";
    }
  }
  EXPECT_EQ(result.has_value() && result->quote.has_value(), *verifies) << why;
}

void ExpectChecks(const Result<QuoteVerification>& result, const json::Value& expected) {
  const json::Value& checks = Member(expected, "checks");
  if (checks.is_null()) {
    // The reference could not read it either.
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, ErrorCode::kMalformed);
    return;
  }
  if (!result) return;  // not enough files
  for (const std::string_view name : {"nonce", "signature", "pcr_digest"}) {
    const bool* check = Member(checks, name).as_bool();
    if (check == nullptr) continue;
    const Finding* finding = FindCheck(result->findings, "tpm.quote." + std::string(name));
    ASSERT_NE(finding, nullptr) << name;
    EXPECT_EQ(finding->passed(), *check) << name << ": " << finding->detail;
  }
}

void ExpectFields(const UnverifiedQuote& quote, const json::Value& attest) {
  EXPECT_EQ(HexEncode(quote.qualified_signer), *Member(attest, "signer").as_string());
  EXPECT_EQ(HexEncode(quote.extra_data), *Member(attest, "extra").as_string());
  EXPECT_EQ(HexEncode(quote.pcr_digest), *Member(attest, "pcrDigest").as_string());
  EXPECT_EQ(quote.clock_info.clock, Member(attest, "clock").as_uint64());
  EXPECT_EQ(quote.clock_info.reset_count, Member(attest, "resetCount").as_uint64());
  EXPECT_EQ(quote.clock_info.restart_count, Member(attest, "restartCount").as_uint64());
  EXPECT_EQ(quote.clock_info.safe, Member(attest, "safe").as_uint64() == 1U);
  const json::Array& banks = *Member(attest, "select").as_array();
  ASSERT_EQ(quote.selection.size(), banks.size());
  for (std::size_t i = 0; i < banks.size(); ++i) {
    const json::Array& bank = *banks[i].as_array();
    EXPECT_EQ(AlgorithmName(quote.selection[i].bank), *bank[0].as_string());
    PcrSet pcrs;
    for (const json::Value& pcr : *bank[1].as_array()) {
      pcrs = pcrs | PcrSet::Of(static_cast<std::uint32_t>(*pcr.as_uint64()));
    }
    EXPECT_EQ(quote.selection[i].pcrs, pcrs);
  }
}

void ExpectPcrFile(ByteView file, const PcrSelection& signed_selection, const PcrValues& values) {
  const auto blob = ParsePcrBlob(file);
  ASSERT_TRUE(blob.has_value()) << blob.error().message;
  EXPECT_EQ(blob->values, values);
  EXPECT_EQ(blob->selection, signed_selection);
  // For a bank that does not exist tpm2_quote writes one empty list.
  if (values.empty()) return;
  EXPECT_TRUE(Equal(WritePcrBlob(blob->selection, blob->values), file));
}

class QuoteCorpusTest : public ::testing::TestWithParam<fs::path> {};

TEST_P(QuoteCorpusTest, AgreesWithTheReference) {
  const fs::path& folder = GetParam();
  if (!fs::exists(folder)) GTEST_SKIP() << "no corpus at " << folder;
  const json::Value document = Json(folder / "expected.json");
  const json::Value& expected = Member(document, "independent");
  const auto result = Verify(folder);
  ExpectVerdict(result, expected);
  ExpectChecks(result, expected);
  if (folder.filename().string().starts_with("neg_")) {
    EXPECT_FALSE(result.has_value() && result->quote.has_value());
  }

  const std::string message = *Content(folder / "quote.msg");
  const auto quote = ParseQuoteAttest(AsBytes(message));
  if (!quote) return;
  ExpectFields(*quote, Member(expected, "attest"));
  EXPECT_EQ(AsText(WriteQuoteAttest(*quote)), message);
  if (const auto file = Content(folder / "quote.pcr")) {
    ExpectPcrFile(AsBytes(*file), quote->selection, ValuesOf(folder).value_or(PcrValues()));
  }
  if (auto text = Content(folder / "quote.keylime")) {
    while (!text->empty() && text->back() == '\n') text->pop_back();
    const auto parts = ParseQuoteString(*text);
    ASSERT_TRUE(parts.has_value()) << parts.error().message;
    EXPECT_EQ(AsText(parts->attest), message);
    EXPECT_EQ(AsText(parts->signature), *Content(folder / "quote.sig"));
    EXPECT_EQ(parts->pcrs.values, *ValuesOf(folder));
  }
}

// Boots of a real kernel: every quote with the PCR file that came with it.
class BootCorpusTest : public ::testing::TestWithParam<std::string> {};

TEST_P(BootCorpusTest, QuotesVerify) {
  const fs::path run = kCorpus.parent_path() / "qemu" / GetParam();
  if (!fs::exists(run)) GTEST_SKIP() << "no corpus at " << run;
  const json::Value index = Json(run / "quotes" / "index.json");
  ASSERT_FALSE(index.as_object()->empty());
  for (const auto& [name, about] : *index.as_object()) {
    const std::string ak_name = *Member(about, "ak").as_string();
    const auto ak = PublicArea::FromTpm2b(AsBytes(*Content(run / (ak_name + ".tpm2b"))));
    ASSERT_TRUE(ak.has_value()) << ak.error().message;
    EXPECT_EQ(AsText(ak->Name()), *Content(run / (ak_name + ".name")));
    EXPECT_TRUE(CheckAttestationKey(*ak).passed());
    const auto blob = ParsePcrBlob(AsBytes(*Content(run / "quotes" / name / "pcrs")));
    ASSERT_TRUE(blob.has_value()) << blob.error().message;
    QuoteRequirements requirements;
    requirements.nonce = *HexDecode(*Member(about, "nonce_hex").as_string());
    requirements.pcrs = *ParsePcrSelectionText(*Member(about, "pcrs").as_string());
    const auto message = *Content(run / "quotes" / name / "msg");
    const auto signature = *Content(run / "quotes" / name / "sig");
    requirements.allow_sha1 = true;
    const auto result =
        VerifyQuote(ak->key(), AsBytes(message), AsBytes(signature), blob->values, requirements);
    ASSERT_TRUE(result.has_value()) << result.error().message;
    EXPECT_TRUE(result->quote.has_value()) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Corpus, BootCorpusTest,
                         ::testing::Values("run1-ima-sig-secureboot-crb", "run3-ima-legacy-sha1"),
                         [](const auto& run) { return std::string(run.param.substr(0, 4)); });

// The quotes of this repository, and those of the corpus, or its place if it is absent.
std::vector<fs::path> Folders() {
  std::vector<fs::path> folders;
  for (const fs::path& place : {kOwn, kCorpus}) {
    if (!fs::exists(place)) {
      folders.push_back(place);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(place)) {
      if (entry.is_directory()) folders.push_back(entry.path());
    }
  }
  std::ranges::sort(folders);
  return folders;
}

std::string TestName(const ::testing::TestParamInfo<fs::path>& about) {
  const bool own = about.param.parent_path() == kOwn;
  std::string name = (own ? "own_" : "") + about.param.filename().string();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Corpus, QuoteCorpusTest, ::testing::ValuesIn(Folders()), TestName);

}  // namespace
}  // namespace limequat::tpm
