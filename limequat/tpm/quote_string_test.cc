#include <gtest/gtest.h>

#include "limequat/base/encoding.h"
#include "limequat/tpm/quote.h"

namespace limequat::tpm {
namespace {

PcrSelection Selection() { return {{.bank = AlgorithmId::kSha256, .pcrs = PcrSet::Of(16)}}; }

Bytes Blob() {
  PcrValues values;
  values.Set(16, crypto::Digest(crypto::HashAlgorithm::kSha256));
  return WritePcrBlob(Selection(), values);
}

std::string Sample() { return WriteQuoteString(ToBytes("attest"), ToBytes("signature"), Blob()); }

void ExpectError(std::string_view text, std::string_view id) {
  const auto quote = ParseQuoteString(text);
  ASSERT_FALSE(quote.has_value());
  EXPECT_EQ(quote.error().code, ErrorCode::kMalformed);
  EXPECT_EQ(quote.error().id, id);
}

TEST(QuoteStringTest, ParseIsTheInverseOfWrite) {
  const auto quote = ParseQuoteString(Sample());
  ASSERT_TRUE(quote.has_value()) << quote.error().message;
  EXPECT_EQ(quote->attest, ToBytes("attest"));
  EXPECT_EQ(quote->signature, ToBytes("signature"));
  EXPECT_EQ(quote->pcrs.selection, Selection());
}

TEST(QuoteStringTest, FurtherFieldsAreIgnored) {
  EXPECT_TRUE(ParseQuoteString(Sample() + ":").has_value());
  EXPECT_TRUE(ParseQuoteString(Sample() + ":what:ever").has_value());
}

TEST(QuoteStringTest, Prefix) {
  ExpectError("", "tpm.quote_string.prefix");
  ExpectError(Sample().substr(1), "tpm.quote_string.prefix");
  ExpectError("d" + Sample().substr(1), "tpm.quote_string.prefix");
}

TEST(QuoteStringTest, FieldsAbsentOrEmpty) {
  ExpectError("r", "tpm.quote_string.fields");
  ExpectError("rYXR0", "tpm.quote_string.fields");
  ExpectError("rYXR0:YXR0", "tpm.quote_string.fields");
  ExpectError("rYXR0:YXR0:", "tpm.quote_string.fields");
  ExpectError("r:YXR0:" + Base64Encode(Blob()), "tpm.quote_string.fields");
  ExpectError("rYXR0::" + Base64Encode(Blob()), "tpm.quote_string.fields");
}

TEST(QuoteStringTest, Base64) {
  ExpectError("rYXR:YXR0:" + Base64Encode(Blob()), "tpm.quote_string.base64");
  ExpectError("rYXR0:YX R:" + Base64Encode(Blob()), "tpm.quote_string.base64");
  ExpectError("rYXR0:YXR0:" + Base64Encode(Blob()) + "\n", "tpm.quote_string.base64");
}

TEST(QuoteStringTest, PcrValues) { ExpectError("rYXR0:YXR0:YXR0", "tpm.pcr_blob.short"); }

}  // namespace
}  // namespace limequat::tpm
