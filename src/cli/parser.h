// Command line words to a command and its arguments. The only file that sees CLI11 is parser.cc.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cli/command.h"

namespace hf::cli {

struct Parsed {
  const Command* command = nullptr;
  Arguments arguments;
  Format format = Format::kTable;
  std::optional<std::string> plan;
  std::optional<std::string> state;
  bool verbose = false;
};

// Help, or the version: printed on stdout, exit code 0.
struct HelpText {
  std::string text;
};

// kUsage with a "did you mean" where a word is close to one that exists.
Result<std::variant<Parsed, HelpText>> parse_words(const std::vector<Command>& commands,
                                                   const std::vector<std::string>& words);

// The form of output that the words ask for, as far as they can be understood: also where they are wrong.
Format format_asked_for(const std::vector<std::string>& words);

std::string overview(const std::vector<Command>& commands);
std::string help_of(const Command& command);

}  // namespace hf::cli
