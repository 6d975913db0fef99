#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/input.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/passphrase.h"
#include "limequat/cli/policy_signature.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/config/files.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/key.h"
#include "limequat/json/value.h"
#include "limequat/policy/boot_values.h"
#include "limequat/policy/key_succession.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::cli {

namespace {

// What is to be signed, and who signed it before.
struct ToSign {
  std::string payload_type;
  std::string payload;
  std::vector<policy::EnvelopeSignature> signatures;
};

Status CheckUsage(const PolicySign& asked, const Console& console) {
  if (asked.key_id && asked.certificate) {
    return UsageError("give --key-id or --certificate, not both");
  }
  if (asked.payload_type && !asked.label.empty()) {
    return UsageError(
        "--name, --release, --effective-from and --retire-after are for policies, "
        "not for another type");
  }
  return CheckOutput(asked.output, "envelope", console);
}

Result<crypto::PrivateKey> ReadKey(const PolicySign& asked) {
  LQ_ASSIGN_OR_RETURN(const std::string pem, config::ReadSecretFile(asked.key, kMaxSmallInput));
  if (!crypto::PrivateKey::IsEncrypted(pem)) {
    auto key = crypto::PrivateKey::FromPem(pem);
    if (!key) return std::move(key).error().In(Shown(asked.key));
    return key;
  }
  LQ_ASSIGN_OR_RETURN(const Secret passphrase, ReadPassphrase(asked.key, asked.passphrase_file));
  auto key = crypto::PrivateKey::FromEncryptedPem(pem, passphrase);
  if (!key) return std::move(key).error().In(Shown(asked.key));
  return key;
}

// As Keylime's x509 signatures have it: base64 of PEM text, the signer's first.
Result<std::string> KeyIdFrom(const PolicySign& asked, const crypto::PublicKey& key) {
  if (!asked.certificate) return asked.key_id.value_or("");
  LQ_ASSIGN_OR_RETURN(const std::string pem, ReadInput(*asked.certificate, kMaxSmallInput));
  auto chain = crypto::Certificate::AllFromPem(pem, policy::kMaxEnvelopeCertificates);
  if (!chain) return std::move(chain).error().In(Shown(*asked.certificate));
  LQ_ASSIGN_OR_RETURN(const crypto::PublicKey certified, chain->front().public_key());
  if (certified != key) {
    return Malformed("cli.certificate", fmt::format("the first certificate of {} is for another "
                                                    "key than the one that signs",
                                                    Shown(*asked.certificate)));
  }
  std::string text;
  for (const crypto::Certificate& certificate : *chain) text += certificate.ToPem();
  return Base64Encode(AsBytes(text));
}

Result<ToSign> TakeEnvelope(const PolicySign& asked, const policy::UnverifiedEnvelope& envelope) {
  if (!asked.label.empty()) {
    return UsageError(
        "--name, --release, --effective-from and --retire-after change what others have signed: "
        "sign anew");
  }
  if (asked.payload_type && *asked.payload_type != envelope.payload_type()) {
    return UsageError(fmt::format("the envelope's payload type is {}, not {}",
                                  Shown(envelope.payload_type()), Shown(*asked.payload_type)));
  }
  return ToSign{.payload_type = envelope.payload_type(),
                .payload = std::string(envelope.unverified_payload()),
                .signatures = envelope.signatures()};
}

// A policy that this version does not take is not signed either.
Status CheckPolicy(std::string_view payload) {
  LQ_ASSIGN_OR_RETURN(const auto policy, policy::RuntimePolicy::Parse(payload));
  if (!policy->excludes_everything()) return {};
  return Malformed("policy.exclude_everything",
                   "the exclude expressions leave no place where programs lie: such a policy "
                   "checks nothing");
}

// Boot reference values have their name and release in them, and no window.
Result<std::string> LabelBootValues(std::string text, const policy::PolicyLabel& label) {
  LQ_ASSIGN_OR_RETURN(policy::BootValues values, policy::BootValues::Parse(text));
  if (label.empty()) return text;
  if (label.window != policy::PolicyWindow()) {
    return UsageError("--effective-from and --retire-after are not for boot reference values");
  }
  if (label.name) values.name = *label.name;
  if (label.release) values.release = *label.release;
  return policy::WriteBootValues(values);
}

// Another key takes over under a name: what that key signs counts from then on.
Result<ToSign> TakeKey(const PolicySign& asked, const crypto::PublicKey& key) {
  if (!asked.label.name || asked.label.release || asked.label.window != policy::PolicyWindow()) {
    return UsageError("a public key takes over under a name: give --name, and no other label");
  }
  LQ_RETURN_IF_ERROR(policy::CheckSigningKey(key));
  return ToSign{.payload_type = std::string(policy::kKeySuccessionPayloadType),
                .payload = policy::WriteKeySuccession(
                    {.policy_name = *asked.label.name, .key = key, .signed_at = asked.now}),
                .signatures = {}};
}

Result<ToSign> ReadPayload(const PolicySign& asked) {
  LQ_ASSIGN_OR_RETURN(std::string text, ReadInput(asked.file, kMaxPolicyInput));
  ToSign to_sign;
  if (const auto envelope = policy::UnverifiedEnvelope::Parse(text)) {
    LQ_ASSIGN_OR_RETURN(to_sign, TakeEnvelope(asked, *envelope));
  } else if (!asked.payload_type && policy::IsBootValues(text)) {
    to_sign.payload_type = policy::kBootValuesPayloadType;
    auto labelled = LabelBootValues(std::move(text), asked.label);
    if (!labelled) return std::move(labelled).error().In(Shown(asked.file));
    to_sign.payload = *std::move(labelled);
  } else if (const auto key = crypto::PublicKey::FromPem(text); key && !asked.payload_type) {
    LQ_ASSIGN_OR_RETURN(to_sign, TakeKey(asked, *key));
  } else {
    to_sign.payload_type = asked.payload_type.value_or(std::string(policy::kKeylimePayloadType));
    to_sign.payload = std::move(text);
    if (!asked.label.empty()) {
      LQ_ASSIGN_OR_RETURN(to_sign.payload, policy::LabelPolicy(to_sign.payload, asked.label));
    }
  }
  if (to_sign.payload_type == policy::kKeylimePayloadType) {
    if (Status good = CheckPolicy(to_sign.payload); !good) {
      return std::move(good).error().In(Shown(asked.file));
    }
  }
  return to_sign;
}

Status CheckNotSignedYet(const std::string& text, const crypto::PublicKey& key) {
  auto envelope = policy::UnverifiedEnvelope::Parse(text);
  if (!envelope) return std::move(envelope).error();
  policy::TrustedSigners signers;
  signers.keys = {key};
  signers.payload_types = {envelope->payload_type()};
  if (!policy::VerifyEnvelope(*std::move(envelope), signers).envelope) return {};
  return Conflict("policy.signed_already",
                  "this key has signed it already: a second signature would count for nothing");
}

Result<std::string> MakeEnvelope(const PolicySign& asked, const crypto::PrivateKey& key,
                                 ToSign& to_sign) {
  if (!to_sign.signatures.empty()) {
    LQ_RETURN_IF_ERROR(CheckNotSignedYet(
        policy::WriteEnvelope(to_sign.payload_type, to_sign.payload, to_sign.signatures),
        key.public_key()));
  }
  LQ_ASSIGN_OR_RETURN(const std::string key_id, KeyIdFrom(asked, key.public_key()));
  LQ_ASSIGN_OR_RETURN(policy::EnvelopeSignature signature,
                      policy::SignPayload(to_sign.payload_type, to_sign.payload, key, key_id));
  to_sign.signatures.push_back(std::move(signature));
  std::string text =
      policy::WriteEnvelope(to_sign.payload_type, to_sign.payload, to_sign.signatures);
  // Within the limits of those who read it.
  LQ_RETURN_IF_ERROR(policy::UnverifiedEnvelope::Parse(text));
  return text;
}

// What names no release can take the place of a newer one (attack A11).
void NoteWhatMayComeBack(const ToSign& signed_now, Console& console) {
  if (signed_now.payload_type != policy::kKeylimePayloadType) return;
  const auto policy = policy::RuntimePolicy::Parse(signed_now.payload);
  if (!policy || (!(*policy)->name().empty() && (*policy)->release() > 0)) return;
  console.Note(
      "limequat: the policy does not say its name and its release (--name, --release): nothing "
      "stops it from being used again, or under another name, when there is a newer one");
}

}  // namespace

Result<Ending> PolicySign::Run(Console& console) const {
  LQ_RETURN_IF_ERROR(CheckUsage(*this, console));
  LQ_ASSIGN_OR_RETURN(ToSign to_sign, ReadPayload(*this));
  LQ_ASSIGN_OR_RETURN(const crypto::PrivateKey signer, ReadKey(*this));
  LQ_ASSIGN_OR_RETURN(const std::string text, MakeEnvelope(*this, signer, to_sign));
  NoteWhatMayComeBack(to_sign, console);
  if (KeepsToStandardOutput(output)) return ShowMade(text + "\n", console);
  LQ_RETURN_IF_ERROR(WriteMade(*output, text));
  const auto hash = [](std::string_view bytes) {
    return crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes(bytes)).hex();
  };
  const std::string by = policy::KeyIdOf(signer.public_key());
  const json::Object document{{"file", *output},
                              {"sha256", hash(text)},
                              {"payload_type", to_sign.payload_type},
                              {"payload_sha256", hash(to_sign.payload)},
                              {"signer", by},
                              {"signatures", std::uint64_t{to_sign.signatures.size()}}};
  LQ_RETURN_IF_ERROR(console.Show(document, [&] {
    return fmt::format("{}: signed by {} ({})\n", Shown(*output), by,
                       Counted(to_sign.signatures.size(), "signature"));
  }));
  return Ending::kDone;
}

}  // namespace limequat::cli
