// One function for each kind of step.
#include "runbook/spec_from_plan.h"

#include <algorithm>

#include "base/text.h"
#include "plan/executed.h"
#include "plan/objective.h"
#include "runbook/decide.h"

namespace hf::runbook {
namespace {

constexpr int kOftenEnough = 1000;   // what only looks is repeated until its time is over
constexpr int kStartsOfAChange = 3;  // at least, where an attempt is known to have had no effect

Json word_list(const std::vector<std::string>& list) {
  Json out = Json::array();
  for (const std::string& s : list) out.push(s);
  return out;
}

// As one would type it.
std::string command_line(const std::vector<std::string>& argv) {
  std::vector<std::string> words;
  for (const std::string& w : argv)
    words.push_back(w.empty() || w.find_first_of(" \t\n\"$&|;<>*?()") != std::string::npos ? "'" + w + "'" : w);
  return join(words, " ");
}

class Maker {
 public:
  Maker(const plan::Plan& plan, const plan::Runbook& runbook, const SpecOptions& options)
      : plan_(plan),
        runbook_(runbook),
        options_(options),
        target_(options.target.empty() ? runbook.target : options.target) {}

  Result<RunSpec> make();

 private:
  Result<StepSpec> step(const plan::Step& s);
  Status fill(StepSpec& out, const plan::Check& c);
  Status fill(StepSpec& out, const plan::Fence& f);
  Status fill(StepSpec& out, const plan::Promote& p);
  Status fill(StepSpec& out, const plan::Configure& c);
  Status fill(StepSpec& out, const plan::Verify& v);
  Status fill(StepSpec& out, const plan::Dns& d);
  Status fill(StepSpec& out, const plan::Exec& e);
  template <class Other>
  Status fill(StepSpec&, const Other&) {
    return make_error(ErrorKind::kUnsupported, "an action that plan::not_executed() leaves out");
  }

  Result<const plan::Postgres*> postgres(const std::string& component) const;
  Result<const plan::Instance*> successor(const std::string& component, const std::string& to) const;
  Json receivers(const std::string& component) const;
  Json quorum(const std::string& component, const plan::Component& c) const;
  std::string filled(std::string text) const;
  void add_waivers(RunSpec& spec) const;

  const plan::Plan& plan_;
  const plan::Runbook& runbook_;
  const SpecOptions& options_;
  const std::string target_;
};

Result<RunSpec> Maker::make() {
  RunSpec spec;
  spec.id = options_.run_id;
  spec.kind = runbook_.name == "failback" ? record::RunKind::kFailback : record::RunKind::kFailover;
  spec.runbook = runbook_.name;
  spec.target = target_;
  if (const plan::Region* primary = plan_.primary_region(); primary && primary->name != target_)
    spec.source = primary->name;
  if (const plan::DisasterClass* c = plan::failover_class(plan_)) {
    spec.disaster_class = c->name;
    spec.rto = plan::objective_for(plan_, *c).rto.target;
    spec.rpo = plan::objective_for(plan_, *c).rpo.target;
  }
  spec.plan_hash = options_.plan_hash;
  spec.approvals = runbook_.approvals.value_or(0);
  spec.impact_at = options_.impact_at;
  std::vector<std::string> planned;
  for (const plan::Step& s : runbook_.steps) {
    if (const std::string what = plan::not_executed(s); !what.empty()) {
      planned.push_back("'" + s.name + "' (" + what + ")");
      continue;
    }
    auto made = step(s);
    if (!made)
      return std::move(made).error().with_context("step '" + s.name + "' of runbook '" + runbook_.name + "'");
    const Json& component = made->input["component"];
    if (component.is_string() && std::ranges::find(spec.locks, component.as_string()) == spec.locks.end())
      spec.locks.push_back(component.as_string());
    spec.steps.push_back(std::move(*made));
  }
  if (!planned.empty())
    return make_error(ErrorKind::kUnsupported,
                      "runbook '" + runbook_.name +
                          "' has steps that this version does not execute: " + join(planned))
        .with_hint("Leave that out of this runbook, or write what it does as an `exec` step.");
  if (spec.locks.empty()) spec.locks.push_back("runbook-" + runbook_.name);
  add_waivers(spec);
  HF_TRY(validate(spec));
  return spec;
}

Result<StepSpec> Maker::step(const plan::Step& s) {
  StepSpec out;
  out.name = s.name;
  out.action = std::string(to_string(s.kind()));
  out.needs = s.needs;
  out.plane_region = s.plane;
  out.irreversible = s.is_irreversible();
  out.retry.attempts = std::max(kStartsOfAChange, s.retries + 1);
  if (s.timeout) out.timeout = *s.timeout;
  if (s.expect) out.expected = *s.expect;
  HF_TRY(std::visit([&](const auto& action) { return fill(out, action); }, s.action));
  if (out.kind != StepKind::kChange) {
    out.retry.attempts = kOftenEnough;
    out.retry.longest_backoff = 2s;
  }
  return out;
}

Result<const plan::Postgres*> Maker::postgres(const std::string& component) const {
  const plan::Component* c = plan_.find_component(component);
  if (!c || !c->postgres())
    return make_error(ErrorKind::kInvalid, "'" + component + "' is no PostgreSQL component of the plan");
  return c->postgres();
}

// The server that takes over: named itself, or the replica in the region named.
Result<const plan::Instance*> Maker::successor(const std::string& component, const std::string& to) const {
  HF_ASSIGN(const plan::Postgres* pg, postgres(component));
  for (const plan::Instance& r : pg->replicas)
    if (r.name == to) return &r;
  for (const plan::Instance& r : pg->replicas)
    if (r.region == to) return &r;
  return make_error(ErrorKind::kInvalid, "'" + component + "' has no replica named or placed '" + to + "'")
      .with_hint("Add it under components." + component + ".replicas, or name another target.");
}

Json Maker::receivers(const std::string& component) const {
  Json out = Json::array();
  for (const plan::Receiver& r : plan::receivers_of(*plan_.find_component(component))) {
    Json one = Json::object();
    out.push(one.set("name", r.name).set("region", r.region).set("spool", r.spool));
  }
  return out;
}

// What the old primary must wait for: as it was last seen, else as the plan says that it is.
Json Maker::quorum(const std::string& component, const plan::Component& c) const {
  Json out = Json::object();
  for (const ObservedReplication& seen : options_.observed) {
    if (seen.component != component) continue;
    out.set("synchronous_standby_names", seen.synchronous_standby_names)
        .set("synchronous_commit", word_list(seen.synchronous_commit));
    return out.set("source", "seen on the primary at " + format_time(seen.at));
  }
  const plan::AckQuorum q = plan::acknowledgers(c);
  std::vector<std::string> names;
  for (const plan::Acknowledger& a : q.members) names.push_back("\"" + a.name + "\"");
  const std::string text = q.needed == 0 ? "" : "ANY " + std::to_string(q.needed) + " (" + join(names) + ")";
  Json commit = Json::array();
  out.set("synchronous_standby_names", text).set("synchronous_commit", commit.push("on"));
  return out.set("source", "as the plan declares it");
}

Status Maker::fill(StepSpec& out, const plan::Check& c) {
  out.kind = StepKind::kObserve;
  out.summary = "check that these hold: " + join(c.checks);
  out.input.set("checks", word_list(c.checks));
  Json vaults = Json::array();
  for (const plan::Vault& v : plan_.vaults) {
    Json one = Json::object();
    vaults.push(one.set("name", v.name).set("region", v.region).set("url", v.url));
  }
  out.input.set("vaults", vaults);
  for (const plan::Step& other : runbook_.steps) {
    const auto* p = other.as<plan::Promote>();
    if (!p) continue;
    HF_ASSIGN(const plan::Instance* to, successor(p->component, p->to));
    HF_ASSIGN(const plan::Postgres* pg, postgres(p->component));
    Json standby = Json::object(), primary = Json::object();
    standby.set("name", to->name).set("dsn", plan::to_string(to->dsn));
    out.input.set("component", p->component).set("standby", standby).set("receivers", receivers(p->component));
    out.input.set("primary", primary.set("dsn", plan::to_string(pg->primary.dsn)));
    out.input.set("quorum", quorum(p->component, *plan_.find_component(p->component)));
    if (runbook_.max_loss) out.input.set("max_lag_us", runbook_.max_loss->count());
    break;
  }
  return ok();
}

Status Maker::fill(StepSpec& out, const plan::Fence& f) {
  HF_TRY(postgres(f.component));
  const Json q = quorum(f.component, *plan_.find_component(f.component));
  out.input.set("component", f.component).set("level", to_string(f.level)).set("receivers", receivers(f.component));
  for (const auto& [name, value] : q.members()) out.input.set(name, value);
  for (const plan::Step& other : runbook_.steps) {  // whose promotion it is for
    const auto* p = other.as<plan::Promote>();
    if (!p || p->component != f.component) continue;
    HF_ASSIGN(const plan::Instance* to, successor(p->component, p->to));
    Json standby = Json::object();
    out.input.set("standby", standby.set("name", to->name).set("dsn", plan::to_string(to->dsn)));
    break;
  }
  out.summary = "fence the old primary of '" + f.component + "', level " + std::string(to_string(f.level)) +
                ": its receivers seal the timeline";
  return ok();
}

Status Maker::fill(StepSpec& out, const plan::Promote& p) {
  HF_ASSIGN(const plan::Instance* to, successor(p.component, p.to));
  HF_ASSIGN(const plan::Postgres* pg, postgres(p.component));
  out.input.set("component", p.component).set("name", to->name).set("region", to->region).set("host", to->host);
  out.input.set("port", to->port)
      .set("dsn", plan::to_string(to->dsn))
      .set("primary_dsn", plan::to_string(pg->primary.dsn));
  out.summary = "promote '" + to->name + "' in " + to->region + " once it replayed what the receivers sealed";
  out.irreversible = true;
  FenceGate gate{p.component, plan::FenceLevel::kQuorum};
  for (const plan::Step& other : runbook_.steps) {
    const auto* f = other.as<plan::Fence>();
    if (f && f->component == p.component) gate.level = f->level;
  }
  out.fence_gate = gate;
  return ok();
}

Status Maker::fill(StepSpec& out, const plan::Configure& c) {
  Json set = Json::array();
  for (const auto& [key, value] : c.file->set) {
    Json pair = Json::array();
    set.push(pair.push(key).push(filled(value)));
  }
  out.input.set("path", c.file->path).set("set", set).set("reload", word_list(c.reload));
  std::vector<std::string> keys;
  for (const auto& [key, value] : c.file->set) keys.push_back(key);
  out.summary = "set " + join(keys) + " in " + c.file->path + (c.reload.empty() ? "" : ", then reload");
  return ok();
}

Status Maker::fill(StepSpec& out, const plan::Verify& v) {
  out.kind = StepKind::kVerify;
  std::vector<std::string> urls;
  if (!v.http.empty() && v.http.find("{host}") == std::string::npos) urls.push_back(filled(v.http));
  else if (!v.http.empty())
    for (const std::string& name : v.services) {
      const plan::Service* service = plan_.find_service(name);
      std::string url = v.http;
      const std::string host = service && !service->host.empty() ? service->host : name;
      url.replace(url.find("{host}"), 6, host);
      urls.push_back(filled(url));
    }
  out.input.set("urls", word_list(urls)).set("status", v.status.value_or(200)).set("tcp", v.tcp);
  if (plan_.resolver) out.input.set("resolver", plan_.resolver->server);
  if (v.p95) out.input.set("p95_us", v.p95->count());
  if (v.post) {
    Json post = Json::object();
    post.set("url", filled(v.post->url)).set("body", v.post->body).set("status", v.post->status.value_or(201));
    out.input.set("post", post);
  }
  out.summary = "verify" + (urls.empty() ? "" : " " + join(urls)) + (v.tcp.empty() ? "" : " " + v.tcp);
  if (v.post) out.summary += ", by a write through " + filled(v.post->url);
  if (v.write.empty()) return ok();
  HF_ASSIGN(const plan::Instance* to, successor(v.write, target_));
  out.input.set("component", v.write).set("write_dsn", plan::to_string(to->dsn));
  out.summary += " by a write to '" + v.write + "' that is read back";
  return ok();
}

Status Maker::fill(StepSpec& out, const plan::Dns& d) {
  const bool cname = !d.cname.empty();
  const std::vector<std::string> values = cname ? std::vector{d.cname} : !d.a.empty() ? d.a : d.aaaa;
  out.input.set("server", d.server)
      .set("zone", d.zone)
      .set("name", d.record.empty() ? d.zone : d.record + "." + d.zone);
  out.input.set("type", cname ? "CNAME" : !d.a.empty() ? "A" : "AAAA").set("values", word_list(values));
  out.input.set("ttl_seconds", d.ttl ? d.ttl->count() / 1'000'000 : 60);
  if (d.tsig) {
    Json tsig = Json::object();
    tsig.set("name", d.tsig->name)
        .set("algorithm", to_string(d.tsig->algorithm))
        .set("secret", plan::to_string(d.tsig->secret));
    out.input.set("tsig", tsig);
  }
  out.summary = "point " + out.input["name"].as_string() + " to " + join(values) + " at " + d.server;
  return ok();
}

Status Maker::fill(StepSpec& out, const plan::Exec& e) {
  out.input.set("argv", word_list(e.argv)).set("observe", word_list(e.observe));
  out.summary = "run " + command_line(e.argv);
  return ok();
}

// {COMPONENT.host}, {COMPONENT.port} of the server that takes over; {REGION.address}.
std::string Maker::filled(std::string text) const {
  const auto put = [&](const std::string& what, const std::string& value) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + value.size()))
      text.replace(at, what.size(), value);
  };
  for (const plan::Component& c : plan_.components) {
    if (!c.postgres()) continue;
    const auto to = successor(c.name, target_);
    if (!to) continue;
    put("{" + c.name + ".host}", (*to)->host);
    put("{" + c.name + ".port}", std::to_string((*to)->port));
  }
  for (const plan::Region& r : plan_.regions) put("{" + r.name + ".address}", r.address);
  return text;
}

// Every waiver that still holds and that this runbook relies on. That of a fence names the component afterwards.
void Maker::add_waivers(RunSpec& spec) const {
  for (const plan::Waiver& w : plan_.waivers) {
    if (w.until <= options_.now || (w.at != runbook_.name && !w.at.starts_with(runbook_.name + "."))) continue;
    RunWaiver out{w.rule, w.at, w.by, w.reason, w.until};
    for (const plan::Step& s : runbook_.steps) {
      const auto* p = s.as<plan::Promote>();
      if (p && w.rule == kFenceRule && w.at == runbook_.name + ".steps." + s.name) out.at = p->component;
    }
    spec.waivers.push_back(std::move(out));
  }
}

}  // namespace

Result<RunSpec> make_run_spec(const plan::Plan& plan, const plan::Runbook& runbook, const SpecOptions& options) {
  return Maker(plan, runbook, options).make();
}

}  // namespace hf::runbook
