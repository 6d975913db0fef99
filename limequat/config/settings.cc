#include "limequat/config/settings.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

// The library's exceptions stay in this file.
#include <toml++/toml.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/config/files.h"

extern char** environ;

namespace limequat::config {

namespace {

constexpr std::size_t kMaxConfigFile = 1U << 20U;

std::string Upper(std::string_view text) {
  std::string upper(text);
  std::ranges::transform(upper, upper.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return upper;
}

// A basic string of TOML, which may not hold control characters as they are.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      quoted += fmt::format("\\u{:04x}", byte);
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

std::string DurationText(Duration duration) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  if (duration % seconds(1) == Duration(0)) return fmt::format("{}s", duration / seconds(1));
  if (duration % milliseconds(1) == Duration(0))
    return fmt::format("{}ms", duration / milliseconds(1));
  return fmt::format("{}us", duration.count());
}

}  // namespace

struct Settings::Impl {
  bool writing = false;
  std::string name;
  std::filesystem::path folder;
  std::string prefix;  // "LIMEQUAT_VERIFIER_"
  Environment environment;
  toml::table table;
  std::string section;
  // Every key asked for, by section: two names, because a name may hold a dot.
  std::map<std::string, std::set<std::string>, std::less<>> known;
  std::set<std::string> known_variables;
  std::vector<std::string> problems;
  std::string text;  // what is written

  std::string FullKey(std::string_view key) const {
    return section.empty() ? std::string(key) : fmt::format("{}.{}", section, key);
  }

  std::string Variable(std::string_view key) const {
    return section.empty() ? prefix + Upper(key)
                           : fmt::format("{}{}_{}", prefix, Upper(section), Upper(key));
  }

  const toml::node* Find(std::string_view key) const {
    const toml::table* place = &table;
    if (!section.empty()) {
      const toml::node* node = table.get(section);
      place = node != nullptr ? node->as_table() : nullptr;
    }
    return place != nullptr ? place->get(key) : nullptr;
  }

  // Notes that there is such a key; the variable's value if it overrides the file.
  std::optional<std::string> Override(std::string_view key) {
    known[section].emplace(key);
    const std::string variable = Variable(key);
    known_variables.insert(variable);
    const char* value = environment ? environment(variable) : nullptr;
    if (value == nullptr) return std::nullopt;
    return std::string(value);
  }

  void Add(std::string_view key, std::string_view why) {
    const std::string variable = Variable(key);
    std::string place = name;
    if (environment && environment(variable) != nullptr) {
      place = fmt::format("environment variable {}", variable);
    } else if (const toml::node* node = Find(key)) {
      place = fmt::format("{}:{}", name, node->source().begin.line);
    }
    problems.push_back(fmt::format("{}: {}: {}", place, FullKey(key), why));
  }

  void Write(std::string_view key, std::string_view value, std::string_view about) {
    if (!about.empty()) text += fmt::format("# {}\n", about);
    text += fmt::format("{} = {}\n", key, value);
  }

  // The text that is set for `key`, by variable or file; nullopt: neither, or of
  // another type (then there is a problem).
  std::optional<std::string> Given(std::string_view key) {
    if (auto override = Override(key)) return override;
    const toml::node* node = Find(key);
    if (node == nullptr) return std::nullopt;
    const auto* string = node->as_string();
    if (string == nullptr) {
      Add(key, "a string is expected");
      return std::nullopt;
    }
    return string->get();
  }

  void AddUnknown(const toml::node& node, std::string_view full, std::string_view what) {
    problems.push_back(fmt::format("{}:{}: {}: unknown {}", name, node.source().begin.line,
                                   EscapeForDisplay(full, 200), what));
  }

  void FindUnknown() {
    const std::set<std::string>& top = known[""];
    for (const auto& [key, node] : table) {
      const std::string name_of_section(key.str());
      if (top.contains(name_of_section)) continue;
      const auto keys = known.find(name_of_section);
      if (!node.is_table() || name_of_section.empty() || keys == known.end()) {
        AddUnknown(node, name_of_section, node.is_table() ? "section" : "key");
        continue;
      }
      for (const auto& [inner, value] : *node.as_table()) {
        if (keys->second.contains(std::string(inner.str()))) continue;
        AddUnknown(value, fmt::format("{}.{}", name_of_section, inner.str()), "key");
      }
    }
  }
};

Settings::Settings() : impl_(std::make_unique<Impl>()) { impl_->writing = true; }

Settings::Settings(std::string_view text, std::string name, std::filesystem::path folder,
                   std::string environment_prefix, Environment environment)
    : impl_(std::make_unique<Impl>()) {
  impl_->name = std::move(name);
  impl_->folder = std::move(folder);
  impl_->prefix = std::move(environment_prefix);
  impl_->environment = std::move(environment);
  try {
    impl_->table = toml::parse(text);
  } catch (const toml::parse_error& error) {
    impl_->problems.push_back(fmt::format("{}:{}: {}", impl_->name, error.source().begin.line,
                                          EscapeForDisplay(error.description(), 300)));
  }
}

Settings::~Settings() = default;

void Settings::Section(std::string_view name, std::string_view about) {
  impl_->section = name;
  impl_->known[impl_->section];
  if (!impl_->writing) return;
  if (!impl_->text.empty()) impl_->text += '\n';
  if (!about.empty()) impl_->text += fmt::format("# {}\n", about);
  impl_->text += fmt::format("[{}]\n", name);
}

void Settings::Text(std::string_view key, std::string& value, std::string_view about) {
  if (impl_->writing) return impl_->Write(key, Quoted(value), about);
  if (auto given = impl_->Given(key)) value = *std::move(given);
}

void Settings::Word(std::string_view key, std::string& value,
                    const std::vector<std::string_view>& words, std::string_view about) {
  if (impl_->writing) return impl_->Write(key, Quoted(value), about);
  auto given = impl_->Given(key);
  if (!given) return;
  if (std::ranges::find(words, *given) == words.end()) {
    impl_->Add(key, fmt::format("one of {} is expected", fmt::join(words, ", ")));
    return;
  }
  value = *std::move(given);
}

void Settings::Flag(std::string_view key, bool& value, std::string_view about) {
  if (impl_->writing) return impl_->Write(key, value ? "true" : "false", about);
  std::optional<bool> flag;
  if (const auto given = impl_->Override(key)) {
    if (*given == "true") flag = true;
    if (*given == "false") flag = false;
  } else {
    const toml::node* node = impl_->Find(key);
    if (node == nullptr) return;
    if (const auto* boolean = node->as_boolean()) flag = boolean->get();
  }
  if (!flag) return impl_->Add(key, "true or false is expected");
  value = *flag;
}

void Settings::Number(std::string_view key, std::int64_t& value, std::int64_t least,
                      std::int64_t most, std::string_view about) {
  if (impl_->writing) return impl_->Write(key, fmt::format("{}", value), about);
  std::optional<std::int64_t> number;
  if (const auto given = impl_->Override(key)) {
    std::int64_t parsed = 0;
    const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), parsed);
    if (error == std::errc() && end == given->data() + given->size()) number = parsed;
  } else {
    const toml::node* node = impl_->Find(key);
    if (node == nullptr) return;
    if (const auto* integer = node->as_integer()) number = integer->get();
  }
  if (!number || *number < least || *number > most) {
    return impl_->Add(key, fmt::format("a whole number from {} to {} is expected", least, most));
  }
  value = *number;
}

void Settings::Port(std::string_view key, std::uint16_t& value, std::uint16_t least,
                    std::string_view about) {
  std::int64_t number = value;
  Number(key, number, least, 65535, about);
  value = static_cast<std::uint16_t>(number);
}

void Settings::Span(std::string_view key, Duration& value, Duration least, Duration most,
                    std::string_view about) {
  if (impl_->writing) return impl_->Write(key, Quoted(DurationText(value)), about);
  const auto given = impl_->Given(key);
  if (!given) return;
  const auto parsed = ParseDuration(*given);
  if (!parsed || *parsed < least || *parsed > most) {
    impl_->Add(key, fmt::format("a duration from {} to {} is expected, such as 2s",
                                DurationText(least), DurationText(most)));
    return;
  }
  value = *parsed;
}

void Settings::Path(std::string_view key, std::filesystem::path& value, Required required,
                    std::string_view about) {
  if (impl_->writing) return impl_->Write(key, Quoted(value.string()), about);
  if (const auto given = impl_->Given(key)) value = *given;
  if (value.empty() && required == Required::kYes) impl_->Add(key, "a path is required");
  if (!value.empty()) value = Absolute(value);
}

void Settings::Paths(std::string_view key, std::vector<std::filesystem::path>& value,
                     Required required, std::string_view about) {
  if (impl_->writing) {
    std::vector<std::string> quoted;
    for (const auto& path : value) quoted.push_back(Quoted(path.string()));
    return impl_->Write(key, fmt::format("[{}]", fmt::join(quoted, ", ")), about);
  }
  if (const auto given = impl_->Override(key)) {
    // One path, or none: which character could part several?
    value.clear();
    if (!given->empty()) value.emplace_back(*given);
  } else if (const toml::node* node = impl_->Find(key)) {
    const toml::array* array = node->as_array();
    if (array == nullptr) return impl_->Add(key, "a list of paths is expected");
    value.clear();
    for (const toml::node& element : *array) {
      const auto* path = element.as_string();
      if (path == nullptr || path->get().empty()) {
        return impl_->Add(key, "a list of paths is expected");
      }
      value.emplace_back(path->get());
    }
  }
  if (value.empty() && required == Required::kYes) {
    impl_->Add(key, "at least one path is required");
  }
  for (auto& path : value) path = Absolute(path);
}

void Settings::Problem(std::string_view key, std::string_view why) {
  if (!impl_->writing) impl_->Add(key, why);
}

std::filesystem::path Settings::Absolute(const std::filesystem::path& path) const {
  return path.is_absolute() ? path : (impl_->folder / path).lexically_normal();
}

Status Settings::Finish() {
  impl_->FindUnknown();
  if (impl_->environment) {
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const std::string_view entry(*variable);
      const std::string_view name = entry.substr(0, entry.find('='));
      if (name.starts_with(impl_->prefix) && !impl_->known_variables.contains(std::string(name))) {
        impl_->problems.push_back(
            fmt::format("the environment variable {} sets no key", EscapeForDisplay(name, 200)));
      }
    }
  }
  if (impl_->problems.empty()) return {};
  return Malformed("config.invalid", fmt::format("{}", fmt::join(impl_->problems, "\n")));
}

std::string Settings::TakeText() { return std::move(impl_->text); }

Result<File> ReadConfigFile(const std::filesystem::path& path) {
  LQ_ASSIGN_OR_RETURN(std::string text, ReadTextFile(path, kMaxConfigFile));
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  if (error)
    return Unavailable("config.file", fmt::format("{}: {}", path.string(), error.message()));
  return File{.text = std::move(text), .folder = absolute.parent_path()};
}

}  // namespace limequat::config
