// backup diff: what is different between two snapshots, without reading any content.
#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/path_json.h"
#include "cli/vault_access.h"
#include "vault/diff.h"

namespace hf::cli {

namespace {

std::string line_of(const vault::Change& change) {
  using vault::ChangeKind;
  const char* mark = change.kind == ChangeKind::kAdded ? "+ " : change.kind == ChangeKind::kRemoved ? "- " : "M ";
  if (change.kind == ChangeKind::kMetadata) mark = "m ";
  std::string out = mark + ("/" + shown_path(change.path)) + (change.type == vault::EntryType::kDirectory ? "/" : "");
  std::string more;
  for (const std::string& what : change.what) more += (more.empty() ? "" : ", ") + what;
  if (change.type == vault::EntryType::kFile && change.kind != ChangeKind::kMetadata) {
    if (change.kind == ChangeKind::kContent)
      more += ": " + format_bytes(change.old_bytes) + " -> " + format_bytes(change.new_bytes);
    else more = format_bytes(change.old_bytes + change.new_bytes);
  }
  return more.empty() ? out : out + "  (" + more + ")";
}

Json json_of(const vault::Change& change) {
  Json what = Json::array();
  for (const std::string& word : change.what) what.push(word);
  Json one = Json::object().set("kind", vault::to_string(change.kind));
  set_path(one, "/" + change.path);
  return one.set("entry", entry_word(change.type))
      .set("old_bytes", change.old_bytes)
      .set("new_bytes", change.new_bytes)
      .set("what", what);
}

Json json_of(const vault::DiffTotals::Count& count) {
  return Json::object().set("entries", count.entries).set("old_bytes", count.old_bytes).set("new_bytes", count.new_bytes);
}

Result<std::unique_ptr<vault::SnapshotReader>> open_side(OpenVault& vault, const Arguments& args, const std::string& id) {
  vault::SnapshotFilter scope;
  scope.component = args.get_or("--component", "");
  scope.host = args.get_or("--host", "");
  HF_ASSIGN(const vault::SnapshotInfo found, vault.repository->find(id, scope));
  return vault.repository->open_snapshot(found.id);
}

Outcome run_diff(Context& context, const Arguments& args) {
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  auto before = open_side(*vault, args, args.positional()[0]);
  if (!before) return failed(std::move(before).error());
  auto after = open_side(*vault, args, args.positional()[1]);
  if (!after) return failed(std::move(after).error());
  Json changes = Json::array();
  auto totals = vault::diff_snapshots(**before, **after, [&](const vault::Change& change) {
    context.out.line(line_of(change));
    if (context.out.format() == Format::kJsonl) context.out.event("change", json_of(change));
    if (context.out.format() == Format::kJson) changes.push(json_of(change));
    return ok();
  });
  if (!totals) return failed(std::move(totals).error());
  context.out.line(format_count(totals->added.entries) + " added (" + format_bytes(totals->added.new_bytes) + "), " +
                   format_count(totals->removed.entries) + " removed (" + format_bytes(totals->removed.old_bytes) + "), " +
                   format_count(totals->changed.entries) + " changed (" + format_bytes(totals->changed.old_bytes) + " -> " +
                   format_bytes(totals->changed.new_bytes) + "), " + format_count(totals->metadata.entries) +
                   " with other metadata, " + format_count(totals->unchanged) + " the same");
  Json data = Json::object().set("before", long_id((*before)->info().id)).set("after", long_id((*after)->info().id));
  data.set("added", json_of(totals->added)).set("removed", json_of(totals->removed)).set("changed", json_of(totals->changed));
  data.set("metadata", json_of(totals->metadata)).set("unchanged", totals->unchanged);
  if (context.out.format() == Format::kJson) data.set("changes", changes);
  return finished(data, args.flag("--exit-code") && totals->different() ? kExitMismatch : kExitOk);
}

}  // namespace

std::vector<Command> diff_commands() {
  return {
      {{"backup", "diff"},
       "what is different between two snapshots",
       {"holdfast backup diff --vault /backup/main 4f2a latest", "holdfast backup diff 4f2a 91cc -o json | jq '.data.changes[]'",
        "holdfast backup diff --exit-code 4f2a latest"},
       checked_vault_options({{"--component", "NAME", "of which component latest is", false, false},
                          {"--host", "NAME", "of which host latest is", false, false},
                          {"--exit-code", "", "exit with 13 if anything is different", false, false}}),
       "BEFORE AFTER",
       2,
       2,
       run_diff},
  };
}

}  // namespace hf::cli
