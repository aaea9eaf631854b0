#include "vault/backup/pipeline.h"

#include <algorithm>

namespace hf::vault {
namespace {

constexpr std::size_t kInFlight = 2;          // batches a worker: one in hand, one waiting
constexpr std::size_t kAhead = 16;            // and as many as the others do while one worker finishes a pack
constexpr std::size_t kMaxWorkers = 16;
constexpr auto kBeatPause = 1s;               // of waiting for a slow store; the lease decides whether a beat is due

}  // namespace

// What one thread uses again from batch to batch.
struct Pipeline::Worker {
  ChunkEncoder encoder;
  std::vector<ByteView> views;
  std::vector<std::uint8_t> fresh;
};

Pipeline::Pipeline(const Repository::Core& core, ChunkStore& store, std::size_t batch_bytes, Beat beat)
    : core_(core),
      store_(store),
      beat_(std::move(beat)),
      batch_bytes_(batch_bytes),
      workers_(std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMaxWorkers)) {}

Pipeline::~Pipeline() { stop(); }

void Pipeline::stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  work_.notify_all();
  threads_.clear();                      // waits for them
}

std::unique_ptr<ChunkBatch> Pipeline::empty_batch() {
  if (free_.empty()) {
    auto batch = std::make_unique<ChunkBatch>();
    batch->memory = std::make_unique_for_overwrite<std::uint8_t[]>(batch_bytes_);
    return batch;
  }
  std::unique_ptr<ChunkBatch> batch = std::move(free_.back());
  free_.pop_back();
  return batch;
}

Status Pipeline::submit(std::unique_ptr<ChunkBatch> batch) {
  HF_TRY(beat_());
  std::unique_lock lock(mutex_);
  HF_TRY(collect(lock, workers_ * kInFlight, kAhead));
  if (threads_.size() < std::min(workers_, under_way_.size() + 1)) {    // as many as there is work for
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
  todo_.push_back(batch.get());
  ++undone_;
  under_way_.push_back(std::move(batch));
  lock.unlock();
  work_.notify_one();
  return ok();
}

Status Pipeline::wait() {
  std::unique_lock lock(mutex_);
  return collect(lock, 0, 0);
}

// Takes back what is done in order, and waits until at most `leave` batches are not done, and at most `ahead` more are done
// behind one of them.
Status Pipeline::collect(std::unique_lock<std::mutex>& lock, std::size_t leave, std::size_t ahead) {
  while (!under_way_.empty()) {
    if (error_) return Error(*error_);
    if (!under_way_.front()->done) {
      if (undone_ <= leave && under_way_.size() <= leave + ahead) return ok();
      if (done_.wait_for(lock, kBeatPause) == std::cv_status::no_timeout) continue;
      lock.unlock();
      Status alive = beat_();
      lock.lock();
      HF_TRY(std::move(alive));
      continue;
    }
    take_back(std::move(under_way_.front()));
    under_way_.pop_front();
  }
  return error_ ? Status(Error(*error_)) : ok();
}

void Pipeline::take_back(std::unique_ptr<ChunkBatch> batch) {
  for (std::size_t i = 0; i < batch->items.size(); ++i) {
    const ChunkBatch::Item& item = batch->items[i];
    if (item.owner == nullptr) continue;
    item.owner->ids[item.index] = batch->ids[i];
    --item.owner->waiting;
  }
  batch->items.clear();
  batch->done = false;
  free_.push_back(std::move(batch));
}

void Pipeline::forget(const ContentIds& owner) {
  for (const auto& batch : under_way_) {          // workers read offsets and lengths, never owners
    for (ChunkBatch::Item& item : batch->items) {
      if (item.owner == &owner) item.owner = nullptr;
    }
  }
}

void Pipeline::work(const std::stop_token& stop) {
  Worker worker;
  std::unique_lock lock(mutex_);
  while (work_.wait(lock, stop, [this] { return !todo_.empty(); })) {
    if (stop.stop_requested()) return;
    ChunkBatch* batch = todo_.front();
    todo_.pop_front();
    const bool failed = error_.has_value();
    lock.unlock();
    Status processed = failed ? ok() : process(worker, *batch);
    lock.lock();
    if (!processed && !error_) error_ = std::move(processed).error();
    batch->done = true;
    --undone_;
    done_.notify_one();
  }
}

Status Pipeline::process(Worker& worker, ChunkBatch& batch) {
  worker.views.clear();
  for (const ChunkBatch::Item& item : batch.items) worker.views.emplace_back(batch.memory.get() + item.offset, item.length);
  batch.ids.resize(batch.items.size());
  worker.fresh.resize(batch.items.size());
  core_.hasher.ids(worker.views, batch.ids);
  HF_TRY(store_.claim(batch.ids, worker.fresh));
  for (std::size_t i = 0; i < worker.views.size(); ++i) {
    if (worker.fresh[i] != 0) HF_TRY(store_.put(PackKind::kData, batch.ids[i], worker.views[i], worker.encoder));
  }
  return ok();
}

}  // namespace hf::vault
