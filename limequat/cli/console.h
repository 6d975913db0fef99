#pragma once

#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "limequat/base/result.h"
#include "limequat/cli/pager.h"
#include "limequat/cli/table.h"
#include "limequat/json/value.h"

namespace limequat::cli {

enum class OutputFormat { kTable, kJson, kYaml };
// kMalformed ("cli.usage") for other words than table, json and yaml.
Result<OutputFormat> ParseOutputFormat(std::string_view text);

// Status a command ends with when it did what it was asked to. Errors end with
// ExitStatus of their code, wrong usage with 2 (docs: the command-line contract).
enum class Ending : int {
  kDone = 0,            // done; for verdicts: trustworthy
  kNotTrustworthy = 1,  // evaluated, and not trustworthy
  kMalformed = 3,       // shown as far as it could be read
};

// Where results go. Notes and errors for people go to standard error, so that
// standard output holds nothing but the result.
class Console {
 public:
  // How `out` and `err` are written to: colours only on a terminal and not with
  // NO_COLOR; table by default on a terminal, JSON elsewhere.
  Console(std::FILE* out, std::FILE* err, std::optional<OutputFormat> wanted);

  OutputFormat format() const { return format_; }
  bool for_people() const { return format_ == OutputFormat::kTable; }
  const Look& look() const { return look_; }
  bool out_is_terminal() const { return out_is_terminal_; }
  bool err_is_terminal() const { return err_is_terminal_; }

  // The result: `document` as JSON or YAML, or what `for_people` makes of it.
  // kUnavailable ("cli.output") if it could not be written: such a result must not
  // end with 0.
  // `paging` says whether a result longer than the terminal is given to the reader's
  // pager; without a terminal none is started.
  Status Show(const json::Value& document, const std::function<std::string()>& for_people,
              Paging paging = Paging::kNever);
  // Text that is a result as it is (a policy, a completion script).
  Status Write(std::string_view text);
  // A line on standard error, made safe for a terminal.
  void Note(std::string_view line);

 private:
  std::string TextOf(const json::Value& document,
                     const std::function<std::string()>& for_people) const;

  std::FILE* out_;
  std::FILE* err_;
  bool out_is_terminal_;
  bool err_is_terminal_;
  OutputFormat format_;
  Look look_;
};

}  // namespace limequat::cli
