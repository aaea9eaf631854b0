// The bound is the design's; what could be measured stands beside it, and where the two disagree the measured one counts.
#include "runbook/risk.h"

#include <algorithm>

#include "base/text.h"

namespace hf::runbook {
namespace {

// Where a receiver's disk is lost.
struct LostSpools {
  std::vector<ReceiverSeen> receivers;  // those that cannot be read
  Lsn left;                             // the end of all that is left anywhere
  std::optional<Micros> at_most;        // of acknowledged work; empty: nobody knows
  std::optional<Micros> measured;       // from the newest that is known to be left until the failure was seen
  std::optional<WallTime> last_commit;  // the newest in a vault
  std::optional<Acknowledged> acknowledged;
  std::uint64_t lacks_bytes = 0;  // known to be acknowledged, and not left
};

Lsn end_of_what_is_left(const RiskInput& in) {
  Lsn left = std::max(in.standby, furthest_of(in.receivers));
  for (const VaultSeen& v : in.vaults)
    if (v.end) left = std::max(left, *v.end);
  return left;
}

// Lost work was acknowledged after the newest that is left, and before the failure was seen.
std::optional<Micros> measure(const RiskInput& in, const LostSpools& lost) {
  std::optional<WallTime> since = lost.last_commit, until = in.impact_at;
  if (in.acknowledged) {
    if (lost.lacks_bytes == 0) since = since ? std::max(*since, in.acknowledged->at) : in.acknowledged->at;
    until = until ? std::max(*until, in.acknowledged->at) : in.acknowledged->at;
  }
  if (!since || !until) return std::nullopt;
  return std::max(*until - *since, Micros(0));
}

LostSpools lost_spools(const RiskInput& in, std::vector<ReceiverSeen> unreadable) {
  LostSpools out;
  out.receivers = std::move(unreadable);
  out.left = end_of_what_is_left(in);
  out.acknowledged = in.acknowledged;
  if (in.acknowledged && in.acknowledged->lsn > out.left) out.lacks_bytes = in.acknowledged->lsn - out.left;
  for (const VaultSeen& v : in.vaults)
    if (v.last_commit) out.last_commit = out.last_commit ? std::max(*out.last_commit, *v.last_commit) : v.last_commit;
  out.measured = measure(in, out);
  const bool readable = std::ranges::all_of(in.vaults, [](const VaultSeen& v) { return v.end.has_value(); });
  // The vault is known to have kept up where it has what was acknowledged; where nobody noted that, the measure decides.
  const bool kept_up = in.acknowledged ? out.lacks_bytes == 0 : !out.measured;
  if (readable && kept_up) out.at_most = kVaultLag;
  else if (out.measured) out.at_most = std::max(kVaultLag, *out.measured);
  return out;
}

std::string words_of(const RiskInput& in, const LostSpools& lost) {
  std::vector<std::string> names, vaults, out;
  for (const ReceiverSeen& r : lost.receivers) names.push_back(r.name + " (" + r.why + ")");
  for (const VaultSeen& v : in.vaults) vaults.push_back("'" + v.name + "'" + (v.end ? "" : " (" + v.why + ")"));
  out.push_back("not to be read: " + join(names));
  const std::string what = "what was acknowledged there and had not reached vault " + join(vaults);
  if (!lost.at_most) out.push_back(what + " is lost, and nobody knows how much that is");
  else if (lost.lacks_bytes > 0) out.push_back(what + " is lost: up to " + format_duration(*lost.at_most) + " of work");
  else out.push_back(what + " is at risk: at most " + format_duration(*lost.at_most) + " of work, while that vault answered");
  std::string measured = "measured: the WAL that is left ends at " + format_lsn(lost.left);
  if (lost.last_commit) measured += ", the newest commit in a vault is of " + format_time(*lost.last_commit);
  out.push_back(measured);
  if (lost.acknowledged)
    out.push_back(std::to_string(lost.lacks_bytes) + " bytes are missing up to " + format_lsn(lost.acknowledged->lsn) +
                  ", the newest position known to be acknowledged (" + format_time(lost.acknowledged->at) + ")");
  else out.push_back("no 'probe run --canary' noted how far commits were acknowledged");
  if (lost.measured)
    out.push_back(format_duration(std::chrono::round<Millis>(*lost.measured)) +
                  " lie between the newest that is known to be left and the failure");
  return join(out, "; ");
}

Json lost_json(const LostSpools& lost) {
  Json list = Json::array(), out = Json::object();
  for (const ReceiverSeen& r : lost.receivers)
    list.push(Json::object().set("name", r.name).set("vault", r.vault).set("why", r.why));
  const auto micros = [](const std::optional<Micros>& v) { return v ? Json(v->count()) : Json(); };
  out.set("receivers", list).set("at_most_us", micros(lost.at_most)).set("measured_us", micros(lost.measured));
  out.set("left_lsn", format_lsn(lost.left)).set("lacks_bytes", std::to_string(lost.lacks_bytes));
  out.set("last_commit_at", lost.last_commit ? Json(format_time(*lost.last_commit)) : Json());
  out.set("acknowledged_lsn", lost.acknowledged ? Json(format_lsn(lost.acknowledged->lsn)) : Json());
  return out.set("acknowledged_at", lost.acknowledged ? Json(format_time(lost.acknowledged->at)) : Json());
}

Result<std::uint64_t> count_from(const Json& j, const char* name) {
  if (const auto n = parse_whole<std::uint64_t>(j[name].as_string())) return *n;
  return make_error(ErrorKind::kCorrupt, "the failover plan's " + std::string(name) + " is no count: " + dump_json(j[name]));
}

}  // namespace

Lsn furthest_of(const std::vector<ReceiverSeen>& receivers) {
  Lsn out;
  for (const ReceiverSeen& r : receivers)
    if (r.durable) out = std::max(out, *r.durable);
  return out;
}

Risk risk_of(const RiskInput& in) {
  Risk out;
  const Lsn furthest = furthest_of(in.receivers);
  out.standby_lsn = format_lsn(in.standby);
  out.receivers_lsn = format_lsn(furthest);
  out.standby_lacks_commits = in.commits;
  if (furthest > in.standby) out.standby_lacks_bytes = furthest - in.standby;
  out.text = std::to_string(out.standby_lacks_bytes) + " bytes of WAL";
  if (in.commits) out.text += " with " + std::to_string(*in.commits) + " committed transactions";
  out.text += " (standby " + out.standby_lsn + ", furthest receiver " + out.receivers_lsn +
              "); the runbook has them replayed before it promotes";
  std::vector<ReceiverSeen> unreadable;
  for (const ReceiverSeen& r : in.receivers)
    if (!r.durable) unreadable.push_back(r);
  if (unreadable.empty()) return out;
  const LostSpools lost = lost_spools(in, std::move(unreadable));
  out.lost_spools = lost_json(lost);
  out.text += "; " + words_of(in, lost);
  return out;
}

Json to_json(const Risk& r) {
  Json j = Json::object();
  j.set("standby_lacks_bytes", std::to_string(r.standby_lacks_bytes))
      .set("standby_lsn", r.standby_lsn)
      .set("receivers_lsn", r.receivers_lsn);
  if (r.standby_lacks_commits) j.set("standby_lacks_commits", std::to_string(*r.standby_lacks_commits));
  if (!r.lost_spools.is_null()) j.set("lost_spools", r.lost_spools);
  return j.set("fence_possible", r.fence_possible).set("fence", r.fence).set("text", r.text);
}

Result<Risk> risk_from_json(const Json& j) {
  Risk r;
  HF_ASSIGN(r.standby_lacks_bytes, count_from(j, "standby_lacks_bytes"));
  if (j.find("standby_lacks_commits") != nullptr) {
    HF_ASSIGN(r.standby_lacks_commits, count_from(j, "standby_lacks_commits"));
  }
  r.standby_lsn = j["standby_lsn"].as_string();
  r.receivers_lsn = j["receivers_lsn"].as_string();
  r.lost_spools = j["lost_spools"];
  r.fence_possible = j["fence_possible"].as_bool();
  r.fence = j["fence"].as_string();
  r.text = j["text"].as_string();
  return r;
}

}  // namespace hf::runbook
