#include "vault/backup/content.h"

#include <algorithm>

#include "base/check.h"
#include "vault/chunk/chunker.h"
#include "vault/chunk/pages.h"

namespace hf::vault {
namespace {

constexpr std::size_t kBatchChunks = 512;            // small files: many rounds of sixteen lanes
constexpr std::size_t kBatchBytes = 1u << 20;        // large ones: what a core's cache holds
constexpr std::size_t kSpaceBytes = 256 * 1024;      // that one call of space() gives at most
constexpr std::size_t kZeroPage = 256 * 1024;

class StreamContent final : public QueuedContent {
 public:
  StreamContent(const Repository::Core& core, ChunkQueue& queue)
      : QueuedContent(queue), chunker_(core.data_table, core.config.parameters.data) {}

  Result<MutableByteView> space(std::size_t want) override { return queue_.space(tail_, want); }

  Status wrote(std::size_t bytes) override {
    std::size_t scanned = tail_.size;
    queue_.wrote(tail_, bytes);
    while (scanned < tail_.size) {
      const GearChunker::Step step = chunker_.feed(queue_.unfinished(tail_).subspan(scanned));
      scanned += step.consumed;
      if (!step.cut) continue;
      HF_TRY(cut(scanned));
      scanned = 0;
    }
    return ok();
  }

  Status hole(std::uint64_t length) override {
    if (length == 0) return ok();
    HF_TRY(end());
    if (!extents_.empty() && extents_.back().hole) extents_.back().length += length;
    else extents_.push_back(Extent{size_, length, true, {}, 0, 0});
    size_ += length;
    return ok();
  }

  Status end() override {
    chunker_.restart();
    if (tail_.size == 0) return ok();
    return cut(tail_.size);
  }

  // Batches come back in order, so what is known is a beginning. A hole at the end may yet grow.
  std::vector<Extent> known_extents(std::size_t first) const override {
    std::vector<Extent> out;
    const std::size_t known = ids_.ids.size() - ids_.waiting;
    std::size_t next = 0;
    for (std::size_t i = 0; i < extents_.size(); ++i) {
      Extent extent = extents_[i];
      if (extent.hole && i + 1 == extents_.size()) break;
      if (!extent.hole && next == known) break;
      if (!extent.hole) extent.chunk = ids_.ids[next++];
      if (i >= first) out.push_back(extent);
    }
    return out;
  }

  bool go_on(std::vector<Extent>&& extents) override {
    if (size_ != 0 || tail_.size != 0) return false;
    for (const Extent& extent : extents) {
      size_ += extent.length;
      if (!extent.hole) ids_.ids.push_back(extent.chunk);
    }
    extents_ = std::move(extents);
    return true;
  }

  Content take() override {
    std::size_t next = 0;
    for (Extent& extent : extents_) {
      if (!extent.hole) extent.chunk = ids_.ids[next++];
    }
    return Content{size_, std::move(extents_), {}};
  }

 private:
  Status cut(std::size_t length) {
    extents_.push_back(Extent{size_, length, false, {}, 0, static_cast<std::uint32_t>(length)});
    size_ += length;
    return queue_.cut(tail_, length, ids_);
  }

  GearChunker chunker_;
  std::vector<Extent> extents_;
  std::uint64_t size_ = 0;
};

class PagesContent final : public QueuedContent {
 public:
  PagesContent(const Repository::Core& core, ChunkQueue& queue, const PageMap* previous)
      : QueuedContent(queue),
        previous_(previous != nullptr ? std::optional<PageMap>(*previous) : std::nullopt),
        chunker_(core.page_hasher, previous_ ? &*previous_ : nullptr,
                 [this](ByteView chunk) { return queue_.add(ids_, chunk); }) {}

  Result<MutableByteView> space(std::size_t want) override {
    buffer_.resize(std::min(want, kSpaceBytes));
    return MutableByteView(buffer_);
  }

  Status wrote(std::size_t bytes) override {
    size_ += bytes;
    return chunker_.feed(ByteView(buffer_).first(bytes));
  }

  Status write(ByteView bytes) override {
    size_ += bytes.size();
    return chunker_.feed(bytes);
  }

  Status hole(std::uint64_t length) override {
    static constexpr std::array<std::uint8_t, kZeroPage> kZeros{};
    for (std::uint64_t done = 0; done < length;) {
      const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(length - done, kZeros.size()));
      HF_TRY(write(ByteView(kZeros).first(step)));
      done += step;
    }
    return ok();
  }

  Status end() override {
    HF_TRY(chunker_.finish());
    previous_.reset();
    return ok();
  }

  Content take() override {
    PageMap map = chunker_.map(ids_.ids);
    return Content{size_, std::move(map.extents), std::move(map.digests)};
  }

 private:
  std::optional<PageMap> previous_;
  PageChunker chunker_;
  Bytes buffer_;
  std::uint64_t size_ = 0;
};

}  // namespace

Status ContentWriter::write(ByteView bytes) {
  while (!bytes.empty()) {
    HF_ASSIGN(const MutableByteView to, space(bytes.size()));
    const std::size_t n = std::min(to.size(), bytes.size());
    std::copy_n(bytes.begin(), n, to.begin());
    HF_TRY(wrote(n));
    bytes = bytes.subspan(n);
  }
  return ok();
}

ChunkQueue::ChunkQueue(const Repository::Core& core, ChunkStore& store, Pipeline::Beat beat)
    : capacity_(kBatchBytes + kSpaceBytes + std::max<std::size_t>(core.config.parameters.data.max_bytes, kRangeBytes)),
      pipeline_(core, store, capacity_, std::move(beat)),
      batch_(pipeline_.empty_batch()) {}

// The unfinished chunk leaves the batch, so that another content's can lie there.
void ChunkQueue::set_aside() {
  if (tail_ == nullptr) return;
  tail_->aside.assign(batch_->memory.get() + used_, batch_->memory.get() + used_ + tail_->size);
  tail_ = nullptr;
}

// Behind the whole chunks and the unfinished one.
Status ChunkQueue::make_room(std::size_t bytes) {
  const std::size_t tail = tail_ != nullptr ? tail_->size : 0;
  if (used_ + tail + bytes <= capacity_) return ok();
  return submit();
}

// Hands the whole chunks over; an unfinished one moves to the new batch's front.
Status ChunkQueue::submit() {
  if (batch_->items.empty()) return ok();
  std::unique_ptr<ChunkBatch> next = pipeline_.empty_batch();
  if (tail_ != nullptr) std::copy_n(batch_->memory.get() + used_, tail_->size, next->memory.get());
  std::swap(batch_, next);
  used_ = 0;
  return pipeline_.submit(std::move(next));
}

Result<MutableByteView> ChunkQueue::space(Tail& tail, std::size_t want) {
  want = std::min(want, kSpaceBytes);
  if (tail_ != &tail) {
    set_aside();
    HF_TRY(make_room(tail.size + want));
    tail_ = &tail;
    std::copy(tail.aside.begin(), tail.aside.end(), batch_->memory.get() + used_);
    tail.aside.clear();
  }
  HF_TRY(make_room(want));
  HF_CHECK(used_ + tail.size + want <= capacity_);
  return MutableByteView(batch_->memory.get() + used_ + tail.size, want);
}

ByteView ChunkQueue::unfinished(const Tail& tail) const {
  HF_CHECK(tail_ == &tail);
  return {batch_->memory.get() + used_, tail.size};
}

Status ChunkQueue::cut(Tail& tail, std::size_t length, ContentIds& owner) {
  if (tail_ != &tail) HF_TRY(space(tail, 1));
  batch_->items.push_back({&owner, owner.ids.size(), used_, length});
  owner.ids.emplace_back();
  ++owner.waiting;
  used_ += length;
  tail.size -= length;
  if (batch_->items.size() < kBatchChunks && used_ < kBatchBytes) return ok();
  return submit();
}

Status ChunkQueue::add(ContentIds& owner, ByteView chunk) {
  set_aside();
  HF_TRY(make_room(chunk.size()));
  HF_CHECK(used_ + chunk.size() <= capacity_);
  std::copy(chunk.begin(), chunk.end(), batch_->memory.get() + used_);
  Tail whole;
  whole.size = chunk.size();
  tail_ = &whole;
  const Status added = cut(whole, whole.size, owner);
  tail_ = nullptr;
  return added;
}

Status ChunkQueue::flush() {
  set_aside();
  HF_TRY(submit());
  return pipeline_.wait();
}

void ChunkQueue::forget(const Tail& tail, const ContentIds& owner) {
  if (tail_ == &tail) tail_ = nullptr;
  if (owner.waiting == 0) return;
  for (ChunkBatch::Item& item : batch_->items) {
    if (item.owner == &owner) item.owner = nullptr;
  }
  pipeline_.forget(owner);
}

Result<Content> QueuedContent::finish() {
  HF_TRY(end());
  HF_TRY(queue_.flush());
  return take();
}

std::unique_ptr<QueuedContent> make_stream_content(const Repository::Core& core, ChunkQueue& queue) {
  return std::make_unique<StreamContent>(core, queue);
}

std::unique_ptr<QueuedContent> make_pages_content(const Repository::Core& core, ChunkQueue& queue, const PageMap* previous) {
  return std::make_unique<PagesContent>(core, queue, previous);
}

}  // namespace hf::vault
