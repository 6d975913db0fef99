#include "limequat/cli/policy_create.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/base/utf8.h"
#include "limequat/cli/input.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/progress.h"
#include "limequat/cli/table.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/collect/archive.h"
#include "limequat/collect/tree.h"
#include "limequat/json/value.h"
#include "limequat/policy/exclude_list.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::cli {

namespace {

constexpr std::size_t kNotesShown = 5;
// Of the template digests in ascii_runtime_measurements, which every kernel has.
constexpr auto kLogHash = crypto::HashAlgorithm::kSha1;

struct Made {
  std::string text;
  std::size_t files = 0;
  std::vector<std::string> left_out;  // what the policy does not have, and why
};

// Fails at once, before hours of hashing, on what would fail in the end.
Result<std::string> CheckBefore(const PolicyCreateRuntime& asked, const Console& console) {
  LQ_RETURN_IF_ERROR(CheckOutput(asked.output, "policy", console));
  if (!asked.root && asked.initrds.empty() && asked.packages.empty()) {
    return UsageError("say what the policy is made of: --root, --initrd or --package");
  }
  // Whether they exclude everything is known when the paths are.
  LQ_RETURN_IF_ERROR(policy::ExcludeList::Compile(asked.excludes));
  if (!asked.base) return std::string();
  LQ_ASSIGN_OR_RETURN(std::string base, ReadInput(*asked.base, kMaxPolicyInput));
  auto parsed = policy::RuntimePolicy::Parse(base);
  if (!parsed) return std::move(parsed).error().In(Shown(*asked.base));
  return base;
}

std::vector<crypto::HashAlgorithm> HashesOf(const PolicyCreateRuntime& asked) {
  if (!asked.hashes.empty()) return asked.hashes;
  return {crypto::HashAlgorithm::kSha256};
}

collect::Selection SelectionOf(const PolicyCreateRuntime& asked) {
  return asked.executables ? collect::Selection::kExecutable : collect::Selection::kAll;
}

collect::TreeOptions TreeOf(const PolicyCreateRuntime& asked) {
  collect::TreeOptions options{
      .root = *asked.root, .selection = SelectionOf(asked), .algorithms = HashesOf(asked)};
  options.skip = {"/proc", "/sys", "/dev", "/run"};
  options.skip.insert(options.skip.end(), asked.skip.begin(), asked.skip.end());
  return options;
}

using ProgressCallback = std::function<void(const collect::Progress&)>;

// Everything the policy is made of, one source after another.
class Sources {
 public:
  Sources(const PolicyCreateRuntime& asked, const Console& console)
      : asked_(asked), console_(console) {}

  Result<std::vector<collect::Tree>> Hash() const {
    std::vector<collect::Tree> trees;
    if (asked_.root) {
      const auto hash = [this](const auto& call) {
        return collect::HashTree(TreeOf(asked_), call);
      };
      LQ_ASSIGN_OR_RETURN(collect::Tree tree, WithProgress(*asked_.root, hash));
      trees.push_back(std::move(tree));
    }
    LQ_RETURN_IF_ERROR(HashArchives(asked_.initrds, collect::HashInitrd, trees));
    LQ_RETURN_IF_ERROR(HashArchives(asked_.packages, collect::HashPackage, trees));
    return trees;
  }

 private:
  using HashArchive = Result<collect::Tree> (*)(const collect::ArchiveOptions&,
                                                const ProgressCallback&);

  Status HashArchives(const std::vector<std::string>& files, HashArchive hash,
                      std::vector<collect::Tree>& trees) const {
    for (const std::string& file : files) {
      const collect::ArchiveOptions options{
          .file = file, .selection = SelectionOf(asked_), .algorithms = HashesOf(asked_)};
      const auto hash_one = [&](const auto& call) { return hash(options, call); };
      LQ_ASSIGN_OR_RETURN(collect::Tree tree, WithProgress(file, hash_one));
      trees.push_back(std::move(tree));
    }
    return {};
  }

  template <class Work>
  Result<collect::Tree> WithProgress(const std::string& what, Work work) const {
    ProgressLine line(stderr, console_.err_is_terminal(), "hashing " + Shown(what));
    return work([&line](const collect::Progress& progress) {
      line.Show({.files = progress.files,
                 .bytes = progress.bytes,
                 .total_files = progress.total_files,
                 .total_bytes = progress.total_bytes});
    });
  }

  const PolicyCreateRuntime& asked_;
  const Console& console_;
};

// What the policy has of one source.
void AddTree(collect::Tree tree, policy::RuntimePolicyBuilder& builder, Made& made) {
  for (std::string& problem : tree.unreadable) made.left_out.push_back(std::move(problem));
  for (const collect::HashedFile& file : tree.files) {
    if (!IsUtf8(file.path)) {
      made.left_out.push_back(file.path + ": the name is not UTF-8, no policy can hold it");
      continue;
    }
    ++made.files;
    for (const crypto::Digest& digest : file.digests) builder.AddDigest(file.path, digest.hex());
  }
}

Result<Made> Make(const PolicyCreateRuntime& asked, const std::string& base,
                  std::vector<collect::Tree> trees) {
  Made made;
  policy::RuntimePolicyBuilder builder;
  for (const std::string& exclude : asked.excludes) builder.AddExclude(exclude);
  for (collect::Tree& tree : trees) AddTree(std::move(tree), builder, made);
  for (std::string& text : made.left_out) text = EscapeForDisplay(text);
  LQ_ASSIGN_OR_RETURN(made.text, builder.ToJson(PolicyTimestamp(asked.now), kLogHash));
  if (!base.empty()) {
    LQ_ASSIGN_OR_RETURN(made.text, policy::MergeRuntimePolicies(base, made.text));
  }
  return made;
}

void NoteWhatIsLeftOut(const Made& made, Console& console) {
  for (std::size_t i = 0; i < made.left_out.size() && i < kNotesShown; ++i) {
    console.Note("limequat: not in the policy: " + made.left_out[i]);
  }
  if (made.left_out.size() > kNotesShown) {
    console.Note(fmt::format("limequat: not in the policy: {} more (named with -o json)",
                             made.left_out.size() - kNotesShown));
  }
}

Result<Ending> ShowSummary(const Made& made, const std::string& file, Console& console) {
  LQ_ASSIGN_OR_RETURN(const auto policy, policy::RuntimePolicy::Parse(made.text));
  json::Array left_out;
  for (const std::string& text : made.left_out) left_out.emplace_back(text);
  const json::Object document{{"file", file},
                              {"sha256", policy->hash().hex()},
                              {"files", made.files},
                              {"paths", policy->paths()},
                              {"digests", policy->digests()},
                              {"left_out", std::move(left_out)}};
  LQ_RETURN_IF_ERROR(console.Show(document, [&] {
    return fmt::format("{}: {} paths, {} digests ({} hashed now)\n", Shown(file), policy->paths(),
                       policy->digests(), Counted(made.files, "file"));
  }));
  return Ending::kDone;
}

}  // namespace

std::string PolicyTimestamp(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss<Duration> clock(time - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<Ending> PolicyCreateRuntime::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(const std::string base_text, CheckBefore(*this, console));
  LQ_ASSIGN_OR_RETURN(std::vector<collect::Tree> trees, Sources(*this, console).Hash());
  LQ_ASSIGN_OR_RETURN(const Made made, Make(*this, base_text, std::move(trees)));
  NoteWhatIsLeftOut(made, console);
  if (KeepsToStandardOutput(output)) return ShowMade(made.text, console);
  LQ_RETURN_IF_ERROR(WriteMade(*output, made.text));
  return ShowSummary(made, *output, console);
}

}  // namespace limequat::cli
