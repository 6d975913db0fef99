#pragma once

#include <string>
#include <utility>
#include <vector>

#include "limequat/cli/table.h"
#include "limequat/crypto/stored_certificate.h"
#include "limequat/json/value.h"

namespace limequat::cli {

// What an EK certificate says, as `inspect ekcert` and `verify ekcert` show it: fields of
// the first certificate, those behind it in `chain`, and all notes.
json::Object ToJson(const crypto::StoredCertificates& stored);
// The same for people, as pairs of RenderPairs, without the notes.
std::vector<std::pair<std::string, Cell>> PairsOf(const crypto::StoredCertificates& stored);
// One line a note.
std::string NotesText(const crypto::StoredCertificates& stored);

}  // namespace limequat::cli
