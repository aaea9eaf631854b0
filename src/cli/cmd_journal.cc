// journal list, verify, export: the log itself.
#include "base/hex.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/journal_access.h"
#include "journal/inspect.h"

namespace hf::cli {

namespace {

Json entry_json(const journal::Entry& entry) {
  auto event = parse_json(entry.leaf);
  Json out = Json::object();
  out.set("seq", entry.seq).set("event", event ? *event : Json());
  return out;
}

Outcome list_entries(Context& context, const Arguments& args) {
  auto journal = read_journal(context);
  if (!journal && journal.error().kind == ErrorKind::kNotFound) return nothing_recorded(journal.error(), "entries");
  if (!journal) return failed(std::move(journal).error());
  const std::string run = args.get_or("--run", "");
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"SEQ", "TIME", "TYPE", "RUN", "STEP", "ACTOR"}};
  auto read = (*journal)->read(0, [&](const journal::Entry& e) {
    if (!run.empty() && !e.event.run.starts_with(run)) return true;
    list.push(entry_json(e));
    rows.push_back(
        {std::to_string(e.seq), format_time(e.event.time), e.event.type, e.event.run, e.event.step, e.event.actor.id});
    return true;
  });
  if (!read) return failed(std::move(read).error());
  context.out.table(rows);
  return finished(Json::object().set("entries", list));
}

Outcome check_entries(Context& context, const Arguments&) {
  auto found = journal::verify_journal(context.env.files, journal_folder(context));
  if (!found) return failed(std::move(found).error());
  Json data = Json::object();
  data.set("events", found->events).set("checkpoints", found->checkpoints).set("root", to_hex(found->root));
  if (!found->first_bad) {
    context.out.line(format_count(found->events, "event") + (found->events == 1 ? " matches" : " match") +
                     " the signed checkpoint; root " + to_hex(found->root));
    return finished(data.set("first_bad", Json()));
  }
  const journal::Damage& bad = *found->first_bad;
  Json where = Json::object();
  where.set("file", bad.file).set("offset", bad.offset).set("seq", bad.seq).set("why", bad.why);
  Outcome out = finished(data.set("first_bad", where), kExitMismatch);
  out.errors.push_back(make_error(ErrorKind::kCorrupt, "the journal is damaged: " + bad.file + " at byte " +
                                                           std::to_string(bad.offset) + ", event " +
                                                           std::to_string(bad.seq) + ": " + bad.why)
                           .with_hint("Never edit it: keep this folder as it is, and go on with another (--state).")
                           .with_object(bad.file));
  return out;
}

// One line an event: number, a tab, the exact leaf.
Outcome export_journal(Context& context, const Arguments& args) {
  auto journal = read_journal(context);
  if (!journal) return failed(std::move(journal).error());
  std::string text;
  std::uint64_t events = 0;
  auto read = (*journal)->read(0, [&](const journal::Entry& e) {
    text += e.leaf + "\n";
    ++events;
    return true;
  });
  if (!read) return failed(std::move(read).error());
  if (auto to = args.get("--to")) {
    if (auto wrote = write_file_atomic(context.env.files, *to, as_bytes(text), 0600); !wrote)
      return failed(std::move(wrote).error());
    context.out.line(format_count(events, "event") + " written to " + *to);
  } else {
    context.out.text(text);
  }
  return finished(Json::object().set("events", events));
}

}  // namespace

std::vector<Command> journal_commands() {
  return {
      {{"journal", "list"},
       "the events, oldest first",
       {"holdfast journal list", "holdfast journal list --run f-20260501",
        "holdfast journal list -o json | jq '.data.entries[-1]'"},
       {{"--run", "ID", "only those of a run", false, false}},
       "",
       0,
       0,
       list_entries},
      {{"journal", "verify"},
       "read the whole log and hold it against its signed checkpoint",
       {"holdfast journal verify", "holdfast journal verify -o json",
        "holdfast journal verify --state /var/lib/holdfast"},
       {},
       "",
       0,
       0,
       check_entries},
      {{"journal", "export"},
       "the exact bytes of every event, one a line",
       {"holdfast journal export > events.jsonl", "holdfast journal export --to events.jsonl",
        "holdfast journal export | wc -l"},
       {{"--to", "FILE", "instead of standard output", false, false}},
       "",
       0,
       0,
       export_journal},
  };
}

}  // namespace hf::cli
