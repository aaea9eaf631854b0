// Chunks on their way from the thread that cuts them to the threads that hash, compress, seal and store them.
//
// The session's thread fills a batch and submits it; a worker takes it whole: all leaves of all its chunks through the
// hash lanes together, then what is new into packs. Batches come back in the order in which they were submitted.
// Invariant: at most kInFlight batches a worker and kAhead more exist, so memory is bounded; a batch belongs to one thread
// at a time.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "vault/backup/chunk_store.h"

namespace hf::vault {

// The ids of one content, in the order of its chunks. Only the session's thread touches it.
struct ContentIds {
  std::vector<ChunkId> ids;
  std::size_t waiting = 0;               // of them not known yet
};

struct ChunkBatch {
  struct Item {
    ContentIds* owner = nullptr;         // of the session's thread; null: nobody wants to know any more
    std::size_t index = 0;               // in the owner's ids
    std::size_t offset = 0;              // in `memory`
    std::size_t length = 0;
  };
  std::unique_ptr<std::uint8_t[]> memory;
  std::vector<Item> items;
  std::vector<ChunkId> ids;              // of the items, once a worker has done it
  bool done = false;
};

class Pipeline {
 public:
  using Beat = std::function<Status()>;  // called by the session's thread again and again, also while it waits
  Pipeline(const Repository::Core& core, ChunkStore& store, std::size_t batch_bytes, Beat beat);
  ~Pipeline();                           // what was not taken up is dropped

  // Memory for a batch: one that came back, or a new one.
  std::unique_ptr<ChunkBatch> empty_batch();
  // Hands it over; waits while too many are under way. The error is the first of any worker.
  Status submit(std::unique_ptr<ChunkBatch> batch);
  Status wait();                         // until nothing is under way
  void forget(const ContentIds& owner);  // a content was dropped
  void stop();                           // ends the workers; nothing is submitted afterwards

 private:
  struct Worker;
  void work(const std::stop_token& stop);
  Status process(Worker& worker, ChunkBatch& batch);
  Status collect(std::unique_lock<std::mutex>& lock, std::size_t leave, std::size_t ahead);
  void take_back(std::unique_ptr<ChunkBatch> batch);

  const Repository::Core& core_;
  ChunkStore& store_;
  const Beat beat_;
  const std::size_t batch_bytes_;
  const std::size_t workers_;
  std::vector<std::unique_ptr<ChunkBatch>> free_;
  std::deque<std::unique_ptr<ChunkBatch>> under_way_;    // oldest first; changed by the session's thread only

  std::mutex mutex_;
  std::condition_variable_any work_;
  std::condition_variable done_;
  std::deque<ChunkBatch*> todo_;
  std::size_t undone_ = 0;               // of those under way
  std::optional<Error> error_;
  std::vector<std::jthread> threads_;    // last: they end before what they use
};

}  // namespace hf::vault
