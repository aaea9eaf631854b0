#include "base/progress.h"

#include <algorithm>
#include <cstring>

namespace hf {
namespace {

constexpr int kLooks = 4;                    // at an item that is being replaced again and again

}  // namespace

void ProgressState::begin(std::string_view name, const Totals& totals) {
  {
    const std::lock_guard lock(mutex_);
    phase_ = name;
    ++number_;
    totals_ = totals;
    for (auto& count : done_) count.store(0, std::memory_order_relaxed);
    set_item({}, {});
  }
  if (told_) told_();
}

void ProgressState::set_item(std::string_view folder, std::string_view name) {
  std::array<std::uint64_t, Item::kBytes / 8> words;         // as far as the name reaches
  const std::size_t before = std::min(folder.size(), Item::kBytes);
  const std::size_t size = std::min(before + name.size(), Item::kBytes);
  const std::size_t count = (size + 7) / 8;
  if (count > 0) words[count - 1] = 0;
  char* const bytes = reinterpret_cast<char*>(words.data());
  if (before > 0) std::memcpy(bytes, folder.data(), before);
  if (size > before) std::memcpy(bytes + before, name.data(), size - before);
  std::uint32_t version = item_.version.load(std::memory_order_relaxed);
  if (version % 2 != 0 || !item_.version.compare_exchange_strong(version, version + 1, std::memory_order_acquire)) return;
  // Released one by one: who sees any of them sees the odd version as well.
  item_.size.store(static_cast<std::uint32_t>(size), std::memory_order_release);
  for (std::size_t i = 0; i < count; ++i) item_.words[i].store(words[i], std::memory_order_release);
  item_.version.store(version + 2, std::memory_order_release);
}

std::string ProgressState::item() const {
  std::string out;
  for (int look = 0; look < kLooks; ++look) {
    const std::uint32_t before = item_.version.load(std::memory_order_acquire);
    if (before % 2 != 0) continue;
    out.resize(std::min<std::size_t>(item_.size.load(std::memory_order_acquire), Item::kBytes));
    for (std::size_t i = 0; i < out.size(); i += 8) {
      const std::uint64_t word = item_.words[i / 8].load(std::memory_order_acquire);
      std::memcpy(out.data() + i, &word, std::min<std::size_t>(8, out.size() - i));
    }
    if (item_.version.load(std::memory_order_relaxed) == before) return out;
  }
  return {};
}

ProgressSample ProgressState::sample() const {
  const std::lock_guard lock(mutex_);
  ProgressSample out;
  out.number = number_;
  out.phase = phase_;
  out.estimated = totals_.estimated;
  out.total = {totals_.bytes, totals_.files, totals_.packs, totals_.snapshots};
  for (std::size_t i = 0; i < kCounters; ++i) out.done[i] = done_[i].load(std::memory_order_relaxed);
  out.item = item();
  return out;
}

}  // namespace hf
