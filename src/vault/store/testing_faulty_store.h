// A store that fails as asked: at the Nth call, after the Nth call had its effect, or from the Nth call on for good
// (as if the process had been killed there, before or after the call). Calls are counted from 1.
#pragma once

#include <atomic>
#include <functional>
#include <optional>

#include "vault/store/store.h"

namespace hf::vault {

struct StoreFaults {
  std::uint64_t fail_at = 0;          // this call fails, nothing happens; 0: never
  std::uint64_t lose_answer_at = 0;   // this call happens, and fails with Effect::kMaybe
  std::uint64_t stop_at = 0;          // this call and all after it fail, nothing happens
  bool stop_after = false;            // but that call happens: the kill came before its answer was seen
  std::string stop_at_put;            // the first put of a name that begins so, and all calls from it on; nothing happens
  std::function<void()> on_stop;      // what else of the process ends there
  std::string truncate;               // get of this object gives only its first half
  std::string corrupt;                // get of this object has a bit flipped in the middle
};

class FaultyStore final : public Store {
 public:
  FaultyStore(Store& inner, StoreFaults faults) : inner_(inner), faults_(std::move(faults)) {}

  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override;
  Result<Bytes> get(const std::string& name, ByteRange range) override;
  Result<ObjectInfo> stat(const std::string& name) override;
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override;
  Status remove(const std::string& name) override;
  StoreProperties properties() const override { return inner_.properties(); }
  Keeper* keeper() override { return inner_.keeper(); }

  void stop() { stopped_ = true; }                     // from now on every call fails
  std::uint64_t calls() const { return calls_; }
  bool lost_create() const { return lost_create_; }   // the lost answer was that of a create

 private:
  template <class Call>
  auto guarded(Call&& call) -> decltype(call());
  Store& inner_;
  StoreFaults faults_;
  std::atomic<std::uint64_t> calls_ = 0;
  std::atomic<bool> lost_create_ = false;
  std::atomic<bool> stopped_ = false;
};

}  // namespace hf::vault
