#include "limequat/ima/entry_signature.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/base/finding.h"
#include "limequat/crypto/certificate.h"
#include "limequat/crypto/digest.h"
#include "limequat/crypto/prehashed.h"
#include "limequat/crypto/signed_data.h"
#include "limequat/ima/evm.h"
#include "limequat/ima/kernel_hash.h"
#include "limequat/ima/xattrs.h"

namespace limequat::ima {

namespace {

ByteView BytesOf(const Entry& entry, Field field) {
  const FieldValue* value = entry.Find(field);
  return value == nullptr ? ByteView() : value->bytes;
}

// security.ima as far as the attributes can be read; empty without.
ByteView ImaXattrOf(const Entry& entry) {
  if (entry.Find(Field::kXattrNames) == nullptr) return {};
  for (XattrReader reader(entry);;) {
    const auto xattr = reader.Next();
    if (!xattr || !*xattr) return {};
    if ((*xattr)->name == kImaXattr) return (*xattr)->value;
  }
}

SignedDigest DigestOfFile(const Entry& entry) {
  SignedDigest digest{
      .algorithm = entry.digest_algorithm, .digest = entry.file_digest, .is_verity = {}};
  if (!entry.digest_type.empty()) digest.is_verity = entry.digest_type == "verity";
  return digest;
}

FileSignatureVerification Answer(SignatureAnswer answer, std::string detail) {
  return {.answer = answer, .detail = std::move(detail), .signed_by = {}};
}

// A value that cannot be read is not the same as one of a kind to come.
FileSignatureVerification Unreadable(const Error& error) {
  return Answer(error.code == ErrorCode::kUnsupported ? SignatureAnswer::kNotVerifiable
                                                      : SignatureAnswer::kMalformed,
                error.message);
}

// Whether neither key usage nor extended key usage (RFC 5280, 4.2.1.3 and 4.2.1.12) says
// that it is for something else.
bool MaySignCode(const crypto::Certificate& certificate) {
  constexpr std::string_view kExtendedKeyUsage = "2.5.29.37";
  constexpr std::string_view kCodeSigning = "1.3.6.1.5.5.7.3.3";
  constexpr std::string_view kAnyUse = "2.5.29.37.0";
  const std::uint32_t usage = certificate.key_usage().value_or(crypto::kDigitalSignature);
  if ((usage & crypto::kDigitalSignature) == 0) return false;
  if (!certificate.extension(kExtendedKeyUsage)) return true;
  return std::ranges::any_of(certificate.extended_key_usage(), [&](const std::string& use) {
    return use == kCodeSigning || use == kAnyUse;
  });
}

}  // namespace

class EntryVerifier {
 public:
  EntryVerifier(const Entry& entry, std::span<const Keyring* const> keyrings)
      : entry_(entry), keyrings_(keyrings) {}

  EntryVerification Run() {
    if (entry_.violation) return {};
    VerifyXattr(SignaturePlace::kXattr, ImaXattrOf(entry_));
    VerifyXattr(SignaturePlace::kSig, entry_.signature);
    VerifyXattr(SignaturePlace::kEvmSig, BytesOf(entry_, Field::kEvmSig));
    VerifyModsig();
    return std::move(out_);
  }

 private:
  void VerifyXattr(SignaturePlace place, ByteView value) {
    if (value.empty()) return;
    EntrySignature found{.place = place};
    const auto read = ParseFileSignature(value);
    if (!read) {
      found.verification = Unreadable(read.error());
      out_.signatures.push_back(std::move(found));
      return;
    }
    found.kind = XattrTypeName(read->type);
    found.version = read->version;
    found.hash_algorithm = read->hash_algorithm;
    found.key_id = HexEncode(read->key_id);
    found.size = read->value.size();
    found.verification =
        place == SignaturePlace::kEvmSig || read->type == XattrType::kPortableSignature
            ? VerifyEvm(*read)
            : VerifyFileSignature(*read, DigestOfFile(entry_), keyrings_);
    if (found.verification.answer == SignatureAnswer::kGood) {
      const bool metadata = read->type == XattrType::kPortableSignature;
      if (!metadata || ImaXattrCoversContent()) Vouch(found, metadata);
    }
    out_.signatures.push_back(std::move(found));
  }

  FileSignatureVerification VerifyEvm(const UnverifiedFileSignature& signature) {
    if (signature.type != XattrType::kPortableSignature) {
      return Answer(SignatureAnswer::kNotVerifiable,
                    "it covers the inode, which is not in the list");
    }
    const auto hash = HashOfKernelName(signature.hash_algorithm);
    if (!hash) {
      return Answer(
          SignatureAnswer::kNotVerifiable,
          fmt::format("signatures with the hash '{}' are not verified", signature.hash_algorithm));
    }
    const auto digest = PortableDigest(entry_, *hash);
    if (!digest) return Unreadable(digest.error());
    // EVM knows nothing of fs-verity: the digest is one of metadata.
    return VerifyFileSignature(
        signature,
        {.algorithm = signature.hash_algorithm, .digest = digest->bytes(), .is_verity = false},
        keyrings_);
  }

  // Whether the security.ima that a portable signature covers is about the content that
  // the entry is about.
  bool ImaXattrCoversContent() const {
    if (out_.content && out_.content->place() == SignaturePlace::kXattr) return true;
    const auto read = ParseFileSignature(ImaXattrOf(entry_));
    if (!read || read->is_signature() || read->type == XattrType::kHmac) return false;
    const bool is_file = entry_.digest_type.empty() || entry_.digest_type == "ima";
    return is_file && CanonicalHashName(entry_.digest_algorithm) == read->hash_algorithm &&
           Equal(entry_.file_digest, read->value);
  }

  void VerifyModsig() {
    const ByteView message = BytesOf(entry_, Field::kModsig);
    if (message.empty()) return;
    const auto read = crypto::ParseSignedData(message);
    if (!read) {
      out_.signatures.push_back(
          {.place = SignaturePlace::kModsig, .verification = Unreadable(read.error())});
      return;
    }
    for (const crypto::SignerInfo& signer : read->signers) {
      EntrySignature found{
          .place = SignaturePlace::kModsig,
          .kind = "pkcs7",
          .hash_algorithm = signer.digest_algorithm,
          .key_id = HexEncode(signer.issuer.empty() ? signer.subject_key_id : signer.serial),
          .size = signer.signature.size(),
          .verification = VerifySigner(signer, read->certificates)};
      if (found.verification.answer == SignatureAnswer::kGood) Vouch(found, false);
      out_.signatures.push_back(std::move(found));
    }
  }

  FileSignatureVerification VerifySigner(const crypto::SignerInfo& signer,
                                         const std::vector<crypto::Certificate>& carried) {
    const FieldValue* field = entry_.Find(Field::kDModsig);
    const NamedDigest digest = field == nullptr ? NamedDigest() : DigestOf(*field);
    if (!signer.is_prehashed_kind || signer.digest_algorithm.empty() ||
        CanonicalHashName(digest.algorithm) != signer.digest_algorithm) {
      return Answer(SignatureAnswer::kNotVerifiable,
                    "its algorithms are not verified, or are not those of the digest in the list");
    }
    bool known = false;
    for (const Keyring* keyring : keyrings_) {
      for (const Keyring::Member& member : keyring->members()) {
        const auto& certificate = member.key.certificate;
        if (!certificate || !crypto::NamesCertificate(signer, *certificate)) continue;
        known = true;
        const auto check = crypto::VerifyPrehashed(member.key.key, signer.digest_algorithm,
                                                   digest.digest, signer.signature);
        if (check && *check == crypto::SignatureCheck::kValid) {
          return {.answer = SignatureAnswer::kGood,
                  .detail = {},
                  .signed_by = fmt::format("{} {}", EscapeForDisplay(member.keyring, 64),
                                           KeyIdText(member.key.id))};
        }
      }
    }
    return known ? Answer(SignatureAnswer::kBad, "the named certificate's key did not make it")
                 : VerifyByChain(signer, digest.digest, carried);
  }

  // With a certificate that the message carries, which is trusted if an authority is.
  FileSignatureVerification VerifyByChain(const crypto::SignerInfo& signer, ByteView digest,
                                          const std::vector<crypto::Certificate>& carried) {
    const auto leaf = std::ranges::find_if(carried, [&](const crypto::Certificate& certificate) {
      return crypto::NamesCertificate(signer, certificate);
    });
    if (leaf == carried.end()) {
      return Answer(SignatureAnswer::kUnknownKey, "the named certificate is not known");
    }
    if (!MaySignCode(*leaf)) {
      return Answer(SignatureAnswer::kUnknownKey,
                    "the certificate in the message is not one for signing code");
    }
    const Findings chain =
        crypto::VerifyChain(*leaf, Authorities(), carried, {.require_valid_time = false}, "modsig");
    if (!AllPassed(chain)) {
      return Answer(SignatureAnswer::kUnknownKey,
                    "the certificate in the message leads to no authority that is known");
    }
    const auto key = leaf->public_key();
    if (!key) return Unreadable(key.error());
    const auto check =
        crypto::VerifyPrehashed(*key, signer.digest_algorithm, digest, signer.signature);
    if (!check) return Unreadable(check.error());
    if (*check != crypto::SignatureCheck::kValid) {
      return Answer(SignatureAnswer::kBad, "the named certificate's key did not make it");
    }
    return {.answer = SignatureAnswer::kGood,
            .detail = chain.front().detail,
            .signed_by = "certificate " + leaf->subject()};
  }

  // The authorities among the certificates of the keyrings: one that is trusted to sign
  // files is none by that alone.
  std::vector<crypto::Certificate> Authorities() const {
    std::vector<crypto::Certificate> authorities;
    for (const Keyring* keyring : keyrings_) {
      for (const Keyring::Member& member : keyring->members()) {
        const auto& certificate = member.key.certificate;
        if (certificate && certificate->is_ca()) authorities.push_back(*certificate);
      }
    }
    return authorities;
  }

  // The most that is known: content and metadata rather than content alone.
  void Vouch(const EntrySignature& good, bool metadata) {
    if (out_.content && (out_.content->covers_metadata() || !metadata)) return;
    out_.content = VerifiedContent(good.verification.signed_by, good.place, metadata);
  }

  const Entry& entry_;
  std::span<const Keyring* const> keyrings_;
  EntryVerification out_;
};

std::string_view SignaturePlaceName(SignaturePlace place) {
  switch (place) {
    case SignaturePlace::kSig:
      return "sig";
    case SignaturePlace::kEvmSig:
      return "evmsig";
    case SignaturePlace::kXattr:
      return kImaXattr;
    case SignaturePlace::kModsig:
      return "modsig";
  }
  return "";
}

bool HasSignature(const Entry& entry) {
  return !entry.violation &&
         (!entry.signature.empty() || !BytesOf(entry, Field::kEvmSig).empty() ||
          !BytesOf(entry, Field::kModsig).empty() || !ImaXattrOf(entry).empty());
}

EntryVerification VerifyEntry(const Entry& entry, std::span<const Keyring* const> keyrings) {
  return EntryVerifier(entry, keyrings).Run();
}

}  // namespace limequat::ima
