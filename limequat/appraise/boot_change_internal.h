#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "limequat/appraise/boot_change.h"
#include "limequat/crypto/digest.h"
#include "limequat/json/value.h"

// What the files of ChangeForBootLog share. Internal to this module.
namespace limequat::appraise {

// A list of a document: "loaders", "secure_boot.db", "kernels[2].command_lines".
struct ListPlace {
  std::string member;
  std::optional<std::size_t> index{};  // of an element that has the list
  std::string inner{};                 // "": the member is the list
};
std::string NameOf(const ListPlace& place);

// A value that the reference might list.
struct Candidate {
  ListPlace place;
  json::Value value;
};

// What the log of `about` shows and `reference` does not list: of boot reference values if it is
// such a document, else of a reference state. Nothing if the log is not of a boot that its
// format describes. `bank`: that the boot was appraised in.
std::vector<Candidate> CandidatesOf(const BootCase& about, const json::Object& reference,
                                    crypto::HashAlgorithm bank);

// Puts the candidate's value at the end of its list of `reference`.
void AddCandidate(const Candidate& candidate, json::Object& reference);

}  // namespace limequat::appraise
