// Contents on their way into the vault: cut into chunks in the memory of a batch, which then goes through the pipeline.
//
// Bytes are read straight to where they are hashed and compressed: a content that is being written has the tail of the
// open batch. Where contents interleave, the one that loses the tail keeps its unfinished chunk in memory of its own.
#pragma once

#include <memory>
#include <vector>

#include "vault/backup/backup.h"
#include "vault/backup/pipeline.h"

namespace hf::vault {

class ChunkQueue {
 public:
  // The unfinished chunk of one content.
  struct Tail {
    std::size_t size = 0;
    Bytes aside;                         // its bytes while another content has the batch's tail
  };
  ChunkQueue(const Repository::Core& core, ChunkStore& store, Pipeline::Beat beat);

  // Memory directly behind the unfinished chunk; valid until the next call to this queue. At least 1 byte, at most `want`.
  Result<MutableByteView> space(Tail& tail, std::size_t want);
  void wrote(Tail& tail, std::size_t bytes) { tail.size += bytes; }
  ByteView unfinished(const Tail& tail) const;   // REQUIRES: space() was called for it last
  // The first `length` bytes of the unfinished chunk are a chunk; what follows begins the next one.
  Status cut(Tail& tail, std::size_t length, ContentIds& owner);
  Status add(ContentIds& owner, ByteView chunk);         // a whole one, copied
  Status flush();                                        // until every id is known
  void forget(const Tail& tail, const ContentIds& owner);
  void stop() { pipeline_.stop(); }                      // nothing is added afterwards

 private:
  Status submit();
  Status make_room(std::size_t bytes);
  void set_aside();
  const std::size_t capacity_;           // of a batch
  Pipeline pipeline_;
  std::unique_ptr<ChunkBatch> batch_;
  std::size_t used_ = 0;                 // bytes of whole chunks in the batch; the tail's begin there
  Tail* tail_ = nullptr;                 // whose unfinished chunk lies in the batch
};

class QueuedContent : public ContentWriter {
 public:
  explicit QueuedContent(ChunkQueue& queue) : queue_(queue) {}
  ~QueuedContent() override { queue_.forget(tail_, ids_); }
  Result<Content> finish() final;        // end(), flush, take()
  virtual Content take() = 0;            // REQUIRES: end() and ready()
  // The extents from number `first` on whose chunks are known by now.
  virtual std::vector<Extent> known_extents(std::size_t) const { return {}; }
  virtual bool go_on(std::vector<Extent>&&) { return false; }            // begins with these; false: cannot
  bool ready() const { return ids_.waiting == 0; }

 protected:
  ChunkQueue& queue_;
  ChunkQueue::Tail tail_;
  ContentIds ids_;
};

std::unique_ptr<QueuedContent> make_stream_content(const Repository::Core& core, ChunkQueue& queue);
// `previous` may be null; it is copied.
std::unique_ptr<QueuedContent> make_pages_content(const Repository::Core& core, ChunkQueue& queue, const PageMap* previous);

}  // namespace hf::vault
