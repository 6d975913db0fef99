#include "limequat/cli/table.h"

#include <algorithm>

#include "limequat/base/check.h"
#include "limequat/cli/text.h"

namespace limequat::cli {

namespace {

constexpr std::size_t kGap = 2;
// A last column narrower than this is not cut: nothing of it would be left to read.
constexpr std::size_t kLeastCut = 16;

std::string_view CodeOf(Tint tint) {
  switch (tint) {
    case Tint::kNone:
      return "";
    case Tint::kGood:
      return "\x1b[32m";
    case Tint::kBad:
      return "\x1b[1;31m";
    case Tint::kWarning:
      return "\x1b[33m";
    case Tint::kFaint:
      return "\x1b[2m";
  }
  return "";
}

std::string RenderRow(const std::vector<Cell>& row, const std::vector<std::size_t>& widths,
                      const Look& look) {
  std::string line;
  std::size_t used = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const bool last = i + 1 == row.size();
    std::string text = row[i].text;
    if (last && look.width > used + kLeastCut) text = CutTo(text, look.width - used);
    line += Tinted(text, row[i].tint, look);
    if (last) break;
    line.append(widths[i] + kGap - DisplayWidth(text), ' ');
    used += widths[i] + kGap;
  }
  // Empty cells at the end leave no blanks behind.
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

}  // namespace

std::string Tinted(std::string_view text, Tint tint, const Look& look) {
  if (!look.colours || tint == Tint::kNone || text.empty()) return std::string(text);
  std::string tinted(CodeOf(tint));
  tinted += text;
  tinted += "\x1b[0m";
  return tinted;
}

void Table::Add(std::vector<Cell> row) {
  LQ_CHECK(row.size() == headings_.size());
  for (Cell& cell : row) cell.text = Shown(cell.text);
  rows_.push_back(std::move(row));
}

std::string Table::Render(const Look& look) const {
  std::vector<std::size_t> widths;
  std::vector<Cell> top;
  for (const std::string& heading : headings_) {
    widths.push_back(DisplayWidth(heading));
    top.emplace_back(heading, Tint::kFaint);
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i].text));
    }
  }
  std::string text = RenderRow(top, widths, look);
  for (const auto& row : rows_) text += RenderRow(row, widths, look);
  return text;
}

std::string RenderPairs(const std::vector<std::pair<std::string, Cell>>& pairs, const Look& look,
                        std::size_t indent) {
  std::size_t width = 0;
  for (const auto& [name, value] : pairs) {
    if (!value.text.empty()) width = std::max(width, DisplayWidth(name));
  }
  std::string text;
  for (const auto& [name, value] : pairs) {
    if (value.text.empty()) continue;
    text.append(indent, ' ');
    text += PadTo(name, width + kGap);
    text += Tinted(Shown(value.text), value.tint, look);
    text += '\n';
  }
  return text;
}

}  // namespace limequat::cli
