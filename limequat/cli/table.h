#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limequat::cli {

// A cell, and the colour it has on a terminal that shows colours.
enum class Tint { kNone, kGood, kBad, kWarning, kFaint };
struct Cell {
  Cell(std::string cell_text, Tint cell_tint = Tint::kNone)
      : text(std::move(cell_text)), tint(cell_tint) {}
  Cell(const char* cell_text, Tint cell_tint = Tint::kNone) : text(cell_text), tint(cell_tint) {}
  std::string text;
  Tint tint;
};

// What a rendering may use.
struct Look {
  bool colours = false;
  std::size_t width = 0;  // columns of the terminal; 0: no limit
};

// `text` in `tint`, or as it is.
std::string Tinted(std::string_view text, Tint tint, const Look& look);

// Rows under headings, aligned by display width. Every cell is made safe for a
// terminal (Shown), so a cell with a line feed stays in its line.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}

  // As many cells as there are headings.
  void Add(std::vector<Cell> row);
  bool empty() const { return rows_.empty(); }
  // One line a row, each with its line feed; the last column is cut to the width of
  // the terminal.
  std::string Render(const Look& look) const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<Cell>> rows_;
};

// "name   value" lines; empty values are left out. Values are made safe as in Table.
std::string RenderPairs(const std::vector<std::pair<std::string, Cell>>& pairs, const Look& look,
                        std::size_t indent = 0);

}  // namespace limequat::cli
