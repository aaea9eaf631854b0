// wal receive, fetch, push, seal, check: the WAL service, and the forms that PostgreSQL itself runs.
#include <mutex>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/vault_access.h"
#include "sources/wal/archive_reader.h"
#include "sources/wal/archive_target.h"
#include "sources/wal/check.h"
#include "sources/wal/push.h"
#include "sources/wal/receiver.h"
#include "vault/attachments.h"

namespace hf::cli {

namespace {

constexpr Micros kSealTimeout = 15s;

// A vault that may be away when the receiver starts, or go away: it is opened when it is needed, and again after
// errors.
class PatientTarget final : public sources::WalTarget {
 public:
  PatientTarget(Context& context, std::string url, vault::Credentials credentials)
      : context_(context), url_(std::move(url)), credentials_(std::move(credentials)) {}
  Status put_frame(const vault::WalFrame& frame) override {
    return with([&](sources::ArchiveTarget& t) { return t.put_frame(frame); });
  }
  Status put_segment(const vault::WalFrame& whole) override {
    return with([&](sources::ArchiveTarget& t) { return t.put_segment(whole); });
  }
  Status put_history(std::uint64_t system_id, Timeline timeline, ByteView text) override {
    return with([&](sources::ArchiveTarget& t) { return t.put_history(system_id, timeline, text); });
  }
  Status put_seal(const vault::TimelineSeal& seal) override {
    return with([&](sources::ArchiveTarget& t) { return t.put_seal(seal); });
  }
  Result<std::vector<vault::TimelineSeal>> read_seals(std::uint64_t system_id, Timeline timeline) override {
    return with([&](sources::ArchiveTarget& t) { return t.read_seals(system_id, timeline); });
  }

 private:
  template <class Call>
  std::invoke_result_t<Call, sources::ArchiveTarget&> with(const Call& call) {
    std::lock_guard lock(mutex_);
    if (!vault_.repository) { HF_ASSIGN(vault_, open_vault(context_, url_, credentials_)); }
    vault::WalArchive archive(*vault_.repository);
    sources::ArchiveTarget target(archive);
    return call(target);
  }
  Context& context_;
  std::string url_;
  vault::Credentials credentials_;
  std::mutex mutex_;  // guards the rest
  OpenVault vault_;
};

Outcome run_receive(Context& context, const Arguments& args) {
  auto url = vault_url(context, args);
  if (!url) return failed(std::move(url).error());
  auto credentials = vault_credentials(context, args);
  if (!credentials) return failed(std::move(credentials).error());
  auto vault = open_vault(context, *url,
                          *credentials);  // a wrong key or a typo in the URL ends it here, a lost vault later does not
  if (!vault) return failed(std::move(vault).error());
  // Told and no more: WAL that is refused is lost, or stops the primary.
  if (Status seen = vault->repository->check_seen(false); !seen)
    context.env.log.warning("vault", "WAL is received into it all the same", {{"error", seen.error().text}});
  PatientTarget target(context, *url, *credentials);
  sources::WalReceiverOptions options;
  options.dsn = *args.get("--dsn");
  options.name = *args.get("--name");
  options.slot = args.get_or("--slot", options.name);
  options.spool = *args.get("--spool");
  context.out.line("receiving as " + options.name + " into " + options.spool + ", then into " + *url);
  sources::WalReceiver receiver(context.env, options, target);
  Status done = receiver.run(context.stop);
  Json data = sources::status_to_json(receiver.status(), context.env.clock.wall());
  if (!done && done.error().kind != ErrorKind::kCancelled) {
    Outcome out = failed(std::move(done).error());
    out.data = data;
    return out;
  }
  return finished(data);
}

// PostgreSQL reads 1 to 125 as "no such WAL": everything but a proven absence is 255.
Outcome fetch_outcome(Context& context, const std::string& name, const Result<sources::WalFetchOutcome>& got) {
  Outcome out;
  out.exit_code = sources::exit_code_of(got);
  out.data.set("name", name).set("fetched", out.exit_code == sources::kWalFetched);
  if (!got) out.errors.push_back(got.error());
  context.out.event("fetched", out.data);
  return out;
}

Result<sources::WalFetchOutcome> fetch(Context& context, const Arguments& args,
                                       const sources::WalFetchOptions& options) {
  if (auto staged = args.get("--staged")) return sources::fetch_staged_wal(context.env.files, *staged, options);
  HF_ASSIGN(sources::ClusterIdentity cluster,
            sources::read_cluster_identity(context.env.files, options.data_directory));
  HF_ASSIGN(OpenVault vault, open_vault(context, args));
  vault::WalArchive archive(*vault.repository);
  sources::ArchiveReader reader(archive, cluster.system_id);
  return sources::fetch_wal_patiently(context.env, reader, options);
}

Outcome run_fetch(Context& context, const Arguments& args) {
  sources::WalFetchOptions options;
  options.name = args.positional()[0];
  options.path = args.positional()[1];
  std::string tail = args.get_or("--tail", "sealed");
  if (tail == "any")
    options.tail = sources::WalTail::kAny;
  else if (tail != "sealed")
    return fetch_outcome(context, options.name,
                         make_error(ErrorKind::kUsage, "--tail is sealed or any, not '" + tail + "'"));
  return fetch_outcome(context, options.name, fetch(context, args, options));
}

Outcome run_push(Context& context, const Arguments& args) {
  auto vault = open_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  vault::WalArchive archive(*vault->repository);
  sources::ArchiveTarget target(archive);
  sources::WalPushOptions options;
  options.path = args.positional()[0];
  // Labels of base backups: no recovery asks for them, but an archive_command that refuses one is called again for ever
  // and holds up all WAL after it.
  vault::Attachments attachments(*vault->repository);
  options.keep_other = [&](const std::string& name, ByteView bytes) -> Status {
    HF_TRY(attachments.put("wal-label", name, bytes));
    return ok();
  };
  if (auto pushed = sources::push_wal(context.env.files, target, options); !pushed)
    return failed(std::move(pushed).error());
  return finished(Json::object().set("pushed", options.path));
}

Outcome run_seal(Context& context, const Arguments& args) {
  const std::string spool = *args.get("--spool"), name = args.get_or("--name", "receiver");
  auto proof = sources::request_seal(context.env, spool, name, kSealTimeout, nullptr);
  if (!proof) return failed(std::move(proof).error());
  context.out.line("sealed timeline " + std::to_string(proof->seal.timeline) + " at " + format_lsn(proof->seal.lsn) +
                   " by " + proof->seal.receiver + "; nothing more of it will be acknowledged here");
  Json data = sources::seal_to_json(proof->seal);
  data.set("by_running_receiver", proof->by_running_receiver).set("in_vault", proof->in_vault);
  Outcome out = finished(data);
  if (!proof->in_vault)
    out.warnings.push_back("the seal is durable in the spool but not in the vault yet" +
                           (proof->vault_error.empty() ? "" : ": " + proof->vault_error));
  return out;
}

Json timeline_json(const sources::WalCheckTimeline& t) {
  Json gaps = Json::array(), seals = Json::array();
  for (const vault::WalRange& g : t.gaps)
    gaps.push(Json::object().set("from", format_lsn(g.start)).set("to", format_lsn(g.end)));
  for (const vault::TimelineSeal& s : t.seals) seals.push(sources::seal_to_json(s));
  Json out = Json::object();
  out.set("timeline", t.timeline)
      .set("from", format_lsn(t.from))
      .set("to", format_lsn(t.to))
      .set("gaps", gaps)
      .set("seals", seals);
  return out.set("last_commit", t.last_commit ? Json(format_time(*t.last_commit)) : Json())
      .set("history_missing", t.history_missing);
}

Outcome check_archive(Context& context, const Arguments& args) {
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  vault::WalArchive archive(*vault->repository);
  auto clusters = archive.clusters();
  if (!clusters) return failed(std::move(clusters).error());
  Json list = Json::array();
  bool healthy = true;
  for (std::uint64_t system_id : *clusters) {
    auto coverage = archive.coverage(system_id);
    if (!coverage) return failed(std::move(coverage).error());
    auto checked = sources::check_wal(*coverage);
    if (!checked) return failed(std::move(checked).error());
    const sources::WalCheckReport& report = *checked;
    healthy = healthy && report.healthy();
    Json timelines = Json::array();
    for (const sources::WalCheckTimeline& t : report.timelines) {
      timelines.push(timeline_json(t));
      context.out.line("cluster " + std::to_string(system_id) + " timeline " + std::to_string(t.timeline) + ": " +
                       format_lsn(t.from) + " to " + format_lsn(t.to) +
                       (t.gaps.empty() ? ", no gap" : ", " + std::to_string(t.gaps.size()) + " GAPS") +
                       (t.seals.empty() ? "" : ", sealed"));
      for (const vault::WalRange& g : t.gaps)
        context.out.line("  missing " + format_lsn(g.start) + " to " + format_lsn(g.end));
    }
    list.push(Json::object()
                  .set("system_id", std::to_string(system_id))
                  .set("timelines", timelines)
                  .set("healthy", report.healthy()));
  }
  if (clusters->empty()) context.out.line("no WAL in this vault");
  Outcome out = finished(Json::object().set("clusters", list), healthy ? kExitOk : kExitFailed);
  if (!healthy) {
    out.errors.push_back(make_error(ErrorKind::kFailed, "the WAL in this vault has gaps")
                             .with_hint("Points in time after a gap cannot be restored until the next base backup: run "
                                        "`holdfast backup run` now."));
  }
  return out;
}

}  // namespace

std::vector<Command> wal_commands() {
  return {
      {{"wal", "receive"},
       "stream a primary's WAL to this disk, acknowledge it, bring it into the vault",
       {"holdfast wal receive --name receiver_west --dsn 'host=db user=replicator' --spool /var/spool/holdfast --vault "
        "/backup/main --key-file /etc/holdfast/key",
        "holdfast wal receive --name r1 --slot r1 --dsn ... --spool ... --vault ...",
        "cat /var/spool/holdfast/status.json"},
       vault_options_and({{"--dsn", "DSN", "the primary, without a password in it", true, false},
                          {"--name", "NAME", "application_name, as in synchronous_standby_names", true, false},
                          {"--slot", "NAME", "replication slot, made if absent (default: the name)", false, false},
                          {"--spool", "DIR", "where WAL is made durable before it is acknowledged", true, false}}),
       "",
       0,
       0,
       run_receive},
      {{"wal", "fetch"},
       "restore_command: one file of WAL out of the vault; exits 0, 1 (absent) or 255",
       {"restore_command = 'holdfast wal fetch --vault /backup/main --key-file /etc/holdfast/key %f %p'",
        "restore_command = 'holdfast wal fetch --staged /var/lib/postgresql/staged %f %p'",
        "holdfast wal fetch --vault /backup/main --key-file key 000000010000000000000003 /tmp/segment"},
       vault_options_and({{"--tail", "WHICH", "sealed (for standbys), or any (for a new place)", false, false},
                          {"--staged", "DIR", "read plain files instead of a vault", false, false}}),
       "NAME PATH",
       2,
       2,
       run_fetch},
      {{"wal", "push"},
       "archive_command: one file of WAL into the vault; exits 0 only when durable",
       {"archive_command = 'holdfast wal push --vault /backup/main --key-file /etc/holdfast/key %p'",
        "holdfast wal push --vault /backup/main --key-file key pg_wal/000000010000000000000003",
        "holdfast wal check --vault /backup/main"},
       vault_options(),
       "PATH",
       1,
       1,
       run_push},
      {{"wal", "seal"},
       "make a receiver stop for good: it acknowledges nothing more of this timeline",
       {"holdfast wal seal --spool /var/spool/holdfast", "holdfast wal seal --spool /var/spool/holdfast -o json",
        "holdfast wal check --vault /backup/main"},
       {{"--spool", "DIR", "of the receiver", true, false},
        {"--name", "NAME", "the receiver's name, where none runs", false, false}},
       "",
       0,
       0,
       run_seal},
      {{"wal", "check"},
       "what the vault covers, and where it has gaps",
       {"holdfast wal check --vault /backup/main", "holdfast wal check -o json",
        "HOLDFAST_VAULT=/backup/main holdfast wal check"},
       checked_vault_options(),
       "",
       0,
       0,
       check_archive},
  };
}

}  // namespace hf::cli
