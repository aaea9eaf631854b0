// The operator's log: one line per event, "time level module event key=value ...", or the same as JSON.
// Log is for operators; the journal is for auditors; progress has an interface of its own.
#pragma once

#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace hf {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };

struct LogField {
  std::string_view key;
  std::string value;
};

class Log {
 public:
  virtual ~Log() = default;
  // May be called from any thread. Values are cut at 1 KiB.
  virtual void write(LogLevel level, std::string_view module, std::string_view event,
                     std::initializer_list<LogField> fields) = 0;

  using Fields = std::initializer_list<LogField>;
  void debug(std::string_view module, std::string_view event, Fields f = {}) {
    write(LogLevel::kDebug, module, event, f);
  }
  void info(std::string_view module, std::string_view event, Fields f = {}) {
    write(LogLevel::kInfo, module, event, f);
  }
  void warning(std::string_view module, std::string_view event, Fields f = {}) {
    write(LogLevel::kWarning, module, event, f);
  }
  void error(std::string_view module, std::string_view event, Fields f = {}) {
    write(LogLevel::kError, module, event, f);
  }
};

enum class LogFormat : std::uint8_t { kText, kJson };

// Writes to a file descriptor that outlives it (2 for stderr).
class FdLog final : public Log {
 public:
  FdLog(int fd, Clock& clock, LogLevel least, LogFormat format)
      : fd_(fd), clock_(clock), least_(least), format_(format) {}
  void write(LogLevel, std::string_view, std::string_view, std::initializer_list<LogField>) override;

 private:
  int fd_;
  Clock& clock_;
  LogLevel least_;
  LogFormat format_;
  std::mutex mutex_;
};

// Drops everything below error, keeps what it got for a test to look at.
class MemoryLog final : public Log {
 public:
  void write(LogLevel, std::string_view, std::string_view, std::initializer_list<LogField>) override;
  std::vector<std::string> lines();
  std::size_t errors();

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
  std::size_t errors_ = 0;
};

}  // namespace hf
