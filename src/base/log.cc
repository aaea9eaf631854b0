#include "base/log.h"

#include <unistd.h>

#include "base/json.h"

namespace hf {

namespace {

constexpr std::size_t kMaxValueBytes = 1024;

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string as_line(LogLevel level, std::string_view module, std::string_view event,
                    std::initializer_list<LogField> fields) {
  std::string out = std::string(name_of(level)) + " " + std::string(module) + " " + std::string(event);
  for (const LogField& f : fields) {
    std::string value = f.value.substr(0, kMaxValueBytes);
    bool plain = !value.empty() && value.find_first_of(" \t\r\n\"=") == std::string::npos;
    out += " " + std::string(f.key) + "=" + (plain ? value : dump_json(Json(value)));
  }
  return out;
}

}  // namespace

void FdLog::write(LogLevel level, std::string_view module, std::string_view event,
                  std::initializer_list<LogField> fields) {
  if (level < least_) return;
  std::string line;
  if (format_ == LogFormat::kText) {
    line = format_time(clock_.wall()) + " " + as_line(level, module, event, fields) + "\n";
  } else {
    Json out = Json::object();
    out.set("time", format_time(clock_.wall())).set("level", name_of(level)).set("module", module).set("event", event);
    for (const LogField& f : fields) out.set(f.key, f.value.substr(0, kMaxValueBytes));
    line = dump_json(out) + "\n";
  }
  std::lock_guard lock(mutex_);
  [[maybe_unused]] ssize_t written =
      ::write(fd_, line.data(), line.size());  // a log that cannot be written stops nothing
}

void MemoryLog::write(LogLevel level, std::string_view module, std::string_view event,
                      std::initializer_list<LogField> fields) {
  std::lock_guard lock(mutex_);
  if (level == LogLevel::kError) ++errors_;
  lines_.push_back(as_line(level, module, event, fields));
}

std::vector<std::string> MemoryLog::lines() {
  std::lock_guard lock(mutex_);
  return lines_;
}

std::size_t MemoryLog::errors() {
  std::lock_guard lock(mutex_);
  return errors_;
}

}  // namespace hf
