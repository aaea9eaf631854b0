// The steps of each actor. Each step is one call of the store, or a decision made from what was read.
#include "protocol.h"

#include <algorithm>

namespace gc_model {
namespace {

constexpr std::uint8_t kNoLimit = 15;

constexpr std::uint8_t bit(int n) { return static_cast<std::uint8_t>(1u << n); }

struct Packer {
  Key key{};
  int at = 0;
  void put(std::uint64_t value, int width) {
    key[static_cast<std::size_t>(at / 64)] |= value << (at % 64);
    if (at % 64 + width > 64) key[static_cast<std::size_t>(at / 64 + 1)] |= value >> (64 - at % 64);
    at += width;
  }
};

struct Unpacker {
  const Key& key;
  int at = 0;
  void put(std::uint8_t& value, int width) {
    std::uint64_t bits = key[static_cast<std::size_t>(at / 64)] >> (at % 64);
    if (at % 64 + width > 64) bits |= key[static_cast<std::size_t>(at / 64 + 1)] << (64 - at % 64);
    value = static_cast<std::uint8_t>(bits & ((1u << width) - 1));
    at += width;
  }
};

// The same walk packs and unpacks: only what the configuration uses takes bits.
template <class Bits, class S>
void each_field(Bits& bits, S& s, const Config& c) {
  const int packs = c.packs();
  for (int p = 0; p < packs; ++p) bits.put(s.since[static_cast<std::size_t>(p)], 4);
  bits.put(s.present, packs);
  bits.put(s.known, packs);
  bits.put(s.doomed, packs);
  bits.put(s.first_live, 1);
  for (int w = 0; w < c.writers; ++w) {
    auto& writer = s.writers[static_cast<std::size_t>(w)];
    bits.put(writer.pc, 4);
    bits.put(writer.life, 1);
    bits.put(writer.seen, 4);
    bits.put(writer.barred, packs);
    bits.put(writer.stored, 1);
    bits.put(writer.own, 3);
    for (int life = 0; life < c.lives; ++life) {
      auto& session = s.sessions[static_cast<std::size_t>(w * 2 + life)];
      bits.put(session.open, 1);
      bits.put(session.beat, 4);
      bits.put(session.fate, 2);
      bits.put(session.late_fate, 1);
      bits.put(session.commit_own, 1);
      if (!c.finisher) continue;
      bits.put(session.commit_other, 1);
      bits.put(session.taken, 1);
      bits.put(session.tombstone, 1);
      bits.put(session.forgetting, 2);
    }
  }
  for (int r = 0; r < c.repackers; ++r) bits.put(s.repack[static_cast<std::size_t>(r)], 2);
  for (int g = 0; g < c.collectors; ++g) {
    auto& collector = s.collectors[static_cast<std::size_t>(g)];
    bits.put(collector.pc, 3);
    bits.put(collector.stale, 1);
    for (int p = 0; p < packs; ++p) bits.put(collector.since[static_cast<std::size_t>(p)], 4);
    bits.put(collector.listed, packs);
    bits.put(collector.may, packs);
    bits.put(collector.others, 1);
    bits.put(collector.blocking, 4);
    bits.put(collector.limit, 4);
    bits.put(collector.live, 1);
    if (c.choose) {
      bits.put(collector.busy, packs);
      bits.put(collector.marked, 1);
    }
  }
  if (c.finisher) {
    bits.put(s.finisher, 3);
    bits.put(s.finishing, 2);
  }
}

std::uint8_t condemned(const std::array<std::uint8_t, kMaxPacks>& since) {
  std::uint8_t mask = 0;
  for (int p = 0; p < kMaxPacks; ++p) {
    if (since[static_cast<std::size_t>(p)] != 0) mask = static_cast<std::uint8_t>(mask | bit(p));
  }
  return mask;
}

bool any_committed_fate(const State& s) {
  return std::ranges::any_of(s.sessions, [](const Session& x) { return x.fate == kFateCommitted; });
}

bool any_commit(const State& s) {
  return s.first_live != 0 || std::ranges::any_of(s.sessions, [](const Session& x) {
    return x.tombstone == 0 && (x.commit_own != 0 || x.commit_other != 0);
  });
}

bool is_live(const State& s) { return any_committed_fate(s) || any_commit(s); }

// A session that can neither become a snapshot nor is one; and one that is a snapshot like any other.
void absorb(State& s, const Config& c, int i) {
  Session& x = s.sessions[static_cast<std::size_t>(i)];
  const Writer& writer = s.writers[static_cast<std::size_t>(i / 2)];
  if (c.finisher && ((s.finisher != 0 && s.finishing == i) || x.taken != 0 || x.forgetting != 0)) return;
  const bool attached = writer.life == i % 2 && writer.pc != kIdle && writer.pc != kEnded;
  if (attached || (writer.life < i % 2)) return;
  const bool may_become = (x.fate == kUndecided && (x.open != 0 || x.late_fate != 0)) || x.fate == kFateCommitted;
  if (may_become || (writer.life == i % 2 && writer.pc == kIdle)) return;
  if (exists(x)) s.first_live = 1;
  x = Session{};
  x.fate = kFateGone;
}

// Epochs by rank. A number that was read keeps its order among the condemnations: condemned up to it, or after it.
void rank_epochs(State& s, const Config& c) {
  std::array<bool, 16> used{};
  const auto each_since = [&](auto&& visit) {
    for (std::uint8_t& v : s.since) visit(v);
    for (Collector& g : s.collectors) {
      for (std::uint8_t& v : g.since) visit(v);
    }
  };
  each_since([&](std::uint8_t& v) { used[v] = true; });
  std::array<std::uint8_t, 16> rank{};
  std::uint8_t next = 0;
  for (std::size_t v = 1; v < used.size(); ++v) {
    if (used[v]) ++next;
    rank[v] = next;
  }
  each_since([&](std::uint8_t& v) { v = rank[v]; });
  for (int w = 0; w < c.writers; ++w) s.writers[static_cast<std::size_t>(w)].seen = rank[s.writers[static_cast<std::size_t>(w)].seen];
  for (Session& x : s.sessions) x.beat = x.beat == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(1 + rank[x.beat - 1]);
  for (Collector& g : s.collectors) g.limit = g.limit == kNoLimit ? kNoLimit : rank[g.limit];
  s.epoch = next;
}

// A collector that listed the leases knows what it may sweep; what it read before matters only if it may yet publish.
void drop_views(State& s, const Config& c) {
  for (Collector& g : s.collectors) {
    if (g.pc < kLeasesListed || g.stale == 0 || !c.has(Rule::kEpochOnce)) continue;
    g.since = {};
    g.listed = g.limit = 0;
  }
}

void forget_packs(State& s, const Config& c) {
  for (int p = 0; p < c.packs(); ++p) {
    if ((s.present & bit(p)) != 0) continue;
    s.since[static_cast<std::size_t>(p)] = 0;
    bool remembered = !c.has(Rule::kListAfterEpoch) || !c.has(Rule::kResumeChecks);
    for (const Collector& g : s.collectors) remembered |= ((g.listed | g.may) & bit(p)) != 0;
    if (remembered) continue;
    s.known &= static_cast<std::uint8_t>(~bit(p));
    for (Collector& g : s.collectors) g.since[static_cast<std::size_t>(p)] = 0;
    for (Writer& w : s.writers) w.barred &= static_cast<std::uint8_t>(~bit(p));
  }
}

// What can no longer have an influence is set to zero, so that equal futures are equal states.
void normalise(State& s, const Config& c) {
  s.doomed &= s.present;
  for (int g = 0; g < c.collectors; ++g) {
    Collector& collector = s.collectors[static_cast<std::size_t>(g)];
    if (collector.pc != kAnew) continue;
    collector = Collector{};
    collector.pc = kPacksListed;
    collector.since = s.since;
    collector.listed = s.present;
  }
  for (int i = 0; i < kMaxSessions; ++i) absorb(s, c, i);
  for (int w = 0; w < c.writers; ++w) {
    Writer& writer = s.writers[static_cast<std::size_t>(w)];
    if (writer.pc != kEarly) writer.seen = 0;
    if (writer.pc != kEarly && writer.pc != kBeaten) writer.barred = 0;
  }
  for (Session& session : s.sessions) {
    // Who looks for open leases looks at their fate, too: one that is decided needs neither.
    if (session.fate != kUndecided) session.open = session.late_fate = 0;
    if (session.open == 0) session.beat = 0;
  }
  drop_views(s, c);
  forget_packs(s, c);
  rank_epochs(s, c);
}

int upload(State& s) {
  int slot = 0;
  while ((s.known & bit(slot)) != 0) ++slot;
  s.known |= bit(slot);
  s.present |= bit(slot);
  return slot;
}

void end_writer(Writer& w) {
  w = Writer{};
  w.pc = kEnded;
  w.life = w.stored = 1;
}

void next_life(Writer& w, const Config& c) {
  if (w.life + 1 >= c.lives) return end_writer(w);
  ++w.life;
  w.pc = kIdle;
}

class Steps {
 public:
  Steps(const State& s, const Config& c, const Emit& emit) : s_(s), c_(c), emit_(emit) {}

  void all() {
    environment();
    for (int w = 0; w < c_.writers; ++w) write(w);
    for (int r = 0; r < c_.repackers; ++r) repack(r);
    for (int g = 0; g < c_.collectors; ++g) collect(g);
    if (c_.finisher) finish();
  }

 private:
  template <class Change>
  void step(const char* what, int who, Change change) {
    State next = s_;
    change(next);
    normalise(next, c_);
    emit_(next, what, who);
  }

  void environment();
  void forget(int i);
  void write(int w);
  void open_and_read(int w, int i);
  void refer(int w, int i);
  void decide(int w, int i);
  void end_commit(int w, int i);
  void repack(int r);
  void collect(int g);
  void list_leases(int g);
  void resolve(int g);
  void resolved(Collector& x) const;
  void mark_and_sweep(int g);
  void publish(int g);
  void publish_this(int g, std::uint8_t dropped, std::uint8_t added);
  void finish();

  const State& s_;
  const Config& c_;
  const Emit& emit_;
};

// Whatever may be late, and whoever is not modelled: deletes that were decided, fences by anybody, forgetting.
void Steps::environment() {
  for (int p = 0; p < c_.packs(); ++p) {
    if ((s_.doomed & bit(p)) != 0) step("delete pack", p, [&](State& n) { n.present &= static_cast<std::uint8_t>(~bit(p)); });
  }
  if (s_.first_live != 0) step("forget the first snapshot", 0, [](State& n) { n.first_live = 0; });
  for (int i = 0; i < kMaxSessions; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const Session& x = s_.sessions[at];
    if (x.open != 0 && x.fate == kUndecided) step("somebody fences session", i, [&](State& n) { n.sessions[at].fate = kFenced; });
    if (x.late_fate != 0 && x.fate == kUndecided) {
      step("late: commit of session", i, [&](State& n) { n.sessions[at].fate = kFateCommitted; });
    }
    if (!c_.has(Rule::kFencedStays) && x.fate == kFenced) {
      step("remove the fenced fate of session", i, [&](State& n) {
        n.sessions[at].fate = kUndecided;
        n.sessions[at].open = 0;
      });
    }
    if (!c_.has(Rule::kFateOnce) && x.fate == kFateCommitted) {
      step("fence over the commit of session", i, [&](State& n) { n.sessions[at].fate = kFenced; });
    }
    forget(i);
  }
}

// Only a snapshot whose lease is gone can be forgotten: else the fate says that it exists.
void Steps::forget(int i) {
  const auto at = static_cast<std::size_t>(i);
  const Session& x = s_.sessions[at];
  const bool listed = x.commit_own != 0 || x.commit_other != 0;
  if (!c_.finisher) {
    if (listed && x.fate != kFateCommitted) {
      step("forget snapshot", i, [&](State& n) { n.sessions[at].commit_own = 0; });
    }
    return;
  }
  if (listed && x.fate != kFateCommitted && x.forgetting == 0) {
    const bool tombstone = x.taken != 0 && c_.has(Rule::kTombstone);
    step("decide to forget snapshot", i, [&](State& n) { n.sessions[at].forgetting = tombstone ? 3 : 1; });
  }
  if (x.forgetting == 3) step("tombstone for snapshot", i, [&](State& n) {
    n.sessions[at].tombstone = 1;
    n.sessions[at].forgetting = 1;
  });
  if (x.forgetting == 1 && listed) {
    step("remove the commit objects of", i, [&](State& n) { n.sessions[at].commit_own = n.sessions[at].commit_other = 0; });
  }
}

void Steps::write(int w) {
  const Writer& x = s_.writers[static_cast<std::size_t>(w)];
  const int i = w * 2 + x.life;
  switch (x.pc) {
    case kIdle: case kEarly: case kOpened: return open_and_read(w, i);
    case kBeaten: return refer(w, i);
    case kStaged: return decide(w, i);
    default: return end_commit(w, i);
  }
}

void Steps::open_and_read(int w, int i) {
  const auto at = static_cast<std::size_t>(w);
  const auto session = static_cast<std::size_t>(i);
  const auto read = [&](State& n) {
    n.writers[at].seen = s_.epoch;
    n.writers[at].barred = c_.has(Rule::kRespect) ? condemned(s_.since) : std::uint8_t{0};
  };
  const auto note = [&](State& n) {
    if (n.sessions[session].open != 0) n.sessions[session].beat = static_cast<std::uint8_t>(1 + n.writers[at].seen);
    n.writers[at].pc = kBeaten;
  };
  switch (s_.writers[at].pc) {
    case kIdle:
      if (c_.has(Rule::kLeaseFirst)) {
        return step("opens a lease, W", w, [&](State& n) {
          n.sessions[session].open = 1;
          n.writers[at].pc = kOpened;
        });
      }
      return step("reads the epoch, W", w, [&](State& n) {
        read(n);
        n.writers[at].pc = kEarly;
      });
    case kEarly:
      return step("opens a lease late, W", w, [&](State& n) {
        n.sessions[session].open = 1;
        note(n);
      });
    default:
      return step("reads the epoch and notes it, W", w, [&](State& n) {
        read(n);
        note(n);
      });
  }
}

// Lists the packs, and refers to c in one of them, or stores c itself.
void Steps::refer(int w, int i) {
  const auto at = static_cast<std::size_t>(w);
  const Writer& x = s_.writers[at];
  std::uint8_t usable = static_cast<std::uint8_t>((c_.has(Rule::kListAfterEpoch) ? s_.present : s_.known) & ~x.barred);
  if (x.own != 0 && x.life > 0 && !c_.has(Rule::kResumeChecks)) usable |= bit(x.own - 1);
  if (usable != 0) step("refers to a pack that it found, W", w, [&](State& n) { n.writers[at].pc = kStaged; });
  if (x.stored == 0) {
    step("uploads its own copy, W", w, [&](State& n) {
      const int slot = upload(n);
      n.writers[at].stored = 1;
      if (!c_.has(Rule::kResumeChecks) || c_.choose) n.writers[at].own = static_cast<std::uint8_t>(1 + slot);
      n.writers[at].pc = kStaged;
    });
  }
  if (x.life + 1 < c_.lives) {
    step("gives up, W", w, [&](State& n) {
      n.sessions[static_cast<std::size_t>(i)].open = 0;
      next_life(n.writers[at], c_);
    });
  }
}

void Steps::decide(int w, int i) {
  const auto at = static_cast<std::size_t>(w);
  const auto session = static_cast<std::size_t>(i);
  const auto end_life = [&](State& n) { next_life(n.writers[at], c_); };
  const FateState fate = static_cast<FateState>(s_.sessions[session].fate);
  if (fate == kUndecided || !c_.has(Rule::kFateOnce)) {
    step("commits, W", w, [&](State& n) {
      n.sessions[session].fate = kFateCommitted;
      n.writers[at].pc = kCommitted;
    });
  } else {
    step("finds itself fenced, W", w, end_life);
  }
  if (fate != kUndecided) return;
  step("commits, the answer is lost, W", w, [&](State& n) {
    n.sessions[session].late_fate = 1;
    if (!c_.has(Rule::kKeepUndecided)) n.sessions[session].open = 0;
    end_life(n);
  });
}

void Steps::end_commit(int w, int i) {
  const auto at = static_cast<std::size_t>(w);
  const auto session = static_cast<std::size_t>(i);
  const auto end = [&](State& n) { end_writer(n.writers[at]); };
  switch (s_.writers[at].pc) {
    case kCommitted:
      if (!c_.has(Rule::kKeepLease)) {
        return step("removes its lease too early, W", w, [&](State& n) {
          n.sessions[session].open = 0;
          n.sessions[session].fate = kFateGone;
          n.writers[at].pc = kLateName;
        });
      }
      return step("writes the commit object, W", w, [&](State& n) {
        n.sessions[session].commit_own = 1;
        n.writers[at].pc = kNamed;
      });
    case kLateName:
      return step("writes the commit object too late, W", w, [&](State& n) {
        n.sessions[session].commit_own = 1;
        end(n);
      });
    case kNamed:
      return step("removes its lease, W", w, [&](State& n) {
        n.sessions[session].fate = kFateGone;
        end(n);
      });
    default: return;
  }
}

// Copies c from any pack, condemned or not. Refers to nothing, so that its lease matters to progress only.
void Steps::repack(int r) {
  const auto at = static_cast<std::size_t>(r);
  if (s_.repack[at] == 0 && s_.present != 0) step("reads a copy, R", r, [&](State& n) { n.repack[at] = 1; });
  if (s_.repack[at] == 1) {
    step("stores the copy in a new pack, R", r, [&](State& n) {
      n.repack[at] = 2;
      upload(n);
    });
  }
}

void Steps::collect(int g) {
  const auto at = static_cast<std::size_t>(g);
  switch (s_.collectors[at].pc) {
    case kPacksListed:
      if (s_.collectors[at].stale != 0) step("reads the newest epoch, G", g, [&](State& n) { n.collectors[at] = Collector{}; });
      if (s_.collectors[at].listed != s_.present) {
        step("lists packs, G", g, [&](State& n) {
          n.collectors[at].listed = s_.present;
          n.collectors[at].busy = n.collectors[at].live = n.collectors[at].marked = 0;
        });
      }
      list_leases(g);
      if (!c_.choose || s_.collectors[at].marked != 0) publish(g);
      return;
    case kResolving: return resolve(g);
    case kLeasesListed:
      return step("lists leases again, G", g, [&](State& n) {
        n.collectors[at].pc = kCommitsListed;
        if (!c_.has(Rule::kMarkAfterResolve)) return;
        n.collectors[at].live = c_.has(Rule::kLeasesThenCommits) ? any_committed_fate(s_) : any_commit(s_);
      });
    case kCommitsListed: return mark_and_sweep(g);
    default: return;
  }
}

// Which sessions may still refer to what is condemned: those that read an older epoch, or did not say which.
void Steps::list_leases(int g) {
  const auto at = static_cast<std::size_t>(g);
  const Collector& x = s_.collectors[at];
  const int newest = *std::ranges::max_element(x.since);
  std::uint8_t blocking = 0, busy = 0;
  for (int i = 0; i < kMaxSessions; ++i) {
    const Session& session = s_.sessions[static_cast<std::size_t>(i)];
    const Writer& writer = s_.writers[static_cast<std::size_t>(i / 2)];
    if (writer.own != 0 && session.fate == kUndecided && session.open != 0) busy |= bit(writer.own - 1);
    if (session.open == 0 || session.fate != kUndecided || session.beat > newest) continue;
    blocking |= bit(i);
  }
  if (newest == 0 && !c_.choose) return;
  step("lists leases, G", g, [&](State& n) {
    n.collectors[at].busy = c_.has(Progress::kBusy) ? busy : std::uint8_t{0};
    n.collectors[at].live = c_.has(Rule::kMarkAfterResolve) ? false : is_live(s_);
    n.collectors[at].blocking = c_.has(Rule::kResolve) ? blocking : std::uint8_t{0};
    n.collectors[at].limit = kNoLimit;
    n.collectors[at].pc = kResolving;
    if (n.collectors[at].blocking == 0) resolved(n.collectors[at]);
  });
}

// In the order of the listing. Somebody fences a session (the environment does), it ends, or it is left alone.
void Steps::resolve(int g) {
  const auto at = static_cast<std::size_t>(g);
  const Collector& x = s_.collectors[at];
  int i = 0;
  while ((x.blocking & bit(i)) == 0) ++i;
  const Session& session = s_.sessions[static_cast<std::size_t>(i)];
  const auto pass = [&](State& n) {
    n.collectors[at].blocking &= static_cast<std::uint8_t>(~bit(i));
    if (n.collectors[at].blocking == 0) resolved(n.collectors[at]);
  };
  if (session.fate != kUndecided || session.open == 0) return step("sees the fate of session", i, pass);
  step("leaves session", i, [&](State& n) {
    const int read = session.beat == 0 ? 0 : session.beat - 1;
    if (c_.has(Rule::kSince)) n.collectors[at].limit = static_cast<std::uint8_t>(std::min<int>(n.collectors[at].limit, read));
    pass(n);
  });
}

void Steps::resolved(Collector& x) const {
  x.pc = kLeasesListed;
  x.may = 0;
  for (int p = 0; p < c_.packs(); ++p) {
    const std::uint8_t since = x.since[static_cast<std::size_t>(p)];
    if (since != 0 && since <= x.limit && (x.listed & bit(p)) != 0) x.may |= bit(p);
  }
  x.others = (x.listed & ~condemned(x.since)) != 0 ? 1 : 0;
  x.limit = 0;
}

void Steps::mark_and_sweep(int g) {
  const auto at = static_cast<std::size_t>(g);
  const Collector& x = s_.collectors[at];
  bool live = x.live != 0;
  if (c_.has(Rule::kMarkAfterResolve)) live |= c_.has(Rule::kLeasesThenCommits) ? any_commit(s_) : any_committed_fate(s_);
  std::uint8_t may = x.may;
  if (live && c_.has(Rule::kOtherCopy) && x.others == 0) may = 0;
  const auto back = [&](State& n) {       // to condemn more, or to look at the leases once more
    Collector& collector = n.collectors[at];
    if (collector.stale != 0 && c_.has(Rule::kEpochOnce)) return void(collector = Collector{});
    collector.pc = kPacksListed;
    collector.may = collector.others = 0;
    collector.live = c_.choose ? live : false;
    collector.marked = c_.choose ? 1 : 0;
  };
  for (int some = may; some != 0; some = (some - 1) & may) {
    if (live && (s_.present & ~some) == 0) continue;    // without the rule: keep one of them
    step("sweeps packs", some, [&](State& n) {
      n.doomed |= static_cast<std::uint8_t>(some);
      back(n);
    });
  }
  if (may == 0) step("has nothing to sweep, G", g, back);
}

void Steps::publish(int g) {
  const auto at = static_cast<std::size_t>(g);
  const Collector& x = s_.collectors[at];
  if (x.stale != 0 && c_.has(Rule::kEpochOnce)) return;
  const std::uint8_t old = condemned(x.since);
  std::uint8_t may = static_cast<std::uint8_t>(x.listed & s_.present & ~old);
  if (c_.choose) {
    may &= static_cast<std::uint8_t>(~x.busy);
    // One copy of a live chunk is counted, and stays: the first, whose condemnation the rule excludes.
    const int pool = c_.has(Progress::kCondemnedNotCounted) ? may | (x.listed & x.busy & ~old) : x.listed;
    if (x.live != 0) may &= static_cast<std::uint8_t>(~(pool & -pool));
  }
  const std::uint8_t droppable = c_.has(Rule::kCarryOver) ? std::uint8_t{0} : old;
  for (int dropped = droppable;; dropped = (dropped - 1) & droppable) {
    for (int added = may;; added = (added - 1) & may) {
      if (added != 0 || dropped != 0) publish_this(g, static_cast<std::uint8_t>(dropped), static_cast<std::uint8_t>(added));
      if (added == 0) break;
    }
    if (dropped == 0) break;
  }
}

void Steps::publish_this(int g, std::uint8_t dropped, std::uint8_t added) {
  const auto at = static_cast<std::size_t>(g);
  step("publishes an epoch condemning also", added, [&](State& n) {
    n.epoch = static_cast<std::uint8_t>(s_.epoch + 1);
    n.since = s_.collectors[at].since;
    for (int p = 0; p < c_.packs(); ++p) {
      std::uint8_t& since = n.since[static_cast<std::size_t>(p)];
      if ((dropped & bit(p)) != 0) since = 0;
      if ((added & bit(p)) != 0) since = n.epoch;
    }
    for (Collector& other : n.collectors) other.stale = 1;
    n.collectors[at] = Collector{};
  });
}

// The host's next run, or `vault unlock`, for a writer that may only be suspended.
void Steps::finish() {
  const auto at = static_cast<std::size_t>(s_.finishing);
  const Session& x = s_.sessions[at];
  const auto to = [](State& n, int pc) { n.finisher = static_cast<std::uint8_t>(pc); };
  const auto stop = [&](State& n) { n.finisher = n.finishing = 0; };
  switch (s_.finisher) {
    case 0:
      for (int i = 0; i < kMaxSessions; ++i) {
        if (s_.sessions[static_cast<std::size_t>(i)].fate != kFateCommitted) continue;
        step("reads the committed fate, F of", i, [&](State& n) {
          n.finishing = static_cast<std::uint8_t>(i);
          to(n, 1);
        });
      }
      return;
    case 1:
      return step("marks the lease as taken, F of", s_.finishing, [&](State& n) {
        if (c_.has(Rule::kTakenFirst)) n.sessions[at].taken = 1;
        to(n, 2);
      });
    case 2:
      if (x.fate == kFateCommitted || !c_.has(Rule::kTakenLooksAgain)) {
        return step("finds the fate still there, F of", s_.finishing, [&](State& n) { to(n, 3); });
      }
      return step("finds the lease gone, F of", s_.finishing, stop);
    case 3:
      return step("writes the commit object, F of", s_.finishing, [&](State& n) {
        n.sessions[at].commit_other = 1;
        to(n, 4);
      });
    default:
      return step("removes the lease, F of", s_.finishing, [&](State& n) {
        n.sessions[at].open = 0;
        n.sessions[at].fate = kFateGone;
        stop(n);
      });
  }
}

void swap_writers(State& s) {
  std::swap(s.writers[0], s.writers[1]);
  std::swap(s.sessions[0], s.sessions[2]);
  std::swap(s.sessions[1], s.sessions[3]);
  for (Collector& g : s.collectors) g.blocking = static_cast<std::uint8_t>((g.blocking & 3) << 2 | (g.blocking & 12) >> 2);
  s.finishing ^= s.finisher != 0 ? 2 : 0;
}

// All that the state says of one pack, as a number and back.
template <class Bits, class S>
void each_of_pack(Bits&& bits, S& s, int p) {
  const auto at = static_cast<std::size_t>(p);
  for (auto* mask : {&s.present, &s.known, &s.doomed}) bits.mask(*mask, p);
  bits.number(s.since[at]);
  for (Writer& w : s.writers) {
    bits.mask(w.barred, p);
    bits.owner(w.own, p);
  }
  for (Collector& g : s.collectors) {
    for (auto* mask : {&g.listed, &g.may, &g.busy}) bits.mask(*mask, p);
    bits.number(g.since[at]);
  }
}

struct Gather {
  std::uint32_t& column;
  void mask(std::uint8_t& mask, int p) { column = column << 1 | (mask >> p & 1u); }
  void number(std::uint8_t& value) { column = column << 4 | value; }
  void owner(std::uint8_t& own, int p) { column = column << 1 | (own == p + 1 ? 1u : 0u); }
};

struct Scatter {           // in the same order: from the highest bit down
  std::uint32_t column;
  int at = 3 + 4 + 2 * 2 + 2 * (3 + 4);
  std::uint32_t take(int width) { return column >> (at -= width) & ((1u << width) - 1); }
  void mask(std::uint8_t& mask, int p) { mask = static_cast<std::uint8_t>((mask & ~bit(p)) | take(1) << p); }
  void number(std::uint8_t& value) { value = static_cast<std::uint8_t>(take(4)); }
  void owner(std::uint8_t& own, int p) {
    if (take(1) != 0) own = static_cast<std::uint8_t>(p + 1);
  }
};

void sort_packs(State& s, const Config& c) {
  std::array<std::uint32_t, kMaxPacks> columns{};
  const auto packs = static_cast<std::size_t>(c.packs());
  for (std::size_t p = 0; p < packs; ++p) each_of_pack(Gather{columns[p]}, s, static_cast<int>(p));
  bool sorted = true;
  for (std::size_t i = 1; i < packs; ++i) {          // at most four
    for (std::size_t j = i; j > 0 && columns[j - 1] < columns[j]; --j) {
      std::swap(columns[j - 1], columns[j]);
      sorted = false;
    }
  }
  if (sorted) return;
  for (std::size_t p = 0; p < packs; ++p) each_of_pack(Scatter{columns[p]}, s, static_cast<int>(p));
}

}  // namespace

std::string_view name_of(Rule rule) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(Rule::kCount)> kNames{
      "lease first", "respect the epoch", "list after the epoch", "fate once", "keep the lease", "keep the undecided",
      "fenced stays", "resume checks", "resolve", "since", "mark after resolve", "leases then commits", "carry over",
      "other copy", "epoch once", "taken first", "taken looks again", "tombstone"};
  return kNames[static_cast<std::size_t>(rule)];
}

Key encode(const State& state, const Config& config) {
  Packer packer;
  each_field(packer, state, config);
  return packer.key;
}

State initial(const Config& config) {
  State state;
  normalise(state, config);
  return state;
}

State decode(const Key& key, const Config& config) {
  State state;
  Unpacker unpacker{key};
  each_field(unpacker, state, config);
  state.epoch = *std::ranges::max_element(state.since);       // by rank: see rank_epochs
  for (const Collector& g : state.collectors) state.epoch = std::max(state.epoch, *std::ranges::max_element(g.since));
  return state;
}

Key canonical(const State& state, const Config& config) {
  State s = state;
  Key least{};
  for (int turn = 0; turn < std::max(1, config.writers) * config.collectors; ++turn) {
    State sorted = s;
    sort_packs(sorted, config);
    const Key key = encode(sorted, config);
    if (turn == 0 || key < least) least = key;
    if (config.collectors == 2) std::swap(s.collectors[0], s.collectors[1]);
    if (config.writers == 2 && turn % config.collectors == config.collectors - 1) swap_writers(s);
  }
  return least;
}

void successors(const State& state, const Config& config, const Emit& emit) { Steps(state, config, emit).all(); }

bool exists(const Session& session) {
  if (session.fate == kFateCommitted) return true;
  return session.tombstone == 0 && (session.commit_own != 0 || session.commit_other != 0);
}

bool loses_data(const State& state, const Config&) {
  return state.present == 0 && (state.first_live != 0 || std::ranges::any_of(state.sessions, exists));
}

bool loses_work(const State& state, const Config& config) {
  for (int w = 0; w < config.writers; ++w) {
    const Writer& writer = state.writers[static_cast<std::size_t>(w)];
    const Session& session = state.sessions[static_cast<std::size_t>(w * 2 + writer.life)];
    const bool uploaded = writer.pc == kStaged && writer.own != 0 && session.open != 0 && session.fate == kUndecided;
    if (uploaded && writer.life == 0 && state.since[static_cast<std::size_t>(writer.own - 1)] != 0) return true;
  }
  return false;
}

bool loses_copies(const State& state, const Config&) {
  const bool live = state.first_live != 0 || std::ranges::any_of(state.sessions, exists);
  return live && state.present != 0 && (state.present & ~condemned(state.since)) == 0;
}

}  // namespace gc_model
