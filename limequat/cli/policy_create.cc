#include "limequat/cli/policy_create.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "limequat/base/escape.h"
#include "limequat/base/result_macros.h"
#include "limequat/cli/ima_signatures.h"
#include "limequat/cli/made_document.h"
#include "limequat/cli/made_policy.h"
#include "limequat/cli/progress.h"
#include "limequat/cli/text.h"
#include "limequat/cli/usage.h"
#include "limequat/collect/archive.h"
#include "limequat/collect/tree.h"
#include "limequat/policy/exclude_list.h"
#include "limequat/policy/runtime_policy.h"

namespace limequat::cli {

namespace {

// What is known before the files are.
struct Given {
  std::string base;
  ima::Keyring verification_keys;
};

// Fails at once, before hours of hashing, on what would fail in the end.
Result<Given> ReadGiven(const PolicyCreateRuntime& asked, const Console& console) {
  LQ_RETURN_IF_ERROR(CheckOutput(asked.output, "policy", console));
  if (!asked.root && asked.initrds.empty() && asked.packages.empty()) {
    return UsageError("say what the policy is made of: --root, --initrd or --package");
  }
  if (asked.resume && !asked.root) return UsageError("--resume is for --root");
  // Whether they exclude everything is known when the paths are.
  LQ_RETURN_IF_ERROR(policy::ExcludeList::Compile(asked.excludes));
  LQ_ASSIGN_OR_RETURN(std::string base, ReadBasePolicy(asked.base));
  LQ_ASSIGN_OR_RETURN(ima::Keyring keys, ReadKeyFiles(asked.verification_keys));
  return Given{.base = std::move(base), .verification_keys = std::move(keys)};
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
  options.journal = asked.resume.value_or("");
  options.skip.insert(options.skip.end(), asked.skip.begin(), asked.skip.end());
  return options;
}

using ProgressCallback = std::function<void(const collect::Progress&)>;

// Everything the policy is made of, one source after another.
class Sources {
 public:
  Sources(const PolicyCreateRuntime& asked, Console& console) : asked_(asked), console_(console) {}

  Result<std::vector<collect::Tree>> Hash() const {
    std::vector<collect::Tree> trees;
    if (asked_.root) {
      const auto hash = [this](const auto& call) {
        return collect::HashTree(TreeOf(asked_), call);
      };
      LQ_ASSIGN_OR_RETURN(collect::Tree tree, WithProgress(*asked_.root, hash));
      NoteJournal(tree);
      trees.push_back(std::move(tree));
    }
    LQ_RETURN_IF_ERROR(HashArchives(asked_.initrds, collect::HashInitrd, trees));
    LQ_RETURN_IF_ERROR(HashArchives(asked_.packages, collect::HashPackage, trees));
    return trees;
  }

 private:
  void NoteJournal(const collect::Tree& tree) const {
    if (tree.resumed > 0) {
      console_.Note(fmt::format("limequat: {} hashed before ({})", Counted(tree.resumed, "file"),
                                Shown(*asked_.resume)));
    }
    if (!tree.journal_problem.empty()) {
      console_.Note(fmt::format("limequat: {} does not keep all that was hashed: {}",
                                Shown(*asked_.resume), tree.journal_problem));
    }
  }

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
  Console& console_;
};

// What the policy has of one source.
void AddTree(collect::Tree tree, policy::RuntimePolicyBuilder& builder, MadePolicy& made) {
  for (std::string& problem : tree.unreadable) made.left_out.push_back(std::move(problem));
  for (const collect::HashedFile& file : tree.files) {
    ++made.files;
    for (const crypto::Digest& digest : file.digests) builder.AddDigest(file.path, digest.hex());
  }
}

Result<MadePolicy> Make(const PolicyCreateRuntime& asked, const Given& given,
                        std::vector<collect::Tree> trees) {
  MadePolicy made;
  policy::RuntimePolicyBuilder builder;
  for (const std::string& exclude : asked.excludes) builder.AddExclude(exclude);
  builder.SetVerificationKeys(given.verification_keys);
  for (collect::Tree& tree : trees) AddTree(std::move(tree), builder, made);
  for (std::string& text : made.left_out) text = EscapeForDisplay(text);
  LQ_ASSIGN_OR_RETURN(made.text, WriteWithBase(builder, given.base, asked.now));
  return made;
}

}  // namespace

Result<Ending> PolicyCreateRuntime::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(const Given given, ReadGiven(*this, console));
  LQ_ASSIGN_OR_RETURN(std::vector<collect::Tree> trees, Sources(*this, console).Hash());
  LQ_ASSIGN_OR_RETURN(const MadePolicy made, Make(*this, given, std::move(trees)));
  if (made.files == 0) {
    console.Note(
        "limequat: no file was found in any of the sources: the policy lists none of them");
  }
  LQ_ASSIGN_OR_RETURN(const Ending ending, DeliverMade(made, output, console));
  std::error_code ignored;
  if (resume) std::filesystem::remove(*resume, ignored);
  return ending;
}

}  // namespace limequat::cli
