// Everything is asked of the server itself, in one query, so that the answers belong to one moment.
#include "actions/promote.h"

#include "base/text.h"

namespace hf::actions {
namespace {

constexpr Micros kConnectTimeout = 3s;
constexpr Micros kQueryTimeout = 5s;
constexpr Micros kOldPrimaryTimeout = 2s;
constexpr Micros kPollEvery = 100ms;

// pg_walfile_name() needs a server out of recovery; its first 8 digits are the timeline written to now. The timeline
// that a standby follows is the newest of which it has noted anything.
constexpr const char* kLook =
    "select pg_is_in_recovery(), (select system_identifier from pg_control_system()),"
    " case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end,"
    " case when pg_is_in_recovery() then null else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end,"
    " greatest((select timeline_id from pg_control_checkpoint()),"
    " (select min_recovery_end_timeline from pg_control_recovery()), (select received_tli from pg_stat_wal_receiver))";

}  // namespace

struct PromoteAction::Seen {
  bool in_recovery = true;
  std::string system_id;
  Lsn lsn;                // replayed, or written
  Timeline timeline = 0;  // 0 in recovery
  Timeline followed = 0;  // at least this one; in recovery it may already replay the next
};

struct PromoteAction::Gate {
  bool proven = false;
  Lsn replay_to;
  std::string system_id;
  Timeline timeline = 0;
};

Result<PromoteAction::Seen> PromoteAction::look(const runbook::StepContext& context, remote::PgConnection& db) {
  HF_ASSIGN(const remote::PgRows rows, db.query(kLook, {}, kQueryTimeout));
  if (rows.rows.size() != 1 || rows.rows[0].size() != 5)
    return make_error(ErrorKind::kFailed,
                      "step '" + context.step.name + "': " + db.server() + " gave an odd answer about its state");
  Seen seen;
  seen.in_recovery = rows.text(0, 0) == "t";
  seen.system_id = rows.text(0, 1);
  if (!rows.is_null(0, 2)) {
    HF_ASSIGN(seen.lsn, parse_lsn(rows.text(0, 2)));
  }
  seen.followed = parse_whole<Timeline>(rows.text(0, 4)).value_or(0);
  if (rows.is_null(0, 3)) return seen;
  const auto timeline = parse_whole<Timeline>(rows.text(0, 3), 16);
  if (!timeline)
    return make_error(ErrorKind::kFailed, "step '" + context.step.name + "': " + db.server() + " says '" +
                                              rows.text(0, 3) + "' where a timeline belongs");
  seen.timeline = *timeline;
  return seen;
}

// The proof that a fence step of this run brought for our component.
Result<PromoteAction::Gate> PromoteAction::gate(const runbook::StepContext& context) {
  HF_ASSIGN(const std::string component, text_of(context, "component"));
  for (const auto& [step, facts] : context.facts) {
    const Json& proof = facts["fence_proof"];
    if (!proof.is_object() || proof["component"].as_string() != component) continue;
    Gate g;
    g.proven = true;
    g.system_id = proof["system_id"].as_string();
    g.timeline = static_cast<Timeline>(proof["timeline"].as_int());
    HF_ASSIGN(g.replay_to, parse_lsn(facts["replay_to"].as_string()));
    return g;
  }
  if (context.facts.contains("waiver/" + component)) {
    Gate g;  // no proof; what could be sealed is replayed nevertheless
    for (const auto& [step, facts] : context.facts) {
      if (!facts["waived_fence"].is_string() || facts["waived_fence"].as_string() != component) continue;
      HF_ASSIGN(g.replay_to, parse_lsn(facts["replay_to"].as_string()));
      if (facts["system_id"].is_string()) g.system_id = facts["system_id"].as_string();
    }
    return g;
  }
  return make_error(ErrorKind::kBlocked,
                    std::string("promoting '") + component + "' without a proven fence" +
                        (old_primary_answers(context) ? ", while the old primary still answers" : ""))
      .with_hint("Fence the old primary first, or have a named person waive it: 'holdfast failover apply FILE --waive-fence " +
                 component + " --waived-by NAME --reason WHY'.");
}

bool PromoteAction::old_primary_answers(const runbook::StepContext& context) {
  const auto dsn = text_of(context, "primary_dsn");
  if (!dsn) return false;
  auto db = connect(r_, context, *dsn, kOldPrimaryTimeout);
  return db && db->query_value("select not pg_is_in_recovery()", {}, kOldPrimaryTimeout).value_or("f") == "t";
}

Json PromoteAction::facts(const runbook::StepContext& context, const Seen& seen) const {
  Json out = Json::object();
  const Json& input = context.step.input;
  out.set("component", input["component"])
      .set("name", input["name"])
      .set("host", input["host"])
      .set("port", input["port"]);
  out.set("timeline", static_cast<std::int64_t>(seen.timeline)).set("lsn", format_lsn(seen.lsn));
  return out.set("seen_at", format_time(r_.env.clock.wall()));
}

Result<runbook::Observation> PromoteAction::observe(const runbook::StepContext& context) {
  HF_ASSIGN(const std::string dsn, text_of(context, "dsn"));
  auto db = connect(r_, context, dsn, kConnectTimeout);
  if (!db) return std::move(db).error();
  HF_ASSIGN(const Seen seen, look(context, *db));
  const std::string who = "'" + context.step.input["name"].as_string() + "'";
  if (seen.in_recovery) {
    Json known = Json::object();
    known.set("system_id", seen.system_id).set("replayed", format_lsn(seen.lsn));
    return runbook::Observation::not_done(who + " is a standby, replayed to " + format_lsn(seen.lsn), known);
  }
  const auto g = gate(context);
  if (g && g->proven && seen.timeline <= g->timeline)
    return runbook::Observation::unknown(who + " takes writes on timeline " + std::to_string(seen.timeline) +
                                         ", which is sealed: it was never promoted from it");
  return runbook::Observation::done(who + " takes writes on timeline " + std::to_string(seen.timeline),
                                    facts(context, seen));
}

Result<runbook::Progress> PromoteAction::start(const runbook::StepContext& context) { return go_on(context, false); }

Result<runbook::Progress> PromoteAction::poll(const runbook::StepContext& context, const Json& handle) {
  auto progress = go_on(context, handle["phase"].as_string() == "promoting");
  // The server restarts its processes while it promotes: no answer then tells nothing.
  if (!progress && (progress.error().kind == ErrorKind::kUnavailable || progress.error().kind == ErrorKind::kTimeout))
    return std::move(progress).error().maybe_happened();
  return progress;
}

// The positions of two timelines do not compare. A checkpoint notes which one a standby replays, where it noted none
// since it came there.
Result<bool> PromoteAction::on_sealed_timeline(const Gate& g, const Seen& seen, remote::PgConnection& db,
                                               const std::string& name) {
  if (g.timeline == 0) return true;  // a waiver
  if (seen.followed > g.timeline)
    return make_error(ErrorKind::kBlocked, "'" + name + "' follows timeline " + std::to_string(seen.followed) +
                                               ", and what was sealed is timeline " + std::to_string(g.timeline) +
                                               ": its primary is not fenced")
        .with_hint("Plan the failover anew, so that the receivers seal what this standby follows.");
  if (seen.followed == g.timeline) return true;
  static_cast<void>(db.query("checkpoint", {}, kQueryTimeout));
  return false;
}

Result<runbook::Progress> PromoteAction::go_on(const runbook::StepContext& context, bool asked) {
  HF_ASSIGN(const Gate g, gate(context));
  HF_ASSIGN(const std::string dsn, text_of(context, "dsn"));
  HF_ASSIGN(remote::PgConnection db, connect(r_, context, dsn, kConnectTimeout));
  HF_ASSIGN(const Seen seen, look(context, db));
  if (!g.system_id.empty() && seen.system_id != g.system_id)
    return make_error(ErrorKind::kBlocked, "the standby belongs to cluster " + seen.system_id +
                                               ", and what was sealed is cluster " + g.system_id)
        .with_hint("Look at the `dsn` of the replica in the plan: it names a server of another cluster.");
  if (!seen.in_recovery)
    return runbook::Progress::done("takes writes on timeline " + std::to_string(seen.timeline), facts(context, seen),
                                   asked);
  Json handle = Json::object();
  if (asked) return runbook::Progress::running(handle.set("phase", "promoting"), kPollEvery);
  if (seen.lsn < g.replay_to)
    return runbook::Progress::running(handle.set("phase", "replaying").set("replay_to", format_lsn(g.replay_to)),
                                      kPollEvery,
                                      "replayed to " + format_lsn(seen.lsn) + " of " + format_lsn(g.replay_to));
  HF_ASSIGN(const bool same, on_sealed_timeline(g, seen, db, context.step.input["name"].as_string()));
  if (!same)
    return runbook::Progress::running(handle.set("phase", "replaying").set("replay_to", format_lsn(g.replay_to)), kPollEvery,
                                      "replayed to " + format_lsn(seen.lsn) + ", but of timeline " +
                                          std::to_string(seen.followed) + ", not of the sealed " + std::to_string(g.timeline));
  HF_TRY(db.query_value("select pg_promote(false)", {}, kQueryTimeout));
  return runbook::Progress::running(handle.set("phase", "promoting"), kPollEvery,
                                    "replayed to " + format_lsn(seen.lsn) + ", promoting");
}

}  // namespace hf::actions
