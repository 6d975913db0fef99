#include "limequat/verifier/boot_shelf.h"

#include <utility>

#include "limequat/policy/dsse.h"

namespace limequat::verifier {

Result<std::shared_ptr<const appraise::BootCriteria>> BootShelf::Get(
    std::optional<policy::BootPolicy> policy, std::string_view body, std::string_view model) {
  // Only what was verified is stored and comes here (Fleet::AdmitBootReference).
  const auto envelope = policy::UnverifiedEnvelope::Parse(body);
  const std::string_view text = envelope ? envelope->unverified_payload() : body;
  const policy::BootPolicy chosen = policy.value_or(usual_);
  if (auto known = criteria_.Find(appraise::BootCriteria::HashOf(chosen, text, model)))
    return known;
  auto criteria = appraise::BootCriteria::Create(chosen, text, model);
  if (!criteria) {
    return Malformed("verifier.boot_policy",
                     "the measured-boot policy cannot be read: " + criteria.error().message);
  }
  return criteria_.Keep(*std::move(criteria));
}

}  // namespace limequat::verifier
