// Answers in the order of their arrival; ties in the order of submission.
#include "sim/executor.h"

#include <algorithm>

namespace hf::sim {

void SimExecutor::submit(runbook::Work work) {
  runbook::Completion completion = work({});
  answers_.push_back({clock_.mono() + latency_(), std::move(completion)});
}

std::optional<runbook::Completion> SimExecutor::next(MonoTime deadline, std::stop_token) {
  const auto first = std::ranges::min_element(answers_, {}, &Answer::at);
  const bool arrives = first != answers_.end() && first->at <= deadline;
  clock_.advance_to(arrives ? first->at : deadline);
  on_time_();
  if (!arrives) return std::nullopt;
  runbook::Completion done = std::move(first->completion);
  answers_.erase(first);
  return done;
}

}  // namespace hf::sim
