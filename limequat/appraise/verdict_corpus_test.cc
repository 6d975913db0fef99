// Real lists and policies, with what Keylime's own code says of them.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "limequat/appraise/ima_appraisal.h"
#include "limequat/json/value.h"

namespace limequat::appraise {
namespace {

namespace fs = std::filesystem;

const fs::path kCorpus = fs::path(LQ_SOURCE_DIR) / ".." / "shared" / "corpus";

std::string Content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("no file " + path.string());
  return std::string(std::istreambuf_iterator<char>(file), {});
}

json::Value Json(const std::string& text) {
  auto value = json::Parse(text);
  if (!value) throw std::runtime_error(value.error().message);
  return *std::move(value);
}

const json::Value& Member(const json::Value& value, std::string_view name) {
  static const json::Value null;
  const json::Object* object = value.as_object();
  const json::Value* member = object == nullptr ? nullptr : object->Find(name);
  return member == nullptr ? null : *member;
}

std::string Unescaped(std::string text) {
  for (std::size_t at = 0; (at = text.find("~1", at)) != std::string::npos; ++at) {
    text.replace(at, 2, "/");
  }
  return text;
}

json::Object Without(const json::Object& object, std::string_view name) {
  json::Object out;
  for (const auto& [key, value] : object) {
    if (key != name) out.Set(key, value);
  }
  return out;
}

// The operations the corpus uses: replace or remove one member, or one of `digests`.
void Patch(json::Object& policy, const json::Value& operation) {
  const std::string path = Member(operation, "path").as_string()->substr(1);
  const std::size_t slash = path.find('/');
  const std::string name = Unescaped(path.substr(slash == std::string::npos ? 0 : slash + 1));
  const bool remove = *Member(operation, "op").as_string() == "remove";
  json::Object target =
      slash == std::string::npos ? policy : *policy.Find(path.substr(0, slash))->as_object();
  if (remove) {
    target = Without(target, name);
  } else {
    target.Set(name, Member(operation, "value"));
  }
  if (slash == std::string::npos) {
    policy = std::move(target);
  } else {
    policy.Set(path.substr(0, slash), std::move(target));
  }
}

std::optional<PcrClaim> ClaimOf(const json::Value& about) {
  const std::string* bank = Member(about, "pcr_bank").as_string();
  if (bank == nullptr) return std::nullopt;
  const auto hash = crypto::HashFromName(*bank);
  const auto value = crypto::Digest::FromHex(hash.value(), *Member(about, "pcr10").as_string());
  return PcrClaim{.value = value.value()};
}

// Where Keylime says yes and this library does not, on purpose.
bool IsStricter(std::string_view name) {
  return name == "embrave/exclude-bad-regex";  // quirk: an invalid expression is ignored
}

TEST(VerdictCorpusTest, AgreesWithKeylime) {
  const fs::path verdicts = kCorpus / "policy" / "verdict" / "IMA_VERDICTS.json";
  if (!fs::exists(verdicts)) GTEST_SKIP() << "no corpus at " << verdicts;
  int compared = 0;
  const json::Value document = Json(Content(verdicts));
  for (const json::Value& about : *document.as_array()) {
    const std::string name = *Member(about, "name").as_string();
    const bool* accept = Member(Member(about, "keylime"), "accept").as_bool();
    if (accept == nullptr) continue;
    SCOPED_TRACE(name);
    const std::string list = Content(kCorpus / *Member(about, "log").as_string());
    json::Value policy_json = Json(Content(kCorpus / *Member(about, "policy").as_string()));
    for (const json::Value& operation : *Member(about, "json_patch").as_array()) {
      Patch(*policy_json.as_object(), operation);
    }
    const auto policy = policy::RuntimePolicy::Parse(json::Serialize(policy_json));
    bool passes = false;
    if (policy) {
      const auto set = policy::PolicySet::Of(*policy);
      const auto appraisal = AppraiseImaList(AsBytes(list), ima::DetectFormat(AsBytes(list)),
                                             policy::PolicyAt(*set, Time()), ClaimOf(about));
      passes = appraisal.has_value() && appraisal->verdict() == Verdict::kPass;
    }
    EXPECT_EQ(passes, *accept && !IsStricter(name));
    ++compared;
  }
  EXPECT_GT(compared, 20);
}

}  // namespace
}  // namespace limequat::appraise
