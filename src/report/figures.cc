#include "report/figures.h"

namespace hf::report {

namespace {

class Collector {
 public:
  Status take(const NumberedEvent& e) {
    const std::string& type = e.event.type;
    if (!e.event.run.empty()) run_of(e).last_seq = e.seq;
    if (type == record::RunStarted::kType) return start(e);
    if (type == record::RunResumed::kType) {
      ++run_of(e).resumed;
      return ok();
    }
    if (type == record::RunFinished::kType) return keep(e, run_of(e).finished);
    if (type == record::FenceProof::kType) return keep(e, run_of(e).fence);
    if (type == record::StepIntent::kType || type == record::StepObserved::kType) {
      begin_step(e);
      return ok();
    }
    if (type == record::StepOutcome::kType) return end_step(e);
    if (type == record::Measurement::kType) return measurement(e);
    if (type == record::BackupFinished::kType) return by_component(e, out_.backups);
    if (type == record::VerifyFinished::kType) return by_component(e, out_.verified);
    if (type == record::Detection::kType) {
      HF_ASSIGN(record::Detection body, record::body_of<record::Detection>(e.event));
      out_.detections.push_back({std::move(body), provenance(e)});
    }
    return ok();
  }
  Figures finish() { return std::move(out_); }

 private:
  static Provenance provenance(const NumberedEvent& e) { return {e.event.run, e.seq, e.event.time}; }

  RunRecord& run_of(const NumberedEvent& e) {
    for (RunRecord& r : out_.runs)
      if (r.id == e.event.run) return r;
    RunRecord fresh;
    fresh.id = e.event.run;
    fresh.at = e.event.time;
    fresh.first_seq = e.seq;
    out_.runs.push_back(std::move(fresh));
    return out_.runs.back();
  }

  StepRecord& step_of(const NumberedEvent& e) {
    RunRecord& run = run_of(e);
    for (StepRecord& s : run.steps)
      if (s.name == e.event.step) return s;
    run.steps.push_back({e.event.step, "", {}, {}, "running", "", {}});
    return run.steps.back();
  }

  Status start(const NumberedEvent& e) {
    HF_ASSIGN(record::RunStarted body, record::body_of<record::RunStarted>(e.event));
    RunRecord& run = run_of(e);
    for (const record::PlannedStep& s : body.steps) run.steps.push_back({s.name, s.kind, {}, {}, "not started", "", {}});
    run.started = std::move(body);
    return ok();
  }

  void begin_step(const NumberedEvent& e) {
    StepRecord& step = step_of(e);
    if (!step.started) step.started = e.event.time;
    if (step.state == "not started") step.state = "running";
  }

  Status end_step(const NumberedEvent& e) {
    HF_ASSIGN(record::StepOutcome body, record::body_of<record::StepOutcome>(e.event));
    begin_step(e);
    StepRecord& step = step_of(e);
    step.finished = e.event.time;
    step.state = std::string(record::to_string(body.state));
    step.detail = body.detail;
    step.from = provenance(e);
    return ok();
  }

  Status measurement(const NumberedEvent& e) {
    HF_ASSIGN(record::Measurement body, record::body_of<record::Measurement>(e.event));
    Proven<record::Measurement> proven{body, provenance(e)};
    out_.newest.insert_or_assign(body.name, proven);
    if (!body.component.empty()) out_.newest.insert_or_assign(body.name + "/" + body.component, proven);
    return ok();
  }

  template <class Body>
  Status keep(const NumberedEvent& e, std::optional<Proven<Body>>& into) {
    HF_ASSIGN(Body body, record::body_of<Body>(e.event));
    into = Proven<Body>{std::move(body), provenance(e)};
    return ok();
  }

  template <class Body>
  Status by_component(const NumberedEvent& e, std::map<std::string, Proven<Body>>& into) {
    HF_ASSIGN(Body body, record::body_of<Body>(e.event));
    into.insert_or_assign(body.component, Proven<Body>{body, provenance(e)});
    return ok();
  }

  Figures out_;
};

}  // namespace

const Proven<record::Measurement>* Figures::find(const std::string& name, const std::string& component) const {
  auto it = newest.find(component.empty() ? name : name + "/" + component);
  return it == newest.end() ? nullptr : &it->second;
}

const RunRecord* Figures::last_run(record::RunKind kind) const {
  const RunRecord* out = nullptr;
  for (const RunRecord& r : runs)
    if (r.started.kind == kind && r.finished) out = &r;
  return out;
}

Result<Figures> collect_figures(const std::vector<NumberedEvent>& events) {
  Collector collector;
  for (const NumberedEvent& e : events)
    if (Status s = collector.take(e); !s) return std::move(s).error().with_context("event " + std::to_string(e.seq));
  return collector.finish();
}

}  // namespace hf::report
