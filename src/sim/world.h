// A small world to fail over in: a PostgreSQL primary with a synchronous replica beside it, a standby elsewhere, WAL
// receivers that can seal, a DNS record, a service with its configuration, an incident channel. It is stricter than
// the real one: what must never happen is checked at every change, and kept in violations().
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/lsn.h"
#include "base/rng.h"
#include "base/time.h"
#include "sim/clock.h"

namespace hf::sim {

struct Receiver {
  std::string name;
  std::string region;
  Lsn received{1000};
  std::optional<Lsn> sealed;
};

struct Fate {                  // of the old primary and of its synchronous replica, which share a region
  bool primary_alive = false;  // cut off from us, but running, with clients
  bool replica_alive = false;
};

class SimWorld {
 public:
  SimWorld(SimClock& clock, std::uint64_t seed, Fate fate);

  // ---- what actions do
  Lsn seal(const std::string& receiver);  // idempotent; the LSN that it will never pass
  bool promote();                         // false: it was no standby any more
  void point_dns(const std::string& region);
  void configure(const std::string& region);
  bool write_order(const std::string& key);  // through the service of the target; false: refused
  void announce(const std::string& key);     // delivered once for each key

  // ---- what observers see
  const std::vector<Receiver>& receivers() const { return receivers_; }
  Lsn replayed() const { return replayed_; }
  bool promoted() const { return promoted_; }
  const std::string& dns() const { return dns_; }
  const std::string& config() const { return config_; }
  bool has_order(const std::string& key) const { return orders_.contains(key); }
  bool announced(const std::string& key) const { return messages_.contains(key); }
  int quorum() const { return kQuorum; }

  // ---- time
  void on_time();                                          // to the clock's now: WAL flows, late requests land
  void later(Micros after, std::function<void()> effect);  // a request that is still under way

  // ---- the judge
  const std::vector<std::string>& violations() const { return violations_; }
  bool old_primary_can_acknowledge() const;
  int promotions() const { return promotions_; }
  std::size_t announcements() const { return announcements_; }
  Lsn acknowledged() const { return acknowledged_; }
  std::string state() const;  // what must be equal after any crash

 private:
  static constexpr int kQuorum = 2;  // ANY 2 (replica_b, receiver_west, receiver_eu)
  struct Late {
    MonoTime at;
    std::function<void()> effect;
  };
  void flow(Micros dt, bool writes, bool replica_runs);
  void check();

  SimClock& clock_;
  Rng rng_;
  Fate fate_;
  MonoTime now_;
  Lsn written_{1000};  // by the old primary
  Lsn replica_{1000};
  Lsn acknowledged_{1000};  // to clients, ever
  Lsn replayed_{900};
  std::vector<Receiver> receivers_;
  bool promoted_ = false;
  int promotions_ = 0;
  std::string dns_ = "us-east";
  std::string config_ = "us-east";
  std::set<std::string> orders_;
  std::set<std::string> messages_;
  std::size_t announcements_ = 0;
  std::deque<Late> late_;
  std::vector<std::string> violations_;
};

}  // namespace hf::sim
