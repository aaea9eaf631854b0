// The program: reads the environment once, finds the command, runs it, prints its result.
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>

#include "cli/exit_codes.h"
#include "cli/parser.h"
#include "cli/wire.h"
#include "crypto/keys.h"
#include "io/signals.h"

extern char** environ;

namespace {

using namespace hf;
using namespace hf::cli;

std::map<std::string, std::string> read_environment() {
  std::map<std::string, std::string> out;
  for (char** e = environ; e != nullptr && *e != nullptr; ++e) {
    std::string_view pair = *e;
    if (std::size_t eq = pair.find('='); eq != std::string_view::npos)
      out.emplace(pair.substr(0, eq), pair.substr(eq + 1));
  }
  return out;
}

std::string value_of(const std::map<std::string, std::string>& environment, const std::string& name) {
  auto it = environment.find(name);
  return it == environment.end() ? std::string() : it->second;
}

std::string default_state_dir(const std::map<std::string, std::string>& environment) {
  if (std::string dir = value_of(environment, "HOLDFAST_STATE"); !dir.empty()) return dir;
  if (geteuid() == 0) return "/var/lib/holdfast";
  if (std::string dir = value_of(environment, "XDG_STATE_HOME"); !dir.empty()) return dir + "/holdfast";
  return value_of(environment, "HOME") + "/.local/state/holdfast";
}

std::string program_path() {
  char buf[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", buf, sizeof buf);
  return n > 0 ? std::string(buf, static_cast<std::size_t>(n)) : "holdfast";
}

std::string default_plan(Files& files) {
  for (const char* path : {"holdfast.yaml", "/etc/holdfast/holdfast.yaml"})
    if (file_exists(files, path)) return path;
  return "holdfast.yaml";
}

bool is_terminal(const std::map<std::string, std::string>& environment) {
  return isatty(STDERR_FILENO) != 0 && value_of(environment, "TERM") != "dumb" &&
         !value_of(environment, "TERM").empty();
}

// PostgreSQL reads 1 to 125 from a restore_command as "no such WAL" and ends the recovery there: a mistyped one must
// stop the server instead.
bool may_be_restore_command(const std::vector<std::string>& words) {
  if (words.size() < 2 || words[0] != "wal") return false;
  for (const char* other : {"receive", "push", "seal", "check"})
    if (words[1] == other) return false;
  return words[1][0] != '-';
}

int run(const std::vector<Command>& commands, const std::vector<std::string>& words, SignalStop& signals) {
  SystemClock clock;
  auto environment = read_environment();
  auto parsed = parse_words(commands, words);
  bool terminal = is_terminal(environment);
  if (!parsed) {
    Output out(format_asked_for(words), clock, terminal, false);
    out.begin("");
    Outcome wrong = failed(std::move(parsed).error());
    if (may_be_restore_command(words)) wrong.exit_code = kExitStopRecovery;
    return out.end("", wrong, clock.wall(), clock.mono());
  }
  if (auto* help = std::get_if<HelpText>(&*parsed)) {
    Output(Format::kTable, clock, false, false).text(help->text);
    return 0;
  }
  Parsed& given = std::get<Parsed>(*parsed);
  bool color = terminal && value_of(environment, "NO_COLOR").empty();
  Output out(given.format, clock, terminal, color);
  PosixFiles files;
  PosixProcesses processes(clock);
  const LogLevel least = given.verbose ? LogLevel::kInfo : LogLevel::kWarning;
  FdLog lines(STDERR_FILENO, clock, least, LogFormat::kText);
  OutputLog log(out, lines, least);
  crypto::SystemEntropy entropy;
  Bytes seed = entropy.bytes(8);
  Rng rng(ByteReader(seed, "seed").u64().value());
  Env env{clock, rng, files, processes, log};
  Context context{env,
                  out,
                  signals.token(),
                  program_path(),
                  given.state.value_or(default_state_dir(environment)),
                  given.plan.value_or(default_plan(files)),
                  given.plan.has_value(),
                  environment,
                  [&signals](std::function<void()> last) { signals.before_forced_end(std::move(last)); },
                  [&signals](std::chrono::milliseconds grace) { signals.force_end_after(grace); }};
  std::string name = words_of(*given.command);
  WallTime started = clock.wall();
  MonoTime started_mono = clock.mono();
  out.begin(name);
  Outcome outcome = given.command->run(context, given.arguments);
  return out.end(name, outcome, started, started_mono);
}

}  // namespace

int main(int argc, char** argv) {
  umask(077);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that grows over the limit is an error to report, not a death
  SignalStop signals;
  return run(all_commands(), std::vector<std::string>(argv + 1, argv + argc), signals);
}
