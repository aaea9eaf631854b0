#include "lab/demo.h"

#include <cstdio>

#include "base/text.h"
#include "lab/demo_run.h"

namespace hf::lab {

std::string two_decimals(double v) {
  char buf[64];
  std::snprintf(buf, sizeof buf, "%.2f", v);
  return buf;
}

Result<std::uint64_t> rows_from(const std::string& count) {
  if (const auto rows = parse_whole<std::uint64_t>(count)) return *rows;
  return make_error(ErrorKind::kFailed, "the server answered '" + count + "' where a count of rows belongs");
}

namespace {

struct NamedStep {
  const char* name;
  Result<Proof> (DemoRun::*run)();
};

// The order is the story: everything that can be proven while us-east lives comes before it dies.
constexpr NamedStep kSteps[] = {
    {"environment", &DemoRun::environment},  // what runs where
    {"lint", &DemoRun::lint},                // the demo's plan, and the order of a script written by hand
    {"backup", &DemoRun::backup},            // under load, copied to another region
    {"verify", &DemoRun::verify},            // restored, booted, queried
    {"sabotage", &DemoRun::sabotage},        // one byte flipped is found
    {"disaster", &DemoRun::disaster},        // kill -9 of a region
    {"failover", &DemoRun::failover},        // detected, fenced, promoted, verified, moved
    {"ghost", &DemoRun::ghost},              // the old primary can acknowledge nothing
    {"point-in-time", &DemoRun::point_in_time},
    {"document", &DemoRun::document},
};

DemoStep run_step(DemoRun& run, const NamedStep& step, Clock& clock) {
  DemoStep out;
  out.name = step.name;
  MonoTime begin = clock.mono();
  Result<Proof> proof = (run.*step.run)();
  out.seconds = std::chrono::duration<double>(clock.mono() - begin).count();
  out.proven = proof.has_value();
  if (!proof) {
    out.line = "NOT PROVEN: " + proof.error().text;
    if (!proof.error().hint.empty()) out.below.push_back("hint: " + proof.error().hint);
    return out;
  }
  out.line = std::move(proof->line);
  out.below = std::move(proof->below);
  out.figures = std::move(proof->figures);
  return out;
}

}  // namespace

Result<DemoResult> run_demo(Env& env, const DemoOptions& options, const DemoProgress& progress, std::stop_token stop) {
  HF_TRY(env.files.make_dirs(options.results_dir, 0755));
  DemoRun run(env, options, stop);
  DemoResult result;
  result.proven = true;
  for (const NamedStep& step : kSteps) {
    DemoStep begun;
    begun.name = step.name;
    progress(begun, false);
    DemoStep done = run_step(run, step, env.clock);
    progress(done, true);
    result.proven = result.proven && done.proven;
    result.steps.push_back(std::move(done));
    if (stop.stop_requested()) {
      run.end();
      return make_error(ErrorKind::kCancelled, "the demo was stopped; nothing of it is left running");
    }
    if (!result.steps.back().proven) break;  // later steps build on this one
  }
  run.summarize(result);
  run.end();
  return result;
}

}  // namespace hf::lab
