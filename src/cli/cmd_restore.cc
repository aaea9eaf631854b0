// restore: file trees and PostgreSQL data directories, to any moment that the vault holds.
#include <algorithm>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/interrupt.h"
#include "cli/shown_progress.h"
#include "cli/thawing.h"
#include "cli/vault_access.h"
#include "sources/files/files.h"
#include "sources/files/selection.h"
#include "sources/postgres/restore.h"

namespace hf::cli {

namespace {

Error restore_usage(std::string text, std::string hint) {
  return make_error(ErrorKind::kUsage, std::move(text)).with_hint(std::move(hint));
}

// A moment that cannot be read is a wrong word of the caller, whatever the parser of times calls it.
template <class T>
Result<T> word(Result<T> parsed) {
  if (!parsed) parsed.error().kind = ErrorKind::kUsage;
  return parsed;
}

// The moment asked for; exactly one of --snapshot, --at, --lsn, --name, or none for the latest.
Result<sources::RecoveryTarget> target_of(const Arguments& args) {
  sources::RecoveryTarget out;
  int given = 0;
  if (auto id = args.get("--snapshot")) {
    ++given;
    out.kind = sources::TargetKind::kSnapshot;
    out.snapshot = *id;
  }
  if (auto text = args.get("--at")) {
    ++given;
    out.kind = sources::TargetKind::kTime;
    HF_ASSIGN(out.time, word(parse_time(*text)));
  }
  if (auto text = args.get("--lsn")) {
    ++given;
    out.kind = sources::TargetKind::kLsn;
    HF_ASSIGN(out.lsn, word(parse_lsn(*text)));
  }
  if (auto text = args.get("--name")) {
    ++given;
    out.kind = sources::TargetKind::kName;
    out.name = *text;
  }
  if (given > 1) return restore_usage("more than one moment is given", "Give one of --snapshot, --at, --lsn, --name.");
  return out;
}

vault::SnapshotFilter scope_of(const Arguments& args) {
  vault::SnapshotFilter out;
  out.component = args.get_or("--component", "");
  out.host = args.get_or("--host", "");
  return out;
}

Outcome restore_cluster(Context& context, const Arguments& args, OpenVault& vault,
                        const sources::RecoveryTarget& target) {
  for (const char* name : {"--include", "--exclude", "--checksums", "--skip-damaged"})
    if (args.flag(name))
      return failed(restore_usage(std::string(name) + " is for files, and this is a PostgreSQL cluster", "Leave it out."));
  auto to = args.get("--to");
  if (!to) return failed(restore_usage("say where the data directory goes", "Give --to DATADIR, an empty or absent folder."));
  auto plan = sources::plan_restore(*vault.repository, target, scope_of(args));
  if (!plan) return failed(std::move(plan).error().with_context("restoring to " + sources::describe(target)));
  auto reader = vault.repository->open_snapshot(plan->base.id);
  if (!reader) return failed(std::move(reader).error());
  auto thawed = thaw_first(context, args, *vault.repository, [&](const auto& each) { return (*reader)->each_entry(each); });
  if (!thawed) return failed(std::move(thawed).error());
  sources::PostgresRestoreOptions options;
  options.data_dir = *to;
  auto owner = sources::server_user(args.get_or("--owner", ""));
  if (!owner) return failed(std::move(owner).error());
  options.owner = *owner;
  options.wal.program = context.program;
  options.wal.vault_url = vault.url;
  options.wal.key_file = args.get_or("--key-file", "");
  options.stop = context.stop;
  auto done = sources::restore_postgres(context.env, *vault.repository, *plan, options);
  if (!done) return failed(std::move(done).error().with_context("restoring to " + *to));
  std::string point = done->recovery_point ? format_time(*done->recovery_point) : "";
  context.out.line("data directory " + *to + " is ready to start: " + sources::describe(target) + ", timeline " +
                   std::to_string(done->timeline) + ", up to " + format_lsn(done->lsn) +
                   (point.empty() ? "" : ", newest commit " + point));
  context.out.line(format_count(done->files, "file") + ", " + format_bytes(done->bytes) +
                   "; WAL is replayed when the server starts");
  Json data = Json::object();
  data.set("snapshot", long_id(done->snapshot))
      .set("recovery_point", point.empty() ? Json() : Json(point))
      .set("files", done->files);
  data.set("bytes", done->bytes).set("target", *to).set("lsn", format_lsn(done->lsn)).set("timeline", done->timeline);
  if (thawed->is_object()) data.set("thaw", *thawed);
  Outcome out = finished(data);
  out.warnings = done->warnings;
  return out;
}

// What was restored, read back, held against the snapshot, and written down for `sha256sum -c` in the target.
Status write_checksums(Context& context, vault::SnapshotReader& reader, const sources::TreeRestoreOptions& options,
                       const std::string& file) {
  HF_ASSIGN(const std::string lines, sources::checksum_lines(reader, options));
  HF_TRY(write_file_atomic(context.env.files, file, as_bytes(lines), 0644));
  context.out.line("checksums of " + format_count(static_cast<std::uint64_t>(std::ranges::count(lines, '\n')), "file") +
                   ", each as in the snapshot, in " + file);
  return ok();
}

Error with_a_way_on(Error error, bool skipped) {
  if (error.kind != ErrorKind::kCorrupt) return error;
  const std::string rest = skipped ? "" : ", or run this again with --skip-damaged for all files that are whole";
  error.hint += (error.hint.empty() ? "" : " ") +
                std::string("Heal the vault with `holdfast vault check --read-data --repair`, with --from COPY if there is one") +
                rest + ".";
  return error;
}

// What is listed at the end: the command did its work all the same.
void list_failed(Outcome& out, const std::vector<sources::FailedItem>& items, ErrorKind kind) {
  for (const sources::FailedItem& item : items)
    out.errors.push_back(make_error(kind, item.path + ": " + item.why).with_object(item.path));
}

Outcome tell_restored(Context& context, const sources::TreeRestoreReport& done, const vault::SnapshotInfo& snapshot,
                      const sources::TreeRestoreOptions& options) {
  context.out.line("restored " + format_count(done.files, "file") + ", " + format_bytes(done.bytes) + " of snapshot " +
                   short_id(snapshot.id) + (options.in_place ? " in place" : " to " + options.target));
  Json data = Json::object();
  data.set("snapshot", long_id(snapshot.id)).set("recovery_point", format_time(snapshot.finished)).set("files", done.files);
  data.set("bytes", done.bytes).set("target", options.in_place ? Json("in place") : Json(options.target));
  if (!done.damaged.empty()) {
    data.set("damaged", static_cast<std::uint64_t>(done.damaged.size()));
    context.out.line("left out: " + format_count(done.damaged.size(), "file") + ", of which the vault cannot give every piece");
  }
  Outcome out = finished(data, !done.damaged.empty() ? kExitMismatch : !done.failed.empty() ? kExitPartial : kExitOk);
  list_failed(out, done.damaged, ErrorKind::kCorrupt);
  list_failed(out, done.failed, ErrorKind::kFailed);
  return out;
}

Outcome restore_files(Context& context, const Arguments& args, OpenVault& vault, const vault::SnapshotInfo& snapshot) {
  sources::TreeRestoreOptions options;
  options.in_place = args.flag("--in-place");
  options.target = args.get_or("--to", "");
  options.includes = args.all("--include");
  options.excludes = args.all("--exclude");
  options.skip_damaged = args.flag("--skip-damaged");
  options.progress = vault.repository->progress();
  if (args.flag("--owner"))
    return failed(restore_usage("--owner is for PostgreSQL clusters, and these are files",
                                "Leave it out: files get the owners that they had."));
  if (!options.target.empty() && options.in_place)
    return failed(restore_usage("--to and --in-place exclude each other", "Give one of them."));
  if (options.target.empty() && !options.in_place)
    return failed(restore_usage("say where the files go", "Give --to DIR, or --in-place for their own places."));
  auto reader = vault.repository->open_snapshot(snapshot.id);
  if (!reader) return failed(std::move(reader).error());
  auto thawed = thaw_first(context, args, *vault.repository, [&](const auto& each) -> Status {
    HF_ASSIGN(auto selection, sources::TreeSelection::make(options.includes, options.excludes));
    return selection.each(**reader, each);
  });
  if (!thawed) return failed(std::move(thawed).error());
  auto done = sources::restore_tree(**reader, options);
  if (!done) {
    Error error = std::move(done).error().with_context("restoring from " + short_id(snapshot.id));
    return failed(with_a_way_on(std::move(error), options.skip_damaged));
  }
  Outcome out = tell_restored(context, *done, snapshot, options);
  if (thawed->is_object()) out.data.set("thaw", *thawed);
  const auto checksums = args.get("--checksums");
  if (!checksums) return out;
  if (!done->damaged.empty()) {
    out.warnings.push_back("no checksums were written: files are missing");
    return out;
  }
  Status written = write_checksums(context, **reader, options, *checksums);
  if (!written) return failed(std::move(written).error());
  out.data.set("checksums", *checksums);
  return out;
}

// The newest snapshot of files that was finished at or before a moment.
Result<vault::SnapshotInfo> files_at(vault::Repository& repository, vault::SnapshotFilter scope, WallTime at) {
  scope.kind = vault::SnapshotKind::kFiles;
  scope.until = at;
  auto found = repository.find("latest", scope);
  if (found || found.error().kind != ErrorKind::kNotFound) return found;
  HF_ASSIGN(std::vector<vault::SnapshotInfo> all, repository.snapshots());
  Error e = make_error(ErrorKind::kBlocked, "no snapshot of files is as old as " + format_time(at));
  if (!all.empty()) e.hint = "The oldest snapshot in this vault is of " + format_time(all.front().finished) + ".";
  return e;
}

// Does the vault hold clusters in this scope, and does it hold anything else?
Result<bool> is_about_postgres(vault::Repository& repository, const vault::SnapshotFilter& scope) {
  HF_ASSIGN(std::vector<vault::SnapshotInfo> all, repository.snapshots());
  bool postgres = false, files = false;
  for (const vault::SnapshotInfo& s : all) {
    if (!scope.component.empty() && s.meta.component != scope.component) continue;
    if (!scope.host.empty() && s.meta.host != scope.host) continue;
    (s.meta.kind == vault::SnapshotKind::kPostgres ? postgres : files) = true;
  }
  if (postgres && files)
    return restore_usage("this vault holds files and PostgreSQL clusters", "Say which with --component NAME.");
  return postgres;
}

Outcome restore_what_is_said(Context& context, const Arguments& args) {
  auto target = target_of(args);
  if (!target) return failed(std::move(target).error());
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  vault::SnapshotFilter scope = scope_of(args);
  if (target->kind == sources::TargetKind::kSnapshot) {
    auto snapshot = vault->repository->find(target->snapshot, scope);
    if (!snapshot) return failed(std::move(snapshot).error());
    if (snapshot->meta.kind == vault::SnapshotKind::kPostgres) return restore_cluster(context, args, *vault, *target);
    return restore_files(context, args, *vault, *snapshot);
  }
  auto postgres = is_about_postgres(*vault->repository, scope);
  if (!postgres) return failed(std::move(postgres).error());
  if (*postgres) return restore_cluster(context, args, *vault, *target);
  if (target->kind == sources::TargetKind::kLatest)
    return failed(restore_usage("say which snapshot", "Give --snapshot ID, --snapshot latest, or --at TIME."));
  if (target->kind != sources::TargetKind::kTime)
    return failed(restore_usage("--lsn and --name are for PostgreSQL, and this is a vault of files",
                                "Give --snapshot ID, --snapshot latest, or --at TIME."));
  auto snapshot = files_at(*vault->repository, scope, target->time);
  if (!snapshot) return failed(std::move(snapshot).error());
  return restore_files(context, args, *vault, *snapshot);
}

Outcome run_restore(Context& context, const Arguments& args) {
  const Interruptible here(context,
                           "Files that stand under their own names are whole; what is missing is not there yet. Run the same "
                           "command again to have all of it; a data directory needs an empty target.");
  const ShownProgress shown(context, "restoring");
  return here.told(restore_what_is_said(context, args));
}

}  // namespace

std::vector<Command> restore_commands() {
  std::vector<Option> options = checked_vault_options(
      {{"--snapshot", "ID", "a snapshot, or latest", false, false},
       {"--at", "TIME", "the state at a time (RFC 3339)", false, false},
       {"--lsn", "LSN", "the state before a WAL position", false, false},
       {"--name", "NAME", "the state at a named restore point", false, false},
       {"--to", "DIR", "where it goes; files lie under it at their absolute path", false, false},
       {"--in-place", "", "files go to their own places", false, false},
       {"--include", "PATTERN", "only what matches, as in .gitignore", false, true},
       {"--exclude", "PATTERN", "not what matches", false, true},
       {"--skip-damaged", "", "where the vault is damaged, leave those files out and restore the rest", false, false},
       {"--checksums", "FILE", "read everything back, and write it down for sha256sum -c in DIR", false, false},
       {"--component", "NAME", "which component", false, false},
       {"--host", "NAME", "of which host", false, false},
       {"--owner", "USER", "as root: who shall own a data directory (default postgres)", false, false}});
  for (Option& option : thaw_options()) options.push_back(std::move(option));
  return {
      {{"restore"},
       "bring files or a database back, to a snapshot or to a moment",
       {"holdfast restore --vault /backup/main --snapshot latest --to /tmp/back",
        "holdfast restore --vault /backup/main --at 2026-05-01T10:02:31Z --to /var/lib/postgresql/15/restored --owner "
        "postgres",
        "holdfast restore --vault /backup/main --snapshot 4f2a --in-place"},
       std::move(options),
       "",
       0,
       0,
       run_restore},
  };
}

}  // namespace hf::cli
