#include "cli/loss.h"

#include <algorithm>
#include <set>

#include "actions/fence.h"
#include "actions/wal_spools.h"
#include "base/text.h"
#include "cli/plan_file.h"
#include "cli/vault_access.h"
#include "plan/objective.h"
#include "remote/postgres.h"
#include "sources/wal/record.h"
#include "vault/wal/wal_archive.h"

namespace hf::cli {

namespace {

constexpr Micros kQueryTimeout = 3s;
constexpr std::size_t kMaxStatusBytes = 64 << 10;

// The component that the runbook promotes, and who takes over.
struct Promotion {
  const plan::Component* component = nullptr;
  const plan::Postgres* postgres = nullptr;
  const plan::Instance* successor = nullptr;
};

Promotion promotion_of(const plan::Plan& plan, const plan::Runbook& runbook) {
  Promotion out;
  for (const plan::Step& s : runbook.steps) {
    const auto* promote = s.as<plan::Promote>();
    if (promote == nullptr) continue;
    out.component = plan.find_component(promote->component);
    if (out.component != nullptr) out.postgres = std::get_if<plan::Postgres>(&out.component->detail);
    if (out.postgres == nullptr) continue;
    for (const plan::Instance& r : out.postgres->replicas)
      if (r.name == promote->to || r.region == promote->to) out.successor = &r;
    break;
  }
  return out;
}

struct StandbyState {
  std::uint64_t system_id = 0;
  Timeline timeline = 0;
  Lsn received;
};

Result<StandbyState> look_at_standby(Context& context, const plan::Instance& standby) {
  HF_ASSIGN(Secret dsn, resolve_secret(context, standby.dsn));
  remote::PgConnectOptions options;
  options.timeout = kQueryTimeout;
  options.stop = context.stop;
  HF_ASSIGN(remote::PgConnection db, remote::PgConnection::connect(dsn.reveal_text(), context.env.clock, options));
  HF_ASSIGN(remote::PgRows rows, db.query("select (select system_identifier::text from pg_control_system()), (select "
                                          "timeline_id::text from pg_control_checkpoint()), "
                                          "case when pg_is_in_recovery() then greatest(pg_last_wal_receive_lsn(), "
                                          "pg_last_wal_replay_lsn()) else pg_current_wal_lsn() end::text",
                                          {}, kQueryTimeout));
  StandbyState out;
  const auto timeline = parse_whole<Timeline>(rows.text(0, 1));
  const auto system_id = parse_whole<std::uint64_t>(rows.text(0, 0));
  if (!timeline || !system_id)
    return make_error(ErrorKind::kFailed, db.server() + " gave an odd answer about its cluster and timeline");
  out.timeline = *timeline;
  out.system_id = *system_id;
  if (!rows.is_null(0, 2)) { HF_ASSIGN(out.received, parse_lsn(rows.text(0, 2))); }
  return out;
}

// What a receiver has on its disk, from the status file in its spool.
Result<Lsn> received_by(Context& context, const plan::Receiver& receiver) {
  HF_ASSIGN(Bytes bytes, read_file(context.env.files, join_path(receiver.spool, "status.json"), kMaxStatusBytes));
  HF_ASSIGN(Json status, parse_json(as_text(bytes)));
  HF_ASSIGN(Lsn flushed, parse_lsn(status["flushed"].as_string()));
  if (flushed.value == 0) return make_error(ErrorKind::kNotFound, "its spool is empty");
  return flushed;
}

runbook::ReceiverSeen look_at_receiver(Context& context, const plan::Receiver& receiver) {
  auto durable = received_by(context, receiver);
  if (durable) return {receiver.name, receiver.vault, *durable, ""};
  return {receiver.name, receiver.vault, std::nullopt, durable.error().text};
}

// How far the vault goes on from what the standby has.
runbook::VaultSeen look_at_vault(Context& context, const plan::Plan& plan, const std::string& name,
                                 const StandbyState& standby) {
  runbook::VaultSeen out{name, {}, {}, ""};
  auto vault = open_plan_vault(context, plan, name);
  if (!vault) {
    out.why = vault.error().text;
    return out;
  }
  auto coverage = vault::WalArchive(*vault->repository).coverage(standby.system_id);
  if (!coverage) {
    out.why = coverage.error().text;
    return out;
  }
  const vault::TimelineCoverage* timeline = coverage->find(standby.timeline);
  const vault::WalRange* range = timeline == nullptr ? nullptr : timeline->range_of(standby.received);
  if (range == nullptr) {
    out.why = "it has no WAL that goes on from " + format_lsn(standby.received);
    return out;
  }
  out.end = range->end;
  for (const vault::WalSpan& span : timeline->spans)
    if (span.times.last_commit && span.end <= range->end)
      out.last_commit = out.last_commit ? std::max(*out.last_commit, *span.times.last_commit) : span.times.last_commit;
  return out;
}

// Transactions between two positions, decoded from the WAL in a vault. Empty if the vault does not hold all of it yet.
std::optional<std::uint64_t> commits_between(vault::Repository& repository, const StandbyState& standby, Lsn to) {
  vault::WalArchive archive(repository);
  auto coverage = archive.coverage(standby.system_id);
  if (!coverage) return std::nullopt;
  const vault::TimelineCoverage* timeline = coverage->find(standby.timeline);
  if (timeline == nullptr || timeline->segment_size == 0) return std::nullopt;
  std::uint64_t commits = 0;
  sources::WalDecoder decoder(timeline->segment_size, [&](const sources::WalEvent& e) {
    if (e.kind == sources::WalEvent::Kind::kCommit && e.end > standby.received && e.end <= to) ++commits;
  });
  const std::uint64_t first = standby.received.value / timeline->segment_size;
  decoder.reset(Lsn{first * timeline->segment_size});
  for (std::uint64_t segment = first; segment * timeline->segment_size < to.value; ++segment) {
    auto data = archive.read_segment(standby.system_id, standby.timeline, segment);
    if (!data) return std::nullopt;
    decoder.feed(data->bytes);
    if (!data->complete) break;
  }
  return decoder.valid_end() >= to ? std::optional(commits) : std::nullopt;
}

// Where the furthest receiver is ahead of the standby, the transactions are counted in its vault.
std::optional<std::uint64_t> count_commits(Context& context, const plan::Plan& plan, const StandbyState& standby,
                                           const std::vector<runbook::ReceiverSeen>& receivers) {
  const Lsn furthest = runbook::furthest_of(receivers);
  if (furthest <= standby.received) return std::nullopt;
  const auto at = std::ranges::find(receivers, std::optional(furthest), &runbook::ReceiverSeen::durable);
  auto vault = open_plan_vault(context, plan, at->vault);
  return vault ? commits_between(*vault->repository, standby, furthest) : std::nullopt;
}

runbook::RiskInput look_around(Context& context, const plan::Plan& plan, const Promotion& p, const StandbyState& standby,
                               const runbook::SpecOptions& options) {
  runbook::RiskInput out;
  out.standby = standby.received;
  out.impact_at = options.impact_at;
  std::set<std::string> vaults;
  for (const plan::Receiver& r : plan::receivers_of(*p.component)) {
    out.receivers.push_back(look_at_receiver(context, r));
    if (!out.receivers.back().durable) vaults.insert(r.vault);
  }
  for (const std::string& name : vaults) out.vaults.push_back(look_at_vault(context, plan, name, standby));
  out.commits = count_commits(context, plan, standby, out.receivers);
  for (const runbook::ObservedReplication& seen : options.observed)
    if (seen.component == p.component->name && seen.acknowledged)
      out.acknowledged = runbook::Acknowledged{*seen.acknowledged, seen.at};
  return out;
}

// Whether the fence could be proven now; where it could not, the text for a person says what that means.
void add_fence(Context& context, const runbook::RunSpec& spec, runbook::Risk& risk) {
  const auto fence = std::ranges::find(spec.steps, std::string("fence"), &runbook::StepSpec::action);
  if (fence == spec.steps.end()) return;
  actions::WalSpools spools(context.env);
  const actions::FenceVerdict v = actions::possible_fence(spools, fence->input["receivers"], fence->input);
  risk.fence_possible = v.proven;
  risk.fence = v.explanation;
  if (v.proven) return;
  risk.text += "; the fence cannot be proven (" + v.explanation + "), so what was acknowledged after " +
               risk.receivers_lsn +
               " by others than the receivers that can be read is lost, and the old primary may acknowledge more";
}

}  // namespace

Result<std::optional<runbook::Risk>> look_at_risk(Context& context, const plan::Plan& plan, const runbook::RunSpec& spec,
                                                  const runbook::SpecOptions& options) {
  const Promotion p = promotion_of(plan, *plan.failover);
  if (p.successor == nullptr) return std::optional<runbook::Risk>();
  auto standby = look_at_standby(context, *p.successor);
  if (!standby) {
    Error e = std::move(standby).error();
    e.kind = ErrorKind::kBlocked;
    return std::move(e)
        .with_context("the standby '" + p.successor->name + "' cannot be asked")
        .with_hint("A failover to it would fail; look at it first.");
  }
  runbook::Risk risk = runbook::risk_of(look_around(context, plan, p, *standby, options));
  add_fence(context, spec, risk);
  return std::optional(std::move(risk));
}

}  // namespace hf::cli
