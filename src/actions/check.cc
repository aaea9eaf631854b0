// All words are looked at, also after one that does not hold: the operator mends them together.
#include "actions/check.h"

#include "actions/fence.h"
#include "base/text.h"

namespace hf::actions {
namespace {

using runbook::Observation;
using runbook::ObservedState;

constexpr Micros kCheckConnectTimeout = 3s;
constexpr std::uint64_t kMostLagBytes = 1ull << 30;      // replayed in well under a minute
constexpr std::uint64_t kMostUnsentBytes = 16ull << 20;  // one WAL segment

std::string bytes_text(std::uint64_t n) { return std::to_string(n) + " bytes"; }
std::uint64_t behind(Lsn a, Lsn b) { return a > b ? a - b : 0; }

}  // namespace

Observation CheckAction::standby_healthy(const runbook::StepContext& context, Lsn* replayed) {
  const Json& standby = context.step.input["standby"];
  if (!standby.is_object())
    return Observation::unknown("the runbook promotes nothing, so there is no standby to look at");
  const std::string name = "'" + standby["name"].as_string() + "'";
  auto db = connect(r_, context, standby["dsn"].as_string(), kCheckConnectTimeout);
  if (!db) return Observation::unknown(name + " does not answer: " + db.error().text);
  const auto row =
      db->query("select pg_is_in_recovery(), coalesce(pg_last_wal_replay_lsn(), '0/0')", {}, kCheckConnectTimeout);
  if (!row || row->rows.size() != 1) return Observation::unknown(name + " does not tell its state");
  if (row->text(0, 0) != "t") return promoted_already(context, *db, name);
  const auto lsn = parse_lsn(row->text(0, 1));
  if (!lsn || lsn->value == 0) return Observation::not_done(name + " has replayed nothing yet");
  if (replayed) *replayed = *lsn;
  return Observation::done(name + " is a standby, replayed to " + format_lsn(*lsn));
}

// A failover that got as far as the promotion is gone on with by another one. What takes writes is the promoted
// standby, and no stranger, where it follows the timeline whose fence is proven, or where a person answers for that.
Observation CheckAction::promoted_already(const runbook::StepContext& context, remote::PgConnection& db,
                                          const std::string& name) {
  const Json& input = context.step.input;
  const auto row = db.query(
      "select system_identifier, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), pg_current_wal_lsn()"
      " from pg_control_system()",
      {}, kCheckConnectTimeout);
  if (!row || row->rows.size() != 1) return Observation::unknown(name + " does not tell its timeline");
  const auto timeline = parse_whole<Timeline>(row->text(0, 1), 16);
  if (!timeline) return Observation::unknown(name + " says '" + row->text(0, 1) + "' where a timeline belongs");
  const std::string state = name + " takes writes on timeline " + std::to_string(*timeline);
  const FenceVerdict v = proven_fence(spools_, input["receivers"], input["quorum"]);
  const bool answered_for = context.facts.contains("waiver/" + input["component"].as_string());
  const bool ours = v.timeline != 0 && std::to_string(v.system_id) == row->text(0, 0) && *timeline > v.timeline;
  if (ours && (v.proven || answered_for))
    return Observation::done(state + ": it is promoted already, and timeline " + std::to_string(v.timeline) +
                             " is sealed");
  return Observation::not_done(state + ", and no fence of what it was promoted from is proven");
}

Observation CheckAction::replica_lag(const runbook::StepContext& context) {
  Lsn replayed, furthest;
  Observation standby = standby_healthy(context, &replayed);
  if (standby.state != ObservedState::kDone || replayed.value == 0)
    return standby;  // promoted: nothing is left to replay
  for (const Json& r : context.step.input["receivers"].items())
    if (const auto seen = spools_.look(r["spool"].as_string())) furthest = std::max(furthest, seen->received);
  if (furthest.value == 0) return Observation::unknown("no receiver can be read, so the lag is not known");
  const std::uint64_t lag = behind(furthest, replayed);
  const std::string detail = "the standby has " + bytes_text(lag) + " of WAL to replay";
  return lag <= kMostLagBytes ? Observation::done(detail)
                              : Observation::not_done(detail + ", more than " + bytes_text(kMostLagBytes));
}

Observation CheckAction::vault_fresh(const runbook::StepContext& context) {
  std::string seen_all;
  for (const Json& r : context.step.input["receivers"].items()) {
    if (!context.run.source.empty() && r["region"].as_string() == context.run.source) continue;
    const auto seen = spools_.look(r["spool"].as_string());
    const std::string name = r["name"].as_string();
    if (!seen) {
      seen_all += (seen_all.empty() ? "" : "; ") + name + " cannot be read: " + seen.error().text;
      continue;
    }
    const std::uint64_t unsent = behind(seen->received, seen->uploaded);
    const std::string detail = "the vault of " + name + " lacks " + bytes_text(unsent) + " of what it received";
    if (unsent <= kMostUnsentBytes) return Observation::done(detail);
    seen_all += (seen_all.empty() ? "" : "; ") + detail;
  }
  return seen_all.empty() ? Observation::unknown("there is no receiver outside the lost region")
                          : Observation::not_done(seen_all);
}

Observation CheckAction::one(const runbook::StepContext& context, const std::string& word) {
  const Json& input = context.step.input;
  if (word == "standby-healthy") return standby_healthy(context, nullptr);
  if (word == "replica-lag") return replica_lag(context);
  if (word == "vault-fresh") return vault_fresh(context);
  if (word == "fence-possible") {
    const FenceVerdict v = possible_fence(spools_, input["receivers"], input["quorum"]);
    if (v.proven) return Observation::done("if all seal: " + v.explanation);
    const auto waiver = context.facts.find("waiver/" + input["component"].as_string());
    if (waiver == context.facts.end()) return Observation::not_done(v.explanation);
    return Observation::done("waived by " + waiver->second["by"].as_string() + ", though " + v.explanation);
  }
  return Observation::unknown("nobody knows how to look at '" + word + "'");
}

Result<Observation> CheckAction::observe(const runbook::StepContext& context) {
  const std::vector<std::string> words = texts_of(context.step.input["checks"]);
  if (words.empty()) return make_error(ErrorKind::kInvalid, "step '" + context.step.name + "' checks nothing");
  Observation all = Observation::done("");
  Json list = Json::array();
  for (const std::string& word : words) {
    const Observation seen = one(context, word);
    Json entry = Json::object();
    list.push(entry.set("name", word).set("state", to_string(seen.state)).set("detail", seen.detail));
    if (seen.state == ObservedState::kDone && all.state != ObservedState::kDone) continue;
    if (seen.state != ObservedState::kDone && all.state == ObservedState::kDone) all.detail.clear();
    all.detail += (all.detail.empty() ? "" : "; ") + word + ": " + seen.detail;
    if (seen.state == ObservedState::kNotDone || all.state == ObservedState::kDone) all.state = seen.state;
  }
  all.facts.set("checks", list);
  return all;
}

Result<runbook::Progress> CheckAction::start(const runbook::StepContext& context) {
  return make_error(ErrorKind::kFailed, "step '" + context.step.name + "' only looks");
}

}  // namespace hf::actions
