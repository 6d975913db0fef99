#include "limequat/policy/list_digests.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/crypto/key.h"
#include "limequat/ima/replay.h"
#include "limequat/ima/testing/write_list.h"

namespace limequat::policy {
namespace {

using crypto::HashAlgorithm;

crypto::Digest DigestOf(std::string_view content, HashAlgorithm hash = HashAlgorithm::kSha256) {
  return crypto::Hash(hash, AsBytes(content));
}

// One entry of a list to be.
struct Record {
  std::string path;
  std::string content = "content";
  std::string algorithm = "sha256";
  std::string name = "ima-ng";
  std::string type{};  // of d-ngv2
  std::string buffer{};
  std::uint32_t pcr = 10;
  bool violation = false;
};

Bytes FieldsOf(const Record& record) {
  const auto hash = crypto::HashFromName(record.algorithm).value_or(HashAlgorithm::kSha256);
  std::string digest = record.type.empty() ? "" : record.type + ":";
  digest += record.algorithm + ":" + std::string(1, '\0') +
            std::string(AsText(DigestOf(record.content, hash).bytes()));
  ByteWriter data;
  data.SizedU32Le(AsBytes(digest)).SizedU32Le(AsBytes(record.path + std::string(1, '\0')));
  if (record.name == "ima-buf") data.SizedU32Le(AsBytes(record.buffer));
  return data.Take();
}

Bytes BytesOf(const Record& record) {
  const Bytes data = FieldsOf(record);
  const crypto::Digest digest = crypto::Hash(HashAlgorithm::kSha1, data);
  const Bytes stated =
      record.violation ? Bytes(20) : Bytes(digest.bytes().begin(), digest.bytes().end());
  ByteWriter out;
  out.U32Le(record.pcr).Raw(stated).SizedU32Le(AsBytes(record.name)).SizedU32Le(data);
  return out.Take();
}

Bytes ListOf(const std::vector<Record>& records) {
  Bytes list = BytesOf({.path = "boot_aggregate"});
  for (const Record& record : records) {
    const Bytes bytes = BytesOf(record);
    list.insert(list.end(), bytes.begin(), bytes.end());
  }
  return list;
}

// PCR 10 after the list.
crypto::Digest PcrOf(const Bytes& list, ima::TemplateDigests kind = ima::TemplateDigests::kNative) {
  ima::ListReader reader(list, ima::Format::kBinary);
  ima::Replay replay(HashAlgorithm::kSha256, kind);
  for (auto entry = reader.Next(); entry && *entry; entry = reader.Next()) replay.Extend(**entry);
  return replay.pcr();
}

ListDigests Learned(const Bytes& list, const ListDigestsOptions& options = {}) {
  ListDigests out;
  const Status added = AddListDigests(list, ima::Format::kBinary, options, out);
  EXPECT_TRUE(added) << added.error().message;
  return out;
}

std::string ErrorOf(const Bytes& list, const ListDigestsOptions& options = {}) {
  ListDigests out;
  out.found.digests["/before"] = {"11"};
  const Status added = AddListDigests(list, ima::Format::kBinary, options, out);
  EXPECT_EQ(out.found.digests.size(), 1U) << "after an error it is as it was";
  EXPECT_EQ(out.entries, 0U);
  return added ? "" : added.error().id;
}

// Why the only entry behind boot_aggregate is left out.
std::string ReasonOf(const Record& record, const ListDigestsOptions& options = {}) {
  const ListDigests learned = Learned(ListOf({record}), options);
  EXPECT_TRUE(learned.found.empty());
  return learned.left_out.empty() ? "" : learned.left_out.front();
}

TEST(AddListDigests, TakesWhatFilesAre) {
  const ListDigests learned =
      Learned(ListOf({{.path = "/bin/a", .content = "1"}, {.path = "/bin/b", .content = "2"}}));
  EXPECT_EQ(learned.found.digests,
            (DigestsByName{{"/bin/a", {DigestOf("1").hex()}}, {"/bin/b", {DigestOf("2").hex()}}}));
  EXPECT_EQ(learned.entries, 3U);
  EXPECT_TRUE(learned.left_out.empty()) << "boot_aggregate in its place is no news";
}

TEST(AddListDigests, AFileThatChangedHasBothDigests) {
  const Bytes one = ListOf({{.path = "/bin/a", .content = "1"}});
  const Bytes two = ListOf({{.path = "/bin/a", .content = "2"}});
  ListDigests learned = Learned(one);
  ASSERT_TRUE(AddListDigests(two, ima::Format::kBinary, {}, learned));
  EXPECT_EQ(learned.found.digests.at("/bin/a").size(), 2U);
}

TEST(AddListDigests, Attack_A06_NothingBehindTheQuotedStateIsLearned) {
  const Bytes quoted = ListOf({{.path = "/bin/a"}});
  Bytes list = quoted;
  const Bytes late = BytesOf({.path = "/bin/evil"});
  list.insert(list.end(), late.begin(), late.end());
  list.push_back(1);  // not even a record
  for (const auto kind : {ima::TemplateDigests::kNative, ima::TemplateDigests::kZeroPadded}) {
    const ListDigests learned = Learned(list, {.pcr = PcrOf(quoted, kind)});
    EXPECT_EQ(learned.found.digests.size(), 1U);
    EXPECT_TRUE(learned.found.digests.contains("/bin/a"));
    EXPECT_EQ(learned.unquoted_bytes, late.size() + 1);
  }
}

TEST(AddListDigests, Attack_A06_ATamperedListLeadsNowhere) {
  const crypto::Digest pcr = PcrOf(ListOf({{.path = "/bin/a", .content = "good"}}));
  EXPECT_EQ(ErrorOf(ListOf({{.path = "/bin/a", .content = "bad"}}), {.pcr = pcr}),
            "policy.learn.replay");
  EXPECT_EQ(ErrorOf(ListOf({}), {.pcr = pcr}), "policy.learn.replay");
}

// The ASCII form of a list.
std::string AsciiOf(const Bytes& list) {
  std::string text;
  ima::ListReader reader(list, ima::Format::kBinary);
  for (auto entry = reader.Next(); entry && *entry; entry = reader.Next()) {
    text += ima::testing::AsciiForm(**entry);
  }
  return text;
}

TEST(AddListDigests, Attack_ANameThatLooksLikeARecordIsNone) {
  const std::string fake = AsciiOf(BytesOf({.path = "/bin/fake"}));
  const Bytes quoted = ListOf({{.path = "/odd\n" + fake}, {.path = "/bin/b"}});
  const std::string text = AsciiOf(quoted) + fake;
  for (const auto kind : {ima::TemplateDigests::kNative, ima::TemplateDigests::kZeroPadded}) {
    ListDigests out;
    ASSERT_TRUE(
        AddListDigests(AsBytes(text), ima::Format::kAscii, {.pcr = PcrOf(quoted, kind)}, out));
    EXPECT_EQ(out.found.digests.size(), 1U);
    EXPECT_TRUE(out.found.digests.contains("/bin/b"));
    EXPECT_EQ(out.left_out.size(), 1U);
    EXPECT_EQ(out.entries, 3U);
    EXPECT_EQ(out.unquoted_bytes, fake.size());
  }
}

TEST(AddListDigests, Attack_A02_AnEmptyPcrAttestsNothing) {
  EXPECT_EQ(ErrorOf(ListOf({{.path = "/bin/a"}}), {.pcr = crypto::Digest(HashAlgorithm::kSha256)}),
            "policy.learn.replay");
}

TEST(AddListDigests, AListThatWasChangedIsRefusedEvenUnattested) {
  Bytes list = ListOf({{.path = "/bin/a"}});
  list.back() = 0;
  list[list.size() - 2] = 'x';  // the last character of the name
  EXPECT_EQ(ErrorOf(list), "policy.learn.template_digest");
}

TEST(AddListDigests, AMalformedListIsAnError) {
  Bytes list = ListOf({{.path = "/bin/a"}});
  list.pop_back();
  EXPECT_EQ(ErrorOf(list), "ima.truncated");
  EXPECT_EQ(ErrorOf(list, {.pcr = crypto::Digest(HashAlgorithm::kSha384)}), "policy.learn.replay")
      << "nothing was measured";
  EXPECT_EQ(ErrorOf(list, {.pcr = DigestOf("another")}), "ima.truncated");
}

TEST(AddListDigests, Attack_A09_ViolationsAreLeftOutAndNamed) {
  EXPECT_EQ(ReasonOf({.path = "/bin/a", .violation = true}),
            "/bin/a: a violation: it changed while it was measured");
}

TEST(AddListDigests, Attack_A04_NoBootAggregateIsLearned) {
  EXPECT_NE(ReasonOf({.path = "boot_aggregate"}).find("another kernel was started"),
            std::string::npos);
}

TEST(AddListDigests, WhatNoPolicyCanHoldIsLeftOut) {
  EXPECT_NE(ReasonOf({.path = "/bin/a", .pcr = 11}).find("another PCR"), std::string::npos);
  EXPECT_NE(ReasonOf({.path = "/bin/a", .algorithm = "sha1"}).find("weak"), std::string::npos);
  EXPECT_NE(ReasonOf({.path = "/bin/a", .algorithm = "wp256"}).find("no policy lists"),
            std::string::npos);
  EXPECT_NE(ReasonOf({.path = "/bin/a", .name = "ima-ngv2", .type = "verity"}).find("content"),
            std::string::npos);
  EXPECT_NE(ReasonOf({.path = "/bin/a", .name = "d-ng|n-ng"}).find("custom template"),
            std::string::npos);
  EXPECT_EQ(ReasonOf({.path = "/tmp/a", .name = "ima-buf", .buffer = "key"}), "")
      << "a buffer is no file";
}

TEST(AddListDigests, Attack_A15_NamesThatDoNotShowAsTheyAreAreLeftOut) {
  for (const char* name : {"/bin/\x1b[2J", "/bin/\xff", "/bin/a b", "/bin/a\\b", "/bin/a\nb"}) {
    const std::string reason = ReasonOf({.path = name});
    EXPECT_NE(reason.find("do not show"), std::string::npos) << reason;
    EXPECT_EQ(reason.find('\x1b'), std::string::npos);
  }
}

TEST(AddListDigests, FsVerityAside_TheFilesOfNgv2AreLearned) {
  EXPECT_EQ(
      Learned(ListOf({{.path = "/bin/a", .name = "ima-ngv2", .type = "ima"}})).found.digests.size(),
      1U);
}

TEST(AddListDigests, Sha1IsLearnedIfAsked) {
  const ListDigests learned =
      Learned(ListOf({{.path = "/bin/a", .algorithm = "sha1"}}), {.allow_sha1 = true});
  EXPECT_EQ(learned.found.digests.at("/bin/a").begin()->size(), 40U);
}

TEST(AddListDigests, ExcludedPathsAreNotLearned) {
  const std::vector<std::string> expressions = {"/tmp/"};
  const auto excludes = ExcludeList::Compile(expressions);
  ASSERT_TRUE(excludes);
  const ListDigests learned =
      Learned(ListOf({{.path = "/tmp/a"}, {.path = "/bin/a"}}), {.excludes = &*excludes});
  EXPECT_EQ(learned.found.digests.size(), 1U);
  EXPECT_EQ(learned.excluded, 1U);
}

// A key as kernels measure it.
std::string KeyBlob() {
  static const Bytes kBlob =
      crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key().ToSpkiDer();
  return std::string(AsText(kBlob));
}

Record Buffer(std::string name, const std::string& content) {
  return {.path = std::move(name), .content = content, .name = "ima-buf", .buffer = content};
}

TEST(AddListDigests, KeysAndBuffersAreLearnedIfAsked) {
  const Bytes list = ListOf({Buffer(".ima", KeyBlob()), Buffer("selinux-state", "enforcing=1")});
  const DigestsByName keys{{".ima", {DigestOf(KeyBlob()).hex()}}};
  const DigestsByName buffers{{"selinux-state", {DigestOf("enforcing=1").hex()}}};
  EXPECT_TRUE(Learned(list).found.empty());
  const ListDigests all = Learned(list, {.keys = true, .buffers = true});
  EXPECT_EQ(all.found.keyrings, keys);
  EXPECT_EQ(all.found.buffers, buffers);
  EXPECT_TRUE(all.found.digests.empty());
  EXPECT_TRUE(Learned(list, {.keys = true}).found.buffers.empty());
  EXPECT_TRUE(Learned(list, {.buffers = true}).found.keyrings.empty())
      << "a key is never learned as other data";
}

// As it is appraised: what cannot be read as a key is data, and teaches none.
TEST(AddListDigests, WhatHasButTheFormOfAKeyIsData) {
  const Bytes shape = *HexDecode("300730050603550403");  // SEQUENCE { SEQUENCE { OID } }
  const std::string blob(AsText(shape));
  EXPECT_EQ(Learned(ListOf({Buffer(".ima", blob)}), {.buffers = true}).found.buffers.size(), 1U);
  EXPECT_TRUE(Learned(ListOf({Buffer(".ima", blob)}), {.keys = true}).found.empty());
}

TEST(AddListDigests, KeysOfIgnoredKeyringsAreNotLearned) {
  const std::vector<std::string> ignored = {".platform"};
  const ListDigests learned =
      Learned(ListOf({Buffer(".platform", KeyBlob()), Buffer(".ima", KeyBlob())}),
              {.keys = true, .ignored_keyrings = ignored});
  EXPECT_EQ(learned.found.keyrings.size(), 1U);
  EXPECT_TRUE(learned.found.keyrings.contains(".ima"));
  EXPECT_EQ(learned.excluded, 1U);
}

TEST(AddListDigests, BuffersThatProveNothingAreLeftOut) {
  const ListDigestsOptions options{.keys = true, .buffers = true};
  Record wrong = Buffer("name", "one");
  wrong.buffer = "another";
  EXPECT_NE(ReasonOf(wrong, options).find("buffer beside it"), std::string::npos);
  Record elsewhere = Buffer(".ima", KeyBlob());
  elsewhere.pcr = 11;
  EXPECT_NE(ReasonOf(elsewhere, options).find("another PCR"), std::string::npos);
  Record weak = Buffer("name", "one");
  weak.algorithm = "sha1";
  EXPECT_NE(ReasonOf(weak, options).find("weak"), std::string::npos);
  EXPECT_NE(ReasonOf(Buffer("na\x1bme", "one"), options).find("do not show"), std::string::npos);
}

TEST(AddListDigests, Attack_A06_NoKeyBehindTheQuotedStateIsLearned) {
  const Bytes quoted = ListOf({{.path = "/bin/a"}});
  Bytes list = quoted;
  const Bytes late = BytesOf(Buffer(".ima", KeyBlob()));
  list.insert(list.end(), late.begin(), late.end());
  EXPECT_TRUE(Learned(list, {.pcr = PcrOf(quoted), .keys = true}).found.keyrings.empty());
}

TEST(AddListDigests, ReasonsAreBounded) {
  std::vector<Record> records;
  for (std::size_t i = 0; i < kMaxLeftOut + 3; ++i) {
    records.push_back({.path = "/" + std::to_string(i), .violation = true});
  }
  const ListDigests learned = Learned(ListOf(records));
  EXPECT_EQ(learned.left_out.size(), kMaxLeftOut);
  EXPECT_EQ(learned.left_out_not_kept, 3U);
}

}  // namespace
}  // namespace limequat::policy
