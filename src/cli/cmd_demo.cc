// demo: the whole product on this machine, in one command.
#include <unistd.h>

#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/postgres_access.h"
#include "crypto/keys.h"
#include "lab/demo.h"
#include "lab/sweep.h"

namespace hf::cli {

namespace {

constexpr std::size_t kNameWidth = 14;

std::string results_dir(Context& context) {
  std::string stamp = format_time(std::chrono::floor<Seconds>(context.env.clock.wall()));
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
  char buf[4096];
  std::string here = getcwd(buf, sizeof buf) != nullptr ? buf : ".";
  return here + "/holdfast-demo-" + stamp;
}

std::string number_of(std::size_t i) { return (i < 10 ? " " : "") + std::to_string(i); }

void show(Context& context, std::size_t number, const lab::DemoStep& step, bool ended) {
  if (!ended) {
    context.out.progress(number_of(number) + "  " + step.name + " ...");
    return;
  }
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%5.1fs", step.seconds);
  std::string name = step.name + std::string(kNameWidth - std::min(kNameWidth, step.name.size()), ' ');
  context.out.line(number_of(number) + "  " + name + seconds + "  " + step.line);
  for (const std::string& l : step.below) context.out.line("                        " + l);
  context.out.event("step", Json::object()
                                .set("name", step.name)
                                .set("proven", step.proven)
                                .set("seconds", step.seconds)
                                .set("line", step.line)
                                .set("figures", step.figures));
}

void end_at_once(Context& context, const std::string& root) {
  lab::sweep_away(context.env.clock, context.env.files, root);
  const bool remains = file_exists(context.env.files, root);
  context.out.note(remains ? "Ended at once. This folder remains, with nothing running in it: " + root
                           : "Ended at once; nothing is left in " + root + ".");
}

Outcome run_demo(Context& context, const Arguments& args) {
  crypto::SystemEntropy entropy;
  lab::DemoOptions options;
  options.environment.root = "/tmp/holdfast-demo-" + entropy.hex_id().substr(0, 8);
  options.environment.holdfast = context.program;
  options.environment.orders = join_path(parent_path(context.program), "orders");
  options.environment.postgres_root = postgres_root(context);
  options.results_dir = args.get_or("--results", results_dir(context));
  options.keep = args.flag("--keep");
  if (!file_exists(context.env.files, options.environment.orders))
    return failed(make_error(ErrorKind::kNotFound, "the demo's orders service is not beside " + context.program)
                      .with_hint("Run make in the source folder first."));
  context.out.line(
      "Holdfast demo: a region with a database under load dies, and comes back elsewhere. Everything runs on loopback");
  context.out.line("addresses below " + options.environment.root + " and is removed at the end; results stay in " +
                   options.results_dir + ".\n");
  context.before_forced_end([&context, root = options.environment.root] { end_at_once(context, root); });
  std::stop_callback told(context.stop, [&] { context.out.note("Stopping everything; interrupt again to end at once."); });
  std::size_t number = 0;
  auto result = lab::run_demo(
      context.env, options,
      [&](const lab::DemoStep& step, bool ended) {
        if (!ended) ++number;
        show(context, number, step, ended);
      },
      context.stop);
  context.before_forced_end({});
  if (!result) return failed(std::move(result).error());

  context.out.line("");
  for (const std::string& l : result->summary) context.out.line(l);
  context.out.line("Not proven by this demo:");
  for (const std::string& l : result->not_proven) context.out.line("  - " + l);
  if (options.keep) {
    context.out.line("Still running: " + options.environment.root + "; look with: holdfast status --plan " +
                     options.environment.root + "/holdfast.yaml --state " + options.environment.root +
                     "/us-west/state");
    context.out.line("End it with: pkill -9 -f " + options.environment.root + "; rm -rf " + options.environment.root);
  }
  Outcome out = finished(result->data, result->proven ? kExitOk : kExitFailed);
  if (!result->proven) {
    out.errors.push_back(make_error(ErrorKind::kFailed, "the step '" + result->steps.back().name + "' is not proven")
                             .with_hint(result->steps.back().line));
  }
  return out;
}

}  // namespace

std::vector<Command> demo_commands() {
  return {{{"demo"},
           "a region dies and comes back, on this machine, in about a minute",
           {"holdfast demo", "holdfast demo -o json", "holdfast demo --keep"},
           {{"--keep", "", "leave everything running at the end", false, false},
            {"--results", "DIR", "where the results go (default ./holdfast-demo-TIME)", false, false}},
           "",
           0,
           0,
           run_demo}};
}

}  // namespace hf::cli
