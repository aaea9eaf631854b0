#include "cli/parser.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/suggest.h"

namespace hf::cli {

namespace {

constexpr std::string_view kVersion = "holdfast 0.1.0";

const std::vector<Option>& common_options() {
  static const std::vector<Option> options = {
      {"--output", "FORMAT", "table, json or jsonl (short: -o)", false, false},
      {"--plan", "FILE", "the plan (default ./holdfast.yaml, then /etc/holdfast/holdfast.yaml)", false, false},
      {"--state", "DIR", "where Holdfast keeps its journal and keys (or HOLDFAST_STATE)", false, false},
      {"--verbose", "", "log what is done to stderr", false, false},
  };
  return options;
}

Error usage(std::string text, std::string hint) {
  return make_error(ErrorKind::kUsage, std::move(text)).with_hint(std::move(hint));
}

// The command whose words are the longest beginning of what was typed.
const Command* find_command(const std::vector<Command>& commands, const std::vector<std::string>& typed) {
  const Command* best = nullptr;
  for (const Command& c : commands) {
    bool matches = c.words.size() <= typed.size() && std::equal(c.words.begin(), c.words.end(), typed.begin());
    if (matches && (best == nullptr || c.words.size() > best->words.size())) best = &c;
  }
  return best;
}

Error unknown_command(const std::vector<Command>& commands, const std::vector<std::string>& typed) {
  std::string said = typed[0] + (typed.size() > 1 && typed[1][0] != '-' ? " " + typed[1] : "");
  std::vector<std::string> known;
  for (const Command& c : commands) {
    known.push_back(words_of(c));
    if (c.words[0] == typed[0] && (typed.size() == 1 || typed[1][0] == '-')) said = typed[0];
  }
  std::string hint = "Run holdfast --help for the list.";
  std::vector<std::string> below;
  for (const Command& c : commands)
    if (c.words[0] == typed[0]) below.push_back(words_of(c));
  if (auto close = suggest(said, known))
    hint = "Did you mean 'holdfast " + *close + "'?";
  else if (!below.empty()) {
    hint = "There are:";
    for (const std::string& w : below) hint += " '" + w + "'";
  }
  if (typed[0].starts_with('-'))
    return usage("there is no command before '" + typed[0] + "'",
                 "Options stand after the command, as in: holdfast status -o json");
  if (said == typed[0] && !below.empty()) return usage("'" + said + "' alone is no command", hint);
  return usage("there is no command '" + said + "'", hint);
}

bool is_format(const std::string& text) { return text == "table" || text == "json" || text == "jsonl"; }

// An option that may stand once stands twice: CLI11 says so in words of its own.
std::optional<Error> repeated_option(const Command& command, const std::vector<std::string>& rest) {
  for (const auto* list : {&command.options, &common_options()}) {
    for (const Option& o : *list) {
      auto names = [&](const std::string& w) {
        return w == o.name || w.starts_with(o.name + "=") || (o.name == "--output" && w.starts_with("-o"));
      };
      if (o.repeated || o.value.empty() || std::count_if(rest.begin(), rest.end(), names) < 2) continue;
      return usage(o.name + " stands more than once", "Give it once.");
    }
  }
  return std::nullopt;
}

// Where a command saves what it shows, `-o FILE` is short for `--save FILE`: "-o" is the format only if it names one.
void take_output_as_file(const Command& command, std::vector<std::string>& rest) {
  bool saves =
      std::any_of(command.options.begin(), command.options.end(), [](const Option& o) { return o.name == "--save"; });
  for (std::size_t i = 0; saves && i + 1 < rest.size(); ++i)
    if (rest[i] == "-o" && !is_format(rest[i + 1])) rest[i] = "--save";
}

Error translate(const CLI::ParseError& e, const Command& command, const std::vector<std::string>& rest) {
  std::vector<std::string> known;
  for (const auto* list : {&command.options, &common_options()})
    for (const Option& o : *list) known.push_back(o.name);
  std::string hint = "Run holdfast " + words_of(command) + " --help for its options.";
  for (const std::string& word : rest) {
    std::string name = word.substr(0, word.find('='));
    if (!name.starts_with("--") || std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (auto close = suggest(name, known)) hint = "Did you mean " + *close + "?";
    return usage("holdfast " + words_of(command) + " has no option " + name, hint);
  }
  if (auto twice = repeated_option(command, rest)) return *twice;
  std::string what = e.what();
  return usage("holdfast " + words_of(command) + ": " + what, hint);
}

struct Store {
  std::map<std::string, std::vector<std::string>> values;
  std::map<std::string, bool> flags;
};

void declare(CLI::App& app, const std::vector<Option>& options, Store& store) {
  for (const Option& o : options) {
    std::string name = o.name == "--output" ? "-o,--output" : o.name;
    if (o.value.empty()) {
      app.add_flag(name, store.flags[o.name], o.help);
      continue;
    }
    CLI::Option* option = app.add_option(name, store.values[o.name], o.help);
    option->required(o.required)->allow_extra_args(false);
    if (!o.repeated) option->expected(1);
  }
}

Result<Format> parse_format(const std::string& text) {
  if (text == "table") return Format::kTable;
  if (text == "json") return Format::kJson;
  if (text == "jsonl") return Format::kJsonl;
  return usage("'" + text + "' is not an output format", "Use -o table, -o json or -o jsonl.");
}

std::string option_lines(const std::vector<Option>& options) {
  std::vector<std::vector<std::string>> rows;
  for (const Option& o : options)
    rows.push_back({"  " + o.name + (o.value.empty() ? "" : " " + o.value),
                    o.help + (o.required ? " (required)" : "") + (o.repeated ? " (may be repeated)" : "")});
  return render_table(rows);
}

Status take_values(const Command& command, Store& store, Parsed& out) {
  for (auto& [name, values] : store.values) {
    if (values.empty()) continue;
    bool repeated = std::any_of(command.options.begin(), command.options.end(),
                                [&](const Option& o) { return o.name == name && o.repeated; });
    if (!repeated && values.size() > 1) return usage(name + " stands more than once", "Give it once.");
    if (name == "--plan")
      out.plan = values[0];
    else if (name == "--state")
      out.state = values[0];
    else if (name == "--output") {
      HF_ASSIGN(out.format, parse_format(values[0]));
    } else
      out.arguments.add(name, values);
  }
  for (auto& [name, given] : store.flags) {
    if (given && name == "--verbose")
      out.verbose = true;
    else if (given)
      out.arguments.add(name, {});
  }
  return ok();
}

}  // namespace

std::string words_of(const Command& command) {
  std::string out;
  for (const std::string& w : command.words) out += (out.empty() ? "" : " ") + w;
  return out;
}

std::optional<std::string> Arguments::get(const std::string& name) const {
  auto it = values_.find(name);
  if (it == values_.end() || it->second.empty()) return std::nullopt;
  return it->second.front();
}
std::string Arguments::get_or(const std::string& name, std::string fallback) const {
  return get(name).value_or(std::move(fallback));
}
std::vector<std::string> Arguments::all(const std::string& name) const {
  auto it = values_.find(name);
  return it == values_.end() ? std::vector<std::string>{} : it->second;
}

std::string overview(const std::vector<Command>& commands) {
  std::string out =
      "Holdfast runs a Disaster Recovery Plan: backups, verification, failover, evidence, the document.\n\n"
      "Start here:\n"
      "  holdfast demo                                  a region dies and comes back, on this machine\n"
      "  holdfast lint --plan holdfast.yaml             what is wrong with a plan\n"
      "  holdfast backup run --vault /backup --path /etc\n\nCommands:\n";
  std::vector<std::vector<std::string>> rows;
  for (const Command& c : commands) rows.push_back({"  " + words_of(c), c.summary});
  out += render_table(rows);
  return out + "\nEvery command has --help. Exit codes and output formats: docs/commands.md\n";
}

// Of the commands that begin with these words; empty where none does.
std::string help_of_group(const std::vector<Command>& commands, const std::vector<std::string>& words) {
  std::string examples;
  std::vector<std::vector<std::string>> rows;
  for (const Command& c : commands) {
    if (c.words.size() <= words.size() || !std::equal(words.begin(), words.end(), c.words.begin())) continue;
    if (rows.size() < 3) examples += "  " + c.examples.front() + "\n";
    rows.push_back({"  " + words_of(c), c.summary});
  }
  if (rows.empty()) return "";
  return examples + "\nCommands:\n" + render_table(rows) + "\nEach has --help.\n";
}

std::string help_of(const Command& c) {
  std::string out;
  for (const std::string& e : c.examples) out += "  " + e + "\n";
  out += "\n" + c.summary + "\n\nUsage: holdfast " + words_of(c) + " [options]" +
         (c.positional.empty() ? "" : " " + c.positional) + "\n\n";
  if (!c.options.empty()) out += option_lines(c.options) + "\n";
  return out + option_lines(common_options());
}

Format format_asked_for(const std::vector<std::string>& words) {
  Format out = Format::kTable;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& w = words[i];
    std::string value = (w == "-o" || w == "--output") && i + 1 < words.size() ? words[i + 1] : "";
    if (w.starts_with("--output="))
      value = w.substr(9);
    else if (w.starts_with("-o") && w.size() > 2)
      value = w.substr(2);
    if (value == "json") out = Format::kJson;
    if (value == "jsonl") out = Format::kJsonl;
  }
  return out;
}

Result<std::variant<Parsed, HelpText>> parse_words(const std::vector<Command>& commands,
                                                   const std::vector<std::string>& words) {
  using Answer = std::variant<Parsed, HelpText>;
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help")
    return Answer(HelpText{overview(commands)});
  if (words[0] == "--version") return Answer(HelpText{std::string(kVersion) + "\n"});
  const Command* command = find_command(commands, words);
  if (command == nullptr && (words.back() == "--help" || words.back() == "-h")) {
    std::string help = help_of_group(commands, {words.begin(), words.end() - 1});
    if (!help.empty()) return Answer(HelpText{std::move(help)});
  }
  if (command == nullptr) return unknown_command(commands, words);

  std::vector<std::string> rest(words.begin() + static_cast<std::ptrdiff_t>(command->words.size()), words.end());
  for (const std::string& w : rest) {
    if (w == "--") break;
    if (w == "--help" || w == "-h") return Answer(HelpText{help_of(*command)});
  }
  for (std::string& w : rest)
    for (const Option& o : command->options)
      if (!o.bare.empty() && w == o.name) w += "=" + o.bare;
  take_output_as_file(*command, rest);
  CLI::App app;
  app.set_help_flag();
  Store store;
  std::vector<std::string> positional;
  declare(app, command->options, store);
  declare(app, common_options(), store);
  if (!command->positional.empty()) app.add_option("words", positional, command->positional)->expected(0, 1 << 20);
  std::vector<std::string> reversed(rest.rbegin(), rest.rend());  // CLI11 takes its words from the back
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& e) { return translate(e, *command, rest); }
  if (positional.size() < command->positional_at_least || positional.size() > command->positional_at_most)
    return usage("holdfast " + words_of(*command) + " takes " + command->positional,
                 "Run it with --help for examples.");
  Parsed out;
  out.command = command;
  out.arguments.add_positional(positional);
  HF_TRY(take_values(*command, store, out));
  return Answer(std::move(out));
}

}  // namespace hf::cli
