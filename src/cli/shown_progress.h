// Shows how far a command is, as long as it lives: in place on a terminal, every 30 s elsewhere, by events in the jsonl form.
#pragma once

#include <mutex>
#include <string>
#include <thread>

#include "base/progress.h"
#include "cli/command.h"
#include "cli/progress_view.h"

namespace hf::cli {

class ShownProgress {
 public:
  // "backing up". What is opened through the context from now on counts for it. REQUIRES: made before the vault is opened.
  ShownProgress(Context& context, std::string title);
  ~ShownProgress();
  ShownProgress(const ShownProgress&) = delete;
  ShownProgress& operator=(const ShownProgress&) = delete;

 private:
  enum class Form : std::uint8_t { kDrawn, kLines, kEvents };
  void look();                           // and show it
  void run(const std::stop_token& stop);

  Context& context_;
  const Form form_;
  ProgressState state_;
  std::mutex mutex_;                     // of the view, and of the order of events
  ProgressView view_;
  std::jthread thread_;
};

}  // namespace hf::cli
