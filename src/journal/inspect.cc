// See inspect.h.
#include "journal/inspect.h"

#include "base/hex.h"

namespace hf::journal {
namespace {

// The checkpoint is read before the log: a writer beside us signs only what it synced before, so it cannot be
// ahead.
Result<std::optional<std::string>> read_note(Files& files, const std::string& folder) {
  auto bytes = read_file(files, checkpoint_path(folder), kMaxNoteBytes);
  if (!bytes && bytes.error().kind == ErrorKind::kNotFound) return std::optional<std::string>();
  if (!bytes) return std::move(bytes).error();
  return std::optional(to_text(*bytes));
}

void check_events(const std::string& folder, Inspection& in) {
  std::optional<Damage> damage;
  std::uint64_t size = in.segments.size();
  Status read = in.segments.read(0, size, [&](std::uint64_t seq, std::string_view leaf) {
    Status added;
    if (auto event = record::parse_event(leaf); !event) added = std::move(event).error();
    else added = in.keys.add(seq, *event);
    if (!added) damage = Damage{log_folder(folder), 0, seq, added.error().text};
    return !damage;
  });
  if (!read) damage = Damage{log_folder(folder), 0, size, read.error().text};
  if (!damage && size > 0 && in.keys.origin() != origin_of(*in.segments.id()))
    damage = Damage{log_folder(folder), 0, 0, "event 0 opens '" + in.keys.origin() + "', another journal"};
  if (damage) in.damage = damage;
}

// Why the note is not a checkpoint of this log; empty if it is one.
std::string check_note(const std::string& note, Inspection& in) {
  auto said = peek_checkpoint(note);
  if (!said) return said.error().text;
  if (said->size > in.segments.size()) {
    return "it was signed over " + std::to_string(said->size) + " events, and the log ends after " +
           std::to_string(in.segments.size()) + ": acknowledged events are gone";
  }
  auto key = in.keys.key_at(said->size);
  if (!key) return "it covers no event";
  auto opened = open_checkpoint(note, in.keys.origin(), *key);
  if (!opened) return opened.error().text;
  if (opened->root != in.segments.tree().root(opened->size))
    return "its root is not that of the log: the log was rewritten";
  in.checkpoint = *opened;
  in.note = note;
  return "";
}

}  // namespace

std::string log_folder(const std::string& folder) { return join_path(folder, "log"); }
std::string checkpoint_path(const std::string& folder) { return join_path(folder, "checkpoint"); }
std::string origin_of(const JournalId& id) { return "holdfast/" + to_hex(id); }

Result<Inspection> inspect(Files& files, const std::string& folder, std::optional<JournalId> expected) {
  HF_ASSIGN(std::optional<std::string> note, read_note(files, folder));
  HF_ASSIGN(Segments segments, Segments::load(files, log_folder(folder), expected));
  Inspection out{std::move(segments), {}, std::nullopt, {}, std::nullopt};
  out.damage = out.segments.damage();
  if (out.damage) return out;
  check_events(folder, out);
  if (out.damage) return out;
  std::string why;
  if (note) why = check_note(*note, out);
  // Before the second event was written, the first had been signed for.
  else if (out.segments.size() > 1) why = "it is missing";
  if (!why.empty())
    out.damage = Damage{checkpoint_path(folder), 0, out.segments.size(), "checkpoint: " + why};
  return out;
}

Result<Verification> verify_journal(Files& files, const std::string& folder) {
  HF_ASSIGN(Inspection in, inspect(files, folder));
  if (!in.damage && in.segments.size() == 0) {
    return make_error(ErrorKind::kNotFound, "no journal in " + folder)
        .with_hint("Name the state folder with --state, or run a command that records something first.");
  }
  Verification out;
  out.events = in.damage ? in.damage->seq : in.segments.size();
  out.checkpoints = in.checkpoint ? 1 : 0;
  out.root = in.segments.tree().root();
  out.first_bad = in.damage;
  return out;
}

}  // namespace hf::journal
