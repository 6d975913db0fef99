#include "limequat/ima/entry_signature.h"

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "limequat/base/byte_reader.h"
#include "limequat/base/encoding.h"
#include "limequat/crypto/digest.h"
#include "limequat/ima/evm.h"
#include "limequat/ima/list.h"
#include "limequat/ima/testing/sign.h"
#include "limequat/ima/xattrs.h"

namespace limequat::ima {
namespace {

namespace fs = std::filesystem;

using crypto::HashAlgorithm;
using testing::FileSigner;

const fs::path kData = fs::path(LQ_SOURCE_DIR) / "data" / "ima";
const Bytes kContent = ToBytes("content");
constexpr HashAlgorithm kSha256 = HashAlgorithm::kSha256;

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

const FileSigner& Signer() {
  static const FileSigner signer(crypto::PrivateKey::GenerateEc(crypto::Curve::kP256));
  return signer;
}

Keyring RingOf(const Key& key, std::string_view name = ".ima") {
  Keyring keyring;
  EXPECT_TRUE(keyring.Add(key, name));
  return keyring;
}

EntryVerification Verify(const Entry& entry, const Keyring& keyring) {
  const std::array<const Keyring*, 1> keyrings = {&keyring};
  return VerifyEntry(entry, keyrings);
}

std::string Summary(const EntryVerification& verified) {
  std::string text;
  for (const EntrySignature& signature : verified.signatures) {
    text += std::string(SignaturePlaceName(signature.place)) + " " +
            std::string(SignatureAnswerName(signature.verification.answer)) + "; ";
  }
  if (!verified.content) return text + "none";
  return text + std::string(SignaturePlaceName(verified.content->place())) +
         (verified.content->covers_metadata() ? " with metadata" : "");
}

// An entry of `evm-sig` or another template whose fields the tests change.
struct AnEntry {
  AnEntry() {
    Set(Field::kXattrNames, ToBytes(std::string_view("security.selinux|security.ima\0", 30)));
    Set(Field::kUid, {0xe9, 0x03, 0, 0});
    Set(Field::kGid, {0, 0, 0, 0});
    Set(Field::kMode, {0xa4, 0x81});
    SetImaXattr(DigestXattr());
    entry.digest_algorithm = "sha256";
    entry.file_digest = digest.bytes();
  }

  AnEntry(const AnEntry&) = delete;
  AnEntry& operator=(const AnEntry&) = delete;

  Bytes DigestXattr() const {
    Bytes xattr = {4, 4};
    Append(xattr, digest.bytes());
    return xattr;
  }

  void Set(Field field, Bytes bytes) {
    owned[field] = std::move(bytes);
    Update();
  }
  void Remove(Field field) {
    owned.erase(field);
    Update();
  }
  void SetImaXattr(const Bytes& value) {
    ByteWriter lengths;
    lengths.U32Le(6).U32Le(static_cast<std::uint32_t>(value.size()));
    Bytes both = ToBytes(std::string_view("label\0", 6));
    Append(both, value);
    Set(Field::kXattrLengths, lengths.Take());
    Set(Field::kXattrValues, std::move(both));
  }
  // What a portable signature is made over.
  Bytes Metadata() const {
    ByteWriter data;
    data.Raw(owned.at(Field::kXattrValues)).Zeros(12);
    data.Raw(owned.at(Field::kUid)).Raw(owned.at(Field::kGid)).Raw(owned.at(Field::kMode));
    return data.Zeros(2).Take();
  }
  void SignPortable(std::uint8_t version = 2) {
    Set(Field::kEvmSig, Signer().Sign(Metadata(), kSha256, {.type = 5, .version = version}));
  }

  void Update() {
    values.clear();
    for (const auto& [field, bytes] : owned) values.push_back({.field = field, .bytes = bytes});
    entry.fields = values;
    const FieldValue* sig = entry.Find(Field::kSig);
    entry.signature = sig == nullptr ? ByteView() : sig->bytes;
  }

  crypto::Digest digest = crypto::Hash(kSha256, kContent);
  std::map<Field, Bytes> owned;
  std::vector<FieldValue> values;
  Entry entry;
};

TEST(VerifyEntry, FileSignatureInSig) {
  AnEntry it;
  it.Remove(Field::kXattrNames);
  EXPECT_FALSE(HasSignature(it.entry));
  it.Set(Field::kSig, Signer().Sign(kContent));
  EXPECT_TRUE(HasSignature(it.entry));
  const EntryVerification verified = Verify(it.entry, RingOf(Signer().key()));
  EXPECT_EQ(Summary(verified), "sig good; sig");
  EXPECT_EQ(verified.content->signed_by(), ".ima " + KeyIdText(Signer().key().id));
  EXPECT_EQ(verified.signatures[0].kind, "signature");
  EXPECT_EQ(verified.signatures[0].version, 2);
  EXPECT_EQ(verified.signatures[0].hash_algorithm, "sha256");
  EXPECT_EQ(verified.signatures[0].key_id, KeyIdText(Signer().key().id));
  EXPECT_GT(verified.signatures[0].size, 60U);
  EXPECT_EQ(Summary(Verify(it.entry, Keyring())), "sig unknown-key; none");
  it.entry.file_digest = crypto::Hash(kSha256, {}).bytes().first(31);
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(Signer().key()))), "sig bad; none");
}

TEST(VerifyEntry, NothingOfAViolationCounts) {
  AnEntry it;
  it.Set(Field::kSig, Signer().Sign(kContent));
  it.entry.violation = true;
  EXPECT_FALSE(HasSignature(it.entry));
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(Signer().key()))), "none");
}

TEST(VerifyEntry, ValuesThatCannotBeRead) {
  AnEntry it;
  it.Remove(Field::kXattrNames);
  it.Set(Field::kSig, {3, 2, 4});
  EXPECT_EQ(Summary(Verify(it.entry, Keyring())), "sig malformed; none");
  it.Set(Field::kSig, {9, 2, 4});
  EXPECT_EQ(Summary(Verify(it.entry, Keyring())), "sig not-verifiable; none");
}

TEST(VerifyEntry, VerityTypeOfTheDigestDecides) {
  AnEntry it;
  it.Remove(Field::kXattrNames);
  it.Set(Field::kSig, Signer().Sign(kContent, kSha256, {.type = 6, .version = 3}));
  const Keyring keyring = RingOf(Signer().key());
  it.entry.digest_type = "verity";
  EXPECT_EQ(Summary(Verify(it.entry, keyring)), "sig good; sig");
  it.entry.digest_type = "ima";
  EXPECT_EQ(Summary(Verify(it.entry, keyring)), "sig not-verifiable; none");
}

TEST(VerifyEntry, FileSignatureAmongTheAttributes) {
  AnEntry it;
  it.SetImaXattr(Signer().Sign(kContent));
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(Signer().key()))), "security.ima good; security.ima");
}

TEST(VerifyEntry, PortableSignatureOverTheFilesDigest) {
  AnEntry it;
  for (const std::uint8_t version : {std::uint8_t{2}, std::uint8_t{3}}) {
    it.SignPortable(version);
    EXPECT_EQ(Summary(Verify(it.entry, RingOf(Signer().key()))),
              "security.ima not-verifiable; evmsig good; evmsig with metadata");
  }
}

TEST(VerifyEntry, PortableSignatureOverTheFilesSignature) {
  AnEntry it;
  it.SetImaXattr(Signer().Sign(kContent));
  it.SignPortable();
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(Signer().key()))),
            "security.ima good; evmsig good; evmsig with metadata");
}

// Whoever has a signed file could show its metadata beside another content.
TEST(VerifyEntry, Attack_PortableSignatureOverAnotherFilesDigest) {
  AnEntry it;
  Bytes xattr = it.DigestXattr();
  xattr.back() ^= 1U;
  it.SetImaXattr(xattr);
  it.SignPortable();
  const Keyring keyring = RingOf(Signer().key());
  EXPECT_EQ(Summary(Verify(it.entry, keyring)), "security.ima not-verifiable; evmsig good; none");
  // A signature that is covered but does not fit the file.
  it.SetImaXattr(Signer().Sign(ToBytes("other")));
  it.SignPortable();
  EXPECT_EQ(Summary(Verify(it.entry, keyring)), "security.ima bad; evmsig good; none");
  // The right digest under another name, and of another kind.
  it.SetImaXattr(it.DigestXattr());
  it.SignPortable();
  it.entry.digest_algorithm = "sm3";
  EXPECT_EQ(Summary(Verify(it.entry, keyring)), "security.ima not-verifiable; evmsig good; none");
  it.entry.digest_algorithm = "sha256";
  it.entry.digest_type = "verity";
  EXPECT_EQ(Summary(Verify(it.entry, keyring)), "security.ima not-verifiable; evmsig good; none");
}

TEST(VerifyEntry, EveryPartOfTheMetadataIsCovered) {
  const Keyring keyring = RingOf(Signer().key());
  for (const Field field : {Field::kUid, Field::kGid, Field::kMode, Field::kXattrValues}) {
    AnEntry it;
    it.SignPortable();
    Bytes changed = it.owned.at(field);
    changed.front() ^= 1U;
    it.Set(field, changed);
    EXPECT_EQ(Summary(Verify(it.entry, keyring)), "security.ima not-verifiable; evmsig bad; none")
        << FieldName(field);
  }
}

TEST(VerifyEntry, PortableSignatureWithoutTheMetadata) {
  const Keyring keyring = RingOf(Signer().key());
  AnEntry it;
  it.SignPortable();
  const Bytes signature = it.owned.at(Field::kEvmSig);
  for (const Field field : {Field::kUid, Field::kGid, Field::kMode}) {
    AnEntry other;
    other.SignPortable();
    other.Remove(field);
    EXPECT_EQ(Summary(Verify(other.entry, keyring)),
              "security.ima not-verifiable; evmsig not-verifiable; none");
    other.Set(field, {});
    EXPECT_EQ(Summary(Verify(other.entry, keyring)),
              "security.ima not-verifiable; evmsig not-verifiable; none");
  }
  // As `ima-sig` has it.
  for (const Field field :
       {Field::kXattrNames, Field::kXattrLengths, Field::kXattrValues, Field::kEvmSig}) {
    it.Remove(field);
  }
  it.Set(Field::kSig, signature);
  EXPECT_EQ(Summary(Verify(it.entry, keyring)), "sig not-verifiable; none");
}

TEST(VerifyEntry, PortableSignatureNeedsSecurityIma) {
  AnEntry it;
  it.Set(Field::kXattrNames, ToBytes(std::string_view("security.selinux|security.imb\0", 30)));
  it.SignPortable();
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(Signer().key()))), "evmsig not-verifiable; none");
  it.Set(Field::kXattrLengths, {1, 0, 0, 0});
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(Signer().key()))), "evmsig malformed; none");
}

TEST(VerifyEntry, OtherValuesOfSecurityEvmCoverTheInode) {
  AnEntry it;
  it.Set(Field::kEvmSig, Signer().Sign(kContent));
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(Signer().key()))),
            "security.ima not-verifiable; evmsig not-verifiable; none");
  it.Set(Field::kEvmSig, Bytes(21, 2));
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(Signer().key()))),
            "security.ima not-verifiable; evmsig not-verifiable; none");
}

TEST(VerifyEntry, PortableSignaturesWithOtherHashes) {
  AnEntry it;
  Bytes value = Signer().Sign(it.Metadata(), kSha256, {.type = 5});
  value[2] = 7;  // SHA-224: nothing here computes it
  it.Set(Field::kEvmSig, value);
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(Signer().key()))),
            "security.ima not-verifiable; evmsig not-verifiable; none");
}

struct Modsig {
  Key key;  // with its certificate
  Bytes message;
};

// Made by `openssl cms -sign -noattr -binary -outform DER -nocerts` for "content".
Modsig StoredModsig(std::string_view file) {
  return {.key = ParseKey(AsBytes(ReadFile(kData / "keys" / "modsig.pem"))).value(),
          .message = ToBytes(ReadFile(kData / "keys" / file))};
}

struct ModsigEntry : AnEntry {
  explicit ModsigEntry(const Bytes& message) {
    owned.clear();
    SetDigest(digest.bytes());
    Set(Field::kModsig, message);
  }
  void SetDigest(ByteView of_modsig) {
    Bytes named = ToBytes(std::string_view("sha256:\0", 8));
    Append(named, of_modsig);
    Set(Field::kDModsig, named);
  }
};

TEST(VerifyEntry, AppendedSignature) {
  const Modsig stored = StoredModsig("modsig.der");
  ModsigEntry it(stored.message);
  // The file with its signature has another digest.
  it.entry.file_digest = {};
  EXPECT_TRUE(HasSignature(it.entry));
  const EntryVerification verified = Verify(it.entry, RingOf(stored.key, ".platform"));
  EXPECT_EQ(Summary(verified), "modsig good; modsig");
  EXPECT_EQ(verified.content->signed_by(), ".platform " + KeyIdText(stored.key.id));
  EXPECT_EQ(verified.signatures[0].kind, "pkcs7");
  EXPECT_EQ(verified.signatures[0].hash_algorithm, "sha256");
  EXPECT_FALSE(verified.signatures[0].key_id.empty());
  EXPECT_EQ(Summary(Verify(it.entry, Keyring())), "modsig unknown-key; none");
}

// The kernel lists the digest of the attributes then.
TEST(VerifyEntry, AppendedSignatureOverAttributes) {
  const Modsig stored = StoredModsig("modsig-attributes.der");
  ModsigEntry it(stored.message);
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(stored.key))), "modsig bad; none");
  // SET OF the attributes as they are in the message, where the tag is [0].
  const std::string message = ReadFile(kData / "keys" / "modsig-attributes.der");
  const std::size_t at = message.find("\xa0\x69");
  ASSERT_NE(at, std::string::npos);
  std::string attributes = message.substr(at, 0x6b);
  attributes.front() = '\x31';
  it.SetDigest(crypto::Hash(kSha256, AsBytes(attributes)).bytes());
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(stored.key))), "modsig good; modsig");
}

TEST(VerifyEntry, AppendedSignatureOfAnotherContentOrKey) {
  const Modsig stored = StoredModsig("modsig.der");
  ModsigEntry it(stored.message);
  Bytes digest = it.owned.at(Field::kDModsig);
  digest.back() ^= 1U;
  it.Set(Field::kDModsig, digest);
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(stored.key))), "modsig bad; none");
  // The right key without its certificate is not named by the message.
  Key bare = stored.key;
  bare.certificate.reset();
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(bare))), "modsig unknown-key; none");
  // A digest of another hash, and none.
  digest = ToBytes(std::string_view("sha1:\0", 6));
  Append(digest, ByteView(it.digest.bytes()).first(20));
  it.Set(Field::kDModsig, digest);
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(stored.key))), "modsig not-verifiable; none");
  it.Set(Field::kDModsig, {});
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(stored.key))), "modsig not-verifiable; none");
  it.Remove(Field::kDModsig);
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(stored.key))), "modsig not-verifiable; none");
  it.Set(Field::kModsig, {1, 2, 3});
  EXPECT_EQ(Summary(Verify(it.entry, RingOf(stored.key))), "modsig malformed; none");
}

// What the signatures of lists that a kernel wrote come to, with the keys they were made
// with; `mode` exchanges the modes of files.
std::map<std::string, std::string> SignedFiles(std::string_view list, const Bytes& mode = {}) {
  Keyring keyring;
  for (const std::string_view key : {"rsa.der", "ec.der"}) {
    EXPECT_TRUE(keyring.Add(ParseKey(AsBytes(ReadFile(kData / "keys" / key))).value(), ".ima"));
  }
  std::map<std::string, std::string> files;
  const std::string text = ReadFile(kData / list);
  ListReader reader(AsBytes(text), DetectFormat(AsBytes(text)));
  while (true) {
    auto entry = reader.Next();
    EXPECT_TRUE(entry);
    if (!entry || !*entry) return files;
    if (!HasSignature(**entry)) continue;
    std::vector<FieldValue> fields((*entry)->fields.begin(), (*entry)->fields.end());
    for (FieldValue& value : fields) {
      if (value.field == Field::kMode && !mode.empty()) value.bytes = mode;
    }
    (*entry)->fields = fields;
    files[std::string((*entry)->path)] = Summary(Verify(**entry, keyring));
  }
}

TEST(RealLists, MetadataSignedByEvm) {
  for (const std::string_view form : {"ascii", "bin"}) {
    for (const std::string_view kernel : {"vm__evmsig-61.", "vm__evmsig-612."}) {
      const auto files = SignedFiles(std::string(kernel).append(form));
      // It was signed with mode 0100644 and made setuid (0104750) before it was measured.
      EXPECT_EQ(files.at("/data/portable"), "security.ima good; evmsig bad; security.ima");
      EXPECT_EQ(SignedFiles(std::string(kernel).append(form), {0xa4, 0x81}).at("/data/portable"),
                "security.ima good; evmsig good; evmsig with metadata");
      EXPECT_EQ(files.at("/data/rsa1"), "security.ima good; security.ima");
      EXPECT_EQ(files.at("/data/ec1"), "security.ima good; security.ima");
      EXPECT_EQ(files.at("/data/name_with_space"), "security.ima good; security.ima");
      EXPECT_EQ(files.at("/data/hashonly"), "security.ima not-verifiable; none");
      EXPECT_FALSE(files.contains("/data/unsigned"));
    }
  }
}

TEST(RealLists, FsVerity) {
  const auto files = SignedFiles("vm__verity-sigv2-612.ascii");
  EXPECT_EQ(files.at("/data/v1"), "sig good; sig");
  EXPECT_EQ(files.size(), 1U);
}

TEST(SignaturePlaces, Names) {
  EXPECT_EQ(SignaturePlaceName(SignaturePlace::kXattr), "security.ima");
  EXPECT_EQ(SignaturePlaceName(SignaturePlace::kModsig), "modsig");
}

// --- Certificates that the message carries ---

Key StoredKey(std::string_view file) {
  return ParseKey(AsBytes(ReadFile(kData / "keys" / file))).value();
}

// What becomes of the signature of `modsig-chain-NAME.der`.
std::string SummaryOfChain(std::string_view name, const Keyring& keyring) {
  const std::string file = "modsig-chain-" + std::string(name) + ".der";
  const ModsigEntry it(ToBytes(ReadFile(kData / "keys" / file)));
  return Summary(Verify(it.entry, keyring));
}

TEST(VerifyEntry, ChainOfAnAppendedSignatureLeadsToAnAuthority) {
  const Keyring root = RingOf(StoredKey("modsig-root.pem"), ".ima");
  for (const std::string_view name : {"good", "any-use", "no-usage"}) {
    EXPECT_EQ(SummaryOfChain(name, root), "modsig good; modsig") << name;
  }
  ModsigEntry it(ToBytes(ReadFile(kData / "keys" / "modsig-chain-good.der")));
  const EntryVerification verified = Verify(it.entry, root);
  ASSERT_TRUE(verified.content);
  EXPECT_EQ(verified.content->signed_by(), "certificate CN=good");
  EXPECT_NE(verified.signatures[0].verification.detail.find("CN=root"), std::string::npos);
  it.SetDigest(crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes("other")).bytes());
  EXPECT_EQ(Summary(Verify(it.entry, root)), "modsig bad; none");
}

// Whoever makes a message chooses what it carries.
TEST(VerifyEntry, CertificatesOfAMessageProveNothingByThemselves) {
  EXPECT_EQ(SummaryOfChain("good", Keyring()), "modsig unknown-key; none");
  EXPECT_EQ(SummaryOfChain("good", RingOf(Signer().key())), "modsig unknown-key; none");
  const Keyring root = RingOf(StoredKey("modsig-root.pem"));
  EXPECT_EQ(SummaryOfChain("without-middle", root), "modsig unknown-key; none");
  // Their issuer may sign files, and is no authority.
  EXPECT_EQ(SummaryOfChain("below-end", root), "modsig unknown-key; none");
  EXPECT_EQ(SummaryOfChain("below-end", RingOf(StoredKey("modsig-end.pem"))),
            "modsig unknown-key; none");
}

TEST(VerifyEntry, CertificatesForSomethingElseSignNoFiles) {
  const Keyring root = RingOf(StoredKey("modsig-root.pem"));
  EXPECT_EQ(SummaryOfChain("server", root), "modsig unknown-key; none");
  EXPECT_EQ(SummaryOfChain("encipher", root), "modsig unknown-key; none");
}

}  // namespace
}  // namespace limequat::ima
