// From a step's input to the verdict's, and from the verdict to facts.
#include "actions/fence.h"

#include <algorithm>

#include "record/proof_events.h"

namespace hf::actions {
namespace {

constexpr Micros kSealTimeout = 10s;
constexpr Micros kStandbyTimeout = 3s;

FenceInput input_of(const Json& in) {
  FenceInput out;
  out.synchronous_standby_names = in["synchronous_standby_names"].as_string();
  out.synchronous_commit = texts_of(in["synchronous_commit"]);
  return out;
}

Json fence_facts(const runbook::StepContext& context, const FenceVerdict& v, const std::vector<Sealed>& seals) {
  record::FenceProof proof;
  proof.component = context.step.input["component"].as_string();
  proof.level = "quorum";
  proof.system_id = v.system_id;
  proof.timeline = v.timeline;
  Lsn replay_to;
  for (const Sealed& s : seals) {
    if (s.seal.timeline != v.timeline) continue;
    proof.seals.push_back({s.seal.receiver, s.seal.lsn, s.digest});
    replay_to = std::max(replay_to, s.replay_to);
  }
  proof.required_any = v.standbys.needed;
  proof.members = v.standbys.members;
  for (const std::string& level : texts_of(context.step.input["synchronous_commit"]))
    proof.synchronous_commit += (proof.synchronous_commit.empty() ? "" : ", ") + level;
  proof.explanation = v.explanation + " (quorum " + context.step.input["source"].as_string() + ")";
  Json facts = Json::object();
  facts.set("fence_proof", record::to_body(proof))
      .set("sealed_lsn", format_lsn(v.furthest))
      .set("replay_to", format_lsn(replay_to));
  return facts.set("system_id", std::to_string(v.system_id)).set("timeline", static_cast<std::int64_t>(v.timeline));
}

bool has_proof(const Json& input) { return input["level"].as_string() == "quorum"; }

// The person who answers for a promotion without a proof; null where nobody does.
const Json* waiver_of(const runbook::StepContext& context) {
  const auto waiver = context.facts.find("waiver/" + context.step.input["component"].as_string());
  return waiver == context.facts.end() ? nullptr : &waiver->second;
}

Status supported(const runbook::StepContext& context) {
  const std::string level = context.step.input["level"].as_string();
  const std::string component = context.step.input["component"].as_string();
  if (level != "quorum" && level != "none" && level != "attested")
    return make_error(ErrorKind::kUnsupported,
                      "fence level '" + level + "' of '" + component + "' is planned, and not executed yet")
        .with_hint("Use level quorum, for which the receivers' seals are the proof.");
  if (has_proof(context.step.input) || waiver_of(context) != nullptr) return ok();
  return make_error(ErrorKind::kBlocked,
                    "level '" + level + "' fences nothing, and nobody waived the fence of '" + component + "'")
      .with_hint("Use level quorum, or have a named person waive it: 'holdfast failover apply FILE --waive-fence " +
                 component + " --waived-by NAME --reason WHY'.");
}

// Not proven, and a person answers for it. What could be sealed still says how far the standby has to replay.
runbook::Progress waived(const runbook::StepContext& context, const FenceVerdict& v, const std::vector<Sealed>& seals,
                         const std::string& silent) {
  const Json& waiver = *waiver_of(context);
  Lsn replay_to;
  for (const Sealed& s : seals)
    if (s.seal.timeline == v.timeline) replay_to = std::max(replay_to, s.replay_to);
  std::string detail = "not proven to be fenced, waived by " + waiver["by"].as_string() + " (" + waiver["reason"].as_string() +
                       "): " + v.explanation + silent;
  Json facts = Json::object();
  facts.set("waived_fence", context.step.input["component"]).set("replay_to", format_lsn(replay_to));
  if (!seals.empty()) {
    detail += "; what was acknowledged after " + format_lsn(v.furthest) + " without a receiver that sealed is lost";
    facts.set("sealed_lsn", format_lsn(v.furthest)).set("system_id", std::to_string(v.system_id));
  }
  return runbook::Progress::done(detail, facts, !seals.empty());
}

}  // namespace

FenceVerdict proven_fence(Spools& spools, const Json& receivers, const Json& quorum) {
  FenceInput in = input_of(quorum);
  for (const Json& r : receivers.items()) {
    const auto seals = spools.seals(r["spool"].as_string());
    if (!seals) continue;
    for (const Sealed& s : *seals) in.seals.push_back(s.seal);
  }
  return fence_verdict(in);
}

FenceVerdict possible_fence(Spools& spools, const Json& receivers, const Json& quorum) {
  FenceInput in = input_of(quorum);
  for (const Json& r : receivers.items()) {
    const auto seen = spools.look(r["spool"].as_string());
    if (seen) in.seals.push_back({r["name"].as_string(), seen->system_id, seen->timeline, seen->received});
  }
  return fence_verdict(in);
}

struct FenceAction::Standing {
  std::vector<Sealed> seals;
  FenceVerdict verdict;
  Timeline followed = 0;  // the newest in any spool
  std::string unread;
  // The receivers went on to another timeline after they sealed this one.
  bool left() const { return verdict.proven && followed > verdict.timeline; }
};

FenceAction::Standing FenceAction::look(const runbook::StepContext& context) {
  Standing out;
  FenceInput in = input_of(context.step.input);
  for (const Json& r : context.step.input["receivers"].items()) {
    const std::string spool = r["spool"].as_string();
    if (const auto seen = spools_.look(spool)) out.followed = std::max(out.followed, seen->timeline);
    auto seals = spools_.seals(spool);
    if (!seals) out.unread += "; " + r["name"].as_string() + " cannot be read: " + seals.error().text;
    else out.seals.insert(out.seals.end(), seals->begin(), seals->end());
  }
  for (const Sealed& s : out.seals) in.seals.push_back(s.seal);
  out.verdict = fence_verdict(in);
  return out;
}

Result<bool> FenceAction::promoted(const runbook::StepContext& context) {
  const Json& standby = context.step.input["standby"];
  if (!standby.is_object()) return false;
  HF_ASSIGN(remote::PgConnection db, connect(r_, context, standby["dsn"].as_string(), kStandbyTimeout));
  HF_ASSIGN(const std::string writes, db.query_value("select not pg_is_in_recovery()", {}, kStandbyTimeout));
  return writes == "t";
}

Result<runbook::Observation> FenceAction::observe(const runbook::StepContext& context) {
  if (!has_proof(context.step.input)) return runbook::Observation::not_done("this level has nothing to look at");
  const Standing now = look(context);
  const FenceVerdict& v = now.verdict;
  if (now.left()) {
    const std::string state = "timeline " + std::to_string(v.timeline) + " is sealed, and the receivers follow timeline " +
                              std::to_string(now.followed);
    const auto done_before = promoted(context);
    if (!done_before)
      return runbook::Observation::unknown(state + "; whether that is the promoted standby's is not known: " +
                                           done_before.error().text);
    if (!*done_before) return runbook::Observation::not_done(state + now.unread);
  }
  if (v.proven) return runbook::Observation::done(v.explanation, fence_facts(context, v, now.seals));
  return runbook::Observation::not_done(v.explanation + now.unread);
}

Result<runbook::Progress> FenceAction::start(const runbook::StepContext& context) {
  HF_TRY(supported(context));
  if (const Standing now = look(context); now.left()) {
    HF_ASSIGN(const bool done_before, promoted(context));
    if (done_before)
      return runbook::Progress::done(now.verdict.explanation, fence_facts(context, now.verdict, now.seals), false);
  }
  FenceInput in = input_of(context.step.input);
  std::vector<Sealed> all;
  std::string silent;
  bool maybe = false;
  for (const Json& r : context.step.input["receivers"].items()) {
    auto sealed = spools_.seal(r["spool"].as_string(), r["name"].as_string(), kSealTimeout);
    maybe = maybe || sealed || sealed.error().effect == Effect::kMaybe;
    if (!sealed) silent += "; " + r["name"].as_string() + " did not seal: " + sealed.error().text;
    else all.push_back(std::move(*sealed));
  }
  for (const Sealed& s : all) in.seals.push_back(s.seal);
  const FenceVerdict v = fence_verdict(in);
  if (v.proven) return runbook::Progress::done(v.explanation, fence_facts(context, v, all));
  if (waiver_of(context) != nullptr) return waived(context, v, all, silent);
  Error error = make_error(ErrorKind::kBlocked, "the fence of '" + context.step.input["component"].as_string() +
                                                    "' is not proven: " + v.explanation + silent)
                    .with_hint(
                        "Bring the receivers back that did not seal, or have a named person waive it: 'holdfast failover "
                        "apply FILE --waive-fence " + context.step.input["component"].as_string() +
                        " --waived-by NAME --reason WHY'.");
  if (maybe) error.effect = Effect::kMaybe;  // those that sealed, sealed for good
  return error;
}

}  // namespace hf::actions
