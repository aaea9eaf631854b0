// One session folder for each key: starting again with the same key finds the same worker.
#include "actions/exec.h"

#include <algorithm>

#include "runbook/worker.h"

namespace hf::actions {
namespace {

constexpr Micros kObserveTimeout = 20s;
constexpr Micros kExecPollEvery = 200ms;

Json step_json(const runbook::StepContext& context) {
  Json facts = Json::object(), out = Json::object();
  for (const auto& [step, known] : context.facts) facts.set(step, known);
  return out.set("run", context.run.id)
      .set("step", context.step.name)
      .set("key", context.key)
      .set("target", context.run.target)
      .set("facts", facts);
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::size_t at = text.rfind('\n');
  return at == std::string::npos ? text : text.substr(at + 1);
}

}  // namespace

std::string ExecAction::session(const runbook::StepContext& context) const {
  std::string name = context.key;
  std::ranges::replace(name, '/', '_');
  return join_path(join_path(r_.state_dir, "workers"), name);
}

Result<runbook::Observation> ExecAction::observe(const runbook::StepContext& context) {
  const std::vector<std::string> argv = texts_of(context.step.input["observe"]);
  if (argv.empty()) {
    // The session's folder is made before the worker: without it, nothing was ever started with this key.
    if (!context.begun || !file_exists(r_.env.files, session(context)))
      return runbook::Observation::not_done("not run yet");
    Json handle = Json::object();
    handle.set("session", session(context));
    HF_ASSIGN(const runbook::WorkerState state, runbook::poll_worker(r_.env, handle));
    if (state.kind != runbook::WorkerState::Kind::kFinished)
      return runbook::Observation::unknown(
          "it was begun, has no result, and the plan gives no way to look whether it is done");
    if (state.exit_code == 0) return runbook::Observation::done("it ended well: " + last_line(state.output));
    return runbook::Observation::not_done("it exited with " + std::to_string(state.exit_code) + ": " +
                                          last_line(state.output));
  }
  ProcessSpec spec;
  spec.argv = argv;
  spec.input = to_bytes(dump_json(step_json(context)));
  HF_ASSIGN(const ProcessExit exit, run_process(r_.env.processes, r_.env.clock, spec, kObserveTimeout, context.stop));
  if (exit.signal != 0)
    return runbook::Observation::unknown("'" + argv[0] + "' was ended by signal " + std::to_string(exit.signal));
  if (exit.code == 0) return runbook::Observation::done(last_line(exit.output));
  return runbook::Observation::not_done("'" + argv[0] + "' exited with " + std::to_string(exit.code));
}

Result<runbook::Progress> ExecAction::start(const runbook::StepContext& context) {
  runbook::WorkerSpec spec;
  spec.argv = texts_of(context.step.input["argv"]);
  if (spec.argv.empty()) return make_error(ErrorKind::kInvalid, "step '" + context.step.name + "' names no command");
  spec.input = to_bytes(dump_json(step_json(context)));
  spec.session = session(context);
  HF_ASSIGN(Json handle, runbook::start_worker(r_.env, spec));
  return runbook::Progress::running(std::move(handle), kExecPollEvery, "running " + spec.argv[0]);
}

Result<runbook::Progress> ExecAction::poll(const runbook::StepContext& context, const Json& handle) {
  HF_ASSIGN(const runbook::WorkerState state, runbook::poll_worker(r_.env, handle));
  switch (state.kind) {
    case runbook::WorkerState::Kind::kRunning: return runbook::Progress::running(handle, kExecPollEvery);
    case runbook::WorkerState::Kind::kLost:
      return make_error(ErrorKind::kFailed,
                        "the command of step '" + context.step.name + "' is gone and left no result")
          .maybe_happened();
    case runbook::WorkerState::Kind::kFinished: break;
  }
  if (state.exit_code == 0) return runbook::Progress::done(last_line(state.output));
  return make_error(ErrorKind::kFailed, "the command of step '" + context.step.name + "' exited with " +
                                            std::to_string(state.exit_code) + ": " + last_line(state.output))
      .with_hint("Its whole output is in " + handle["session"].as_string() + "/output.");
}

Status ExecAction::cancel(const runbook::StepContext&, const Json& handle) {
  return runbook::stop_worker(r_.env, handle);
}

}  // namespace hf::actions
