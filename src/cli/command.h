// One command of the program: its words, its options, and the function that runs it. Front header of the module.
// Every command file defines functions that return Commands; cli/wire.cc lists them all by hand.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "cli/output.h"
#include "io/env.h"

namespace hf::cli {

struct Option {
  std::string name;   // "--vault"
  std::string value;  // "URL"; empty for a flag
  std::string help;
  bool required = false;
  bool repeated = false;
  std::string bare = {};  // the value where only the name is given: "--read-data" means "--read-data=100%"
};

// The words given after the command. Names are those of the options, with their dashes.
class Arguments {
 public:
  std::optional<std::string> get(const std::string& name) const;
  std::string get_or(const std::string& name, std::string fallback) const;
  std::vector<std::string> all(const std::string& name) const;
  bool flag(const std::string& name) const { return values_.contains(name); }
  const std::vector<std::string>& positional() const { return positional_; }
  void add(const std::string& name, std::vector<std::string> values) { values_[name] = std::move(values); }
  void add_positional(std::vector<std::string> values) { positional_ = std::move(values); }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> positional_;
};

// What every command gets. The environment variables were read once, in main.
struct Context {
  Env& env;
  Output& out;
  std::stop_token stop;
  std::string program;    // absolute path of this executable, for commands that others run
  std::string state_dir;  // --state, HOLDFAST_STATE, or the default
  std::string plan_file;  // --plan, or the first default that exists; may be absent
  bool plan_given = false;
  std::map<std::string, std::string> environment;  // HOLDFAST_* and what env: references name
  // Sets what is done when a person interrupts a second time, before the process ends at once; empty: nothing.
  std::function<void(std::function<void()>)> before_forced_end;
  // Ends the process so long after the first interruption, if it has not ended by then; zero: never.
  std::function<void(std::chrono::milliseconds)> force_end_after;
  bool interruptible = false;  // stores opened now answer no more once `stop` was requested (interrupt.h)
  Progress progress = {};      // what is opened now counts here (shown_progress.h)
};

struct Command {
  std::vector<std::string> words;  // {"vault", "init"}
  std::string summary;
  std::vector<std::string> examples;  // shown first by --help
  std::vector<Option> options;
  std::string positional;  // "FILE", or empty where there is none
  std::size_t positional_at_least = 0;
  std::size_t positional_at_most = 1;
  std::function<Outcome(Context&, const Arguments&)> run;
};

std::string words_of(const Command& command);  // "vault init"

}  // namespace hf::cli
