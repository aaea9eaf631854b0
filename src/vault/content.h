// Contents on their way into the vault: cut into chunks, hashed many at a time, then stored.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "vault/backup.h"
#include "vault/chunk_store.h"

namespace hf::vault {

// Chunks of all open contents wait here until there are enough to fill the hash lanes.
class ChunkQueue {
 public:
  struct Ids {                           // of one content, in the order of its chunks
    std::vector<ChunkId> ids;
    std::size_t waiting = 0;
  };
  ChunkQueue(const Repository::Core& core, ChunkStore& store) : core_(core), store_(store) {}
  Status add(Ids& owner, ByteView chunk);
  Status flush();
  void forget(const Ids& owner);         // a content was dropped

 private:
  struct Waiting {
    Ids* owner = nullptr;
    std::size_t index = 0;
    Bytes bytes;
  };
  const Repository::Core& core_;
  ChunkStore& store_;
  std::vector<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
};

class QueuedContent : public ContentWriter {
 public:
  explicit QueuedContent(ChunkQueue& queue) : queue_(queue) {}
  ~QueuedContent() override { queue_.forget(ids_); }
  Result<Content> finish() final;        // end(), flush, take()
  virtual Status end() = 0;              // the last chunk is queued; once
  virtual Content take() = 0;            // REQUIRES: end() and ready()
  bool ready() const { return ids_.waiting == 0; }

 protected:
  ChunkQueue& queue_;
  ChunkQueue::Ids ids_;
};

std::unique_ptr<QueuedContent> make_stream_content(const Repository::Core& core, ChunkQueue& queue);
// `previous` may be null; it is copied.
std::unique_ptr<QueuedContent> make_pages_content(const Repository::Core& core, ChunkQueue& queue, const PageMap* previous);

}  // namespace hf::vault
