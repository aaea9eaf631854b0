// The only file that knows SQLite: tables, projection, queries. Its exceptions end in guarded().
#include "journal/read_model.h"

#include <algorithm>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "base/check.h"
#include "base/hex.h"
#include "journal/merkle.h"
#include "record/data_events.h"
#include "record/proof_events.h"
#include "record/run_events.h"
#include "record/step_events.h"

namespace hf::journal {
namespace {

constexpr int kSchema = 1;             // a model of another schema is made again
constexpr int kBusyMs = 5000;          // another process bringing it up to date takes far less
constexpr std::uint64_t kBatch = 1024; // events in one transaction

constexpr const char* kTables = R"(
CREATE TABLE meta(schema INTEGER, origin TEXT, size INTEGER, last_leaf TEXT);
CREATE TABLE events(seq INTEGER PRIMARY KEY, type TEXT, run TEXT, leaf TEXT);
CREATE INDEX events_run ON events(run, seq);
CREATE TABLE runs(run TEXT PRIMARY KEY, kind TEXT DEFAULT '', runbook TEXT DEFAULT '', component TEXT DEFAULT '',
  source_region TEXT DEFAULT '', target_region TEXT DEFAULT '', class TEXT DEFAULT '', plan_hash TEXT DEFAULT '',
  state TEXT DEFAULT 'running', verdict TEXT DEFAULT '', started INTEGER, finished INTEGER, first_seq INTEGER,
  last_seq INTEGER, resumed INTEGER DEFAULT 0);
CREATE TABLE steps(run TEXT, place INTEGER, step TEXT, kind TEXT DEFAULT '', irreversible INTEGER DEFAULT 0,
  state TEXT DEFAULT 'planned', attempt INTEGER DEFAULT 0, changed INTEGER DEFAULT 0, detail TEXT DEFAULT '',
  error TEXT DEFAULT '', hint TEXT DEFAULT '', started INTEGER, finished INTEGER, PRIMARY KEY(run, step));
CREATE TABLE measurements(seq INTEGER PRIMARY KEY, time INTEGER, run TEXT, name TEXT, component TEXT, unit TEXT,
  actual_us INTEGER, target_us INTEGER, actual INTEGER, target INTEGER, met INTEGER, detail TEXT);
CREATE INDEX measurements_of ON measurements(name, component, seq);
CREATE TABLE backups(seq INTEGER PRIMARY KEY, time INTEGER, run TEXT, component TEXT, snapshot TEXT, vault TEXT,
  files INTEGER, source_bytes INTEGER, new_bytes INTEGER, stored_bytes INTEGER, duration_us INTEGER);
CREATE TABLE verifications(seq INTEGER PRIMARY KEY, time INTEGER, run TEXT, component TEXT, snapshot TEXT,
  rto_us INTEGER, rpo_us INTEGER, lost INTEGER, ok INTEGER, torn_down INTEGER);
)";

// One value of a row, in either direction.
std::int64_t stored(WallTime t) { return t.time_since_epoch().count(); }
std::int64_t stored(Micros d) { return d.count(); }
std::int64_t stored(std::uint64_t n) { return static_cast<std::int64_t>(n); }
std::int64_t stored(std::int64_t n) { return n; }
std::int64_t stored(bool b) { return b ? 1 : 0; }

void bind(SQLite::Statement& s, int at, const std::string& text) { s.bind(at, text); }
template <class T>
void bind(SQLite::Statement& s, int at, const std::optional<T>& value) {
  if (value) s.bind(at, stored(*value));
  else s.bind(at);
}
template <class T>
void bind(SQLite::Statement& s, int at, const T& value) { s.bind(at, stored(value)); }

template <class... Args>
void bind_all(SQLite::Statement& s, const Args&... args) {
  int at = 0;
  (bind(s, ++at, args), ...);
}

template <class... Args>
void run_sql(SQLite::Database& db, const char* sql, const Args&... args) {
  SQLite::Statement s(db, sql);
  bind_all(s, args...);
  s.exec();
}

WallTime time_at(const SQLite::Column& c) { return WallTime(Micros(c.getInt64())); }
std::optional<WallTime> maybe_time(const SQLite::Column& c) {
  if (c.isNull()) return std::nullopt;
  return time_at(c);
}
std::optional<Micros> maybe_micros(const SQLite::Column& c) {
  if (c.isNull()) return std::nullopt;
  return Micros(c.getInt64());
}
std::optional<std::int64_t> maybe_int(const SQLite::Column& c) {
  if (c.isNull()) return std::nullopt;
  return c.getInt64();
}
std::uint64_t count_at(const SQLite::Column& c) { return static_cast<std::uint64_t>(c.getInt64()); }

// Runs `call`, and turns what SQLite throws into an error.
template <class Call>
auto guarded(const std::string& path, Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const SQLite::Exception& e) {
    ErrorKind kind = e.getErrorCode() == SQLITE_BUSY || e.getErrorCode() == SQLITE_LOCKED ? ErrorKind::kBusy
                     : e.getErrorCode() == SQLITE_FULL ? ErrorKind::kExhausted
                                                       : ErrorKind::kFailed;
    return make_error(kind, "read model " + path + ": " + e.what())
        .with_object(path)
        .with_hint("Delete the file: it is made again from the journal.");
  }
}

void project_run(SQLite::Database& db, const Entry& entry) {
  const record::Event& e = entry.event;
  run_sql(db, "INSERT INTO runs(run, started, first_seq, last_seq) VALUES(?1, ?2, ?3, ?3) "
              "ON CONFLICT(run) DO UPDATE SET last_seq = excluded.last_seq", e.run, e.time, entry.seq);
  if (auto b = record::body_of<record::RunStarted>(e)) {
    run_sql(db,
            "UPDATE runs SET kind = ?, runbook = ?, component = ?, source_region = ?, target_region = ?, "
            "class = ?, "
            "plan_hash = ?, started = ? WHERE run = ?",
            std::string(to_string(b->kind)), b->runbook, b->component, b->source_region, b->target_region,
            b->disaster_class, b->plan_hash, e.time, e.run);
    std::int64_t place = 0;
    for (const record::PlannedStep& step : b->steps)
      run_sql(db, "INSERT OR IGNORE INTO steps(run, place, step, kind, irreversible) VALUES(?, ?, ?, ?, ?)",
              e.run, ++place, step.name, step.kind, step.irreversible);
  } else if (auto done = record::body_of<record::RunFinished>(e)) {
    run_sql(db, "UPDATE runs SET state = ?, verdict = ?, finished = ? WHERE run = ?",
            std::string(to_string(done->state)), done->verdict, e.time, e.run);
  } else if (record::is<record::RunResumed>(e)) {
    run_sql(db, "UPDATE runs SET resumed = resumed + 1 WHERE run = ?", e.run);
  }
}

void project_step(SQLite::Database& db, const record::Event& e) {
  // A step that the plan did not name is kept all the same, after those that it did.
  run_sql(db, "INSERT OR IGNORE INTO steps(run, place, step) "
              "SELECT ?1, coalesce(max(place), 0) + 1, ?2 FROM steps WHERE run = ?1", e.run, e.step);
  if (auto intent = record::body_of<record::StepIntent>(e)) {
    run_sql(db,
            "UPDATE steps SET state = 'started', attempt = max(attempt, ?), kind = CASE kind WHEN '' THEN ? "
            "ELSE kind END, "
            "irreversible = max(irreversible, ?), started = coalesce(started, ?) WHERE run = ? AND step = ?",
            e.attempt, intent->action, intent->irreversible, e.time, e.run, e.step);
  } else if (auto out = record::body_of<record::StepOutcome>(e)) {
    record::StepError error = out->error.value_or(record::StepError{});
    run_sql(db,
            "UPDATE steps SET state = ?, attempt = max(attempt, ?), changed = max(changed, ?), detail = ?, "
            "error = ?, hint = ?, "
            "finished = ? WHERE run = ? AND step = ?",
            std::string(to_string(out->state)), e.attempt, out->changed, out->detail, error.text, error.hint,
            e.time, e.run, e.step);
  }
}

bool all_hold(const std::vector<record::Assertion>& assertions) {
  return std::ranges::all_of(assertions, &record::Assertion::ok);
}

void project_data(SQLite::Database& db, const Entry& entry) {
  const record::Event& e = entry.event;
  if (auto m = record::body_of<record::Measurement>(e)) {
    run_sql(db, "INSERT INTO measurements VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", entry.seq, e.time,
            e.run, m->name, m->component, m->unit, m->actual_time, m->target_time, m->actual, m->target,
            m->met, m->detail);
  } else if (auto b = record::body_of<record::BackupFinished>(e)) {
    run_sql(db, "INSERT INTO backups VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", entry.seq, e.time, e.run,
            b->component, b->snapshot, b->vault, b->files, b->source_bytes, b->new_bytes, b->stored_bytes,
            b->duration);
  } else if (auto v = record::body_of<record::VerifyFinished>(e)) {
    std::optional<std::uint64_t> lost;
    if (v->canary) lost = v->canary->lost;
    run_sql(db, "INSERT INTO verifications VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", entry.seq, e.time, e.run,
            v->component, v->snapshot, v->rto, v->rpo, lost, all_hold(v->assertions), v->torn_down);
  }
}

void project(SQLite::Database& db, const Entry& entry) {
  const record::Event& e = entry.event;
  run_sql(db, "INSERT INTO events VALUES(?, ?, ?, ?)", entry.seq, e.type, e.run, entry.leaf);
  if (!e.run.empty()) project_run(db, entry);
  if (!e.run.empty() && !e.step.empty()) project_step(db, e);
  project_data(db, entry);
}

// The hash of the event before `size`, as the journal has it now; empty if it has no such event.
Result<std::string> last_leaf(Journal& journal, std::uint64_t size) {
  if (size == 0 || size > journal.size()) return std::string();
  std::string out;
  HF_TRY(journal.read(size - 1,
                      [&](const Entry& e) { return out = to_hex(leaf_hash(as_bytes(e.leaf))), false; }));
  return out;
}

}  // namespace

struct ReadModel::State {
  std::string path;
  std::unique_ptr<SQLite::Database> db;
  std::uint64_t size = 0;
  bool rebuilt = false;

  Status connect();
  Result<bool> belongs_to(Journal& journal);
  Status make(Files& files, const std::string& origin);
  Status take_in(Journal& journal);
  template <class Row, class... Args>
  Result<std::vector<Row>> query(const char* sql, Row (*row_of)(SQLite::Statement&), const Args&... args);
};

Status ReadModel::State::connect() {
  return guarded(path, [&]() -> Status {
    db = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMs);
    return ok();
  });
}

// Whether the tables were made by this schema from a prefix of this journal.
Result<bool> ReadModel::State::belongs_to(Journal& journal) {
  std::string leaf;
  auto ours = guarded(path, [&]() -> Result<bool> {
    if (!db->tableExists("meta")) return false;
    SQLite::Statement s(*db, "SELECT schema, origin, size, last_leaf FROM meta");
    if (!s.executeStep() || s.getColumn(0).getInt() != kSchema) return false;
    if (s.getColumn(1).getString() != journal.identity().origin) return false;
    size = count_at(s.getColumn(2));
    leaf = s.getColumn(3).getString();
    return true;
  });
  if (!ours && ours.error().kind == ErrorKind::kBusy)
    return ours;   // somebody's good model is not thrown away
  if (!ours || !*ours) return false;  // a file that SQLite cannot read is as good as none
  HF_ASSIGN(std::string now, last_leaf(journal, size));
  return now == leaf;
}

Status ReadModel::State::make(Files& files, const std::string& origin) {
  db.reset();
  if (path != ":memory:") {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"})
      if (Status s = files.remove(path + suffix); !s && s.error().kind != ErrorKind::kNotFound) return s;
  }
  HF_TRY(connect());
  size = 0;
  return guarded(path, [&]() -> Status {
    SQLite::Transaction transaction(*db);
    db->exec(kTables);
    run_sql(*db, "INSERT INTO meta VALUES(?, ?, 0, '')", std::int64_t{kSchema}, origin);
    transaction.commit();
    return ok();
  });
}

// In transactions of kBatch events; a crash between two leaves a model that is behind, not one that is wrong.
Status ReadModel::State::take_in(Journal& journal) {
  const std::uint64_t end = journal.size();
  while (size < end) {
    std::vector<Entry> batch;
    HF_TRY(journal.read(size, [&](const Entry& e) {
      batch.push_back(e);
      return batch.size() < kBatch;
    }));
    HF_CHECK(!batch.empty());
    HF_TRY(guarded(path, [&]() -> Status {
      SQLite::Transaction transaction(*db, SQLite::TransactionBehavior::IMMEDIATE);
      SQLite::Statement now(*db, "SELECT size FROM meta");
      if (!now.executeStep()) return make_error(ErrorKind::kFailed, "read model " + path + ": it is empty");
      const std::uint64_t stored_size = count_at(now.getColumn(0));
      now.reset();
      if (stored_size != size) {   // another process was here: go on from where it ended
        size = stored_size;
        return ok();
      }
      for (const Entry& entry : batch) project(*db, entry);
      const std::string leaf = to_hex(leaf_hash(as_bytes(batch.back().leaf)));
      run_sql(*db, "UPDATE meta SET size = ?, last_leaf = ?", batch.back().seq + 1, leaf);
      transaction.commit();
      size = batch.back().seq + 1;
      return ok();
    }));
  }
  return ok();
}

template <class Row, class... Args>
Result<std::vector<Row>> ReadModel::State::query(const char* sql, Row (*row_of)(SQLite::Statement&),
                                                 const Args&... args) {
  return guarded(path, [&]() -> Result<std::vector<Row>> {
    SQLite::Statement s(*db, sql);
    bind_all(s, args...);
    std::vector<Row> out;
    while (s.executeStep()) out.push_back(row_of(s));
    return out;
  });
}

ReadModel::ReadModel(std::unique_ptr<State> state) : state_(std::move(state)) {}
ReadModel::~ReadModel() = default;
ReadModel::ReadModel(ReadModel&&) noexcept = default;
ReadModel& ReadModel::operator=(ReadModel&&) noexcept = default;
std::uint64_t ReadModel::size() const { return state_->size; }
bool ReadModel::rebuilt() const { return state_->rebuilt; }

Result<ReadModel> ReadModel::open(Files& files, std::string path, Journal& journal) {
  auto state = std::make_unique<State>();
  state->path = std::move(path);
  const bool there = state->path != ":memory:" && file_exists(files, state->path);
  HF_TRY(state->connect());
  HF_ASSIGN(bool ours, state->belongs_to(journal));
  if (!ours) HF_TRY(state->make(files, journal.identity().origin));
  state->rebuilt = there && !ours;
  Status taken = state->take_in(journal);
  if (!taken && taken.error().kind == ErrorKind::kFailed &&
      ours) {  // damaged further in: once more from nothing
    HF_TRY(state->make(files, journal.identity().origin));
    state->rebuilt = true;
    taken = state->take_in(journal);
  }
  if (!taken) return std::move(taken).error();
  return ReadModel(std::move(state));
}

Status ReadModel::refresh(Journal& journal) { return state_->take_in(journal); }

namespace {

RunRow run_row(SQLite::Statement& s) {
  RunRow r;
  std::string* texts[] = {&r.run,           &r.kind,           &r.runbook,   &r.component, &r.source_region,
                          &r.target_region, &r.disaster_class, &r.plan_hash, &r.state,     &r.verdict};
  for (int i = 0; i < 10; ++i) *texts[i] = s.getColumn(i).getString();
  r.started_at = time_at(s.getColumn(10));
  r.finished_at = maybe_time(s.getColumn(11));
  r.first_seq = count_at(s.getColumn(12));
  r.last_seq = count_at(s.getColumn(13));
  r.resumed = s.getColumn(14).getInt64();
  return r;
}

StepRow step_row(SQLite::Statement& s) {
  StepRow r;
  r.step = s.getColumn(0).getString();
  r.kind = s.getColumn(1).getString();
  r.irreversible = s.getColumn(2).getInt() != 0;
  r.state = s.getColumn(3).getString();
  r.attempt = s.getColumn(4).getInt64();
  r.changed = s.getColumn(5).getInt() != 0;
  r.detail = s.getColumn(6).getString();
  r.error = s.getColumn(7).getString();
  r.hint = s.getColumn(8).getString();
  r.started_at = maybe_time(s.getColumn(9));
  r.finished_at = maybe_time(s.getColumn(10));
  return r;
}

MeasurementRow measurement_row(SQLite::Statement& s) {
  MeasurementRow r;
  r.seq = count_at(s.getColumn(0));
  r.time = time_at(s.getColumn(1));
  r.run = s.getColumn(2).getString();
  r.name = s.getColumn(3).getString();
  r.component = s.getColumn(4).getString();
  r.unit = s.getColumn(5).getString();
  r.actual_time = maybe_micros(s.getColumn(6));
  r.target_time = maybe_micros(s.getColumn(7));
  r.actual = maybe_int(s.getColumn(8));
  r.target = maybe_int(s.getColumn(9));
  if (auto met = maybe_int(s.getColumn(10))) r.met = *met != 0;
  r.detail = s.getColumn(11).getString();
  r.run_kind = s.getColumn(12).getString();
  return r;
}

BackupRow backup_row(SQLite::Statement& s) {
  BackupRow r;
  r.seq = count_at(s.getColumn(0));
  r.time = time_at(s.getColumn(1));
  r.run = s.getColumn(2).getString();
  r.component = s.getColumn(3).getString();
  r.snapshot = s.getColumn(4).getString();
  r.vault = s.getColumn(5).getString();
  r.files = count_at(s.getColumn(6));
  r.source_bytes = count_at(s.getColumn(7));
  r.new_bytes = count_at(s.getColumn(8));
  r.stored_bytes = count_at(s.getColumn(9));
  r.duration = Micros(s.getColumn(10).getInt64());
  return r;
}

VerifyRow verify_row(SQLite::Statement& s) {
  VerifyRow r;
  r.seq = count_at(s.getColumn(0));
  r.time = time_at(s.getColumn(1));
  r.run = s.getColumn(2).getString();
  r.component = s.getColumn(3).getString();
  r.snapshot = s.getColumn(4).getString();
  r.rto = maybe_micros(s.getColumn(5));
  r.rpo = maybe_micros(s.getColumn(6));
  if (!s.getColumn(7).isNull()) r.lost = count_at(s.getColumn(7));
  r.ok = s.getColumn(8).getInt() != 0;
  r.torn_down = s.getColumn(9).getInt() != 0;
  return r;
}

struct LeafRow {
  std::uint64_t seq = 0;
  std::string leaf;
};
LeafRow leaf_row(SQLite::Statement& s) { return {count_at(s.getColumn(0)), s.getColumn(1).getString()}; }

constexpr const char* kEventsForward =
    "SELECT seq, leaf FROM events WHERE seq >= ?1 AND substr(type, 1, length(?2)) = ?2 AND (?3 = '' OR run = "
    "?3) ORDER BY seq LIMIT ?4";
constexpr const char* kEventsBackward =
    "SELECT seq, leaf FROM events WHERE seq >= ?1 AND substr(type, 1, length(?2)) = ?2 AND (?3 = '' OR run = "
    "?3) ORDER BY seq DESC LIMIT ?4";

}  // namespace

Result<std::vector<Entry>> ReadModel::events(const EventQuery& q) {
  HF_ASSIGN(std::vector<LeafRow> rows, state_->query(q.newest_first ? kEventsBackward : kEventsForward,
                                                     leaf_row, q.from, q.type_prefix, q.run, q.limit));
  std::vector<Entry> out;
  for (LeafRow& row : rows) {
    HF_ASSIGN(record::Event event, record::parse_event(row.leaf));
    out.push_back({row.seq, std::move(row.leaf), std::move(event)});
  }
  return out;
}

Result<std::vector<RunRow>> ReadModel::runs(std::uint64_t limit) {
  return state_->query("SELECT * FROM runs ORDER BY first_seq DESC LIMIT ?", run_row, limit);
}

Result<RunRow> ReadModel::run(const std::string& id) {
  HF_ASSIGN(std::vector<RunRow> rows, state_->query("SELECT * FROM runs WHERE run = ?", run_row, id));
  if (rows.empty()) return make_error(ErrorKind::kNotFound, "no run '" + id + "' in the journal");
  return rows[0];
}

Result<std::vector<StepRow>> ReadModel::steps(const std::string& run) {
  return state_->query(
      "SELECT step, kind, irreversible, state, attempt, changed, detail, error, hint, started, finished "
      "FROM steps WHERE run = ? ORDER BY place",
      step_row, run);
}

Result<std::vector<MeasurementRow>> ReadModel::latest_measurements() {
  return state_->query(
      "SELECT m.*, coalesce(r.kind, '') FROM measurements m LEFT JOIN runs r ON r.run = m.run WHERE m.seq IN "
      "(SELECT max(seq) FROM measurements GROUP BY name, component) ORDER BY m.component, m.name",
      measurement_row);
}

Result<std::vector<MeasurementRow>> ReadModel::measurements(const std::string& run) {
  return state_->query(
      "SELECT m.*, coalesce(r.kind, '') FROM measurements m LEFT JOIN runs r ON r.run = m.run "
      "WHERE m.run = ? ORDER BY m.seq",
      measurement_row, run);
}

Result<std::vector<BackupRow>> ReadModel::latest_backups() {
  return state_->query(
      "SELECT * FROM backups WHERE seq IN (SELECT max(seq) FROM backups GROUP BY component) ORDER BY "
      "component",
      backup_row);
}

Result<std::vector<VerifyRow>> ReadModel::latest_verifications() {
  return state_->query(
      "SELECT * FROM verifications WHERE seq IN (SELECT max(seq) FROM verifications GROUP BY component) "
      "ORDER BY component",
      verify_row);
}

}  // namespace hf::journal
