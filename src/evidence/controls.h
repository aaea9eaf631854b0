// Which events of the journal answer which control of which framework: a table, and its application to
// events. An index for auditors, not a claim of compliance.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "journal/journal.h"

namespace hf::evidence {

// Changes with the table: an index made by another version is not recomputed.
inline constexpr int kControlTableVersion = 2;

enum class Artefact : std::uint8_t {
  kBackups,        // backup.finished
  kIntegrity,      // vault.checked
  kRestoreTests,   // verify.finished, runs of kind verify and restore
  kExercises,      // drill.finished, runs of kind drill, switchover, failback
  kRecoveries,     // runs of kind failover, restore, failback; run.finished
  kObjectives,     // measurement
  kDecisions,      // detection, approvals, confirmations, waivers
  kSafeguards,     // fence.proof
  kTrail,          // every event
};

struct Control {
  std::string_view framework;
  std::string_view id;
  std::string_view asks;
  std::span<const Artefact> artefacts;
};
std::span<const Control> controls();

struct ControlEvidence {
  const Control* control = nullptr;
  std::vector<std::uint64_t> events;   // sequence numbers; never empty
};
std::vector<ControlEvidence> map_controls(std::span<const journal::Entry> entries);
Json controls_to_json(std::span<const ControlEvidence> evidence);

}  // namespace hf::evidence
