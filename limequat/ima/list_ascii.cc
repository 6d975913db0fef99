#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/base/encoding.h"
#include "limequat/base/result_macros.h"
#include "limequat/ima/list.h"
#include "limequat/ima/replay.h"
#include "limequat/ima/template_data.h"
#include "limequat/tpm/pcr.h"

namespace limequat::ima {

namespace {

// A signature is written with two digits for each byte.
constexpr std::size_t kMaxLine = 2 * kMaxTemplateData;

// What a field's bytes may have more than its text: a size, ':' or NUL.
constexpr std::size_t kFieldOverhead = 4 + 4;

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
std::optional<std::uint32_t> TakePcr(std::string_view& line) {
  if (line.starts_with(' ')) line.remove_prefix(1);
  if (line.size() < 3) return std::nullopt;
  const std::size_t digits = line[1] == ' ' ? 1 : 2;
  const std::string_view field = line.substr(0, digits);
  if (line[digits] != ' ' || (digits == 2 && field.front() == '0') ||
      !std::ranges::all_of(field, [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  std::uint32_t pcr = 0;
  for (const char c : field) pcr = pcr * 10 + static_cast<std::uint32_t>(c - '0');
  line.remove_prefix(digits + 1);
  return pcr;
}

// Whether `text` is empty or looks like the beginning of a record: PCR number, and a
// blank where a template digest ends.
bool BeginsRecord(std::string_view text) {
  if (text.empty()) return true;
  if (!TakePcr(text)) return false;
  return std::ranges::any_of(kDigestSizes, [&](std::size_t size) {
    return text.size() > 2 * size && text[2 * size] == ' ';
  });
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

bool IsName(Field field) { return field == Field::kN || field == Field::kNNg; }

using Texts = std::array<std::string_view, kMaxFields>;

// Gives the texts of `count` fields, if there are as many blanks as it takes. kTooMany
// leaves it to the names.
enum class Split : std::uint8_t { kDone, kTooFew, kTooMany };
Split SplitTexts(std::string_view text, std::size_t count, Texts& out) {
  for (std::size_t i = 0; i + 1 < count; ++i) {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return Split::kTooFew;
    out[i] = text.substr(0, blank);
    text.remove_prefix(blank + 1);
  }
  out[count - 1] = text;
  return text.contains(' ') ? Split::kTooMany : Split::kDone;
}

// The same where a name has blanks. Fields in front of it are taken from the left, those
// behind it from the right; what remains is the name.
Status SplitAroundName(std::string_view text, std::span<const Field> fields, Texts& out) {
  const auto name = std::ranges::find_if(fields, IsName);
  if (name == fields.end()) {
    return Malformed("ima.ascii.fields", "the line has more fields than its template");
  }
  if (std::find_if(name + 1, fields.end(), IsName) != fields.end()) {
    return Malformed("ima.ascii.ambiguous",
                     "a blank in one of two names: the line has more than one reading");
  }
  const auto at = static_cast<std::size_t>(name - fields.begin());
  for (std::size_t i = 0; i < at; ++i) text.remove_prefix(text.find(' ') + 1);
  for (std::size_t i = fields.size() - 1; i > at; --i) {
    const std::size_t blank = text.rfind(' ');
    out[i] = text.substr(blank + 1);
    text = text.substr(0, blank);
  }
  out[at] = text;
  return {};
}

// Appends to a buffer that is large enough.
class Cursor {
 public:
  explicit Cursor(std::span<std::uint8_t> out) : out_(out) {}

  std::size_t size() const { return size_; }
  std::span<std::uint8_t> Reserve(std::size_t size) {
    LQ_CHECK(size <= out_.size() - size_);
    const auto part = out_.subspan(size_, size);
    size_ += size;
    return part;
  }
  void Text(std::string_view text) {
    const auto part = Reserve(text.size());
    std::ranges::copy(AsBytes(text), part.begin());
  }
  void Nul() { Reserve(1)[0] = 0; }

 private:
  std::span<std::uint8_t> out_;
  std::size_t size_ = 0;
};

void SetLittleEndian(std::size_t value, std::span<std::uint8_t> out) {
  for (std::uint8_t& byte : out) {
    byte = static_cast<std::uint8_t>(value);
    value >>= 8U;
  }
}

Problem DecodeHex(std::string_view hex, Cursor& out) {
  const bool is_hex = HexDecodeTo(hex, out.Reserve(hex.size() / 2));
  return is_hex ? Problem() : "not hexadecimal";
}

// "sha256:aabb": the part with the colons, a NUL, and the bytes.
Problem DecodeDigest(Field field, std::string_view text, Cursor& out) {
  if (field != Field::kDNgV2 && text.starts_with(kUsualName)) {
    out.Text(kUsualName);
    out.Nul();
    return DecodeHex(text.substr(kUsualName.size()), out);
  }
  std::size_t colon = text.find(':');
  if (field == Field::kDNgV2 && colon != std::string_view::npos) colon = text.find(':', colon + 1);
  if (colon == std::string_view::npos) {
    return "the digest does not begin with an algorithm's name and ':'";
  }
  out.Text(text.substr(0, colon + 1));
  out.Nul();
  return DecodeHex(text.substr(colon + 1), out);
}

Problem DecodeNumber(std::string_view text, std::size_t size, Cursor& out) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || (size == 2 && number > 0xffffU) ||
      (text.size() > 1 && text.front() == '0')) {
    return "not a decimal number that fits";
  }
  SetLittleEndian(number, out.Reserve(size));
  return {};
}

// Writes the bytes of a field from its text.
Problem DecodeField(Field field, std::string_view text, Cursor& out) {
  switch (field) {
    case Field::kN:
    case Field::kNNg:
      out.Text(text);
      out.Nul();
      return {};
    case Field::kDNg:
    case Field::kDNgV2:
      return DecodeDigest(field, text, out);
    case Field::kDModsig:
      return text.empty() ? Problem() : DecodeDigest(field, text, out);
    case Field::kXattrNames:
      if (text.empty()) return {};
      out.Text(text);
      out.Nul();
      return {};
    case Field::kUid:
    case Field::kGid:
    case Field::kMode:
      return text.empty() ? Problem() : DecodeNumber(text, NumberSize(field), out);
    case Field::kD:
    case Field::kSig:
    case Field::kBuf:
    case Field::kModsig:
    case Field::kEvmSig:
    case Field::kXattrLengths:
    case Field::kXattrValues:
      return DecodeHex(text, out);
  }
  return {};
}

// For another reading of the same record.
Entry Unread(std::uint64_t index) {
  Entry entry;
  entry.index = index;
  return entry;
}

bool IsProven(const Entry& entry) {
  return !IsAllZero(entry.template_digest) && CheckStatedDigest(entry) == StatedDigest::kMatches;
}

}  // namespace

// Builds the template data that the kernel hashed: each field behind its size
// (keylime-server-protocol, 5.8), and points `entry` into it. The buffer keeps its
// memory from record to record.
Status ListReader::ReadTexts(std::string_view text, Entry& entry) {
  const std::span<const Field> fields = template_.fields();
  Texts texts;
  const Split split = SplitTexts(text, fields.size(), texts);
  if (split == Split::kTooFew) return TooFewFields();
  if (split == Split::kTooMany) LQ_RETURN_IF_ERROR(SplitAroundName(text, fields, texts));
  const std::size_t bound = text.size() + fields.size() * kFieldOverhead;
  if (template_data_.size() < bound) {
    // No two buffers at a time, and not one for each of many growing records.
    template_data_ = Bytes();
    template_data_.resize(bound + bound / 2);
  }
  if (template_.is_legacy()) return ReadLegacyTexts(texts[0], texts[1], entry);
  Cursor cursor(template_data_);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto size = cursor.Reserve(4);
    const std::size_t start = cursor.size();
    Problem problem = DecodeField(fields[i], texts[i], cursor);
    const ByteView bytes = ByteView(template_data_).subspan(start, cursor.size() - start);
    if (problem.empty()) problem = ReadField(fields[i], bytes, entry);
    if (!problem.empty()) return BadField(fields[i], Format::kAscii, problem, texts[i].size());
    SetLittleEndian(bytes.size(), size);
    values_[i] = {.field = fields[i], .bytes = bytes};
  }
  if (cursor.size() > kMaxTemplateData) {
    return Malformed("ima.ascii.length", fmt::format("{} bytes of template data", cursor.size()));
  }
  entry.template_data = ByteView(template_data_).first(cursor.size());
  return {};
}

Status ListReader::ReadLegacyTexts(std::string_view hex, std::string_view name, Entry& entry) {
  std::array<std::uint8_t, kMaxFileDigest> buffer;
  const std::span digest = std::span(buffer).first(std::min(hex.size() / 2, buffer.size()));
  if (!HexDecodeTo(hex, digest)) {
    return BadField(Field::kD, Format::kAscii, "not hexadecimal", hex.size());
  }
  return ReadLegacy(digest, name, Format::kAscii, template_data_, values_, entry);
}

Status ListReader::ReadLine(std::string_view line, Entry& entry) {
  ++attempts_;
  const auto pcr = TakePcr(line);
  if (!pcr) return Malformed("ima.ascii.pcr", "the line does not begin with a PCR number");
  if (*pcr >= tpm::kPcrCount) return Malformed("ima.ascii.pcr", fmt::format("PCR {}", *pcr));
  entry.pcr = *pcr;
  const auto digest = TakeField(line);
  if (!digest) return TooFewFields();
  LQ_RETURN_IF_ERROR(DecodeTemplateDigest(*digest, template_digest_));
  entry.template_digest = template_digest_;
  const auto name = TakeField(line);
  if (!name) return TooFewFields();
  LQ_RETURN_IF_ERROR(FindTemplate(*name, entry));
  LQ_RETURN_IF_ERROR(ReadTexts(line, entry));
  entry.fields = std::span(values_).first(template_.fields().size());
  return {};
}

// `text` begins with a line that goes on behind its line feed, at `end`: up to where the next
// record begins, or to the end of the list. nullopt if nothing shows how far.
std::optional<std::size_t> ListReader::Rejoin(std::string_view text, std::size_t end,
                                              Entry& entry) {
  // At a line feed of the name.
  for (std::size_t inner = end; inner < text.size() && inner - end < kMaxName;) {
    const std::size_t joined = std::min(text.find('\n', inner + 1), text.size());
    if (joined > kMaxLine) return std::nullopt;
    const std::size_t size = std::min(joined + 1, text.size());
    const std::string_view rest = text.substr(size);
    const bool is_followed = size > joined && BeginsRecord(rest);
    // A last line without its line feed may be a record that was cut short.
    if (is_followed || !rest.contains('\n')) {
      entry = Unread(entry.index);
      const bool read = ReadLine(text.substr(0, joined), entry).has_value();
      const bool is_violation = is_followed && IsAllZero(entry.template_digest);
      if (read && (is_violation || IsProven(entry))) return size;
    }
    inner = joined;
  }
  return std::nullopt;
}

// The last line has no line feed. One that was cut short does not state its own hash.
Result<std::size_t> ListReader::ReadUnended(std::string_view text, Entry& entry) {
  if (text.size() <= kMaxLine && ReadLine(text, entry) && IsProven(entry)) return text.size();
  return Malformed("ima.truncated", "the last line has no line feed");
}

Result<std::size_t> ListReader::ReadAscii(Entry& entry) {
  const std::string_view text = AsText(list_.subspan(offset_));
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return ReadUnended(text, entry);
  if (end > kMaxLine) return Malformed("ima.ascii.length", fmt::format("a line of {} bytes", end));
  const std::string_view line = text.substr(0, end);
  const bool read = ReadLine(line, entry).has_value();
  const bool is_told = line_feeds_ == LineFeeds::kAsTheyLook || is_given_up_ ||
                       (read && IsAllZero(entry.template_digest));
  if (read && is_told && BeginsRecord(text.substr(end + 1))) return end + 1;
  if (read && IsProven(entry)) return end + 1;
  if (!is_given_up_) {
    const auto joined = Rejoin(text, end, entry);
    if (joined) return *joined;
    is_given_up_ = true;
  }
  entry = Unread(entry.index);
  LQ_RETURN_IF_ERROR(ReadLine(line, entry));
  return end + 1;
}

}  // namespace limequat::ima
