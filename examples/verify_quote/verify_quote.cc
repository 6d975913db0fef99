// verify_quote AK.pem QUOTE.msg QUOTE.sig QUOTE.pcrs NONCE
//
// Verifies a quote as `tpm2_quote -m QUOTE.msg -s QUOTE.sig -o QUOTE.pcrs` writes it. Exit status:
// 0 if everything holds, 1 if the quote is wrong, 2 if it could not be read at all.
//
// The three outcomes are three means: an Error (the bytes are no quote), failed findings (they are
// one, and it is wrong), and a VerifiedQuote, which only VerifyQuote can make.

#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/encoding.h"
#include "limequat/base/finding.h"
#include "limequat/crypto/key.h"
#include "limequat/tpm/quote.h"

namespace {

using limequat::AsBytes;
using limequat::Result;

std::string ReadFile(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Everything that is needed, or the reason why the quote could not be verified.
Result<limequat::tpm::QuoteVerification> Verify(const std::vector<std::string>& arguments) {
  // The attestation key. That it is one, and of which machine, is known from registration, not from
  // this file.
  auto ak = limequat::crypto::PublicKey::FromPem(ReadFile(arguments[0]));
  if (!ak) return ak.error();

  // The PCR values are only claims: the quote signs a digest of them.
  auto claimed = limequat::tpm::ParsePcrBlob(AsBytes(ReadFile(arguments[3])));
  if (!claimed) return claimed.error();

  auto nonce = limequat::HexDecode(arguments[4]);
  if (!nonce) return nonce.error();

  // What the quote must show: our nonce, and at least PCRs 0-10 of the SHA-256 bank under the
  // signature.
  limequat::tpm::QuoteRequirements requirements;
  requirements.nonce = *nonce;
  requirements.pcrs = {
      {.bank = limequat::tpm::AlgorithmId::kSha256, .pcrs = limequat::tpm::PcrSet::Range(0, 10)}};

  const std::string message = ReadFile(arguments[1]);
  const std::string signature = ReadFile(arguments[2]);
  return limequat::tpm::VerifyQuote(*ak, AsBytes(message), AsBytes(signature), claimed->values,
                                    requirements);
}

int Run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 5) {
    std::cerr << "usage: verify_quote AK.pem QUOTE.msg QUOTE.sig QUOTE.pcrs NONCE\n";
    return 2;
  }
  const auto verification = Verify(arguments);
  if (!verification) {
    std::cerr << "verify_quote: " << verification.error().message << " (" << verification.error().id
              << ")\n";
    return 2;
  }

  // All checks are reported, not only the first that failed.
  for (const limequat::Finding& finding : verification->findings) {
    std::cout << limequat::OutcomeName(finding.outcome) << "  " << finding.check;
    if (!finding.passed()) std::cout << "  " << finding.detail;
    std::cout << '\n';
  }
  if (!verification->quote) return 1;

  // From here on the values are what the TPM signed.
  const limequat::tpm::VerifiedQuote& quote = *verification->quote;
  std::cout << "resets: " << quote.clock_info().reset_count << '\n';
  for (const std::uint32_t pcr : {0U, 7U, 10U}) {
    std::cout << "PCR " << pcr << ": "
              << quote.Pcr(limequat::crypto::HashAlgorithm::kSha256, pcr)->hex() << '\n';
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run({argv + 1, argv + argc});
  } catch (const std::exception& problem) {  // of the standard library: no memory, for one
    std::cerr << "verify_quote: " << problem.what() << '\n';
    return 2;
  }
}
