#include "cli/copy_choice.h"

#include <algorithm>

namespace hf::cli {

namespace {

constexpr plan::BackupKind kKinds[] = {plan::BackupKind::kFull, plan::BackupKind::kIncremental, plan::BackupKind::kLogical,
                                       plan::BackupKind::kSnapshot, plan::BackupKind::kWal};

Result<plan::BackupKind> kind_named(const std::string& word) {
  std::string words;
  for (const plan::BackupKind kind : kKinds) {
    if (word == to_string(kind)) return kind;
    words += (words.empty() ? "" : ", ") + std::string(to_string(kind));
  }
  return make_error(ErrorKind::kUsage, "'" + word + "' is no kind of backup").with_hint("There are: " + words + ".");
}

void take_kinds(const std::vector<plan::BackupKind>& kinds, vault::CopyFilter& filter) {
  if (kinds.empty()) return;
  filter.kinds.emplace();
  filter.wal = false;
  for (const plan::BackupKind kind : kinds) {
    filter.kinds->merge(snapshot_kinds(kind));
    filter.wal = filter.wal || kind == plan::BackupKind::kWal;
  }
}

void take_classes(const plan::Plan& plan, const std::vector<std::string>& classes, vault::CopyFilter& filter) {
  if (classes.empty()) return;
  filter.components.emplace();
  for (const plan::Component& c : plan.components) {
    if (std::ranges::find(classes, c.disaster_class) != classes.end()) filter.components->insert(c.name);
  }
}

Status expect_classes(const plan::Plan& plan, const std::vector<std::string>& classes) {
  std::string names;
  for (const plan::DisasterClass& c : plan.classes) names += (names.empty() ? "" : ", ") + c.name;
  for (const std::string& name : classes) {
    if (plan.find_class(name) == nullptr) {
      return make_error(ErrorKind::kUsage, "the plan has no class '" + name + "'")
          .with_hint(names.empty() ? "It has no classes at all." : "There are: " + names + ".");
    }
    if (std::ranges::find(plan.components, name, &plan::Component::disaster_class) == plan.components.end())
      return make_error(ErrorKind::kUsage, "no component of the plan is of class '" + name + "'");
  }
  return ok();
}

template <class T>
std::optional<std::set<T>> both(const std::optional<std::set<T>>& a, const std::optional<std::set<T>>& b) {
  if (!a || !b) return a ? a : b;
  std::set<T> out;
  std::ranges::set_intersection(*a, *b, std::inserter(out, out.end()));
  return out;
}

}  // namespace

std::set<vault::SnapshotKind> snapshot_kinds(plan::BackupKind kind) {
  switch (kind) {
    case plan::BackupKind::kWal: return {};
    case plan::BackupKind::kLogical: return {vault::SnapshotKind::kLogical};
    case plan::BackupKind::kIncremental: return {vault::SnapshotKind::kPostgres};
    default: return {vault::SnapshotKind::kPostgres, vault::SnapshotKind::kFiles};
  }
}

std::vector<Option> copy_choice_options() {
  return {{"--component", "NAME", "only the backups of this component", false, true},
          {"--class", "CLASS", "only those of the components of this class of the plan", false, true},
          {"--kind", "KIND", "only backups of this kind: full, incremental, logical, snapshot, wal", false, true}};
}

Result<vault::CopyFilter> copy_filter(const plan::Plan* plan, const Arguments& args) {
  vault::CopyFilter filter;
  std::vector<plan::BackupKind> kinds;
  for (const std::string& word : args.all("--kind")) {
    HF_ASSIGN(const plan::BackupKind kind, kind_named(word));
    kinds.push_back(kind);
  }
  take_kinds(kinds, filter);
  const std::vector<std::string> classes = args.all("--class");
  if (plan != nullptr) {
    HF_TRY(expect_classes(*plan, classes));
    take_classes(*plan, classes, filter);
  }
  const std::vector<std::string> names = args.all("--component");
  std::optional<std::set<std::string>> components;
  if (!names.empty()) components.emplace(names.begin(), names.end());
  filter.components = both(filter.components, components);
  if (filter.components && filter.components->empty()) {
    return make_error(ErrorKind::kUsage, "no component that is named by --component is of a class that --class names");
  }
  filter.named = {names.begin(), names.end()};
  filter.must_match = filter.chooses_snapshots();
  return filter;
}

Result<vault::CopyFilter> copy_filter(const plan::Plan& plan, const plan::Vault& copy, const Arguments& args) {
  HF_ASSIGN(const vault::CopyFilter said, copy_filter(&plan, args));
  vault::CopyFilter filter;
  if (copy.only) {
    take_kinds(copy.only->kinds, filter);
    take_classes(plan, copy.only->classes, filter);
  }
  filter.components = both(filter.components, said.components);
  filter.kinds = both(filter.kinds, said.kinds);
  filter.wal = filter.wal && said.wal;
  filter.named = said.named;
  filter.must_match = said.must_match;
  return filter;
}

}  // namespace hf::cli
