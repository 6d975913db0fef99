#include "limequat/cli/label.h"

#include <utility>

#include <fmt/format.h>

#include "limequat/base/result_macros.h"
#include "limequat/cli/connection.h"
#include "limequat/cli/table.h"
#include "limequat/cli/text.h"
#include "limequat/json/value.h"
#include "limequat/wire/label.h"

namespace limequat::cli {

namespace {

std::string Policies(const wire::LabelView& label) {
  return fmt::format("{}", fmt::join(label.policies, ", "));
}

}  // namespace

Result<Ending> LabelSet::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_ASSIGN_OR_RETURN(const std::int64_t machines, connection.services().PutLabel(name, policies));
  const json::Object document{{"name", name},
                              {"policies", json::Array(policies.begin(), policies.end())},
                              {"machines_appraised_again", machines}};
  LQ_RETURN_IF_ERROR(console.Show(document, [&] {
    return fmt::format("label {} is {}; machines appraised again from their first entry: {}\n",
                       Shown(name), Shown(fmt::format("{}", fmt::join(policies, ", "))), machines);
  }));
  return Ending::kDone;
}

Result<Ending> LabelList::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_ASSIGN_OR_RETURN(const auto labels, connection.services().ListLabels());
  json::Array array;
  Table table({"NAME", "MACHINES", "POLICIES"});
  for (const wire::LabelView& label : labels) {
    array.push_back(wire::WriteLabelView(label));
    table.Add({label.name, fmt::format("{}", label.machines), Policies(label)});
  }
  LQ_RETURN_IF_ERROR(console.Show(json::Object{{"labels", std::move(array)}}, [&] {
    return table.empty() ? "no labels\n" : table.Render(console.look());
  }));
  return Ending::kDone;
}

Result<Ending> LabelShow::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_ASSIGN_OR_RETURN(const wire::LabelView label, connection.services().FindLabel(name));
  LQ_RETURN_IF_ERROR(console.Show(wire::WriteLabelView(label), [&] {
    return fmt::format("{}\n", Shown(label.name)) +
           RenderPairs(
               {{"policies", Policies(label)}, {"machines", fmt::format("{}", label.machines)}},
               console.look(), 2);
  }));
  return Ending::kDone;
}

Result<Ending> LabelRemove::Run(Console& console) const {
  LQ_ASSIGN_OR_RETURN(Connection connection, Connection::Open(config));
  LQ_RETURN_IF_ERROR(connection.services().RemoveLabel(name));
  LQ_RETURN_IF_ERROR(console.Show(json::Object{{"name", name}, {"removed", true}}, [&] {
    return fmt::format("label {} is removed; its policies stay\n", Shown(name));
  }));
  return Ending::kDone;
}

}  // namespace limequat::cli
