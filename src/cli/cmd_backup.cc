// backup run, list: by component of a plan, or of paths and databases without any plan.
#include <sys/resource.h>

#include "base/text.h"
#include "cli/attach.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/interrupt.h"
#include "cli/journal_access.h"
#include "cli/path_json.h"
#include "cli/plan_file.h"
#include "cli/selection.h"
#include "cli/shown_progress.h"
#include "cli/snapshot_json.h"
#include "cli/vault_access.h"
#include "plan/objective.h"
#include "record/data_events.h"
#include "sources/files/files.h"
#include "sources/postgres/backup.h"

namespace hf::cli {

namespace {

std::uint64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

// What is to be backed up, from a plan or from the command line.
struct BackupJob {
  std::string component;
  std::vector<std::string> paths, tags;
  sources::TreeBackupOptions selection;  // of the tree, its patterns alone
  std::string dsn;
  bool reread = false;
  bool accept_new_cluster = false;
  std::string vault_name;  // of the plan, for the journal
};

struct Done {
  vault::SnapshotInfo snapshot;
  std::vector<sources::FailedItem> failed;
  std::vector<std::string> warnings;
  std::uint64_t resumed_files = 0;  // of a run that was cut short
  std::uint64_t resumed_bytes = 0;
  double seconds = 0;
  std::optional<std::uint64_t> left_out;  // of trees
};

Result<Done> back_up(Context& context, OpenVault& vault, const BackupJob& job) {
  MonoTime begin = context.env.clock.mono();
  Done out;
  if (!job.dsn.empty()) {
    sources::PostgresBackupOptions options;
    options.dsn = job.dsn;
    options.component = job.component;
    options.host = host_name();
    options.tags = job.tags;
    options.accept_new_cluster = job.accept_new_cluster;
    options.stop = context.stop;
    options.progress = vault.repository->progress();
    HF_ASSIGN(sources::PostgresBackupReport report, sources::backup_postgres(context.env, *vault.repository, options));
    out.snapshot = report.snapshot;
    out.warnings = report.warnings;
  } else {
    sources::TreeBackupOptions options = job.selection;
    options.paths = job.paths;
    options.reread = job.reread;
    options.component = job.component;
    options.host = host_name();
    options.tags = job.tags;
    HF_ASSIGN(sources::TreeBackupReport report, sources::backup_tree(*vault.repository, options));
    out.snapshot = report.snapshot;
    out.failed = report.failed;
    out.left_out = report.left_out;
    out.resumed_files = report.files_resumed;
    out.resumed_bytes = report.resumed_bytes;
  }
  remember(context, vault);
  out.seconds = std::chrono::duration<double>(context.env.clock.mono() - begin).count();
  return out;
}

Outcome report(Context& context, const BackupJob& job, const Done& done) {
  const vault::SnapshotInfo& s = done.snapshot;
  context.out.line("snapshot " + short_id(s.id) + (job.component.empty() ? "" : " of " + job.component) + ": " +
                   format_count(s.files, "file") + ", " + format_bytes(s.source_bytes) + " read, " +
                   format_bytes(s.new_bytes) + " new, " + format_bytes(s.stored_bytes) + " stored" +
                   (done.left_out.value_or(0) == 0 ? "" : "; " + format_count(*done.left_out) + " left out"));
  Json data = Json::object();
  data.set("snapshot", long_id(s.id))
      .set("component", job.component)
      .set("files", s.files)
      .set("source_bytes", s.source_bytes);
  if (done.resumed_bytes > 0)
    context.out.line("went on with an interrupted run: " + format_count(done.resumed_files, "file") + ", " +
                     format_bytes(done.resumed_bytes) + " were not read again");
  data.set("resumed_files", done.resumed_files).set("resumed_bytes", done.resumed_bytes);
  data.set("new_bytes", s.new_bytes).set("stored_bytes", s.stored_bytes);
  data.set("throughput_bytes_per_second",
           done.seconds > 0 ? static_cast<std::int64_t>(static_cast<double>(s.source_bytes) / done.seconds) : 0);
  data.set("peak_memory_bytes", peak_memory_bytes());
  data.set("locks", tell_locks(context, s.locks));
  if (done.left_out) data.set("left_out", *done.left_out);
  Outcome out = finished(data, done.failed.empty() ? kExitOk : kExitPartial);
  out.warnings = done.warnings;
  for (const sources::FailedItem& f : done.failed)
    out.errors.push_back(make_error(ErrorKind::kFailed, "not backed up: " + f.path + ": " + f.why).with_object(f.path));
  return out;
}

Status record_backup(Context& context, const PlanFile& file, const BackupJob& job, const Done& done,
                     std::vector<std::string>& warnings) {
  record::BackupFinished body;
  body.component = job.component;
  body.snapshot = long_id(done.snapshot.id);
  body.vault = job.vault_name;
  body.files = done.snapshot.files;
  body.source_bytes = done.snapshot.source_bytes;
  body.new_bytes = done.snapshot.new_bytes;
  body.stored_bytes = done.snapshot.stored_bytes;
  body.duration = Micros(static_cast<std::int64_t>(done.seconds * 1e6));
  HF_ASSIGN(std::unique_ptr<journal::LocalJournal> journal, open_journal(context));
  record::Event event = stamped(context, record::event_of(body));
  event.resource = "component/" + job.component;
  HF_TRY(journal->append(event));
  for (std::string& skipped : attach_state(context, file, *journal)) warnings.push_back(std::move(skipped));
  return ok();
}

Result<BackupJob> backup_job(Context& context, const plan::Component& component) {
  BackupJob job;
  job.component = component.name;
  const plan::Backup* const full = plan::full_backup(component);
  if (full == nullptr)
    return make_error(ErrorKind::kInvalid, "the plan has no full backup of '" + component.name + "'");
  job.vault_name = full->vault;
  if (const auto* postgres = std::get_if<plan::Postgres>(&component.detail)) {
    HF_ASSIGN(Secret dsn, resolve_secret(context, postgres->primary.dsn));
    job.dsn = dsn.reveal_text();
    return job;
  }
  if (const auto* files = std::get_if<plan::Files>(&component.detail)) {
    job.paths = files->paths;
    job.selection.excludes = files->exclude;
    return job;
  }
  return make_error(ErrorKind::kUnsupported, "backups of components of kind " +
                                                 std::string(plan::to_string(component.kind)) + " are not there yet")
      .with_hint("docs/STATUS.md says what is.");
}

Outcome run_component(Context& context, const Arguments& args, const std::string& name) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  const plan::Component* component = file->loaded.plan.find_component(name);
  if (component == nullptr) return failed(make_error(ErrorKind::kUsage, "the plan has no component '" + name + "'"));
  auto job = backup_job(context, *component);
  if (!job) return failed(std::move(job).error());
  job->tags = args.all("--tag");
  auto vault = open_plan_vault(context, file->loaded.plan, job->vault_name, name);
  if (!vault) return failed(std::move(vault).error());
  if (Status seen = check_seen(*vault, args); !seen) return failed(std::move(seen).error());
  auto done = back_up(context, *vault, *job);
  if (!done) return failed(std::move(done).error().with_context("backing up '" + name + "'"));
  Outcome out = report(context, *job, *done);
  if (auto recorded = record_backup(context, *file, *job, *done, out.warnings); !recorded)
    out.warnings.push_back("the backup is in the vault, but not in the journal: " + recorded.error().text);
  return out;
}

Outcome run_all(Context& context, const Arguments& args) {
  auto file = read_valid_plan(context);
  if (!file) return failed(std::move(file).error());
  Outcome all;
  Json list = Json::array();
  for (const plan::Component& c : file->loaded.plan.components) {
    Outcome one = run_component(context, args, c.name);
    if (one.exit_code != 0) all.exit_code = kExitPartial;
    list.push(one.data);
    all.errors.insert(all.errors.end(), one.errors.begin(), one.errors.end());
    for (const std::string& w : one.warnings) all.warnings.push_back(c.name + ": " + w);
  }
  all.data.set("backups", list);
  return all;
}

Outcome back_up_what_is_said(Context& context, const Arguments& args) {
  if (args.flag("--all")) return run_all(context, args);
  if (!args.positional().empty()) return run_component(context, args, args.positional()[0]);
  BackupJob job;
  job.paths = args.all("--path");
  job.dsn = args.get_or("--postgres", "");
  if (Status good = select_for_backup(args, job.selection); !good) return failed(std::move(good).error());
  job.tags = args.all("--tag");
  job.component = args.get_or("--component", "");
  job.reread = args.flag("--reread");
  job.accept_new_cluster = args.flag("--accept-new-cluster");
  if (!job.paths.empty() && !job.dsn.empty()) {
    return failed(make_error(ErrorKind::kUsage, "a backup is of files (--path) or of a cluster (--postgres), not of both")
                      .with_hint("Run it twice; both go into the same vault."));
  }
  if (job.paths.empty() && job.dsn.empty()) {
    return failed(
        make_error(ErrorKind::kUsage, "say what to back up: a component of the plan, --all, --path, or --postgres")
            .with_hint("For example: holdfast backup run --vault /backup --path /etc"));
  }
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  auto done = back_up(context, *vault, job);
  if (!done) return failed(std::move(done).error());
  return report(context, job, *done);
}

Outcome run_backup(Context& context, const Arguments& args) {
  const Interruptible here(context,
                           "No snapshot was made; the packs that were stored are durable. Run the same command again: it "
                           "goes on from there, without reading those files or sending those packs again.");
  const ShownProgress shown(context, "backing up");
  return here.told(back_up_what_is_said(context, args));
}

Outcome list_snapshots(Context& context, const Arguments& args) {
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  auto snapshots = vault->repository->snapshots();
  if (!snapshots) return failed(std::move(snapshots).error());
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"SNAPSHOT", "TIME", "HOST", "COMPONENT", "KIND", "SIZE", "PATHS"}};
  for (const vault::SnapshotInfo& s : *snapshots) {
    std::string words;
    for (const std::string& p : s.meta.paths) words += (words.empty() ? "" : " ") + shown_path(p);
    list.push(snapshot_json(s));
    rows.push_back({short_id(s.id), format_time(std::chrono::floor<Seconds>(s.finished)), s.meta.host, s.meta.component,
                    std::string(vault::to_string(s.meta.kind)), format_bytes(s.source_bytes), words});
  }
  context.out.table(rows);
  return finished(Json::object().set("snapshots", list));
}

std::vector<Option> run_options() {
  std::vector<Option> out = {{"--all", "", "every component of the plan", false, false},
                             {"--path", "PATH", "a file or a folder", false, true},
                             {"--postgres", "DSN", "a cluster, without a password in it", false, false},
                             {"--component", "NAME", "a name for what is backed up", false, false}};
  for (Option& option : backup_selection_options()) out.push_back(std::move(option));
  out.push_back({"--tag", "TEXT", "a word to find it by", false, true});
  out.push_back({"--reread", "", "do not trust size and times of files", false, false});
  out.push_back({"--accept-new-cluster", "", "the cluster may be another than in earlier snapshots", false, false});
  return out;
}

}  // namespace

std::vector<Command> backup_commands() {
  return {
      {{"backup", "run"},
       "back up a component of the plan, or paths, or a PostgreSQL cluster",
       {"holdfast backup run orders-db",
        "holdfast backup run --vault /backup/main --path /etc --path /srv --exclude '*.tmp'",
        "holdfast backup run --vault /backup/main --postgres 'host=/run/postgresql user=postgres'"},
       checked_vault_options(run_options()),
       "[COMPONENT]",
       0,
       1,
       run_backup},
      {{"backup", "list"},
       "the snapshots of a vault, newest last",
       {"holdfast backup list --vault /backup/main", "holdfast backup list -o json | jq '.data.snapshots[-1]'",
        "HOLDFAST_VAULT=/backup/main holdfast backup list"},
       checked_vault_options(),
       "",
       0,
       0,
       list_snapshots},
  };
}

}  // namespace hf::cli
