#include <string>

#include <gtest/gtest.h>

#include "allocations.h"
#include "hostile.h"
#include "limequat/crypto/key.h"
#include "limequat/json/value.h"
#include "limequat/tpm/attest.h"
#include "limequat/tpm/credential.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/public_area.h"
#include "limequat/tpm/quote.h"
#include "limequat/tpm/signature.h"

// The bounds that the headers of the module state.
namespace limequat::tpm {
namespace {

using limequat::testing::Bound;
using limequat::testing::ExpectBounded;
using limequat::testing::ForEachHostile;
using limequat::testing::PeakOf;

// Of the values, not of their text: three times 24 of each bank while their list grows.
constexpr Bound kValues{.factor = 0, .constant = 24U << 10U};

TEST(TpmMemory, OfAttestationsIsTheirSize) {
  ExpectBounded("tpm_attest", {.factor = 2, .constant = 512},
                [](ByteView input) { static_cast<void>(ParseQuoteAttest(input)); });
}

TEST(TpmMemory, OfSignaturesIsTheirSize) {
  const auto key = crypto::PrivateKey::GenerateEc(crypto::Curve::kP256).public_key();
  ExpectBounded("tpm_signature", {.factor = 2, .constant = 512}, [&](ByteView input) {
    static_cast<void>(ParseSignature(input));
    static_cast<void>(ParseSignatureFile(input, key, crypto::HashAlgorithm::kSha256, {}));
  });
}

TEST(TpmMemory, OfPublicAreasIsTheirSize) {
  ExpectBounded("tpm_public_area", {.factor = 2, .constant = 1024},
                [](ByteView input) { static_cast<void>(PublicArea::FromEither(input)); });
}

TEST(TpmMemory, OfCredentialsIsTheirSize) {
  ExpectBounded("tpm_credential_blob", {.factor = 2, .constant = 512},
                [](ByteView input) { static_cast<void>(ParseCredentialBlob(input)); });
}

TEST(TpmMemory, OfPcrValuesIsBounded) {
  ExpectBounded("tpm_pcr_blob", {.factor = 2, .constant = 2048},
                [](ByteView input) { static_cast<void>(ParsePcrBlob(input)); });
  ExpectBounded("tpm_pcr_text", {.factor = 0, .constant = 1024}, [](ByteView input) {
    static_cast<void>(ParsePcrList(AsText(input)));
    static_cast<void>(ParsePcrSelectionText(AsText(input)));
  });
  std::string list = "sha256:1";
  while (list.size() < 100'000) list += list.size() % 2 == 0 ? ",1" : "+sha1:2";
  ExpectBounded(AsBytes(list), {.factor = 0, .constant = 1024}, [](ByteView input) {
    static_cast<void>(ParsePcrList(AsText(input).substr(7)));
    static_cast<void>(ParsePcrSelectionText(AsText(input)));
  });
  ForEachHostile("tpm_pcr_values", [](ByteView input) {
    const auto document = json::Parse(AsText(input));
    if (!document) return;
    EXPECT_LE(PeakOf([&] { static_cast<void>(PcrValues::FromJson(*document)); }),
              kValues.Of(input.size()));
  });
}

TEST(TpmMemory, OfQuoteStringsIsTheirSize) {
  ExpectBounded("tpm_quote_string", {.factor = 2, .constant = 2048},
                [](ByteView input) { static_cast<void>(ParseQuoteString(AsText(input))); });
  const std::string text = "r" + std::string(100'000, 'A') + ":" + std::string(100'000, 'A') + ":" +
                           std::string(100'000, 'A');
  ExpectBounded(AsBytes(text), {.factor = 2, .constant = 2048},
                [](ByteView input) { static_cast<void>(ParseQuoteString(AsText(input))); });
  // A text that is nothing but separators.
  const std::string colons = "r" + std::string(100'000, ':');
  ExpectBounded(AsBytes(colons), {.factor = 2, .constant = 2048},
                [](ByteView input) { static_cast<void>(ParseQuoteString(AsText(input))); });
}

}  // namespace
}  // namespace limequat::tpm
