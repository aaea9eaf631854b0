#include "health/quorum.h"

#include "base/check.h"

namespace hf::health {
namespace {

std::string count_text(int n, int total, std::string_view what) {
  return std::to_string(n) + " of " + std::to_string(total) + " vantage points see it " + std::string(what);
}

std::string verdict_reason(const Decision& d) {
  const std::string needed = std::to_string(d.needed);
  switch (d.verdict) {
    case Verdict::kDown: return "down: " + count_text(d.down, d.total, "down") + ", " + needed + " are needed";
    case Verdict::kUp:
      return "up: " + count_text(d.up, d.total, "up") + ", so the others cannot reach the " + needed + " needed for down";
    case Verdict::kUndecided: break;
  }
  return "undecided: " + count_text(d.down, d.total, "down") + ", " + needed + " are needed; " +
         std::to_string(d.unknown) + " unknown";
}

}  // namespace

std::string_view to_string(Verdict v) {
  switch (v) {
    case Verdict::kUp: return "up";
    case Verdict::kDown: return "down";
    case Verdict::kUndecided: break;
  }
  return "undecided";
}

Ballot ballot_of(const SeenVote& seen, const std::string& target) {
  Ballot out{seen.region, State::kUnknown, "", std::nullopt};
  if (!seen.fresh || !seen.vote) {
    out.why = "unknown: " + seen.problem;
    return out;
  }
  const auto at = seen.vote->targets.find(target);
  if (at == seen.vote->targets.end()) {
    out.why = "unknown: it does not look at " + target;
    return out;
  }
  const TargetVote& vote = at->second;
  const std::string detail = vote.detail.empty() ? "" : ": " + vote.detail;
  if (vote.state == State::kDown && vote.uplink == Uplink::kDown) {
    out.why = "not counted: it sees the target down, but its own uplink is down too" + detail;
    return out;
  }
  out.state = vote.state;
  out.why = std::string(to_string(vote.state)) + detail;
  if (vote.state == State::kDown) out.first_failure_at = vote.first_failure_at;
  return out;
}

Decision decide_quorum(const std::vector<Ballot>& ballots, int needed, int total) {
  HF_CHECK(needed > 0 && needed <= total && static_cast<int>(ballots.size()) <= total);
  Decision out;
  out.needed = needed;
  out.total = total;
  out.ballots = ballots;
  for (const Ballot& b : ballots) {
    out.up += b.state == State::kUp ? 1 : 0;
    out.down += b.state == State::kDown ? 1 : 0;
    out.reasons.push_back(b.region + ": " + b.why);
    if (b.first_failure_at && (!out.first_failure_at || *b.first_failure_at < *out.first_failure_at)) {
      out.first_failure_at = b.first_failure_at;
    }
  }
  out.unknown = total - out.up - out.down;
  if (out.down >= needed) out.verdict = Verdict::kDown;
  else if (total - out.up < needed) out.verdict = Verdict::kUp;
  out.reasons.push_back(verdict_reason(out));
  return out;
}

}  // namespace hf::health
