#include "vault/content.h"

#include <algorithm>

#include "vault/chunker.h"
#include "vault/pages.h"

namespace hf::vault {
namespace {

constexpr std::size_t kQueueChunks = 256;            // small files: sixteen rounds of sixteen lanes
constexpr std::size_t kQueueBytes = 8u << 20;
constexpr std::size_t kZeroBytes = 256 * 1024;

class StreamContent final : public QueuedContent {
 public:
  StreamContent(const Repository::Core& core, ChunkQueue& queue)
      : QueuedContent(queue), chunker_(core.data_table, core.config.parameters.data, [this](ByteView chunk) {
          return emit(chunk);
        }) {}

  Status write(ByteView bytes) override { return chunker_.feed(bytes); }

  Status hole(std::uint64_t length) override {
    if (length == 0) return ok();
    HF_TRY(chunker_.finish());
    if (!extents_.empty() && extents_.back().hole) extents_.back().length += length;
    else extents_.push_back(Extent{size_, length, true, {}, 0, 0});
    size_ += length;
    return ok();
  }

  Status end() override { return chunker_.finish(); }

  Content take() override {
    std::size_t next = 0;
    for (Extent& extent : extents_) {
      if (!extent.hole) extent.chunk = ids_.ids[next++];
    }
    return Content{size_, std::move(extents_), {}};
  }

 private:
  Status emit(ByteView chunk) {
    extents_.push_back(Extent{size_, chunk.size(), false, {}, 0, static_cast<std::uint32_t>(chunk.size())});
    size_ += chunk.size();
    return queue_.add(ids_, chunk);
  }

  StreamChunker chunker_;
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

  Status write(ByteView bytes) override {
    size_ += bytes.size();
    return chunker_.feed(bytes);
  }

  Status hole(std::uint64_t length) override {
    static constexpr std::array<std::uint8_t, kZeroBytes> kZeros{};
    for (std::uint64_t done = 0; done < length;) {
      const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(length - done, kZeros.size()));
      HF_TRY(write(ByteView(kZeros).first(step)));
      done += step;
    }
    return ok();
  }

  Status end() override { return chunker_.finish(); }

  Content take() override {
    PageMap map = chunker_.map(ids_.ids);
    return Content{size_, std::move(map.extents), std::move(map.digests)};
  }

 private:
  std::optional<PageMap> previous_;
  PageChunker chunker_;
  std::uint64_t size_ = 0;
};

}  // namespace

Status ChunkQueue::add(Ids& owner, ByteView chunk) {
  waiting_.push_back({&owner, owner.ids.size(), to_bytes(chunk)});
  owner.ids.emplace_back();
  ++owner.waiting;
  waiting_bytes_ += chunk.size();
  if (waiting_.size() < kQueueChunks && waiting_bytes_ < kQueueBytes) return ok();
  return flush();
}

Status ChunkQueue::flush() {
  if (waiting_.empty()) return ok();
  std::vector<ByteView> views;
  for (const Waiting& w : waiting_) views.emplace_back(w.bytes);
  std::vector<ChunkId> ids(views.size());
  core_.hasher.ids(views, ids);
  for (std::size_t i = 0; i < waiting_.size(); ++i) {
    Ids* owner = waiting_[i].owner;
    if (owner == nullptr) continue;
    HF_TRY(store_.put(PackKind::kData, ids[i], waiting_[i].bytes));
    owner->ids[waiting_[i].index] = ids[i];
    --owner->waiting;
    waiting_[i].owner = nullptr;          // if a later one fails, this one is not given twice
  }
  waiting_.clear();
  waiting_bytes_ = 0;
  return ok();
}

void ChunkQueue::forget(const Ids& owner) {
  for (Waiting& w : waiting_) {
    if (w.owner == &owner) w.owner = nullptr;
  }
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
