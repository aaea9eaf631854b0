#include "cli/measure.h"

#include "cli/canary_access.h"
#include "cli/journal_access.h"
#include "cli/plan_file.h"
#include "plan/objective.h"
#include "record/proof_events.h"
#include "record/run_events.h"

namespace hf::cli {

namespace {

constexpr Micros kConnectTimeout = 5s;

const plan::Instance* promoted_server(const plan::Plan& plan, const runbook::RunSpec& spec, std::string& component) {
  for (const runbook::StepSpec& s : spec.steps) {
    if (s.action != "promote") continue;
    component = s.input["component"].as_string();
    const plan::Component* c = plan.find_component(component);
    const auto* postgres = c == nullptr ? nullptr : std::get_if<plan::Postgres>(&c->detail);
    if (postgres == nullptr) continue;
    for (const plan::Instance& r : postgres->replicas)
      if (r.name == s.input["name"].as_string()) return &r;
  }
  return nullptr;
}

// What the new primary holds of the heartbeats, against what was acknowledged to us.
Status measure_canary(Context& context, const plan::Instance& server, const std::string& component, Measured& out,
                      std::optional<Micros>& rpo) {
  HF_ASSIGN(std::optional<sources::CanaryRow> last, remembered_canary(context, component));
  if (!last) return ok();
  HF_ASSIGN(Secret dsn, resolve_secret(context, server.dsn));
  HF_ASSIGN(Secret key, canary_key(context));
  remote::PgConnectOptions options;
  options.timeout = kConnectTimeout;
  HF_ASSIGN(remote::PgConnection db, remote::PgConnection::connect(dsn.reveal_text(), context.env.clock, options));
  HF_ASSIGN(sources::CanaryFinding found, sources::find_canary(db, sources::hmac_check(key)));
  out.canary_written = last->number;
  out.canary_found = found.newest ? found.newest->number : 0;
  out.canary_lost = *out.canary_written > *out.canary_found ? *out.canary_written - *out.canary_found : 0;
  if (*out.canary_lost == 0)
    rpo = Micros(0);
  else if (found.newest)
    rpo = last->written - found.newest->written;
  return ok();
}

record::Measurement of(std::string name, std::string component, Micros actual, std::optional<Micros> target,
                       std::string detail) {
  record::Measurement m;
  m.name = std::move(name);
  m.component = std::move(component);
  m.actual_time = actual;
  m.target_time = target;
  if (target) m.met = actual <= *target;
  m.detail = std::move(detail);
  return m;
}

// How long the steps of each phase took; detection comes from its own event.
std::vector<record::Measurement> phases(const runbook::RunSpec& spec, const runbook::RunReport& report,
                                        const std::string& component) {
  std::vector<record::Measurement> out;
  for (auto [action, name] :
       {std::pair{"fence", "t_fence"}, {"promote", "t_promote"}, {"verify", "t_verify"}, {"dns", "t_traffic"}}) {
    for (const runbook::StepReport& s : report.steps) {
      const runbook::StepSpec* step = spec.find_step(s.name);
      if (step == nullptr || step->action != action || !s.started_at || !s.finished_at) continue;
      out.push_back(of(name, component, *s.finished_at - *s.started_at, {},
                       "step '" + s.name + "', from its start to its outcome"));
      break;  // the first verification is the one before the traffic moves
    }
  }
  return out;
}

// Mean time to recovery over all failovers in the journal and this one.
Micros mean_recovery(journal::Journal& journal, Micros this_one) {
  std::int64_t total = this_one.count(), n = 1;
  auto read = journal.read(0, [&](const journal::Entry& e) {
    auto m = record::body_of<record::Measurement>(e.event);
    if (m && m->name == "rto" && m->actual_time) {
      total += m->actual_time->count();
      ++n;
    }
    return true;
  });
  return read ? Micros(total / n) : this_one;
}

struct Before {
  bool measured = false;
  std::optional<record::Detection> detection;
};

Result<Before> look_back(journal::Journal& journal, const std::string& run) {
  Before out;
  HF_TRY(journal.read(0, [&](const journal::Entry& e) {
    if (e.event.run == run && e.event.type == record::Measurement::kType) out.measured = true;
    if (auto d = record::body_of<record::Detection>(e.event)) out.detection = *d;
    return true;
  }));
  return out;
}

}  // namespace

bool Measured::met() const {
  for (const ObjectiveMeasured& o : objectives)
    if (!o.met()) return false;
  return true;
}

void Measured::add_to(Json& data) const {
  Json list = Json::array();
  data.set("rto_seconds", Json()).set("rpo_seconds", Json());
  for (const ObjectiveMeasured& o : objectives) {
    data.set(o.name + "_seconds", seconds_of(o.actual));
    list.push(Json::object()
                  .set("name", o.name)
                  .set("target_seconds", o.target ? Json(seconds_of(*o.target)) : Json())
                  .set("actual_seconds", seconds_of(o.actual))
                  .set("met", o.met()));
  }
  auto number = [](const std::optional<std::uint64_t>& v) { return v ? Json(*v) : Json(); };
  data.set("objectives", list);
  data.set("canary", Json::object()
                         .set("last_written", number(canary_written))
                         .set("last_found", number(canary_found))
                         .set("lost", number(canary_lost)));
}

Result<Measured> measure_run(Context& context, const plan::Plan& plan, journal::Journal& journal,
                             const runbook::RunSpec& spec, const runbook::RunReport& report) {
  Measured out;
  if (spec.kind != record::RunKind::kFailover || report.verdict != runbook::Verdict::kSucceeded || !report.finished_at)
    return out;
  HF_ASSIGN(Before before, look_back(journal, spec.id));
  std::string component;
  const plan::Instance* server = promoted_server(plan, spec, component);
  std::optional<Micros> rpo;
  if (server != nullptr) HF_TRY(measure_canary(context, *server, component, out, rpo));
  const WallTime impact = spec.impact_at.value_or(report.started_at.value_or(*report.finished_at));
  const Micros rto = *report.finished_at - impact;
  out.objectives.push_back({"rto", rto, spec.rto});
  if (rpo) out.objectives.push_back({"rpo", *rpo, spec.rpo});
  if (before.measured) return out;

  std::vector<record::Measurement> list;
  list.push_back(
      of("rto", component, rto, spec.rto, "from the first failure that a probe saw to the last step's outcome"));
  if (rpo) {
    list.push_back(of("rpo", component, *rpo, spec.rpo,
                      "age of the newest canary on the new primary, against the last one acknowledged"));
    list.push_back(of("data_loss", component, *rpo, plan.objectives.data_loss,
                      "the same, as time in which acknowledged writes are missing"));
  }
  list.push_back(of("mttr", component, mean_recovery(journal, rto), plan.objectives.mttr,
                    "mean RTO of all failovers in this journal"));
  if (before.detection && before.detection->first_failure_at && before.detection->quorum_at)
    list.push_back(of("t_detect", component, *before.detection->quorum_at - *before.detection->first_failure_at, {},
                      "from the first failed probe to the quorum"));
  for (record::Measurement& m : phases(spec, report, component)) list.push_back(std::move(m));
  for (const record::Measurement& m : list) {
    record::Event event = stamped(context, record::event_of(m), spec.target);
    event.run = spec.id;
    event.resource = "component/" + component;
    HF_TRY(journal.append(event));
  }
  return out;
}

}  // namespace hf::cli
