// A plan's runbook, made concrete: names resolved to servers, templates filled in, gates and limits set. What a step
// needs to know is in its input afterwards, so that a resumed run needs no plan. Secrets stay references
// ("env:NAME").
//
// The inputs, by action (each is read by its file in actions/):
//   check      {checks[], component, standby{name,dsn}, primary{dsn}, receivers[], quorum{}, spools[]}
//   fence      {component, level, receivers[{name,region,spool}], synchronous_standby_names, synchronous_commit[],
//   source} promote    {component, name, region, host, port, dsn, primary_dsn} configure  {path, set[[key,value]],
//   reload[]} dns        {server, zone, name, type, values[], ttl_seconds, tsig{name,algorithm,secret}} verify
//   {urls[], status, tcp, write_dsn, resolver, p95_us} exec       {argv[], observe[]}
#pragma once

#include "base/lsn.h"
#include "plan/plan.h"
#include "runbook/run_spec.h"

namespace hf::runbook {

// What was last seen on a component's primary, before it was lost. Stronger than what the plan says it should be.
struct ObservedReplication {
  std::string component;
  std::string synchronous_standby_names;
  std::vector<std::string> synchronous_commit;  // the values in force for the roles in use
  WallTime at{};
  std::optional<Lsn> acknowledged;  // what enough standbys had on disk then; empty: it could not be told
};

struct SpecOptions {
  std::string run_id;
  std::string plan_hash;
  std::string target;  // empty: the runbook's
  std::optional<WallTime> impact_at;
  std::vector<ObservedReplication> observed;
  WallTime now{};  // decides which waivers still hold
};

// kUnsupported names every step of which this version does not execute all; kInvalid what does not fit together.
Result<RunSpec> make_run_spec(const plan::Plan& plan, const plan::Runbook& runbook, const SpecOptions& options);

}  // namespace hf::runbook
