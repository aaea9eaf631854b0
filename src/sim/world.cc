// The world's rules, and the judge of what must never be.
#include "sim/world.h"

#include <algorithm>

namespace hf::sim {

SimWorld::SimWorld(SimClock& clock, std::uint64_t seed, Fate fate)
    : clock_(clock), rng_(seed), fate_(fate), now_(clock.mono()) {
  receivers_ = {{"receiver_west", "us-west", Lsn{1000}, {}}, {"receiver_eu", "eu-west", Lsn{1000}, {}}};
  // The last second before the disaster: commits were acknowledged as far as two of three had them.
  for (int i = 0; i < 20; ++i) flow(Millis(50), true, true);
}

Lsn SimWorld::seal(const std::string& receiver) {
  on_time();
  const auto r = std::ranges::find(receivers_, receiver, &Receiver::name);
  if (!r->sealed) r->sealed = r->received;
  check();
  return *r->sealed;
}

bool SimWorld::promote() {
  on_time();
  if (promoted_) return false;
  promoted_ = true;
  ++promotions_;
  if (replayed_ < acknowledged_)
    violations_.push_back("promoted at " + format_lsn(replayed_) + " although " + format_lsn(acknowledged_) +
                          " was acknowledged");
  check();
  return true;
}

void SimWorld::point_dns(const std::string& region) {
  on_time();
  dns_ = region;
  if (!promoted_) violations_.push_back("users were sent to a region that cannot write");
}

void SimWorld::configure(const std::string& region) {
  on_time();
  config_ = region;
}

bool SimWorld::write_order(const std::string& key) {
  on_time();
  if (!promoted_ || config_ != "us-west") return false;
  orders_.insert(key);
  return true;
}

void SimWorld::announce(const std::string& key) {
  on_time();
  if (messages_.insert(key).second) ++announcements_;
  if (announcements_ > 1) violations_.push_back("the same message was sent twice, by " + key);
}

void SimWorld::later(Micros after, std::function<void()> effect) {
  late_.push_back({clock_.mono() + after, std::move(effect)});
}

void SimWorld::on_time() {
  const MonoTime target = clock_.mono();
  while (now_ < target) {
    const MonoTime next = std::min(target, now_ + Millis(50));
    flow(std::chrono::duration_cast<Micros>(next - now_), fate_.primary_alive, fate_.replica_alive);
    now_ = next;
  }
  for (bool landed = true; landed;) {
    landed = false;
    for (auto it = late_.begin(); it != late_.end(); ++it) {
      if (it->at > target) continue;
      const auto effect = std::move(it->effect);
      late_.erase(it);
      effect();
      landed = true;
      break;
    }
  }
}

// WAL for a while: the primary writes, each receiver gets some of it unless it is sealed, the standby replays.
void SimWorld::flow(Micros dt, bool writes, bool replica_runs) {
  const std::uint64_t step = static_cast<std::uint64_t>(dt.count()) / 5000 + 1;
  if (writes) written_ = written_ + rng_.bounded(3 * step);
  const auto take = [&](Lsn& have) {
    if (writes && have < written_) have = have + std::min<std::uint64_t>(written_ - have, rng_.bounded(4 * step));
  };
  if (replica_runs) take(replica_);
  for (Receiver& r : receivers_)
    if (!r.sealed) take(r.received);
  if (writes && old_primary_can_acknowledge()) {
    std::vector<Lsn> have{replica_, receivers_[0].received, receivers_[1].received};
    std::ranges::sort(have, std::greater{});
    acknowledged_ = std::max(acknowledged_, have[kQuorum - 1]);
  }
  Lsn furthest = std::max(receivers_[0].received, receivers_[1].received);
  if (!promoted_ && replayed_ < furthest)
    replayed_ = replayed_ + std::min<std::uint64_t>(furthest - replayed_, rng_.bounded(6 * step));
}

// Could a commit still gather its quorum? Primary and replica count even when they are down: they may come back.
bool SimWorld::old_primary_can_acknowledge() const {
  const auto open = std::ranges::count_if(receivers_, [](const Receiver& r) { return !r.sealed; });
  return 1 + open >= kQuorum;
}

void SimWorld::check() {
  if (promoted_ && old_primary_can_acknowledge()) violations_.push_back("two primaries can acknowledge commits");
  if (promotions_ > 1) violations_.push_back("promoted twice");
}

std::string SimWorld::state() const {
  std::string out =
      "dns " + dns_ + ", config " + config_ + ", promoted " + std::to_string(promotions_) + " times, sealed";
  for (const Receiver& r : receivers_) out += r.sealed ? " yes" : " no";
  return out + ", orders " + std::to_string(orders_.size() > 0) + ", messages " + std::to_string(announcements_);
}

}  // namespace hf::sim
