// The steps while us-east lives: environment, lint, backup, verify, sabotage.
#include "lab/demo_run.h"
#include "lab/embedded.h"
#include "remote/postgres.h"

namespace hf::lab {

namespace {

constexpr Micros kLoadBeforeBackup = 1500ms;
constexpr int kExitFailed = 1;
constexpr int kExitMismatch = 13;

std::string text_of(const Json& v) { return v.is_string() ? v.as_string() : dump_json(v); }

std::string mebibytes(const Json& bytes) { return two_decimals(bytes.as_double() / (1 << 20)) + " MiB"; }

}  // namespace

Result<Json> DemoRun::command(const std::vector<std::string>& args, int expected, Micros timeout,
                              const std::vector<std::pair<std::string, std::string>>& extra_env) {
  HF_ASSIGN(CommandResult done, lab_->holdfast(args, timeout, extra_env));
  if (done.exit_code == expected) return done.result;
  std::string words;
  for (const std::string& a : args) words += " " + a;
  std::string said = done.errors.empty() ? done.output.substr(0, 500) : done.errors.substr(0, 2000);
  return make_error(ErrorKind::kFailed, "holdfast" + words + " exited with " + std::to_string(done.exit_code) +
                                            " instead of " + std::to_string(expected) + ": " + said);
}

Status DemoRun::pause(Micros d) {
  if (env_.clock.sleep_until(env_.clock.mono() + d, stop_)) return ok();
  return make_error(ErrorKind::kCancelled, "stopped");
}

Result<Proof> DemoRun::environment() {
  HF_ASSIGN(lab_, Environment::start(env_, options_.environment, stop_));
  HF_TRY(lab_->start_customer());
  Proof out;
  out.line = "3 regions, PostgreSQL " + std::to_string(lab_->binaries().major) + ", " +
             std::to_string(lab_->process_count()) + " processes";
  std::string port = ":" + std::to_string(lab_->postgres_port());
  out.below = {"us-east 127.0.1.x: primary 127.0.1.1" + port + ", synchronous replica 127.0.1.2" + port +
                   ", vault main, orders, probe",
               "us-west 127.0.2.x: standby 127.0.2.1" + port + " (asynchronous), WAL receiver, orders, probe, Holdfast",
               "eu-west 127.0.3.x: WAL receiver, vault eu (copy), BIND 9 at " + lab_->resolver() +
                   ", orders, probe, the customer",
               "a commit is acknowledged by ANY 2 of orders_db_b, receiver_west, receiver_eu; orders flow at about 100 "
               "a second"};
  out.figures.set("processes", std::uint64_t{lab_->process_count()}).set("postgres_major", lab_->binaries().major);
  return out;
}

Result<Proof> DemoRun::lint() {
  HF_ASSIGN(Json clean, command({"lint", "--plan", lab_->plan_path()}));
  std::string order = lab_->root() + "/mission-order.yaml";
  HF_TRY(write_file_atomic(env_.files, order, as_bytes(kMissionOrder), 0644));
  HF_TRY(sources::give_to(order, lab_->user()));
  HF_ASSIGN(Json found, command({"lint", "--plan", order}, kExitFailed));
  std::map<std::string, int> by_severity;
  Proof out;
  for (const Json& f : found["data"]["findings"].items()) {
    ++by_severity[f["severity"].as_string()];
    if (f["severity"].as_string() == "error")
      out.below.push_back(f["id"].as_string() + " " + f["rule"].as_string() + ": " + f["message"].as_string());
  }
  if (by_severity["error"] == 0)
    return make_error(ErrorKind::kFailed, "the order of the written script linted without an error");
  std::size_t waived_or_info = clean["data"]["findings"].items().size();
  out.line = "the demo's plan: 0 errors; the failover order of a script written by hand: " +
             std::to_string(by_severity["error"]) + " errors, " + std::to_string(by_severity["warning"]) + " warnings";
  out.figures.set("plan_errors", 0).set("plan_findings", std::uint64_t{waived_or_info});
  out.figures.set("script_errors", by_severity["error"]).set("script_warnings", by_severity["warning"]);
  return out;
}

Result<Proof> DemoRun::backup() {
  HF_TRY(pause(kLoadBeforeBackup));
  HF_ASSIGN(Json done, command({"backup", "run", "orders-db", "--plan", lab_->plan_path()}));
  HF_ASSIGN(Json copied, command({"vault", "copy", "--vault", lab_->vault("main"), "--to", lab_->vault("eu"),
                                  "--key-file", lab_->key_file()}));
  HF_ASSIGN(remote::PgConnection shop, remote::PgConnection::connect(lab_->dsn("primary"), env_.clock));
  HF_ASSIGN(std::string rows, shop.query_value("select count(*)::text from orders"));
  const Json& data = done["data"];
  snapshot_ = data["snapshot"].as_string();
  Proof out;
  out.line = rows + " rows, " + mebibytes(data["source_bytes"]) + " read, " + mebibytes(data["stored_bytes"]) +
             " stored, in " + two_decimals(done["duration_seconds"].as_double()) +
             " s under load; copied to eu-west: " + text_of(copied["data"]["packs"]) + " packs, " +
             mebibytes(copied["data"]["copied_bytes"]) + " in " + two_decimals(copied["duration_seconds"].as_double()) +
             " s";
  out.figures = data;
  HF_ASSIGN(const std::uint64_t count, rows_from(rows));
  out.figures.set("rows", count).set("copied_bytes", copied["data"]["copied_bytes"]);
  out.figures.set("backup_seconds", done["duration_seconds"]).set("copy_seconds", copied["duration_seconds"]);
  return out;
}

Result<Proof> DemoRun::verify() {
  HF_ASSIGN(Json done,
            command({"verify", "orders-db", "--plan", lab_->plan_path(), "--from", "eu", "--scratch", lab_->root()}));
  const Json& data = done["data"];
  Proof out;
  out.line = "restored from vault eu, booted, queried; canary " + text_of(data["canary"]["last_found"]) + " of " +
             text_of(data["canary"]["last_written"]) + " found; RTO " + two_decimals(data["rto_seconds"].as_double()) +
             " s, RPO " + two_decimals(data["rpo_seconds"].as_double()) + " s of that restore";
  for (const Json& a : data["assertions"].items()) {
    if (!a["ok"].as_bool())
      return make_error(ErrorKind::kFailed, "the assertion '" + a["name"].as_string() + "' does not hold");
    out.below.push_back("ok: " + a["name"].as_string() +
                        (a["detail"].as_string().empty() ? "" : " (" + a["detail"].as_string() + ")"));
  }
  const Json& lost = data["canary"]["lost"];
  if (!lost.is_number() || lost.as_int() != 0)
    return make_error(ErrorKind::kFailed, "the newest canary that was written before is not in the restored database");
  if (!data["torn_down"].as_bool()) return make_error(ErrorKind::kFailed, "the scratch server was not torn down");
  out.figures = data;
  return out;
}

Result<std::string> DemoRun::largest_pack(const std::string& vault) {
  std::string best;
  std::uint64_t size = 0;
  HF_ASSIGN(std::vector<DirectoryEntry> folders, env_.files.list(vault + "/packs"));
  for (const DirectoryEntry& f : folders) {
    HF_ASSIGN(std::vector<DirectoryEntry> packs, env_.files.list(vault + "/packs/" + f.name));
    for (const DirectoryEntry& p : packs) {
      std::string name = "packs/" + f.name + "/" + p.name;
      HF_ASSIGN(FileInfo info, env_.files.stat(vault + "/" + name));
      if (info.size > size) {
        size = info.size;
        best = name;
      }
    }
  }
  if (best.empty()) return make_error(ErrorKind::kNotFound, "the vault has no pack");
  return best;
}

Status DemoRun::flip_one_byte(const std::string& path) {
  HF_ASSIGN(std::unique_ptr<File> file, env_.files.open(path, OpenMode::kReadWrite));
  HF_ASSIGN(std::uint64_t size, file->size());
  std::uint8_t byte[1];
  HF_ASSIGN(std::size_t n, file->read_at(size / 2, byte));
  if (n != 1) return make_error(ErrorKind::kFailed, path + " is too short to damage");
  byte[0] ^= 1;
  HF_TRY(file->write_at(size / 2, byte));
  return file->sync();
}

// A quarter of the file, from its middle on: what a lost disk region leaves.
Status DemoRun::overwrite_middle(const std::string& path) {
  HF_ASSIGN(std::unique_ptr<File> file, env_.files.open(path, OpenMode::kReadWrite));
  HF_ASSIGN(const std::uint64_t size, file->size());
  HF_TRY(file->write_at(size / 2, Bytes(size / 4, 0xa5)));
  return file->sync();
}

// Exactly the victim, in that way; then the restore that was refused before works. Seconds of the healing check.
Result<double> DemoRun::heal_and_restore(const std::vector<std::string>& repair, const std::vector<std::string>& restore,
                                         const std::string& victim, const std::string& how) {
  const MonoTime begun = env_.clock.mono();
  HF_ASSIGN(Json checked, command(repair));
  const double seconds = std::chrono::duration<double>(env_.clock.mono() - begun).count();
  const Json::Array& healed = checked["data"]["healed"].items();
  const bool exact = healed.size() == 1 && healed[0]["object"].as_string() == victim && healed[0]["how"].as_string() == how;
  if (!exact || !checked["data"]["damaged"].items().empty()) {
    return make_error(ErrorKind::kFailed, "check --repair did not heal exactly " + victim + " by " + how + " but said " +
                                              dump_json(checked["data"]));
  }
  HF_ASSIGN(Json restored, command(restore));
  HF_TRY(remove_tree(env_.files, lab_->root() + "/never"));
  return seconds;
}

Result<Proof> DemoRun::sabotage() {
  const std::string damaged = lab_->root() + "/sabotaged-vault";
  // By its own command: receivers write to the vault meanwhile, and `cp` would trip over their temporary files.
  const std::string source = lab_->vault("eu"), key_file = lab_->key_file();
  HF_ASSIGN(Json made, command({"vault", "init", "--vault", damaged, "--copy-of", source, "--key-file", key_file}));
  HF_ASSIGN(Json copied, command({"vault", "copy", "--vault", source, "--to", damaged, "--key-file", key_file}));
  HF_ASSIGN(std::string victim, largest_pack(damaged));
  HF_TRY(flip_one_byte(damaged + "/" + victim));

  std::vector<std::string> key = {"--vault", damaged, "--key-file", key_file};
  std::vector<std::string> check = {"vault", "check", "--read-data"},
                           restore = {"restore", "--snapshot", snapshot_, "--to", lab_->root() + "/never"};
  check.insert(check.end(), key.begin(), key.end());
  restore.insert(restore.end(), key.begin(), key.end());
  HF_ASSIGN(Json checked, command(check, kExitMismatch));
  const Json::Array& found = checked["data"]["damaged"].items();
  if (found.size() != 1 || found[0]["object"].as_string() != victim)
    return make_error(ErrorKind::kFailed,
                      "check did not find exactly " + victim + " but " + dump_json(checked["data"]["damaged"]));
  HF_ASSIGN(Json refused, command(restore, kExitMismatch));
  HF_TRY(remove_tree(env_.files, lab_->root() + "/never"));

  std::vector<std::string> repair = check;
  repair.push_back("--repair");
  HF_ASSIGN(const double parity_seconds, heal_and_restore(repair, restore, victim, "parity"));
  HF_TRY(overwrite_middle(damaged + "/" + victim));
  HF_ASSIGN(Json beyond, command(repair, kExitMismatch));
  repair.insert(repair.end(), {"--from", source});
  HF_ASSIGN(const double copy_seconds, heal_and_restore(repair, restore, victim, "copy"));
  HF_TRY(remove_tree(env_.files, damaged));
  HF_TRY(delete_orders_by_mistake());
  Proof out;
  out.line = "1 bit flipped in " + victim.substr(0, 20) +
             "...: check found exactly that object (exit 13), restore refused (exit 13)";
  out.below = {"healed by its own parity in " + two_decimals(parity_seconds) + " s, without a copy; restored",
               "then a quarter of it overwritten, which is beyond its parity (exit 13): healed from eu-west's vault in " +
                   two_decimals(copy_seconds) + " s; restored"};
  out.figures.set("healed_by_parity_seconds", parity_seconds).set("healed_from_copy_seconds", copy_seconds);
  out.figures.set("object", victim)
      .set("damaged", checked["data"]["damaged"])
      .set("read_bytes", checked["data"]["read_bytes"]);
  return out;
}

// Somebody forgets half of a WHERE clause. The numbers are noted just before, for the step point-in-time.
Status DemoRun::delete_orders_by_mistake() {
  HF_ASSIGN(remote::PgConnection shop, remote::PgConnection::connect(lab_->dsn("primary"), env_.clock));
  HF_ASSIGN(std::string before, shop.query_value("select count(*)::text from orders where number < 0"));
  HF_ASSIGN(mistake_.rows_before, rows_from(before));
  HF_TRY(pause(20ms));
  mistake_.before = env_.clock.wall();
  HF_ASSIGN(mistake_.lsn_before, shop.query_value("select pg_current_wal_insert_lsn()::text"));
  HF_TRY(pause(20ms));
  HF_TRY(shop.query("delete from orders where number < 0 and number % 3 = 0"));
  HF_ASSIGN(std::string after, shop.query_value("select count(*)::text from orders where number < 0"));
  HF_ASSIGN(mistake_.rows_after, rows_from(after));
  if (mistake_.rows_after >= mistake_.rows_before)
    return make_error(ErrorKind::kFailed, "the mistaken DELETE removed nothing");
  return pause(100ms);
}

}  // namespace hf::lab
