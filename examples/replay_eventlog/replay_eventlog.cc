// replay_eventlog LOG AK.pem QUOTE.msg QUOTE.sig QUOTE.pcrs NONCE
//
// Replays the event log of a boot (/sys/kernel/security/tpm0/binary_bios_measurements) against a
// quote of the same boot and says what that proves about Secure Boot and about the images that were
// started. Exit status: 0 if the log leads to the signed PCRs 0-7 and Secure Boot was on, 1 if not,
// 2 if something could not be read.

#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "limequat/base/bytes.h"
#include "limequat/base/encoding.h"
#include "limequat/base/finding.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/key.h"
#include "limequat/eventlog/boot_chain.h"
#include "limequat/eventlog/device_path.h"
#include "limequat/eventlog/secure_boot.h"
#include "limequat/eventlog/verify.h"
#include "limequat/tpm/quote.h"

namespace {

using limequat::AsBytes;
using limequat::Error;
using limequat::Finding;
using limequat::Findings;
using limequat::Result;
using limequat::crypto::HashAlgorithm;
namespace eventlog = limequat::eventlog;
namespace tpm = limequat::tpm;

constexpr tpm::PcrSet kBootPcrs = tpm::PcrSet::Range(0, 7);

std::string ReadFile(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Show(const Findings& findings) {
  for (const Finding& finding : findings) {
    if (!finding.passed()) {
      std::cout << limequat::OutcomeName(finding.outcome) << "  " << finding.check << "  "
                << finding.detail << '\n';
    }
  }
}

// verify_quote.cc explains this step.
Result<tpm::QuoteVerification> VerifyQuote(const std::vector<std::string>& arguments) {
  auto ak = limequat::crypto::PublicKey::FromPem(ReadFile(arguments[1]));
  if (!ak) return ak.error();
  auto claimed = tpm::ParsePcrBlob(AsBytes(ReadFile(arguments[4])));
  if (!claimed) return claimed.error();
  auto nonce = limequat::HexDecode(arguments[5]);
  if (!nonce) return nonce.error();
  tpm::QuoteRequirements requirements;
  requirements.nonce = *nonce;
  requirements.pcrs = {{.bank = tpm::AlgorithmId::kSha256, .pcrs = kBootPcrs}};
  const std::string message = ReadFile(arguments[2]);
  const std::string signature = ReadFile(arguments[3]);
  return tpm::VerifyQuote(*ak, AsBytes(message), AsBytes(signature), claimed->values, requirements);
}

int Complain(const Error& error) {
  std::cerr << "replay_eventlog: " << error.message << " (" << error.id << ")\n";
  return 2;
}

// What the covered part of the log proves.
int Explain(const eventlog::VerifiedLog& log) {
  std::cout << "covered: PCRs " << log.pcrs().ToString() << '\n';

  // Nobody signs the type of an event. These readers take from a log only what the digests confirm.
  const eventlog::SecureBootReading secure_boot = eventlog::ReadSecureBoot(log);
  Show(secure_boot.findings);
  const eventlog::BootChainReading chain = eventlog::ReadBootChain(log);
  Show(chain.findings);
  for (const eventlog::MeasuredObject& image : chain.chain.images) {
    // The digest is proven, where the image lay is a claim.
    std::cout << "image " << image.digest.hex() << "  said to be "
              << eventlog::FormatDevicePath(image.untrusted_device_path) << '\n';
  }
  if (!secure_boot.state) return 1;
  std::cout << "Secure Boot: " << (secure_boot.state->enabled ? "on" : "off") << '\n';
  return secure_boot.state->enabled && limequat::AllPassed(chain.findings) ? 0 : 1;
}

int Run(const std::vector<std::string>& arguments) {
  if (arguments.size() != 6) {
    std::cerr << "usage: replay_eventlog LOG AK.pem QUOTE.msg QUOTE.sig QUOTE.pcrs NONCE\n";
    return 2;
  }
  const auto quote = VerifyQuote(arguments);
  if (!quote) return Complain(quote.error());
  Show(quote->findings);
  if (!quote->quote) return 1;

  // The log must outlive what is read out of it: nothing is copied.
  const std::string log = ReadFile(arguments[0]);
  const auto verification =
      eventlog::VerifyLog(AsBytes(log), *quote->quote, HashAlgorithm::kSha256, kBootPcrs);
  if (!verification) return Complain(verification.error());
  Show(verification->findings);
  if (!limequat::AllPassed(verification->findings)) return 1;
  return Explain(*verification->log);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run({argv + 1, argv + argc});
  } catch (const std::exception& problem) {  // of the standard library: no memory, for one
    std::cerr << "replay_eventlog: " << problem.what() << '\n';
    return 2;
  }
}
