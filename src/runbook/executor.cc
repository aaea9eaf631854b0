// The pool: two queues under one lock.
#include "runbook/executor.h"

namespace hf::runbook {

PoolExecutor::PoolExecutor(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this](std::stop_token stop) { work(stop); });
}

PoolExecutor::~PoolExecutor() {
  for (std::jthread& t : threads_) t.request_stop();
  threads_.clear();  // joins
}

void PoolExecutor::submit(Work work) {
  std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(work));
  changed_.notify_all();
}

std::optional<Completion> PoolExecutor::next(MonoTime deadline, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, stop, deadline, [&] { return !ready_.empty(); });
  if (ready_.empty()) return std::nullopt;
  Completion done = std::move(ready_.front());
  ready_.pop_front();
  return done;
}

void PoolExecutor::work(std::stop_token stop) {
  for (;;) {
    Work job;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !waiting_.empty(); })) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
    }
    Completion done = job(stop);
    std::lock_guard lock(mutex_);
    ready_.push_back(std::move(done));
    changed_.notify_all();
  }
}

}  // namespace hf::runbook
