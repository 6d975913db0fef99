// appraise_ima LIST POLICY AK.pem QUOTE.msg QUOTE.sig QUOTE.pcrs NONCE
//
// Appraises the files that a machine has run and read (its IMA measurement list, ASCII or binary)
// against a Keylime runtime policy, as far as a quote covers the list. Exit status: 0 pass, 1 not,
// 2 if something could not be read.

#include <chrono>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "limequat/appraise/appraisal.h"
#include "limequat/appraise/ima_appraisal.h"
#include "limequat/base/bytes.h"
#include "limequat/base/encoding.h"
#include "limequat/base/finding.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"
#include "limequat/ima/list.h"
#include "limequat/policy/runtime_policy.h"
#include "limequat/tpm/pcr.h"
#include "limequat/tpm/quote.h"

namespace {

using limequat::AsBytes;
using limequat::Error;
using limequat::Finding;
using limequat::Result;
using limequat::crypto::HashAlgorithm;
namespace appraise = limequat::appraise;
namespace tpm = limequat::tpm;

std::string ReadFile(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Show(const limequat::Findings& findings) {
  for (const Finding& finding : findings) {
    if (!finding.passed()) {
      std::cout << limequat::OutcomeName(finding.outcome) << "  " << finding.check << "  "
                << finding.detail << '\n';
    }
  }
}

// verify_quote.cc explains this step.
Result<tpm::QuoteVerification> VerifyQuote(const std::vector<std::string>& arguments) {
  auto ak = limequat::crypto::PublicKey::FromPem(ReadFile(arguments[2]));
  if (!ak) return ak.error();
  auto claimed = tpm::ParsePcrBlob(AsBytes(ReadFile(arguments[5])));
  if (!claimed) return claimed.error();
  auto nonce = limequat::HexDecode(arguments[6]);
  if (!nonce) return nonce.error();
  tpm::QuoteRequirements requirements;
  requirements.nonce = *nonce;
  requirements.pcrs = {{.bank = tpm::AlgorithmId::kSha256, .pcrs = tpm::PcrSet::Of(tpm::kImaPcr)}};
  const std::string message = ReadFile(arguments[3]);
  const std::string signature = ReadFile(arguments[4]);
  return tpm::VerifyQuote(*ak, AsBytes(message), AsBytes(signature), claimed->values, requirements);
}

int Complain(const Error& error) {
  std::cerr << "appraise_ima: " << error.message << " (" << error.id << ")\n";
  return 2;
}

int Run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 7) {
    std::cerr << "usage: appraise_ima LIST POLICY AK.pem QUOTE.msg QUOTE.sig QUOTE.pcrs NONCE\n";
    return 2;
  }
  // An invalid policy is refused as a whole; it is never applied in part.
  const auto policy = limequat::policy::RuntimePolicy::Parse(ReadFile(arguments[1]));
  if (!policy) return Complain(policy.error());
  const auto layers = limequat::policy::PolicySet::Of(*policy);  // of one layer

  const auto quote = VerifyQuote(arguments);
  if (!quote) return Complain(quote.error());
  Show(quote->findings);
  if (!quote->quote) return 1;

  // The list may be longer than what was quoted: the machine went on running. Only the entries that
  // lead to the signed PCR 10 are appraised; the clock is an argument, the library has none.
  const std::string list = ReadFile(arguments[0]);
  const appraise::PcrClaim signed_pcr{.value =
                                          *quote->quote->Pcr(HashAlgorithm::kSha256, tpm::kImaPcr)};
  const auto now =
      std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto appraisal =
      appraise::AppraiseImaList(AsBytes(list), limequat::ima::DetectFormat(AsBytes(list)),
                                limequat::policy::PolicyAt(*layers, now), signed_pcr);
  if (!appraisal) return Complain(appraisal.error());
  // If no part of the list leads to the signed value, nothing vouches for a single entry.
  const Finding* replay = limequat::FindCheck(appraisal->findings, "ima.replay");
  if (replay != nullptr && !replay->passed()) {
    Show({*replay});
  } else {
    Show(appraisal->findings);
  }
  const appraise::Verdict verdict = appraisal->verdict();
  std::cout << "verdict: " << appraise::VerdictName(verdict) << '\n';
  return verdict == appraise::Verdict::kPass ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run({argv + 1, argv + argc});
  } catch (const std::exception& problem) {  // of the standard library: no memory, for one
    std::cerr << "appraise_ima: " << problem.what() << '\n';
    return 2;
  }
}
