// The vault's deletion protocol as a transition system: writers, collectors, repackers and everything that may be late.
//
// One chunk c stands for all: a pack is a copy of c. That is sound, because a real collector sweeps a pack only if the
// condition below holds for *each* of its chunks, and here it may sweep any subset of what the condition permits, and
// condemn any subset of the packs at all. Safety: a snapshot that exists and refers to c finds c in a pack that exists.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace gc_model {

inline constexpr int kMaxPacks = 4;        // one from the start, one for each writer and each repacker
inline constexpr int kMaxWriters = 2;
inline constexpr int kMaxSessions = 4;     // two lives of each writer
inline constexpr int kMaxCollectors = 2;

enum class Rule : std::uint8_t {
  kLeaseFirst,          // a writer opens its lease before it reads the epoch
  kRespect,             // a writer refers to no pack that its epoch condemns
  kListAfterEpoch,      // ... and only to packs that it listed after it read the epoch, whatever its cache says
  kFateOnce,            // a fate is created once, and never replaced
  kKeepLease,           // the commit object is written before the lease is removed
  kKeepUndecided,       // a lease stays while the answer about its fate is unknown
  kFencedStays,         // the fate of a fenced session is never removed
  kResumeChecks,        // a resumed session asks the epoch and the listing about its own packs, too
  kResolve,             // before a sweep, leases older than the condemnation are committed or fenced ...
  kSince,               // ... or what was condemned after the epoch that such a lease read is not swept
  kMarkAfterResolve,    // what is live is looked at after that
  kLeasesThenCommits,   // leases are listed before commits
  kCarryOver,           // what is condemned stays so until it is gone
  kOtherCopy,           // a pack with a live chunk is swept only if a pack that is not condemned holds it, too
  kEpochOnce,           // an epoch's number is created once
  kTakenFirst,          // who finishes another's commit marks the lease as taken, first
  kTakenLooksAgain,     // ... and then looks whether the lease is still there
  kTombstone,           // a forgotten snapshot of a taken lease gets a tombstone before its commit objects go
  kCount
};
std::string_view name_of(Rule rule);

// Progress: without these nothing is lost but work or space.
enum class Progress : std::uint8_t {
  kBusy,                // packs of an open session are not condemned
  kCondemnedNotCounted, // of several copies a condemned one is never the one that is counted
  kCount
};

struct Config {
  int writers = 1;
  int lives = 2;                 // 2: a session that failed is resumed once under a new lease
  int repackers = 0;
  int collectors = 1;
  bool finisher = false;         // a second process finishes commits; forgetting takes two steps then
  std::uint32_t rules_off = 0;   // bits of Rule
  bool choose = false;           // condemn what the code would (progress), instead of anything
  std::uint32_t progress_off = 0;
  int packs() const { return 1 + writers + repackers; }
  bool has(Rule rule) const { return (rules_off >> static_cast<int>(rule) & 1) == 0; }
  bool has(Progress rule) const { return (progress_off >> static_cast<int>(rule) & 1) == 0; }
};

enum WriterPc : std::uint8_t { kIdle, kEarly, kOpened, kBeaten, kStaged, kCommitted, kNamed, kLateName, kEnded };
enum FateState : std::uint8_t { kUndecided, kFateCommitted, kFenced, kFateGone };
enum CollectorPc : std::uint8_t { kAnew, kPacksListed, kResolving, kLeasesListed, kCommitsListed };

struct Session {                 // what the store holds of it
  std::uint8_t open = 0;
  std::uint8_t beat = 0;         // 0: none; else 1 + the epoch read
  std::uint8_t fate = kUndecided;
  std::uint8_t late_fate = 0;    // a `committed` on its way whose answer nobody will see
  std::uint8_t commit_own = 0, commit_other = 0;   // commit objects, by the writer and by the finisher
  std::uint8_t taken = 0, tombstone = 0;
  std::uint8_t forgetting = 0;   // bit 0: decided, bit 1: with a tombstone (finisher only)
};

struct Writer {
  std::uint8_t pc = kIdle;
  std::uint8_t life = 0;
  std::uint8_t seen = 0;         // epoch (while the lease is not open yet)
  std::uint8_t barred = 0;       // packs that it condemned
  std::uint8_t stored = 0;       // has uploaded its own copy: once
  std::uint8_t own = 0;          // 1 + the pack that it is (kept only where somebody would look at it: kResumeChecks off)
};

struct Collector {
  std::uint8_t pc = kAnew;
  std::uint8_t stale = 0;        // another epoch was published since it read one
  std::array<std::uint8_t, kMaxPacks> since{};   // as in the epoch that it read: 0 is not condemned
  std::uint8_t listed = 0;
  std::uint8_t may = 0;          // what is old enough to be swept, and ...
  std::uint8_t others = 0;       // ... whether it listed a pack that was not condemned
  std::uint8_t blocking = 0;     // sessions to be resolved
  std::uint8_t limit = 0;        // sweeps only what was condemned in an epoch up to this
  std::uint8_t live = 0;
  std::uint8_t busy = 0;         // packs of open sessions (Progress)
  std::uint8_t marked = 0;       // knows what is live, so that it may choose (Progress)
};

// Reductions, each sound because it forgets only what nobody can look at, or who is who:
//   epochs by rank      only their order among those that somebody remembers matters: collectors run without an end
//   packs without names all are copies of c, so the columns of the state that belong to packs are sorted
//   who is who          writers and collectors may be swapped
//   at once             a collector reads the epoch and lists packs at the end of its last run already: it may list
//                       them again at any time, and read the epoch again if there is a newer one
//   the gone            a pack that was deleted leaves the condemned list at once (a real one leaves it later: until then
//                       it makes collectors wait for more leases, never for fewer); an ended session is as if never there;
//                       a finished snapshot is as the first one
struct State {
  std::uint8_t epoch = 0;        // the newest
  std::array<std::uint8_t, kMaxPacks> since{};   // of the newest epoch: when each pack was condemned, 0 if it is not
  std::uint8_t present = 1, known = 1, doomed = 0;   // known: its name is taken
  std::uint8_t first_live = 1;   // the snapshot that was there from the start
  std::array<Writer, kMaxWriters> writers{};
  std::array<Session, kMaxSessions> sessions{};
  std::array<std::uint8_t, 2> repack{};          // 0: not yet, 1: has read a copy, 2: done
  std::array<Collector, kMaxCollectors> collectors{};
  std::uint8_t finisher = 0;     // 0: idle, 1: has read a fate, 2: marked it, 3: looked again, 4: named it
  std::uint8_t finishing = 0;    // session
};

using Key = std::array<std::uint64_t, 3>;
Key encode(const State& state, const Config& config);
State decode(const Key& key, const Config& config);
State initial(const Config& config);
Key canonical(const State& state, const Config& config);   // least of the states that differ only by who is who

using Emit = std::function<void(const State& next, const char* what, int who)>;
void successors(const State& state, const Config& config, const Emit& emit);

bool exists(const Session& session);
bool loses_data(const State& state, const Config& config);
// Progress: a pack of an open, unfenced session is condemned; or a live chunk has copies, but none that counts.
bool loses_work(const State& state, const Config& config);
bool loses_copies(const State& state, const Config& config);

}  // namespace gc_model
