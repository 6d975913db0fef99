#include "limequat/cli/ekcert_json.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "limequat/base/time.h"
#include "limequat/cli/text.h"
#include "limequat/crypto/digest.h"
#include "limequat/tpm/ek_certificate_profile.h"

namespace limequat::cli {

namespace {

using crypto::Certificate;
using crypto::NameStyle;

std::string_view KeyTypeName(crypto::KeyType type) {
  switch (type) {
    case crypto::KeyType::kRsa:
      return "rsa";
    case crypto::KeyType::kEc:
      return "ecc";
    case crypto::KeyType::kEd25519:
      return "ed25519";
    case crypto::KeyType::kOther:
      break;
  }
  return "other";
}

json::Object KeyToJson(const Certificate& certificate) {
  json::Object object{{"type", "unreadable"}, {"bits", nullptr}, {"curve", nullptr}};
  if (const Result<crypto::PublicKey> key = certificate.public_key()) {
    object.Set("type", KeyTypeName(key->type()));
    object.Set("bits", key->bits());
    if (key->curve()) object.Set("curve", crypto::CurveName(*key->curve()));
  }
  object.Set("algorithm", certificate.key_algorithm());
  return object;
}

json::Array UsageNames(const Certificate& certificate) {
  constexpr std::pair<std::uint32_t, std::string_view> kNames[] = {
      {crypto::kDigitalSignature, "digitalSignature"},
      {crypto::kKeyEncipherment, "keyEncipherment"},
      {crypto::kKeyAgreement, "keyAgreement"},
      {crypto::kKeyCertSign, "keyCertSign"},
      {crypto::kCrlSign, "cRLSign"}};
  json::Array names;
  const std::uint32_t bits = certificate.key_usage().value_or(0);
  for (const auto& [bit, name] : kNames) {
    if ((bits & bit) != 0) names.emplace_back(name);
  }
  return names;
}

json::Array Texts(const std::vector<std::string>& texts) { return {texts.begin(), texts.end()}; }

json::Value TpmToJson(const std::optional<tpm::TpmIdentity>& identity) {
  if (!identity) return {};
  return json::Object{{"manufacturer", identity->manufacturer},
                      {"vendor", tpm::TpmVendorName(identity->manufacturer)},
                      {"model", identity->model},
                      {"version", identity->version}};
}

json::Value SpecificationToJson(const std::optional<tpm::TpmSpecification>& specification) {
  if (!specification) return {};
  return json::Object{{"family", specification->family},
                      {"level", specification->level},
                      {"revision", specification->revision}};
}

json::Value AssertionsToJson(const std::optional<tpm::SecurityAssertions>& assertions) {
  if (!assertions) return {};
  json::Object object{{"version", assertions->version},
                      {"field_upgradable", assertions->field_upgradable}};
  for (const auto& [name, text] :
       {std::pair("ek_generation_type", &assertions->ek_generation_type),
        std::pair("ek_generation_location", &assertions->ek_generation_location),
        std::pair("ek_certificate_generation_location",
                  &assertions->ek_certificate_generation_location),
        std::pair("common_criteria", &assertions->common_criteria),
        std::pair("fips", &assertions->fips)}) {
    if (!text->empty()) object.Set(name, *text);
  }
  object.Set("iso9000_certified", assertions->iso9000_certified);
  return object;
}

json::Array ChainToJson(const crypto::StoredCertificates& stored) {
  json::Array chain;
  for (std::size_t i = 1; i < stored.certificates.size(); ++i) {
    const Certificate& certificate = stored.certificates[i];
    chain.push_back(json::Object{{"subject", certificate.subject(NameStyle::kOneLine)},
                                 {"issuer", certificate.issuer(NameStyle::kOneLine)},
                                 {"not_before", FormatRfc3339(certificate.not_before())},
                                 {"not_after", FormatRfc3339(certificate.not_after())}});
  }
  return chain;
}

crypto::CertificateNotes AllNotes(const crypto::StoredCertificates& stored) {
  crypto::CertificateNotes notes = stored.notes;
  std::ranges::move(crypto::NotesOn(stored.certificates.front()), std::back_inserter(notes));
  std::ranges::move(tpm::ReadEkProfile(stored.certificates.front()).notes,
                    std::back_inserter(notes));
  return notes;
}

std::string Joined(const json::Array& names) {
  std::string text;
  for (const json::Value& name : names) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", *name.as_string());
  }
  return text;
}

std::string KeyText(const Certificate& certificate) {
  const Result<crypto::PublicKey> key = certificate.public_key();
  if (!key) return "unreadable: " + key.error().message;
  if (key->curve()) return fmt::format("ECC {}", crypto::CurveName(*key->curve()));
  return fmt::format("{} {} bits", key->type() == crypto::KeyType::kRsa ? "RSA" : "other",
                     key->bits());
}

std::string TpmText(const std::optional<tpm::TpmIdentity>& identity) {
  if (!identity) return {};
  const std::string_view vendor = tpm::TpmVendorName(identity->manufacturer);
  return fmt::format("{}{}, model {}, version {}", identity->manufacturer,
                     vendor.empty() ? "" : fmt::format(" ({})", vendor), identity->model,
                     identity->version);
}

std::string SpecificationText(const std::optional<tpm::TpmSpecification>& specification) {
  if (!specification) return {};
  return fmt::format("family {}, level {}, revision {}", specification->family,
                     specification->level, specification->revision);
}

}  // namespace

json::Object ToJson(const crypto::StoredCertificates& stored) {
  const Certificate& certificate = stored.certificates.front();
  const tpm::EkProfile profile = tpm::ReadEkProfile(certificate);
  json::Array notes;
  for (const crypto::CertificateNote& note : AllNotes(stored)) {
    notes.push_back(json::Object{{"id", note.id}, {"detail", note.detail}});
  }
  return {{"subject", certificate.subject(NameStyle::kOneLine)},
          {"issuer", certificate.issuer(NameStyle::kOneLine)},
          {"serial", certificate.serial_hex()},
          {"not_before", FormatRfc3339(certificate.not_before())},
          {"not_after", FormatRfc3339(certificate.not_after())},
          {"key", KeyToJson(certificate)},
          {"tpm", TpmToJson(profile.tpm)},
          {"specification", SpecificationToJson(profile.specification)},
          {"security_assertions", AssertionsToJson(profile.assertions)},
          {"eku", Texts(certificate.extended_key_usage())},
          {"key_usage", UsageNames(certificate)},
          {"ca", certificate.is_ca()},
          {"signature_algorithm", certificate.signature_algorithm()},
          {"aia", Texts(certificate.authority_information())},
          {"crl_distribution_points", Texts(certificate.crl_distribution_points())},
          {"sha256", crypto::Hash(crypto::HashAlgorithm::kSha256, certificate.ToDer()).hex()},
          {"chain", ChainToJson(stored)},
          {"notes", std::move(notes)}};
}

std::vector<std::pair<std::string, Cell>> PairsOf(const crypto::StoredCertificates& stored) {
  const Certificate& certificate = stored.certificates.front();
  const tpm::EkProfile profile = tpm::ReadEkProfile(certificate);
  std::string chain;
  for (std::size_t i = 1; i < stored.certificates.size(); ++i) {
    chain += fmt::format("{}{}", chain.empty() ? "" : " <- ",
                         stored.certificates[i].subject(NameStyle::kOneLine));
  }
  return {
      {"TPM", TpmText(profile.tpm)},
      {"specification", SpecificationText(profile.specification)},
      {"key", KeyText(certificate)},
      {"usage", Joined(Texts(certificate.extended_key_usage()))},
      {"key usage", Joined(UsageNames(certificate))},
      {"subject", certificate.subject(NameStyle::kOneLine)},
      {"issuer", certificate.issuer(NameStyle::kOneLine)},
      {"serial", certificate.serial_hex()},
      {"valid", fmt::format("{} to {}", FormatRfc3339(certificate.not_before()),
                            FormatRfc3339(certificate.not_after()))},
      {"signature", certificate.signature_algorithm()},
      {"issuer at", fmt::format("{}", fmt::join(certificate.authority_information(), " "))},
      {"revocation at", fmt::format("{}", fmt::join(certificate.crl_distribution_points(), " "))},
      {"chain", std::move(chain)}};
}

std::string NotesText(const crypto::StoredCertificates& stored) {
  std::string text;
  for (const crypto::CertificateNote& note : AllNotes(stored)) {
    text += fmt::format("note: {} [{}]\n", Shown(note.detail), note.id);
  }
  return text;
}

}  // namespace limequat::cli
