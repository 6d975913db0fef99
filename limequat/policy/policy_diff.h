#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "limequat/base/result.h"

namespace limequat::policy {

// How two lists differ, sorted.
struct ListChange {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  bool empty() const { return added.empty() && removed.empty(); }
};

// How what is listed under one name differs: a path of `digests`, a keyring.
struct NamedChange {
  std::string name;
  bool was_listed = false;
  bool is_listed = false;
  ListChange digests;
};

// How a single value differs.
struct ValueChange {
  std::string member;  // "ima.log_hash_alg"
  std::string before;
  std::string after;
};

// What a machine is held to by the second policy and not by the first, and the other
// way round. What says nothing about machines (time stamp, generator, order) is left out.
struct PolicyDiff {
  std::vector<NamedChange> digests;  // by name
  std::vector<NamedChange> keyrings;
  std::vector<NamedChange> buffers;
  std::vector<NamedChange> coverage;      // of `ima.coverage.entries`
  std::vector<NamedChange> command_line;  // of `ima.coverage.command_line`, values by parameter
  ListChange excludes;
  ListChange ignored_keyrings;
  std::vector<ValueChange> values;

  bool same() const {
    return digests.empty() && keyrings.empty() && buffers.empty() && coverage.empty() &&
           command_line.empty() && excludes.empty() && ignored_keyrings.empty() && values.empty();
  }
};

// Compares two runtime policies. Hostile input; errors as of RuntimePolicy::Parse, with
// "first policy" or "second policy" in front. Names and digests in the result come from
// the policies: escape them where they are shown.
Result<PolicyDiff> DiffRuntimePolicies(std::string_view first, std::string_view second);

}  // namespace limequat::policy
