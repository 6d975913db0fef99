#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include <fmt/format.h>

#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/ima/list.h"
#include "limequat/ima/template_data.h"
#include "limequat/tpm/pcr.h"

namespace limequat::ima {

namespace {

// A signature is written with two digits for each byte.
constexpr std::size_t kMaxLine = 2 * kMaxTemplateData;

// Takes the text up to the next blank, and the blank, off the front of `text`.
// nullopt, and nothing is taken, if there is no blank.
std::optional<std::string_view> TakeField(std::string_view& text) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  const std::string_view field = text.substr(0, blank);
  text.remove_prefix(blank + 1);
  return field;
}

Error TooFewFields() {
  return Malformed("ima.ascii.fields", "the line ends before the last field of its template");
}

// The kernel pads PCR numbers of one digit with a blank.
Result<std::uint32_t> TakePcr(std::string_view& line) {
  if (line.starts_with(' ')) line.remove_prefix(1);
  const auto field = TakeField(line);
  std::uint32_t pcr = 0;
  if (!field || field->empty() || field->size() > 2 ||
      (field->size() == 2 && field->front() == '0') ||
      !std::ranges::all_of(*field, [](char c) { return c >= '0' && c <= '9'; })) {
    return Malformed("ima.ascii.pcr", "the line does not begin with a PCR number");
  }
  for (const char c : *field) pcr = pcr * 10 + static_cast<std::uint32_t>(c - '0');
  if (pcr >= tpm::kPcrCount) return Malformed("ima.ascii.pcr", fmt::format("PCR {}", pcr));
  return pcr;
}

Status DecodeTemplateDigest(std::string_view hex, Bytes& out) {
  if (!IsTemplateDigestSize(hex.size() / 2)) {
    return Malformed("ima.ascii.template_digest",
                     fmt::format("a template digest of {} characters", hex.size()));
  }
  out.resize(hex.size() / 2);
  if (!HexDecodeTo(hex, out)) {
    return Malformed("ima.ascii.template_digest", "the template digest is not hexadecimal");
  }
  return {};
}

// The fields of `ima-ng` and `ima-sig` as the line shows them.
struct Fields {
  std::string_view algorithm;
  std::string_view digest_hex;
  std::string_view path;
  std::string_view signature_hex;
};

Status SplitDigest(std::string_view field, Fields& fields) {
  const std::size_t colon = field.find(':');
  if (colon == std::string_view::npos || !IsAlgorithmName(field.substr(0, colon))) {
    return Malformed("ima.ascii.file_digest",
                     "the file digest does not begin with an algorithm's name and ':'");
  }
  fields.algorithm = field.substr(0, colon);
  fields.digest_hex = field.substr(colon + 1);
  if (fields.digest_hex.empty() || fields.digest_hex.size() > 2 * kMaxFileDigest) {
    return Malformed("ima.ascii.file_digest",
                     fmt::format("a file digest of {} characters", fields.digest_hex.size()));
  }
  return {};
}

Result<Fields> SplitFields(std::string_view text, Template kind) {
  Fields fields;
  const auto digest = TakeField(text);
  if (!digest) return TooFewFields();
  LQ_RETURN_IF_ERROR(SplitDigest(*digest, fields));
  if (kind == Template::kImaNg) {
    fields.path = text;
  } else {
    // An absent signature is an empty field: the blank before it is there.
    const auto path = TakeField(text);
    if (!path) return TooFewFields();
    fields.path = *path;
    fields.signature_hex = text;
  }
  // Never guessed: "/a b" may be a name, or a name and something else.
  if (fields.path.contains(' ') || fields.signature_hex.contains(' ')) {
    return Malformed("ima.ascii.ambiguous",
                     "a blank inside the last field: the line has more than one reading");
  }
  if (fields.path.contains('\0')) return Malformed("ima.ascii.path", "a NUL inside the name");
  return fields;
}

// Appends to a buffer whose size was fixed before.
class Cursor {
 public:
  explicit Cursor(std::span<std::uint8_t> out) : out_(out) {}

  std::span<std::uint8_t> Reserve(std::size_t size) {
    const auto part = out_.first(size);
    out_ = out_.subspan(size);
    return part;
  }
  void Size(std::size_t size) {
    for (std::uint8_t& byte : Reserve(4)) {
      byte = static_cast<std::uint8_t>(size);
      size >>= 8U;
    }
  }
  void Text(std::string_view text) {
    const auto part = Reserve(text.size());
    if (!text.empty()) std::memcpy(part.data(), text.data(), text.size());
  }
  void Nul() { Reserve(1)[0] = 0; }

 private:
  std::span<std::uint8_t> out_;
};

// Builds the template data that the kernel hashed: each field behind its length as
// 32-bit little-endian number (keylime-server-protocol, 5.8), and points `entry`
// into it. `data` keeps its memory from record to record.
Status BuildTemplateData(const Fields& fields, Template kind, Bytes& data, Entry& entry) {
  const std::size_t digest_field = fields.algorithm.size() + 2 + fields.digest_hex.size() / 2;
  const std::size_t signature_size = fields.signature_hex.size() / 2;
  const std::size_t size = 4 + digest_field + 4 + fields.path.size() + 1 +
                           (kind == Template::kImaSig ? 4 + signature_size : 0);
  if (size > kMaxTemplateData) {
    return Malformed("ima.ascii.length", fmt::format("{} bytes of template data", size));
  }
  data.resize(size);
  Cursor cursor(data);
  cursor.Size(digest_field);
  cursor.Text(fields.algorithm);
  cursor.Text(":");
  cursor.Nul();
  const auto digest = cursor.Reserve(fields.digest_hex.size() / 2);
  if (!HexDecodeTo(fields.digest_hex, digest)) {
    return Malformed("ima.ascii.file_digest", "the file digest is not hexadecimal");
  }
  cursor.Size(fields.path.size() + 1);
  cursor.Text(fields.path);
  cursor.Nul();
  entry.file_digest = digest;
  if (kind == Template::kImaSig) {
    cursor.Size(signature_size);
    const auto signature = cursor.Reserve(signature_size);
    if (!HexDecodeTo(fields.signature_hex, signature)) {
      return Malformed("ima.ascii.signature", "the signature is not hexadecimal");
    }
    entry.signature = signature;
  }
  entry.digest_algorithm = fields.algorithm;
  entry.path = fields.path;
  entry.template_data = data;
  return {};
}

}  // namespace

Result<std::size_t> ListReader::ReadAscii(Entry& entry) {
  std::string_view line = AsText(list_.subspan(offset_));
  const std::size_t end = line.find('\n');
  if (end == std::string_view::npos) {
    return Malformed("ima.truncated", "the last line has no line feed");
  }
  if (end > kMaxLine) return Malformed("ima.ascii.length", fmt::format("a line of {} bytes", end));
  line = line.substr(0, end);

  LQ_ASSIGN_OR_RETURN(entry.pcr, TakePcr(line));
  const auto digest = TakeField(line);
  if (!digest) return TooFewFields();
  LQ_RETURN_IF_ERROR(DecodeTemplateDigest(*digest, template_digest_));
  entry.template_digest = template_digest_;
  const auto name = TakeField(line);
  if (!name) return TooFewFields();
  entry.template_name = *name;
  LQ_ASSIGN_OR_RETURN(const Template kind, TemplateFromName(*name));
  LQ_ASSIGN_OR_RETURN(const Fields fields, SplitFields(line, kind));
  LQ_RETURN_IF_ERROR(BuildTemplateData(fields, kind, template_data_, entry));
  return end + 1;
}

}  // namespace limequat::ima
