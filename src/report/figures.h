// What the journal measured, picked out of its events.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "record/data_events.h"
#include "record/proof_events.h"
#include "record/run_events.h"
#include "record/step_events.h"
#include "report/document.h"

namespace hf::report {

// Where a figure comes from.
struct Provenance {
  std::string run;
  std::uint64_t seq = 0;
  WallTime at{};
};

template <class T>
struct Proven {
  T value;
  Provenance from;
};

struct StepRecord {
  std::string name;
  std::string kind;
  std::optional<WallTime> started;
  std::optional<WallTime> finished;
  std::string state = "not started";
  std::string detail;
  Provenance from;  // its newest outcome
};

struct RunRecord {
  std::string id;
  record::RunStarted started;
  WallTime at{};
  std::uint64_t first_seq = 0;
  std::uint64_t last_seq = 0;
  std::vector<StepRecord> steps;
  std::optional<Proven<record::RunFinished>> finished;
  std::optional<Proven<record::FenceProof>> fence;
  int resumed = 0;
};

struct Figures {
  std::map<std::string, Proven<record::Measurement>> newest;       // by "name" and by "name/component"
  std::vector<RunRecord> runs;                                     // in order of their start
  std::map<std::string, Proven<record::BackupFinished>> backups;   // newest, by component
  std::map<std::string, Proven<record::VerifyFinished>> verified;  // newest, by component
  std::vector<Proven<record::Detection>> detections;

  const Proven<record::Measurement>* find(const std::string& name, const std::string& component = {}) const;
  // The newest finished run of a kind; nullptr if there is none.
  const RunRecord* last_run(record::RunKind kind) const;
};

Result<Figures> collect_figures(const std::vector<NumberedEvent>& events);

}  // namespace hf::report
