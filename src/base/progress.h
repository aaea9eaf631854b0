// How far long work is: what is being done, counts that any thread adds to, and the file in hand.
//
// Who works holds a Progress, a handle that may lead nowhere; who shows it owns the ProgressState and takes samples.
// Nothing here knows of terminals. Invariant: work never waits for who looks: adding is one relaxed addition, naming a file
// a copy of its bytes; only the beginning of a phase takes a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace hf {

enum class Counted : std::uint8_t { kBytes, kFiles, kPacks, kSnapshots };
inline constexpr std::size_t kCounters = 4;
using Counts = std::array<std::uint64_t, kCounters>;
constexpr std::size_t slot_of(Counted unit) { return static_cast<std::size_t>(unit); }

// What a phase has before it; 0: not known.
struct Totals {
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;
  std::uint64_t packs = 0;
  std::uint64_t snapshots = 0;
  bool estimated = false;                    // by an earlier run, or by who sends
};

// One look at it.
struct ProgressSample {
  std::uint64_t number = 0;                  // of the phase, from 1; 0: nothing began yet
  std::string phase;
  Counts done{};
  Counts total{};                            // 0: not known
  bool estimated = false;
  std::string item;                          // the file in hand, raw bytes; cut at 4096
};

class ProgressState {
 public:
  ProgressState() = default;
  ProgressState(const ProgressState&) = delete;
  ProgressState& operator=(const ProgressState&) = delete;
  ProgressSample sample() const;
  // Called by the thread that begins a phase, when it has begun. Set before any work.
  void on_phase(std::function<void()> told) { told_ = std::move(told); }

 private:
  friend class Progress;
  // A sequence lock: odd while it is written. Who finds it so names nothing, so that no worker waits for another.
  struct alignas(64) Item {
    static constexpr std::size_t kBytes = 4096;      // PATH_MAX
    std::atomic<std::uint32_t> version = 0;
    std::atomic<std::uint32_t> size = 0;
    std::array<std::atomic<std::uint64_t>, kBytes / 8> words{};
  };
  void begin(std::string_view name, const Totals& totals);
  void set_item(std::string_view folder, std::string_view name);
  std::string item() const;

  mutable std::mutex mutex_;
  std::string phase_;
  std::uint64_t number_ = 0;
  Totals totals_;
  std::function<void()> told_;
  alignas(64) std::array<std::atomic<std::uint64_t>, kCounters> done_{};
  Item item_;
};

// The state outlives its handles.
class Progress {
 public:
  Progress() = default;                      // counts nowhere
  explicit Progress(ProgressState& state) : state_(&state) {}

  // "reading files". All counts begin anew.
  void phase(std::string_view name, const Totals& totals = {}) const {
    if (state_ != nullptr) state_->begin(name, totals);
  }
  void add(Counted unit, std::uint64_t more = 1) const {
    if (state_ != nullptr) state_->done_[slot_of(unit)].fetch_add(more, std::memory_order_relaxed);
  }
  // The file in hand; `folder` is put before its name.
  void item(std::string_view folder, std::string_view name) const {
    if (state_ != nullptr) state_->set_item(folder, name);
  }

 private:
  ProgressState* state_ = nullptr;
};

}  // namespace hf
