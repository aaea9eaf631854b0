// What a run is to do, complete: journaled with its first event, so that the journal alone suffices to resume it, on
// any machine. Made from a plan's runbook (spec_from_plan.h) or by hand; plain data with one canonical JSON form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/time.h"
#include "plan/runbook.h"
#include "record/run_events.h"

namespace hf::runbook {

// observe: looks and changes nothing (check). change: the effect can be seen by looking (promote, dns).
// verify: acts in order to look (a real write through the service); the run cannot succeed unless each of these did.
enum class StepKind : std::uint8_t { kObserve, kChange, kVerify };
std::string_view to_string(StepKind v);

enum class Plane : std::uint8_t { kData, kControl };
std::string_view to_string(Plane v);

struct Retry {
  int attempts = 3;               // starts of the effect, the first included
  Micros first_backoff{500'000};  // doubled each time
  Micros longest_backoff{10'000'000};
};

// Before the step starts, a fence of the component must be proven at this level or stronger, or waived by a person.
struct FenceGate {
  std::string component;
  plan::FenceLevel level = plan::FenceLevel::kQuorum;
};

struct StepSpec {
  std::string name;
  std::string action;  // key of the ActionTable: "promote"
  StepKind kind = StepKind::kChange;
  Json input = Json::object();  // typed and checked by the action
  std::vector<std::string> needs;
  Plane plane = Plane::kData;
  std::string plane_region;  // where the API that the step needs lives; empty: needs none
  bool irreversible = false;
  std::optional<FenceGate> fence_gate;
  Retry retry;
  Micros timeout{300'000'000};  // from the first intent (for observe: the first look) to the verdict
  Micros expected{0};
  std::string summary;  // one line for a person
};

// A rule set aside on purpose, by a person with a name.
struct RunWaiver {
  std::string rule;
  std::string at;
  std::string by;
  std::string reason;
  std::optional<WallTime> until;  // the first instant at which it no longer holds; none: it ends with its run
};

struct RunSpec {
  std::string id;  // unique; part of every key
  record::RunKind kind = record::RunKind::kFailover;
  std::string runbook;                // "failover"
  std::string source;                 // region being left; empty where none is
  std::string target;                 // region that takes over
  std::string disaster_class;         // "L1"
  std::vector<std::string> locks;     // components that no other run may touch meanwhile
  std::string plan_hash;              // hex SHA-256 of the plan file
  std::string confirmed_hash;         // of the failover plan that a person saw and confirmed; empty: none was shown
  int approvals = 0;                  // of this many different persons, before the first change
  std::optional<WallTime> impact_at;  // since when users suffer; RTO counts from here
  std::optional<Micros> rto;
  std::optional<Micros> rpo;
  std::optional<std::uint64_t> planned_loss_bytes;  // what was stated before anyone confirmed
  std::string planned_loss;                         // the same in words
  std::vector<RunWaiver> waivers;
  std::vector<StepSpec> steps;

  const StepSpec* find_step(std::string_view name) const;
};

// All mistakes at once: empty or double names, needs that dangle or go in circles, a change that nothing verifies, an
// irreversible promotion without a gate, limits exceeded.
Status validate(const RunSpec& spec);

Json to_json(const RunSpec& spec);
Result<RunSpec> run_spec_from_json(const Json& json);

inline constexpr std::size_t kMaxSteps = 200;  // a runbook that a person can still read
inline constexpr Micros kLongestTimeout{7 * 86'400'000'000};

}  // namespace hf::runbook
