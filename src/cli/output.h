// What a command prints: tables for people, one JSON object, or a stream of JSON lines. Data goes to stdout, messages
// to stderr. What is drawn on a terminal while work goes on is wiped before anything else is printed there.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/screen.h"

namespace hf::cli {

enum class Format : std::uint8_t { kTable, kJson, kJsonl };

// What a command ends with. The exit code of the program is `exit_code`.
struct Outcome {
  int exit_code = 0;
  Json data = Json::object();
  std::vector<Error> errors;
  std::vector<std::string> warnings;
};

Outcome failed(Error error);  // with the exit code of its kind
Outcome finished(Json data, int exit_code = 0);

class Output {
 public:
  Output(Format format, Clock& clock, bool terminal, bool color);

  Format format() const { return format_; }
  bool color() const { return color_; }
  bool terminal() const { return terminal_; }
  // A line of the table form; nothing in the JSON forms.
  void line(std::string_view text);
  // Aligned columns, the first row is the head; on a terminal the last column is folded into what is left of its width.
  void table(const std::vector<std::vector<std::string>>& rows);
  // Text that is itself the data (a document, a schema, a key): stdout as it is, in the table form.
  void text(std::string_view text);
  // A message for the person, stderr in every form.
  void note(std::string_view text);
  // An event of the jsonl form; nothing in the others.
  void event(std::string_view type, Json fields);
  // What goes on: "packs 12 of 80". Redrawn in place on a terminal, at most 10 times a second; else a line every 30 s.
  void progress(std::string_view text);
  // Replaces what was drawn before. Nothing where no terminal is, or somebody else has it.
  void draw(const std::vector<std::string>& lines, Screen screen);
  // For who prints to stderr by himself.
  void aside(const std::function<void()>& print);

  void begin(std::string_view command);
  int end(std::string_view command, const Outcome& outcome, WallTime started, MonoTime started_mono);
  // The same from another thread, for a process that is about to be cut off. Only the first of them prints.
  void end_at_once(const Outcome& outcome);

 private:
  void put(int fd, std::string_view text);
  std::size_t drawn_rows(std::size_t columns) const;
  void redraw(const std::vector<std::string>& lines, Screen screen);
  void clear_progress();
  int exit_code_after(const Outcome& outcome);
  int print_end(std::string_view command, const Outcome& outcome, WallTime started, MonoTime started_mono);
  Format format_;
  Clock& clock_;
  bool terminal_;
  bool color_;
  std::vector<std::size_t> drawn_;       // columns of each line; the cursor is at the beginning of the line below
  MonoTime last_progress_{};
  std::string command_;
  WallTime began_{};
  MonoTime began_mono_{};
  bool ended_ = false;
  int output_errno_ = 0;  // why standard output is not complete
  std::timed_mutex mutex_;
};

// The log of a command: what is drawn is wiped before a line of it.
class OutputLog final : public Log {
 public:
  OutputLog(Output& out, Log& below, LogLevel least) : out_(out), below_(below), least_(least) {}
  void write(LogLevel level, std::string_view module, std::string_view event, std::initializer_list<LogField> fields) override;

 private:
  Output& out_;
  Log& below_;
  LogLevel least_;
};

// Aligned columns; the first row is the head. With a width, words of the last column go on below where they do not fit.
std::string render_table(const std::vector<std::vector<std::string>>& rows, std::size_t width = 0);
std::string format_count(std::uint64_t n);      // "1,412"
std::string format_count(std::uint64_t n, const std::string& what);  // "1 file", "1,412 files"

Json error_json(const Error& error);
std::string render_error(const Error& error);  // "holdfast: ...\n  hint: ..."

}  // namespace hf::cli
