// The read model: the journal's events as SQLite tables, for questions that would otherwise read the whole
// log (`status`, `run list`). A cache and nothing else: deleted, unreadable, stale or
// made from another journal, it is brought up to date or made again from the log. Proofs and decisions read
// the log itself.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/files.h"
#include "journal/journal.h"

namespace hf::journal {

struct RunRow {
  std::string run;
  std::string kind;            // "failover", ...; empty if its run.started cannot be read here
  std::string runbook;
  std::string component;
  std::string source_region;
  std::string target_region;
  std::string disaster_class;
  std::string plan_hash;
  std::string state;           // "running" until run.finished, then its state
  std::string verdict;
  WallTime started_at{};
  std::optional<WallTime> finished_at;
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::int64_t resumed = 0;    // how often
};

struct StepRow {
  std::string step;
  std::string kind;
  bool irreversible = false;
  std::string state;           // "planned", "started", then that of the outcome: "done", "failed", "maybe", ...
  std::int64_t attempt = 0;
  bool changed = false;
  std::string detail;
  std::string error;
  std::string hint;
  std::optional<WallTime> started_at;    // of the first intent
  std::optional<WallTime> finished_at;   // of the last outcome
};

struct MeasurementRow {
  std::uint64_t seq = 0;       // its event
  WallTime time{};
  std::string run;
  std::string run_kind;        // "drill", "failover", ...; empty outside runs
  std::string name;
  std::string component;
  std::string unit;
  std::optional<Micros> actual_time;
  std::optional<Micros> target_time;
  std::optional<std::int64_t> actual;
  std::optional<std::int64_t> target;
  std::optional<bool> met;
  std::string detail;
};

struct BackupRow {
  std::uint64_t seq = 0;
  WallTime time{};
  std::string run;
  std::string component;
  std::string snapshot;
  std::string vault;
  std::uint64_t files = 0;
  std::uint64_t source_bytes = 0;
  std::uint64_t new_bytes = 0;
  std::uint64_t stored_bytes = 0;
  Micros duration{};
};

struct VerifyRow {
  std::uint64_t seq = 0;
  WallTime time{};
  std::string run;
  std::string component;
  std::string snapshot;
  std::optional<Micros> rto;
  std::optional<Micros> rpo;
  std::optional<std::uint64_t> lost;   // canaries
  bool ok = false;                     // every assertion held
  bool torn_down = false;
};

struct EventQuery {
  std::uint64_t from = 0;
  std::uint64_t limit = 1000;
  std::string type_prefix;     // "run." or "step.outcome"
  std::string run;
  bool newest_first = false;
};

class ReadModel {
 public:
  // Up to date with the journal when it returns. `path` ":memory:" keeps it in memory, for where nothing may
  // be written.
  static Result<ReadModel> open(Files& files, std::string path, Journal& journal);
  ~ReadModel();
  ReadModel(ReadModel&&) noexcept;
  ReadModel& operator=(ReadModel&&) noexcept;

  Status refresh(Journal& journal);                        // what was appended since
  std::uint64_t size() const;                              // events taken in
  bool rebuilt() const;                                    // what was found at `path` could not be used

  Result<std::vector<Entry>> events(const EventQuery& query);
  Result<std::vector<RunRow>> runs(std::uint64_t limit = 100);               // newest first
  Result<RunRow> run(const std::string& id);                                 // kNotFound
  Result<std::vector<StepRow>> steps(const std::string& run);                // in the order of the plan
  Result<std::vector<MeasurementRow>> latest_measurements();                 // one of each (name, component)
  Result<std::vector<MeasurementRow>> measurements(const std::string& run);  // in order
  Result<std::vector<BackupRow>> latest_backups();                           // one of each component
  Result<std::vector<VerifyRow>> latest_verifications();                     // one of each component

 private:
  struct State;
  explicit ReadModel(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hf::journal
