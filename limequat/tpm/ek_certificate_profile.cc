#include "limequat/tpm/ek_certificate_profile.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/escape.h"
#include "limequat/crypto/der.h"

namespace limequat::tpm {

namespace {

using crypto::DerElement;
using crypto::DerReader;
using crypto::DerText;

constexpr std::string_view kManufacturer = "2.23.133.2.1";
constexpr std::string_view kModel = "2.23.133.2.2";
constexpr std::string_view kVersion = "2.23.133.2.3";
constexpr std::string_view kSpecification = "2.23.133.2.16";
constexpr std::string_view kSecurityAssertions = "2.23.133.2.18";
constexpr std::string_view kEkCertificateUsage = "2.23.133.8.1";
constexpr std::string_view kAltName = "2.5.29.17";
constexpr std::string_view kDirectoryAttributes = "2.5.29.9";
constexpr std::string_view kExtendedKeyUsage = "2.5.29.37";
constexpr std::string_view kRegistryPrefix = "id:";
constexpr std::size_t kMaxShown = 256;
constexpr int kMinRsaBits = 2048;

struct Vendor {
  std::string_view id;
  std::string_view name;
};
// TCG TPM Vendor ID Registry; zero bytes fill short ones, as they do in certificates.
constexpr Vendor kVendors[] = {
    {"414D4400", "AMD"},
    {"414E5400", "Ant Group"},
    {"41544D4C", "Atmel"},
    {"4252434D", "Broadcom"},
    {"43524F53", "Google (ChromeOS)"},
    {"4353434F", "Cisco"},
    {"464C5953", "Flyslice"},
    {"474F4F47", "Google"},
    {"48504500", "HPE"},
    {"48504900", "HPI"},
    {"48495349", "Huawei"},
    {"49424D00", "IBM"},
    {"49424D20", "IBM simulator"},
    {"49465800", "Infineon"},
    {"494E5443", "Intel"},
    {"4C454E00", "Lenovo"},
    {"4D534654", "Microsoft"},
    {"4E534D20", "National Semiconductor"},
    {"4E534700", "NSING"},
    {"4E545A00", "Nationz"},
    {"4E544300", "Nuvoton"},
    {"51434F4D", "Qualcomm"},
    {"524F4343", "Rockchip"},
    {"53454345", "SecEdge"},
    {"534D534E", "Samsung"},
    {"534D5343", "SMSC"},
    {"534E5300", "Sinosun"},
    {"53544D20", "STMicroelectronics"},
    {"54584E00", "Texas Instruments"},
    {"564D5700", "VMware"},
    {"57454300", "Winbond"},
    {"5345414C", "Wisekey"},
    {"00001014", "swtpm (software)"},
};

void Note(EkProfile& profile, std::string_view id, std::string detail) {
  if (std::ranges::find(profile.notes, id, &crypto::CertificateNote::id) != profile.notes.end()) {
    return;
  }
  profile.notes.push_back({.id = std::string(id), .detail = std::move(detail)});
}

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

// The profile wants "id:" and eight hexadecimal digits in capitals. Found as well: small
// letters, no "id:", and the four characters of the vendor themselves ("INTC", "IFX",
// with blanks or zeros at their end). All of them name one vendor without a doubt.
std::string ReadManufacturer(std::string text, EkProfile& profile) {
  std::array<std::uint8_t, 4> number{};
  std::string_view rest = text;
  if (Upper(rest.substr(0, kRegistryPrefix.size())) == "ID:") {
    rest.remove_prefix(kRegistryPrefix.size());
  }
  std::string id;
  if (HexDecodeTo(rest, number)) {
    id = fmt::format("{}{}", kRegistryPrefix, Upper(rest));
  } else if (!rest.empty() && rest.size() <= number.size()) {
    Bytes characters = ToBytes(rest);
    characters.resize(number.size());
    id = fmt::format("{}{}", kRegistryPrefix, Upper(HexEncode(characters)));
    if (TpmVendorName(id).empty()) {
      characters = ToBytes(rest);
      characters.resize(number.size(), ' ');
      id = fmt::format("{}{}", kRegistryPrefix, Upper(HexEncode(characters)));
    }
    if (TpmVendorName(id).empty()) id.clear();
  }
  if (id != text) {
    Note(profile, "ekcert.manufacturer_form",
         fmt::format("the manufacturer is written as '{}', not as id: and eight digits",
                     EscapeForDisplay(text, kMaxShown)));
  }
  return id.empty() ? EscapeForDisplay(text, kMaxShown) : id;
}

// One attribute of a Name; others than the three are passed over.
void ReadAttribute(std::string_view type, const DerElement& value, TpmIdentity& identity,
                   EkProfile& profile) {
  std::string* target = type == kManufacturer ? &identity.manufacturer
                        : type == kModel      ? &identity.model
                        : type == kVersion    ? &identity.version
                                              : nullptr;
  if (target == nullptr) return;
  std::optional<std::string> text = DerText(value);
  if (!text) {
    Note(profile, "ekcert.attribute_unreadable",
         fmt::format("the attribute {} is no text (tag {:02x})", type, value.tag));
    return;
  }
  // Nuvoton and others end theirs with zeros or blanks.
  while (!text->empty() && (text->back() == '\0' || text->back() == ' ')) {
    Note(profile, "ekcert.attribute_padded", fmt::format("the attribute {} is padded", type));
    text->pop_back();
  }
  if (!target->empty()) {
    Note(profile, "ekcert.attribute_repeated",
         fmt::format("the attribute {} is given again, and differently or not", type));
    return;
  }
  *target = type == kManufacturer ? ReadManufacturer(*std::move(text), profile)
                                  : EscapeForDisplay(*text, kMaxShown);
}

// SEQUENCE OF RDN; an RDN is a SET OF attributes. Whether the three attributes are three
// RDNs, as most have it, or one, as Nuvoton has it, makes no difference here.
TpmIdentity ReadAttributes(ByteView name, EkProfile& profile) {
  TpmIdentity identity;
  DerReader rdns(name);
  while (const auto rdn = rdns.NextIf(crypto::kDerSet)) {
    DerReader members(rdn->content);
    while (const auto member = members.NextIf(crypto::kDerSequence)) {
      DerReader in(member->content);
      const auto type = in.NextIf(crypto::kDerOid);
      const auto value = in.Next();
      if (!type || !value) continue;
      const Result<std::string> oid = crypto::DerOidText(type->content);
      if (oid) ReadAttribute(*oid, *value, identity, profile);
    }
    if (!members.empty()) {
      Note(profile, "ekcert.name_unreadable", "a part of the name is no attribute");
    }
  }
  if (!rdns.empty()) Note(profile, "ekcert.name_unreadable", "a part of the name is no RDN");
  return identity;
}

void TakeIdentity(TpmIdentity identity, EkProfile& profile) {
  if (identity.manufacturer.empty() && identity.model.empty() && identity.version.empty()) return;
  if (profile.tpm) {
    Note(profile, "ekcert.identity_repeated", "the TPM is described more than once");
    return;
  }
  profile.tpm = std::move(identity);
}

// AMD's firmware TPMs write the family "2.0" as "id:322E3000": its characters in
// hexadecimal with a zero behind them, as versions are written.
std::string ReadFamily(const std::string& text, EkProfile& profile) {
  if (text.starts_with(kRegistryPrefix)) {
    const Result<Bytes> characters = HexDecode(text.substr(kRegistryPrefix.size()));
    if (characters) {
      Note(profile, "ekcert.family_in_hexadecimal",
           fmt::format("the family is written as '{}'", EscapeForDisplay(text, kMaxShown)));
      std::string_view family = AsText(*characters);
      if (family.ends_with('\0')) family.remove_suffix(1);
      return EscapeForDisplay(family, kMaxShown);
    }
  }
  return EscapeForDisplay(text, kMaxShown);
}

// AMD writes 0x89 for 137, without the zero that keeps it positive.
std::optional<std::uint64_t> ReadRevision(const DerElement& element, EkProfile& profile) {
  if (element.content.size() != 1 || element.content[0] < 0x80) {
    return crypto::DerNumber(element.content);
  }
  Note(profile, "ekcert.revision_negative", "the revision of the specification is negative");
  return element.content[0];
}

void ReadSpecification(ByteView values, EkProfile& profile) {
  DerReader set(values);
  const auto sequence = set.NextIf(crypto::kDerSequence);
  DerReader in(sequence ? sequence->content : ByteView());
  const auto family = in.Next();
  const auto level = in.NextIf(crypto::kDerInteger);
  const auto revision = in.NextIf(crypto::kDerInteger);
  if (family && level && revision) {
    const std::optional<std::string> text = DerText(*family);
    const std::optional<std::uint64_t> level_number = crypto::DerNumber(level->content);
    const std::optional<std::uint64_t> revision_number = ReadRevision(*revision, profile);
    if (text && level_number && revision_number) {
      profile.specification = TpmSpecification{.family = ReadFamily(*text, profile),
                                               .level = *level_number,
                                               .revision = *revision_number};
      return;
    }
  }
  Note(profile, "ekcert.specification_unreadable", "the TPM specification cannot be read");
}

template <std::size_t N>
std::string EnumeratedName(ByteView content, const std::array<std::string_view, N>& names) {
  const std::optional<std::uint64_t> number = crypto::DerNumber(content);
  if (!number) return "unknown";
  return *number < names.size() ? std::string(names.at(*number)) : fmt::format("{}", *number);
}

// [n] IMPLICIT ENUMERATED by the profile; STMicroelectronics and Nuvoton write
// [n] EXPLICIT. Empty if the next element is neither.
template <std::size_t N>
std::string ReadEnumerated(DerReader& in, std::uint8_t number,
                           const std::array<std::string_view, N>& names) {
  constexpr unsigned kContext = 0x80;
  constexpr unsigned kConstructed = 0x20;
  if (const auto element = in.NextIf(static_cast<std::uint8_t>(kContext | number))) {
    return EnumeratedName(element->content, names);
  }
  if (const auto wrapper = in.NextIf(static_cast<std::uint8_t>(kContext | kConstructed | number))) {
    DerReader inside(wrapper->content);
    const auto element = inside.NextIf(crypto::kDerEnumerated);
    return element ? EnumeratedName(element->content, names) : "unknown";
  }
  return {};
}

bool IsTrue(const DerElement& element) {
  return element.content.size() == 1 && element.content[0] != 0;
}

// CommonCriteriaMeasures and FIPSLevel both begin with version, level and, after what
// only the former has, plus.
std::string ReadLevel(ByteView content, std::string_view word, std::size_t enumerations) {
  DerReader in(content);
  if (content.size() > 2 && content[0] == crypto::kDerSequence) {
    const auto inside = in.NextIf(crypto::kDerSequence);  // written as EXPLICIT
    in = DerReader(inside ? inside->content : ByteView());
  }
  const auto version = in.Next();
  const auto level = in.NextIf(crypto::kDerEnumerated);
  if (!version || !level) return "unknown";
  const std::optional<std::string> text = DerText(*version);
  const std::optional<std::uint64_t> number = crypto::DerNumber(level->content);
  if (!text || !number) return "unknown";
  for (std::size_t i = 1; i < enumerations; ++i) in.NextIf(crypto::kDerEnumerated);
  const auto plus = in.NextIf(crypto::kDerBoolean);
  const bool more = plus && IsTrue(*plus);
  return fmt::format("{} {}{}{}", EscapeForDisplay(*text, kMaxShown), word, *number,
                     more ? "+" : "");
}

// [5] IMPLICIT BOOLEAN by the profile; Nuvoton writes [5] EXPLICIT, Infineon no tag at all.
bool ReadIso9000(DerReader& in) {
  constexpr std::uint8_t kImplicit = 0x85;
  constexpr std::uint8_t kExplicit = 0xa5;
  if (const auto flag = in.NextIf(kImplicit)) return IsTrue(*flag);
  if (const auto flag = in.NextIf(crypto::kDerBoolean)) return IsTrue(*flag);
  const auto wrapper = in.NextIf(kExplicit);
  DerReader inside(wrapper ? wrapper->content : ByteView());
  const auto flag = inside.NextIf(crypto::kDerBoolean);
  return flag && IsTrue(*flag);
}

void ReadAssertions(ByteView values, EkProfile& profile) {
  constexpr std::array<std::string_view, 4> kTypes = {"internal", "injected", "internalRevocable",
                                                      "injectedRevocable"};
  constexpr std::array<std::string_view, 3> kLocations = {"tpmManufacturer", "platformManufacturer",
                                                          "ekCertSigner"};
  constexpr std::uint8_t kCommonCriteria = 0xa3;
  constexpr std::uint8_t kFips = 0xa4;
  DerReader set(values);
  const auto sequence = set.NextIf(crypto::kDerSequence);
  if (!sequence) {
    Note(profile, "ekcert.assertions_unreadable", "the security assertions cannot be read");
    return;
  }
  DerReader in(sequence->content);
  SecurityAssertions read;
  if (const auto version = in.NextIf(crypto::kDerInteger)) {
    read.version = crypto::DerNumber(version->content).value_or(0);
  }
  if (const auto upgradable = in.NextIf(crypto::kDerBoolean)) {
    read.field_upgradable = IsTrue(*upgradable);
  }
  read.ek_generation_type = ReadEnumerated(in, 0, kTypes);
  read.ek_generation_location = ReadEnumerated(in, 1, kLocations);
  read.ek_certificate_generation_location = ReadEnumerated(in, 2, kLocations);
  constexpr std::size_t kCriteriaEnumerations = 2;  // assurance level, evaluation status
  if (const auto criteria = in.NextIf(kCommonCriteria)) {
    read.common_criteria = ReadLevel(criteria->content, "EAL", kCriteriaEnumerations);
  }
  if (const auto fips = in.NextIf(kFips)) read.fips = ReadLevel(fips->content, "level ", 1);
  read.iso9000_certified = ReadIso9000(in);
  in.NextIf(0x16);  // iso9000Uri
  if (!in.empty()) {
    Note(profile, "ekcert.assertions_unreadable",
         "the security assertions can be read in part only");
  }
  profile.assertions = std::move(read);
}

// What is wrong with the purpose that the certificate states, or empty.
std::string WrongUsage(const crypto::Certificate& certificate) {
  const std::vector<std::string> usages = certificate.extended_key_usage();
  if (!certificate.extension(kExtendedKeyUsage)) {
    return "it names no usage, so it is not known to be for an endorsement key";
  }
  if (std::ranges::find(usages, kEkCertificateUsage) == usages.end()) {
    return "its extended key usage is not that of an endorsement key";
  }
  const std::optional<std::uint32_t> bits = certificate.key_usage();
  if (!bits) return {};
  if ((*bits & (crypto::kKeyCertSign | crypto::kCrlSign)) != 0) {
    return "its key usage is that of an authority";
  }
  constexpr std::uint32_t kGood =
      crypto::kKeyEncipherment | crypto::kKeyAgreement | crypto::kDigitalSignature;
  if ((*bits & kGood) == 0) return "its key usage is none that an endorsement key has";
  return {};
}

std::string WrongKey(const crypto::Certificate& certificate) {
  const Result<crypto::PublicKey> key = certificate.public_key();
  if (!key) return fmt::format("its key cannot be read: {}", key.error().message);
  if (key->type() == crypto::KeyType::kRsa && key->bits() < kMinRsaBits) {
    return fmt::format("its key is an RSA key of {} bits only", key->bits());
  }
  if (key->type() != crypto::KeyType::kRsa && !key->curve()) {
    return "its key is of a kind that TPMs here do not have";
  }
  return {};
}

}  // namespace

std::string_view TpmVendorName(std::string_view manufacturer) {
  if (!manufacturer.starts_with(kRegistryPrefix)) return {};
  manufacturer.remove_prefix(kRegistryPrefix.size());
  const auto* found = std::ranges::find(kVendors, manufacturer, &Vendor::id);
  return found == std::end(kVendors) ? std::string_view() : found->name;
}

void ReadName(ByteView name, EkProfile& profile) {
  DerReader in(name);
  const auto sequence = in.NextIf(crypto::kDerSequence);
  if (!sequence) {
    Note(profile, "ekcert.name_unreadable", "the name cannot be read");
    return;
  }
  TakeIdentity(ReadAttributes(sequence->content, profile), profile);
}

void ReadAlternativeName(ByteView extension, EkProfile& profile) {
  constexpr std::uint8_t kDirectoryName = 0xa4;
  DerReader in(extension);
  const auto names = in.NextIf(crypto::kDerSequence);
  if (!names) {
    Note(profile, "ekcert.name_unreadable", "the alternative name cannot be read");
    return;
  }
  DerReader list(names->content);
  while (!list.empty()) {
    const auto name = list.Next();
    if (!name) {
      Note(profile, "ekcert.name_unreadable", "the alternative name can be read in part only");
      return;
    }
    if (name->tag == kDirectoryName) ReadName(name->content, profile);
  }
}

void ReadDirectoryAttributes(ByteView extension, EkProfile& profile) {
  DerReader in(extension);
  const auto list = in.NextIf(crypto::kDerSequence);
  DerReader attributes(list ? list->content : ByteView());
  while (const auto attribute = attributes.NextIf(crypto::kDerSequence)) {
    DerReader members(attribute->content);
    const auto type = members.NextIf(crypto::kDerOid);
    const auto values = members.NextIf(crypto::kDerSet);
    if (!type || !values) continue;
    const Result<std::string> oid = crypto::DerOidText(type->content);
    if (oid && *oid == kSpecification && !profile.specification) {
      ReadSpecification(values->content, profile);
    }
    if (oid && *oid == kSecurityAssertions && !profile.assertions) {
      ReadAssertions(values->content, profile);
    }
  }
  if (!list || !attributes.empty()) {
    Note(profile, "ekcert.directory_attributes_unreadable",
         "the subject directory attributes can be read in part only");
  }
}

namespace {

// Which TPM the certificate is for.
void ReadIdentity(const crypto::Certificate& certificate, EkProfile& profile) {
  if (const auto name = certificate.extension(kAltName)) ReadAlternativeName(*name, profile);
  if (!profile.tpm) {
    // Before the profile of 2.0 some had no alternative name; VMware has both.
    ReadName(certificate.subject_der(), profile);
    if (profile.tpm) {
      Note(profile, "ekcert.identity_in_subject", "the TPM is described in the subject");
    }
  }
  if (!profile.tpm) Note(profile, "ekcert.no_identity", "nothing says which TPM it is for");
}

}  // namespace

EkProfile ReadEkProfile(const crypto::Certificate& certificate) {
  EkProfile profile;
  ReadIdentity(certificate, profile);
  if (const auto attributes = certificate.extension(kDirectoryAttributes)) {
    ReadDirectoryAttributes(*attributes, profile);
  }
  if (profile.specification && profile.specification->family.starts_with("1.")) {
    Note(profile, "ekcert.tpm12", "the certificate was made for a TPM of the family 1.2");
  }
  const std::optional<std::uint32_t> bits = certificate.key_usage();
  if (!bits) Note(profile, "ekcert.no_key_usage", "the certificate has no key usage");
  const Result<crypto::PublicKey> key = certificate.public_key();
  // AMD and Intel have keyEncipherment for ECC keys, which only agree.
  if (bits && key && key->type() == crypto::KeyType::kEc && (*bits & crypto::kKeyAgreement) == 0 &&
      (*bits & crypto::kKeyEncipherment) != 0) {
    Note(profile, "ekcert.key_usage_of_rsa", "the key usage of an ECC key is that of RSA keys");
  }
  if (bits && (*bits & (crypto::kKeyEncipherment | crypto::kKeyAgreement)) == 0) {
    Note(profile, "ekcert.key_usage_signing",
         "the key usage is not that of a key that decrypts, as endorsement keys do");
  }
  if (const std::string wrong = WrongUsage(certificate); !wrong.empty()) {
    Note(profile, "ekcert.not_for_endorsement", "the certificate: " + wrong);
  }
  return profile;
}

Finding CheckEkProfile(const crypto::Certificate& certificate) {
  constexpr std::string_view kCheck = "tpm.ekcert.profile";
  constexpr int kVersion3 = 3;
  std::string wrong;
  if (certificate.version() != kVersion3) {
    wrong = fmt::format("it is of X.509 version {}", certificate.version());
  } else if (certificate.is_ca()) {
    wrong = "it is that of an authority";
  } else if (wrong = WrongUsage(certificate); wrong.empty()) {
    wrong = WrongKey(certificate);
  }
  if (!wrong.empty()) {
    return Failed(kCheck, fmt::format("the certificate {} is not for an endorsement key: {}",
                                      certificate.serial_hex(), wrong));
  }
  EkProfile profile;
  ReadIdentity(certificate, profile);
  const TpmIdentity tpm = profile.tpm.value_or(TpmIdentity());
  return Passed(kCheck,
                fmt::format("an endorsement key of {}, model '{}', version {}",
                            tpm.manufacturer.empty() ? "an unnamed vendor" : tpm.manufacturer,
                            tpm.model, tpm.version.empty() ? "unknown" : tpm.version));
}

}  // namespace limequat::tpm
