// Where actions run: a bounded pool of threads, or, in the simulator, simulated time.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/time.h"

namespace hf::runbook {

// A call's result, as a closure that the engine thread runs: it appends the facts.
using Completion = std::function<void()>;
using Work = std::function<Completion(std::stop_token)>;

class Executor {
 public:
  virtual ~Executor() = default;
  virtual void submit(Work work) = 0;
  // The next result; empty at the deadline or when a stop is asked for.
  virtual std::optional<Completion> next(MonoTime deadline, std::stop_token stop) = 0;
};

// `threads` workers; the destructor asks them to stop and waits for them.
class PoolExecutor final : public Executor {
 public:
  explicit PoolExecutor(std::size_t threads = kDefaultThreads);
  ~PoolExecutor() override;
  void submit(Work work) override;
  std::optional<Completion> next(MonoTime deadline, std::stop_token stop) override;

  static constexpr std::size_t kDefaultThreads = 8;  // steps that can run at once in a runbook that a person wrote

 private:
  void work(std::stop_token stop);
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Work> waiting_;
  std::deque<Completion> ready_;
  std::vector<std::jthread> threads_;
};

}  // namespace hf::runbook
