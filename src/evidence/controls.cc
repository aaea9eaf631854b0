// See controls.h. The wording of `asks` is ours; the identifiers are those of the frameworks.
#include "evidence/controls.h"

#include <algorithm>
#include <map>

#include "record/data_events.h"
#include "record/proof_events.h"
#include "record/run_events.h"

namespace hf::evidence {
namespace {

using enum Artefact;

constexpr Artefact kData[] = {kBackups, kIntegrity};
constexpr Artefact kTests[] = {kRestoreTests, kExercises};
constexpr Artefact kTestsAndFigures[] = {kRestoreTests, kExercises, kObjectives};
constexpr Artefact kRestores[] = {kRestoreTests, kRecoveries, kObjectives};
constexpr Artefact kRecovery[] = {kRecoveries, kObjectives, kDecisions, kSafeguards};
constexpr Artefact kPlanInUse[] = {kRecoveries, kDecisions};
constexpr Artefact kExercise[] = {kExercises, kObjectives};
constexpr Artefact kResilience[] = {kSafeguards, kObjectives, kBackups};
constexpr Artefact kBackupTests[] = {kBackups, kIntegrity, kRestoreTests};
constexpr Artefact kAll[] = {kTrail};

constexpr Control kControls[] = {
    {"SOC 2", "A1.2", "backup processes and recovery infrastructure operate", kData},
    {"SOC 2", "A1.3", "recovery plan procedures are tested", kTestsAndFigures},
    {"SOC 2", "CC7.5", "recovery from incidents: restored, communicated, decided by whom", kRecovery},
    {"HIPAA", "164.308(a)(7)(ii)(A)", "data backup plan: retrievable exact copies", kData},
    {"HIPAA", "164.308(a)(7)(ii)(B)", "disaster recovery plan: lost data is restored", kRestores},
    {"HIPAA", "164.308(a)(7)(ii)(C)", "emergency mode operation", kPlanInUse},
    {"HIPAA", "164.308(a)(7)(ii)(D)", "testing and revision of contingency plans", kTests},
    {"PCI DSS 4.0.1", "12.10.1", "incident response plan with recovery, continuity and backup procedures",
     kPlanInUse},
    {"PCI DSS 4.0.1", "12.10.2", "the plan is reviewed and tested at least every 12 months", kTests},
    {"PCI DSS 4.0.1", "10.3.2", "audit logs cannot be modified", kAll},
    {"GDPR", "32(1)(b)", "ongoing availability and resilience of systems", kResilience},
    {"GDPR", "32(1)(c)", "availability and access are restored in a timely manner", kRestores},
    {"GDPR", "32(1)(d)", "effectiveness is regularly tested and evaluated", kTestsAndFigures},
    {"ISO 27001:2022", "A.5.30", "readiness for business continuity: measurable objectives, exercised",
     kTestsAndFigures},
    {"ISO 27001:2022", "A.8.13", "backups are kept and regularly tested", kBackupTests},
    {"ISO 22301", "8.5", "exercise programme", kExercise},
    {"NIS2", "21(2)(c)", "business continuity: backup management, disaster recovery, crisis management",
     kRecovery},
    {"NIS2", "2024/2690 4.2", "backups: integrity and recovery are tested", kBackupTests},
    {"DORA", "11(6)", "continuity and recovery plans are tested at least yearly", kExercise},
    {"DORA", "11(8)", "records of activities before and during disruption are readily accessible", kAll},
    {"DORA", "12(2)", "backup and restoration procedures are tested periodically", kBackupTests},
    {"DORA", "12(6)", "recovery time and point objectives of each function", kTestsAndFigures},
};

bool run_of_kind(const record::Event& event, std::initializer_list<record::RunKind> kinds) {
  auto started = record::body_of<record::RunStarted>(event);
  return started && std::find(kinds.begin(), kinds.end(), started->kind) != kinds.end();
}

bool decision(const record::Event& e) {
  return record::is<record::Detection>(e) || record::is<record::ApprovalRequested>(e) ||
         record::is<record::ApprovalGiven>(e) || record::is<record::ConfirmGiven>(e) ||
         record::is<record::WaiverUsed>(e);
}

using RunKinds = std::map<std::string, record::RunKind>;

RunKinds kinds_of(std::span<const journal::Entry> entries) {
  RunKinds out;
  for (const journal::Entry& e : entries)
    if (auto started = record::body_of<record::RunStarted>(e.event)) out.emplace(e.event.run, started->kind);
  return out;
}

// The end of a failover or a restore is a recovery; that of a test, or of a run whose beginning is not known, is none.
bool ends_recovery(const record::Event& e, const RunKinds& kinds) {
  using enum record::RunKind;
  const auto kind = kinds.find(e.run);
  if (!record::is<record::RunFinished>(e) || kind == kinds.end()) return false;
  return kind->second == kFailover || kind->second == kRestore || kind->second == kFailback;
}

bool shows(const record::Event& e, const RunKinds& kinds, Artefact artefact) {
  using record::RunKind;
  switch (artefact) {
    case kBackups: return record::is<record::BackupFinished>(e);
    case kIntegrity: return record::is<record::VaultChecked>(e);
    case kRestoreTests:
      return record::is<record::VerifyFinished>(e) || run_of_kind(e, {RunKind::kVerify, RunKind::kRestore});
    case kExercises:
      return record::is<record::DrillFinished>(e) ||
             run_of_kind(e, {RunKind::kDrill, RunKind::kSwitchover, RunKind::kFailback});
    case kRecoveries:
      return ends_recovery(e, kinds) ||
             run_of_kind(e, {RunKind::kFailover, RunKind::kRestore, RunKind::kFailback});
    case kObjectives: return record::is<record::Measurement>(e);
    case kDecisions: return decision(e);
    case kSafeguards: return record::is<record::FenceProof>(e);
    case kTrail: return true;
  }
  return false;
}

}  // namespace

std::span<const Control> controls() { return kControls; }

std::vector<ControlEvidence> map_controls(std::span<const journal::Entry> entries) {
  std::vector<ControlEvidence> out;
  const RunKinds kinds = kinds_of(entries);
  for (const Control& control : kControls) {
    ControlEvidence hit{&control, {}};
    for (const journal::Entry& entry : entries) {
      bool any = std::any_of(control.artefacts.begin(), control.artefacts.end(),
                             [&](Artefact a) { return shows(entry.event, kinds, a); });
      if (any) hit.events.push_back(entry.seq);
    }
    if (!hit.events.empty()) out.push_back(std::move(hit));
  }
  return out;
}

Json controls_to_json(std::span<const ControlEvidence> evidence) {
  Json list = Json::array();
  for (const ControlEvidence& e : evidence) {
    Json events = Json::array();
    for (std::uint64_t seq : e.events) events.push(seq);
    list.push(Json::object()
                  .set("framework", e.control->framework)
                  .set("control", e.control->id)
                  .set("asks", e.control->asks)
                  .set("events", std::move(events)));
  }
  return Json::object().set("table_version", kControlTableVersion).set("controls", std::move(list));
}

}  // namespace hf::evidence
