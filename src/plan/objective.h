// The arithmetic of objectives: which targets hold for a component, how long detection takes, what a schedule can
// promise, how long a runbook takes. All pure; every figure says what it is made of.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "plan/plan.h"

namespace hf::plan {

struct Objective {
  std::optional<Micros> target;
  std::string source;  // path of the value: "classes.L1.rpo"
};

struct ComponentObjectives {
  Objective rto, rpo, mttr, data_loss;
};

// The component's own, else its class's, else the plan's.
ComponentObjectives objective_for(const Plan& plan, const Component& component);
// A class's own, else the plan's.
ComponentObjectives objective_for(const Plan& plan, const DisasterClass& disaster_class);

// The class that the runbook `failover` serves: the one that covers region-loss, else the first.
const DisasterClass* failover_class(const Plan& plan);

struct Span {
  Micros best{0};
  Micros worst{0};
};

// From the first failing answer to the verdict: best (fall-1)*every, worst fall*(every+timeout).
Span detection_time(const HealthCheck& check);
// The slowest of the runbook's checks; zero where it has none.
Span detection_time(const Plan& plan, const Runbook& runbook);

// The greatest age that the component's newest recovery point can have. No value: nothing bounds it.
struct SchedulePoint {
  std::optional<Micros> worst_age;
  std::string reason;
};
SchedulePoint schedule_rpo(const Component& component);
// The same, of recovery points that survive the loss of the primary region: kept elsewhere, copied elsewhere (plus
// the copy's delay), or streamed to a receiver elsewhere.
SchedulePoint surviving_rpo(const Plan& plan, const Component& component);
// Does this copy take that backup (its `only` filter)? Without wal among its kinds it takes no WAL.
bool copy_takes(const Vault& copy, const Component& component, const Backup& backup);
// The longest time between two starts of a backup; zero for continuous and on change.
Micros interval_of(const Backup& backup);

// A server that acknowledges commits: a replica in sync mode or named by a quorum, or a WAL receiver.
struct Acknowledger {
  std::string name;
  std::string region;
  bool is_receiver = false;
};
// Resolves the component's quorum, wherever it stands; without one, each sync replica counts. `needed` of `members`
// must have a commit before the client hears of it; 0: none must.
struct AckQuorum {
  int needed = 0;
  std::vector<Acknowledger> members;
};
AckQuorum acknowledgers(const Component& component);
// The row whose backups `backup run` takes and `verify` restores: the first of a full kind. Null: there is none.
const Backup* full_backup(const Component& component);
// The storage class of the packs that a row puts into a vault, its own or a copy of that.
StorageClass class_in(const Vault& vault, const Backup& backup);
// The receivers, also those that a WAL backup names by region only ("orders-db-receiver-us-west-2").
std::vector<Receiver> receivers_of(const Component& component);

// The critical path of the runbook by `expect`, else `timeout`, of each step; services count with their timeouts.
struct Budget {
  Micros detect{0};
  Micros steps{0};
  Micros dns_ttl{0};  // the longest that a moved name may linger
  std::vector<std::string> critical_path;
  Micros total() const { return detect + steps + dns_ttl; }
};
Budget budget_of(const Plan& plan, const Runbook& runbook);

}  // namespace hf::plan
