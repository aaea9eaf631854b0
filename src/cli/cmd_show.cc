// backup show: one snapshot and what lies in it. vault list: the vaults of the plan, and what each of them has.
#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/path_json.h"
#include "cli/plan_file.h"
#include "cli/snapshot_json.h"
#include "cli/vault_access.h"
#include "sources/files/selection.h"

namespace hf::cli {

namespace {

constexpr std::size_t kNameColumns = 12;     // of what `backup show` says line by line

std::string octal(std::uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(mode));
  return text;
}

std::string owner_of(const std::string& name, std::uint32_t id) { return name.empty() ? std::to_string(id) : name; }

WallTime time_of(const vault::Entry& entry) {
  return WallTime(Seconds(entry.mtime.seconds)) + Micros(entry.mtime.nanoseconds / 1000);
}

Json json_of(const vault::Entry& entry) {
  Json out = Json::object();
  set_path(out, "/" + entry.path);
  out.set("entry", entry_word(entry.type)).set("size_bytes", entry.size).set("mode", octal(entry.mode));
  out.set("owner", owner_of(entry.user, entry.uid)).set("group", owner_of(entry.group, entry.gid));
  return out.set("modified", format_time(time_of(entry)));
}

std::string line_of(const vault::Entry& entry) {
  char columns[128];
  std::snprintf(columns, sizeof columns, "%s  %-8s %-8s %10s  ", octal(entry.mode).c_str(),
                owner_of(entry.user, entry.uid).c_str(), owner_of(entry.group, entry.gid).c_str(),
                entry.type == vault::EntryType::kFile ? format_bytes(entry.size).c_str() : "");
  std::string out = columns + format_time(std::chrono::floor<Seconds>(time_of(entry))) + "  /" + shown_path(entry.path);
  if (entry.type == vault::EntryType::kDirectory) out += "/";
  if (entry.type == vault::EntryType::kSymlink) out += " -> " + shown_path(entry.target);
  if (entry.type == vault::EntryType::kHardLink) out += " = /" + shown_path(entry.target);
  return out;
}

void show(Context& context, const vault::SnapshotInfo& s) {
  std::string paths, tags;
  for (const std::string& path : s.meta.paths) paths += (paths.empty() ? "" : " ") + shown_path(path);
  for (const std::string& tag : s.meta.tags) tags += (tags.empty() ? "" : " ") + tag;
  const auto line = [&](const std::string& name, const std::string& value) {
    const std::string gap(name.size() < kNameColumns ? kNameColumns - name.size() : 1, ' ');
    if (!value.empty()) context.out.line(name + gap + value);
  };
  line("snapshot", long_id(s.id));
  line("kind", std::string(vault::to_string(s.meta.kind)) + (s.partial ? ", partial: some items could not be read" : ""));
  line("host", s.meta.host);
  line("component", s.meta.component);
  line("paths", paths);
  line("tags", tags);
  line("taken", format_time(s.started) + " to " + format_time(s.finished));
  line("holds", format_count(s.files, "file") + ", " + format_count(s.entries) + " entries, " + format_bytes(s.source_bytes));
  line("added", format_bytes(s.new_bytes) + " of new data, " + format_bytes(s.stored_bytes) + " to the store");
  for (const auto& [key, value] : s.meta.attributes) line(key, value);
}

Json details(const vault::SnapshotInfo& s) {
  Json attributes = Json::object();
  for (const auto& [key, value] : s.meta.attributes) attributes.set(key, value);
  Json out = snapshot_json(s);
  out.set("started", format_time(s.started)).set("files", s.files).set("entries", s.entries);
  return out.set("new_bytes", s.new_bytes).set("stored_bytes", s.stored_bytes).set("attributes", attributes);
}

Outcome show_snapshot(Context& context, const Arguments& args) {
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  vault::SnapshotFilter scope;
  scope.component = args.get_or("--component", "");
  scope.host = args.get_or("--host", "");
  auto found = vault->repository->find(args.positional()[0], scope);
  if (!found) return failed(std::move(found).error());
  show(context, *found);
  Json data = details(*found);
  const std::vector<std::string> includes = args.all("--include");
  if (!args.flag("--files") && includes.empty()) return finished(data);
  auto selection = sources::TreeSelection::make(includes, {});
  if (!selection) return failed(std::move(selection).error());
  auto reader = vault->repository->open_snapshot(found->id);
  if (!reader) return failed(std::move(reader).error());
  context.out.line("");
  Json listed = Json::array();
  Status read = selection->each(**reader, [&](const vault::Entry& entry) {
    if (entry.path.empty()) return ok();             // the root: of every tree
    context.out.line(line_of(entry));
    if (context.out.format() == Format::kJsonl) context.out.event("entry", json_of(entry));
    if (context.out.format() == Format::kJson) listed.push(json_of(entry));
    return ok();
  });
  if (!read) return failed(std::move(read).error());
  if (context.out.format() == Format::kJson) data.set("listed", listed);
  return finished(data);
}

struct VaultState {
  std::vector<vault::SnapshotInfo> snapshots;
  std::optional<WallTime> newest() const {
    if (snapshots.empty()) return std::nullopt;
    return std::ranges::max(snapshots, {}, &vault::SnapshotInfo::finished).finished;
  }
};

Result<VaultState> look_at(Context& context, const plan::Plan& plan, const std::string& name) {
  HF_ASSIGN(OpenVault vault, open_plan_vault(context, plan, name));
  HF_TRY(vault.repository->check_seen(false));
  VaultState out;
  HF_ASSIGN(out.snapshots, vault.repository->snapshots());
  return out;
}

Outcome list_vaults(Context& context, const Arguments&) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  const plan::Plan& plan = file->loaded.plan;
  Outcome out = finished(Json::object());
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"VAULT", "REGION", "SNAPSHOTS", "NEWEST", "AGE", "COPY OF", "URL"}};
  const WallTime now = context.env.clock.wall();
  for (const plan::Vault& v : plan.vaults) {
    Json one = Json::object().set("vault", v.name).set("region", v.region).set("url", v.url).set("copy_of", v.copy_of);
    auto state = look_at(context, plan, v.name);
    const std::optional<WallTime> newest = state ? state->newest() : std::nullopt;
    one.set("reached", state.has_value()).set("snapshots", std::uint64_t{state ? state->snapshots.size() : 0});
    if (newest) one.set("newest", format_time(*newest));
    list.push(one);
    rows.push_back({v.name, v.region, state ? format_count(state->snapshots.size()) : "not reached",
                    newest ? format_time(std::chrono::floor<Seconds>(*newest)) : "-",
                    newest ? format_duration(std::chrono::floor<Seconds>(now - *newest)) : "-",
                    v.copy_of.empty() ? "-" : v.copy_of, v.url});
    if (!state) out.errors.push_back(Error(std::move(state).error()).with_context("vault '" + v.name + "'"));
  }
  context.out.table(rows);
  out.data.set("vaults", list);
  if (!out.errors.empty()) out.exit_code = out.errors.size() == plan.vaults.size() ? kExitFailed : kExitPartial;
  return out;
}

}  // namespace

std::vector<Command> show_commands() {
  return {
      {{"backup", "show"},
       "one snapshot: when, of what, how large; with --files what lies in it",
       {"holdfast backup show --vault /backup/main latest", "holdfast backup show --vault /backup/main 4f2a --files",
        "holdfast backup show --vault /backup/main 4f2a --include '/etc/**/*.conf' -o jsonl"},
       checked_vault_options({{"--files", "", "list its entries", false, false},
                              {"--include", "PATTERN", "list only what matches, as in .gitignore", false, true},
                              {"--component", "NAME", "of which component latest is", false, false},
                              {"--host", "NAME", "of which host latest is", false, false}}),
       "SNAPSHOT",
       1,
       1,
       show_snapshot},
      {{"vault", "list"},
       "the vaults of the plan: which answer, what each of them has, and how old its newest snapshot is",
       {"holdfast vault list", "holdfast vault list --plan dr/holdfast.yaml",
        "holdfast vault list -o json | jq -r '.data.vaults[] | select(.reached | not) | .vault'"},
       {},
       "",
       0,
       0,
       list_vaults},
  };
}

}  // namespace hf::cli
