// backup pin, unpin and vault hold: snapshots that no prune removes, whatever its rules say.
#include "cli/commands.h"
#include "cli/vault_access.h"
#include "vault/collect/pins.h"

namespace hf::cli {

namespace {

Outcome change(Context& context, const Arguments& args, vault::Pin kind, bool on) {
  const std::string reason = args.get_or("--reason", "");
  if (kind == vault::Pin::kHeld && reason.empty()) {
    return failed(make_error(ErrorKind::kUsage, "a legal hold is set and released for a reason")
                      .with_hint("Give --reason TEXT: it stays in the vault, and prune shows it."));
  }
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  auto snapshot = vault->repository->find(args.positional()[0], {});
  if (!snapshot) return failed(std::move(snapshot).error());
  const Status set = vault::set_pin(*vault->repository, snapshot->id, kind, on, reason);
  if (!set) return failed(set.error());
  const std::string what = kind == vault::Pin::kHeld ? "legal hold" : "pin";
  context.out.line(what + (on ? " set on " : " released from ") + "snapshot " + short_id(snapshot->id) +
                   (reason.empty() ? "" : ": " + reason));
  return finished(Json::object()
                      .set("snapshot", long_id(snapshot->id))
                      .set("kind", kind == vault::Pin::kHeld ? "hold" : "pin")
                      .set("on", on)
                      .set("reason", reason));
}

Outcome run_pin(Context& context, const Arguments& args) { return change(context, args, vault::Pin::kPinned, true); }
Outcome run_unpin(Context& context, const Arguments& args) { return change(context, args, vault::Pin::kPinned, false); }
Outcome run_hold_set(Context& context, const Arguments& args) { return change(context, args, vault::Pin::kHeld, true); }
Outcome run_hold_release(Context& context, const Arguments& args) {
  return change(context, args, vault::Pin::kHeld, false);
}

// Pins and holds, released ones too: who released what, and why, is part of the story.
Outcome run_hold_list(Context& context, const Arguments& args) {
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  auto pins = vault::read_pins(*vault->repository);
  if (!pins) return failed(std::move(pins).error());
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"SNAPSHOT", "KIND", "STATE", "SINCE", "BY", "REASON"}};
  for (const auto& [id, states] : *pins) {
    for (const auto& [kind, state] : {std::pair("hold", states.hold), std::pair("pin", states.pin)}) {
      if (state.version == 0) continue;
      list.push(Json::object()
                    .set("snapshot", long_id(id))
                    .set("kind", kind)
                    .set("on", state.on)
                    .set("reason", state.reason)
                    .set("host", state.host)
                    .set("since", format_time(state.since)));
      rows.push_back({short_id(id), kind, state.on ? "on" : "released", format_time(std::chrono::floor<Seconds>(state.since)),
                      state.host, state.reason});
    }
  }
  if (rows.size() > 1) context.out.table(rows);
  else context.out.line("no snapshot is pinned or held");
  return finished(Json::object().set("holds", list));
}

std::vector<Option> options() {
  return checked_vault_options({{"--reason", "TEXT", "why; it stays in the vault and shows in prune", false, false}});
}

}  // namespace

std::vector<Command> pin_commands() {
  return {
      {{"backup", "pin"},
       "keep a snapshot whatever the retention rules say",
       {"holdfast backup pin 4f2a --vault /backup/main --reason 'before the migration'",
        "holdfast backup pin latest --vault /backup/main", "holdfast backup unpin 4f2a --vault /backup/main"},
       options(),
       "SNAPSHOT",
       1,
       1,
       run_pin},
      {{"backup", "unpin"},
       "let the retention rules decide about a snapshot again",
       {"holdfast backup unpin 4f2a --vault /backup/main", "holdfast backup unpin 4f2a --reason 'migration done'",
        "holdfast vault prune --vault /backup/main --keep 30d --dry-run"},
       options(),
       "SNAPSHOT",
       1,
       1,
       run_unpin},
      {{"vault", "hold", "set"},
       "put a snapshot under legal hold: it stays until the hold is released",
       {"holdfast vault hold set 4f2a --vault /backup/main --reason 'case 2026-117'",
        "holdfast vault hold list --vault /backup/main",
        "holdfast vault hold release 4f2a --vault /backup/main --reason 'case closed'"},
       options(),
       "SNAPSHOT",
       1,
       1,
       run_hold_set},
      {{"vault", "hold", "release"},
       "end a legal hold",
       {"holdfast vault hold release 4f2a --vault /backup/main --reason 'case closed'",
        "holdfast vault hold list --vault /backup/main", "holdfast vault prune --vault /backup/main --keep 30d --dry-run"},
       options(),
       "SNAPSHOT",
       1,
       1,
       run_hold_release},
      {{"vault", "hold", "list"},
       "pins and legal holds, those that were released too",
       {"holdfast vault hold list --vault /backup/main", "holdfast vault hold list -o json",
        "HOLDFAST_VAULT=/backup/main holdfast vault hold list"},
       checked_vault_options(),
       "",
       0,
       0,
       run_hold_list},
  };
}

}  // namespace hf::cli
