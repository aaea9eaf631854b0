// Every command that reads or writes a vault, killed at every call of the store, before and after the call.
//
// After each kill a new process opens the vault: check finds nothing, every snapshot that was listed before is listed and reads
// back bit for bit (but those that the command was to forget), the command run again reaches its goal, and the next backup works.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/hex.h"
#include "io/testing_each.h"
#include "vault/attachments.h"
#include "vault/check/heal.h"
#include "vault/check/rebuild.h"
#include "vault/check/scrub.h"
#include "vault/collect/collect.h"
#include "vault/collect/pins.h"
#include "vault/core.h"
#include "vault/keys/slots.h"
#include "vault/object/names.h"
#include "vault/rehearsal.h"
#include "vault/snapshot_record.h"
#include "vault/testing_kill.h"
#include "vault/wal/wal_archive.h"

namespace hf::vault {
namespace {

using testing::backup_files;
using testing::KillPoint;
using testing::KillWorld;
using testing::restore_files;
using testing::TestFile;

constexpr std::uint64_t kMaxCalls = 2000;            // of one command: an enumeration ends
constexpr std::uint64_t kKilledSystem = 77;
constexpr std::uint64_t kKilledSegment = 1u << 20;

struct Scenario {
  std::string name;
  std::function<void(KillWorld&)> prepare;
  std::function<Status(KillWorld&)> run;             // through the world's stores, which may die
  std::function<void(KillWorld&)> expect = {};       // after it ran again and ended well
  bool reads_only = false;
  bool damaged = false;                              // until it has ended well
  bool with_copy = false;                            // enumerates the copy's calls, too
  bool creates = false;                              // there may be no vault yet
  bool journals = false;
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

std::vector<TestFile> killed_files(std::uint64_t seed, int files = 3) {
  Rng rng(seed);
  std::vector<TestFile> out;
  for (int i = 0; i < files; ++i) out.push_back({"f" + std::to_string(i), testing::random_bytes(rng, 3000)});
  return out;
}

bool equal_trees(const std::vector<TestFile>& a, const std::vector<TestFile>& b) {
  return std::ranges::equal(a, b, [](const TestFile& x, const TestFile& y) { return x.path == y.path && x.bytes == y.bytes; });
}

template <class T>
Status status_of(const Result<T>& result) {
  return result ? ok() : Status(result.error());
}

SnapshotId commit_files(KillWorld& w, const std::vector<TestFile>& files, const std::string& host = "alpha") {
  auto info = backup_files(*w.open(host).value(), files);
  EXPECT_TRUE(info) << info.error().text;
  w.known[info->id] = files;
  return info->id;
}

Status run_backup(KillWorld& w, const std::vector<TestFile>& files) {
  HF_ASSIGN(const auto repository, w.open());
  return status_of(backup_files(*repository, files));
}

Status run_prune(KillWorld& w, std::uint32_t last) {
  HF_ASSIGN(const auto repository, w.open());
  PruneOptions options;
  options.policy.all.last = last;
  return status_of(prune_vault(*repository, options));
}

Status run_copy(KillWorld& w) {
  HF_ASSIGN(const auto from, w.open());
  HF_ASSIGN(const auto to, w.open_copy());
  return status_of(from->copy_to(*to));
}

Status run_repair(KillWorld& w, bool with_copies, bool scrub = false) {
  HF_ASSIGN(const auto copy, w.open_copy());
  std::vector<Repository*> copies;
  if (with_copies) copies.push_back(copy.get());
  std::vector<Healed> healed;
  HF_TRY(heal_opening(w.context(w.store()), copies, healed));
  HF_ASSIGN(const auto repository, w.open());
  CheckOptions options;
  options.read_data = true;
  options.repair = true;
  options.copies = copies;
  if (!scrub) return status_of(repository->check(options));
  ScrubLedger ledger;
  ledger.store = repository->store_id();
  ScrubOptions all;
  all.check = options;
  return status_of(scrub_vault(*repository, ledger, all));
}

Status run_rebuild(KillWorld& w, bool snapshots) {
  HF_ASSIGN(const auto repository, w.open());
  RebuildOptions options;
  options.snapshots = snapshots;
  return status_of(rebuild_vault(*repository, options));
}

// A backup that stores everything and dies before its index run: its journal and its packs are there.
void cut_short(KillWorld& w, const std::vector<TestFile>& files, const std::string& at) {
  StoreFaults faults;
  faults.stop_at_put = at;
  FaultyStore faulty(w.vault.store, faults);
  auto repository = Repository::open(w.context(faulty), w.credentials.front());
  ASSERT_TRUE(repository);
  (void)backup_files(**repository, files);
}

std::string first_object(KillWorld& w, const std::string& prefix, std::size_t at_least = 0) {
  for (const auto& [name, bytes] : w.vault.store.snapshot()) {
    if (name.starts_with(prefix) && bytes.size() >= at_least) return name;
  }
  ADD_FAILURE() << "no " << prefix;
  return "";
}

void flip(KillWorld& w, const std::string& object) {
  Bytes bytes = w.vault.store.get(object).value();
  bytes[bytes.size() / 2] ^= 0x10;
  w.vault.store.set(object, bytes);
}

std::size_t count_objects(MemoryStore& store, const std::string& prefix) {
  std::size_t n = 0;
  for (const auto& [name, bytes] : store.snapshot()) n += name.starts_with(prefix) ? 1 : 0;
  return n;
}

void two_snapshots_and_a_copy(KillWorld& w) {
  commit_files(w, killed_files(1));
  auto repository = w.open().value();
  ASSERT_TRUE(Attachments(*repository).put("plan", "main", as_bytes("text of a plan")));
  ASSERT_TRUE(repository->init_copy(w.copy));
  ASSERT_TRUE(run_copy(w));
  commit_files(w, killed_files(2, 6));
}

// Three snapshots, each with fewer files of the same: the older ones' packs are needed in part.
void shrinking_snapshots(KillWorld& w, std::uint32_t kept) {
  auto files = killed_files(1, 8);
  std::vector<SnapshotId> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(commit_files(w, files));
    files.resize(files.size() - 2);
  }
  ids.resize(ids.size() - kept);
  w.may_go.insert(ids.begin(), ids.end());
}

WalFrame killed_frame(std::uint64_t start, std::size_t n) {
  return {kKilledSystem, 1, kKilledSegment, Lsn{start}, Bytes(n, 5), {}};
}

SlotRequest slot_request(std::string_view passphrase) {
  return {Passphrase{Secret(passphrase)}, Level::kAdmin, "somebody", true, testing::kCheapCost};
}

Status run_init(KillWorld& w) {
  if (w.open()) return ok();                          // as far as it came the last time, there is a vault
  InitOptions options;
  options.cost = testing::kCheapCost;
  options.probe = true;
  return status_of(Repository::init(w.context(w.store()), Passphrase{Secret(std::string_view("correct horse"))}, options));
}

Status run_init_copy(KillWorld& w) {
  HF_ASSIGN(const auto from, w.open());
  if (!w.open_copy()) HF_TRY(from->init_copy(w.copy_store(), true));
  return run_copy(w);
}

Status run_restore(KillWorld& w) {
  HF_ASSIGN(const auto repository, w.open());
  HF_ASSIGN(const std::vector<SnapshotInfo> snapshots, repository->snapshots());
  for (const SnapshotInfo& info : snapshots) HF_TRY(restore_files(*repository, info.id));
  return ok();
}

Status run_slots(KillWorld& w, const std::function<Result<SlotChange>(Slots&)>& change) {
  HF_ASSIGN(const auto repository, w.open());
  Slots slots(*repository);
  return status_of(change(slots));
}

Status run_pins(KillWorld& w) {
  HF_ASSIGN(const auto repository, w.open());
  const SnapshotId id = w.known.begin()->first;
  HF_TRY(set_pin(*repository, id, Pin::kPinned, true, "why"));
  HF_TRY(set_pin(*repository, id, Pin::kHeld, true, "case"));
  return set_pin(*repository, id, Pin::kPinned, false, "");
}

Status run_wal(KillWorld& w) {
  HF_ASSIGN(const auto repository, w.open());
  WalArchive wal(*repository);
  for (std::uint64_t begin = kKilledSegment; begin < 2 * kKilledSegment; begin += kKilledSegment / 2) {
    HF_TRY(wal.put_frame(killed_frame(begin, kKilledSegment / 2)));
  }
  HF_TRY(wal.seal_segment(kKilledSystem, 1, 1, kKilledSegment));
  HF_TRY(wal.put_segment(killed_frame(2 * kKilledSegment, kKilledSegment)));
  HF_TRY(wal.put_history(kKilledSystem, 2, as_bytes("1\t0/3000000\tx\n")));
  return wal.put_seal({kKilledSystem, 1, Lsn{3 * kKilledSegment}, "receiver_west", {}, ""});
}

void expect_wal(KillWorld& w) {
  auto repository = w.open().value();
  WalArchive wal(*repository);
  for (const std::uint64_t segment : {1, 2}) {
    const auto data = wal.read_segment(kKilledSystem, 1, segment);
    ASSERT_TRUE(data) << data.error().text;
    EXPECT_TRUE(data->complete);
    EXPECT_TRUE(data->bytes == Bytes(kKilledSegment, 5));
  }
  EXPECT_EQ(wal.read_seals(kKilledSystem, 1)->size(), 1u);
  std::size_t frames = 0;
  for (const auto& [name, bytes] : w.vault.store.snapshot()) {
    if (name.starts_with("wal/") && name.find('-') != std::string::npos) ++frames;
  }
  EXPECT_EQ(frames, 0u);
}

void expect_copied(KillWorld& w) {
  auto copy = w.open_copy();
  ASSERT_TRUE(copy) << copy.error().text;
  const auto snapshots = (*copy)->snapshots();
  ASSERT_TRUE(snapshots);
  const auto here = w.open().value()->snapshots();
  ASSERT_TRUE(here);
  EXPECT_EQ(snapshots->size(), here->size());
  EXPECT_EQ(count_objects(w.copy, "attach/"), count_objects(w.vault.store, "attach/"));
}

void expect_packs(KillWorld& w, std::size_t wanted) { EXPECT_EQ(count_objects(w.vault.store, "packs/"), wanted); }

void begin_slots(KillWorld& w, bool second) {
  commit_files(w, killed_files(1));
  w.credentials.emplace_back(Passphrase{Secret(std::string_view("fresh"))});
  if (second) {
    ASSERT_TRUE(run_slots(w, [](Slots& slots) { return slots.add(slot_request("fresh")); }));
  }
}

void expect_dropped(KillWorld& w, bool old_opens) {
  EXPECT_EQ(Repository::open(w.context(w.vault.store), w.credentials[0]).has_value(), old_opens);
  EXPECT_EQ(count_objects(w.vault.store, "config/"), 1u) << "a dropped slot stands in an older config";
}

// A committed lease without its commit: its writer was killed between the two.
void leave_committed(KillWorld& w, const std::string& host) {
  commit_files(w, killed_files(1));
  StoreFaults faults;
  faults.stop_at_put = "commits/";
  FaultyStore faulty(w.vault.store, faults);
  auto repository = Repository::open(w.context(faulty, host), w.credentials.front());
  ASSERT_TRUE(repository);
  const auto info = backup_files(**repository, killed_files(2));
  ASSERT_TRUE(info) << info.error().text;
  w.known[info->id] = killed_files(2);
  ASSERT_EQ(count_objects(w.vault.store, "commits/"), 1u);
}

std::vector<Scenario> backup_scenarios() {
  const auto first = killed_files(2, 6);
  const auto backup = [first](KillWorld& w) { return run_backup(w, first); };
  const auto may_be = [first](KillWorld& w) { w.possible = {first}; };
  return {
      {.name = "Init",
       .prepare = [](KillWorld& w) {
         for (const auto& [name, b] : w.vault.store.snapshot()) ASSERT_TRUE(w.vault.store.remove(name));
       },
       .run = run_init,
       .expect = [](KillWorld& w) { EXPECT_EQ(count_objects(w.vault.store, "probe"), 0u); },
       .creates = true},
      {.name = "FirstBackup", .prepare = may_be, .run = backup, .journals = true},
      {.name = "SecondBackup",
       .prepare = [may_be](KillWorld& w) { commit_files(w, killed_files(1)), commit_files(w, killed_files(2)), may_be(w); },
       .run = backup,
       .journals = true},
      {.name = "ResumedBackup",
       .prepare = [may_be, first](KillWorld& w) { commit_files(w, killed_files(1)), may_be(w), cut_short(w, first, "index/"); },
       .run = backup,
       .expect = [](KillWorld& w) {
         // What was durable before either kill is named, and nothing was sent twice: a prune finds nothing to sweep.
         auto repository = w.open().value();
         PruneOptions options;
         options.policy.all.last = 100;
         const auto report = prune_vault(*repository, options);
         ASSERT_TRUE(report) << report.error().text;
         EXPECT_EQ(report->freed_bytes, 0u);
       },
       .journals = true},
      {.name = "BackupThatFinishesAnotherRun",
       .prepare = [may_be](KillWorld& w) { leave_committed(w, "alpha"), may_be(w); },
       .run = backup,
       .expect = [](KillWorld& w) { EXPECT_GE(count_objects(w.vault.store, "commits/"), 3u); }},
      {.name = "Unlock",
       .prepare = [](KillWorld& w) { leave_committed(w, "beta"); },
       .run = [](KillWorld& w) -> Status {
         HF_ASSIGN(const auto repository, w.open());
         return status_of(repository->unlock_leases());
       },
       .expect = [](KillWorld& w) { EXPECT_EQ(count_objects(w.vault.store, "commits/"), 2u); }},
  };
}

std::vector<Scenario> copy_scenarios() {
  return {
      {.name = "InitCopyAndFirstCopy",
       .prepare = [](KillWorld& w) {
         begin_slots(w, true);
         commit_files(w, killed_files(2));
         std::swap(w.credentials[0], w.credentials[1]);      // the slot that only the newest config has
         w.credentials.pop_back();
       },
       .run = run_init_copy,
       .expect = expect_copied,
       .with_copy = true},
      {.name = "NextCopy", .prepare = two_snapshots_and_a_copy, .run = run_copy, .expect = expect_copied, .with_copy = true},
      {.name = "CopyOfWhatTheCopyOnceCondemned",
       .prepare = [](KillWorld& w) {
         two_snapshots_and_a_copy(w);
         ASSERT_TRUE(run_copy(w));
         auto there = w.open_copy().value();
         PruneOptions options;
         options.policy.all.last = 1;
         ASSERT_TRUE(prune_vault(*there, options));          // the first snapshot goes there, and comes again by the copy
       },
       .run = run_copy,
       .expect = expect_copied,
       .with_copy = true},
      {.name = "CopyOfSlotChanges",
       .prepare = [](KillWorld& w) {
         two_snapshots_and_a_copy(w);
         w.credentials.emplace_back(Passphrase{Secret(std::string_view("fresh"))});
         ASSERT_TRUE(run_slots(w, [](Slots& s) {
           return s.replace(1, Passphrase{Secret(std::string_view("fresh"))}, testing::kCheapCost);
         }));
       },
       .run = run_copy,
       .expect = [](KillWorld& w) {
         expect_copied(w);
         EXPECT_EQ(Repository::open(w.context(w.copy), w.credentials[0]).error().kind, ErrorKind::kDenied);
         EXPECT_EQ(count_objects(w.copy, "config/"), 1u);
       },
       .with_copy = true},
  };
}

std::vector<Scenario> prune_scenarios() {
  return {
      {.name = "PruneWhole",
       .prepare = [](KillWorld& w) {
         for (std::uint64_t i = 1; i <= 3; ++i) w.may_go.insert(commit_files(w, killed_files(i)));
         w.may_go.erase(commit_files(w, killed_files(4)));
       },
       .run = [](KillWorld& w) { return run_prune(w, 1); },
       .expect = [](KillWorld& w) { expect_packs(w, 2); }},
      {.name = "PruneThatSweeps",
       .prepare = [](KillWorld& w) {
         commit_files(w, killed_files(1)), commit_files(w, killed_files(2));
         auto repository = w.open().value();
         const auto commits = read_commits(repository->core(), nullptr).value();
         Epoch epoch = read_newest_epoch(repository->core()).value();
         ASSERT_TRUE(forget(repository->core(), {commits.front().id}, epoch));
         w.known.erase(commits.front().id);
         PruneReport report;
         ASSERT_TRUE(collect_once(repository->core(), {}, report));
         ASSERT_EQ(report.condemned_packs, 2u);
       },
       .run = [](KillWorld& w) { return run_prune(w, 1); },
       .expect = [](KillWorld& w) { expect_packs(w, 2); }},
      {.name = "PruneThatRepacks",
       .prepare = [](KillWorld& w) { shrinking_snapshots(w, 1); },
       .run = [](KillWorld& w) { return run_prune(w, 1); }},
      {.name = "PruneThatFencesADeadWriter",
       .prepare = [](KillWorld& w) {
         w.may_go.insert(commit_files(w, killed_files(1)));
         cut_short(w, killed_files(5), "leases/");           // nothing of it
         cut_short(w, killed_files(6), "index/");
         shrinking_snapshots(w, 3);
       },
       .run = [](KillWorld& w) { return run_prune(w, 3); }},
  };
}

std::vector<Scenario> repair_scenarios() {
  const auto begin = [](KillWorld& w) {
    two_snapshots_and_a_copy(w);
    ASSERT_TRUE(run_copy(w));
  };
  return {
      {.name = "RepairByParity",
       .prepare = [begin](KillWorld& w) { begin(w), flip(w, first_object(w, "packs/")); },
       .run = [](KillWorld& w) { return run_repair(w, false); },
       .damaged = true},
      {.name = "RepairFromACopy",
       .prepare = [begin](KillWorld& w) {
         begin(w);
         for (const char* prefix : {"index/", "commits/", "config/", "attach/", "store"}) flip(w, first_object(w, prefix));
         ASSERT_TRUE(w.vault.store.remove(first_object(w, "packs/")));
       },
       .run = [](KillWorld& w) { return run_repair(w, true); },
       .damaged = true,
       .with_copy = true},
      {.name = "ScrubThatRepairs",
       .prepare = [begin](KillWorld& w) { begin(w), flip(w, first_object(w, "packs/")); },
       .run = [](KillWorld& w) { return run_repair(w, true, true); },
       .damaged = true},
      {.name = "RebuildTheIndex",
       .prepare = [begin](KillWorld& w) {
         begin(w);
         flip(w, first_object(w, "index/"));
         flip(w, first_object(w, "packs/"));
       },
       .run = [](KillWorld& w) { return run_rebuild(w, false); },
       .damaged = true},
      {.name = "RebuildTheSnapshots",
       .prepare = [begin](KillWorld& w) {
         begin(w);
         for (const auto& [name, b] : w.vault.store.snapshot()) {
           if (name.starts_with("commits/") || name.starts_with("index/")) {
             ASSERT_TRUE(w.vault.store.remove(name));
           }
         }
         for (const auto& [id, files] : w.known) w.possible.push_back(files);
         w.known.clear();
       },
       .run = [](KillWorld& w) { return run_rebuild(w, true); },
       .expect = [](KillWorld& w) { EXPECT_EQ(w.open().value()->snapshots()->size(), 2u); },
       .damaged = true},
  };
}

std::vector<Scenario> other_scenarios() {
  const auto one = [](KillWorld& w) { commit_files(w, killed_files(1)), commit_files(w, killed_files(2)); };
  return {
      {.name = "Restore", .prepare = one, .run = run_restore, .reads_only = true},
      {.name = "Check",
       .prepare = one,
       .run = [](KillWorld& w) -> Status {
         HF_ASSIGN(const auto repository, w.open());
         return status_of(repository->check({.read_data = true}));
       },
       .reads_only = true},
      {.name = "Rehearse",
       .prepare = one,
       .run = [](KillWorld& w) -> Status {
         HF_ASSIGN(const auto repository, w.open());
         return status_of(rehearse(*repository, [](const RehearsalProgress&) {}, {}));
       }},
      {.name = "Pins",
       .prepare = one,
       .run = run_pins,
       .expect = [](KillWorld& w) {
         EXPECT_EQ(read_pins(*w.open().value())->begin()->second.strongest(), Pin::kHeld);
       }},
      {.name = "Wal", .prepare = one, .run = run_wal, .expect = expect_wal},
      {.name = "SlotAdded",
       .prepare = [](KillWorld& w) { begin_slots(w, false); },
       .run = [](KillWorld& w) { return run_slots(w, [](Slots& s) { return s.add(slot_request("fresh")); }); },
       .expect = [](KillWorld& w) { EXPECT_TRUE(Repository::open(w.context(w.vault.store), w.credentials[1])); }},
      {.name = "SlotDropped",
       .prepare = [](KillWorld& w) {
         begin_slots(w, true);
         std::swap(w.credentials[0], w.credentials[1]);      // opened by the slot that stays
         w.credentials.pop_back();
       },
       .run = [](KillWorld& w) {
         const Status dropped = run_slots(w, [](Slots& s) { return s.drop(1); });
         return !dropped && dropped.error().kind == ErrorKind::kNotFound ? ok() : dropped;     // it was done before
       },
       .expect = [](KillWorld& w) {
         EXPECT_EQ(Repository::open(w.context(w.vault.store), w.vault.credentials).error().kind, ErrorKind::kDenied);
         EXPECT_EQ(count_objects(w.vault.store, "config/"), 1u) << "a dropped slot stands in an older config";
       }},
      {.name = "SlotReplaced",
       .prepare = [](KillWorld& w) { begin_slots(w, false); },
       .run = [](KillWorld& w) {
         return run_slots(w, [&](Slots& s) -> Result<SlotChange> {
           const bool old = Repository::open(w.context(w.vault.store), w.credentials[0]).has_value();
           HF_ASSIGN(const Slot mine, s.opened_by(w.credentials[old ? 0 : 1]));
           return s.replace(mine.number, Passphrase{Secret(std::string_view("fresh"))}, testing::kCheapCost);
         });
       },
       .expect = [](KillWorld& w) { expect_dropped(w, false); }},
  };
}

std::vector<Scenario> all_scenarios() {
  std::vector<Scenario> out;
  for (auto* make : {backup_scenarios, copy_scenarios, prune_scenarios, repair_scenarios, other_scenarios}) {
    for (Scenario& one : make()) out.push_back(std::move(one));
  }
  return out;
}

// What is listed is whole, what was listed before is listed, and check finds nothing.
void expect_clean(KillWorld& w, Repository& repository, bool everything) {
  const auto snapshots = repository.snapshots();
  ASSERT_TRUE(snapshots) << snapshots.error().text;
  std::set<SnapshotId> listed;
  for (const SnapshotInfo& info : *snapshots) {
    listed.insert(info.id);
    const auto files = restore_files(repository, info.id);
    ASSERT_TRUE(files) << files.error().text;
    const auto known = w.known.find(info.id);
    if (known != w.known.end()) {
      EXPECT_TRUE(equal_trees(*files, known->second)) << to_hex(info.id);
    } else {
      EXPECT_TRUE(std::ranges::any_of(w.possible, [&](const auto& tree) { return equal_trees(*files, tree); }));
    }
  }
  for (const auto& [id, files] : w.known) {
    EXPECT_TRUE(!everything || listed.contains(id) || w.may_go.contains(id)) << to_hex(id) << " is gone";
  }
  const auto report = repository.check({.read_data = true});
  ASSERT_TRUE(report) << report.error().text;
  for (const Damage& d : report->damaged) ADD_FAILURE() << d.object << ": " << d.why;
}

void expect_next_backup(KillWorld& w) {
  auto repository = w.open();
  ASSERT_TRUE(repository) << repository.error().text;
  const auto files = killed_files(9, 2);
  const auto info = backup_files(**repository, files);
  ASSERT_TRUE(info) << info.error().text;
  w.possible.push_back(files);
  expect_clean(w, **repository, true);
  w.possible.pop_back();
}

class Kill : public ::testing::TestWithParam<Scenario> {
 protected:
  // True if the command came to its end by itself.
  bool kill_at(KillWorld& w, const KillPoint& point) {
    const Scenario& s = GetParam();
    w.come_back();
    const auto before = w.everything();
    w.arm(point);
    const Status ran = s.run(w);
    const bool ended = w.calls(point.of_copy) < point.at;
    w.disarm();
    EXPECT_TRUE(ran || !ended) << ran.error().text;
    EXPECT_TRUE(!s.reads_only || w.everything() == before);
    after_kill(w);
    return ended;
  }

  void after_kill(KillWorld& w) {
    const Scenario& s = GetParam();
    if (!s.damaged && !s.creates) {
      auto repository = w.open();
      ASSERT_TRUE(repository) << repository.error().text;
      expect_clean(w, **repository, true);
    }
    if (auto copy = w.open_copy()) expect_clean(w, **copy, false);
    const Status again = s.run(w);
    ASSERT_TRUE(again) << "run again: " << again.error().text;
    if (s.expect) s.expect(w);
    expect_next_backup(w);
    if (auto copy = w.open_copy()) expect_clean(w, **copy, false);
  }
};

TEST_P(Kill, AtEveryCall) {
  KillWorld w;
  w.journals = GetParam().journals;
  GetParam().prepare(w);
  w.keep();
  for (const bool of_copy : {false, true}) {
    if (of_copy && !GetParam().with_copy) continue;
    for (const bool after : {false, true}) {
      std::uint64_t at = 1;
      for (bool ended = false; !ended; at += kEach) {
        const KillPoint point{of_copy, at, after};
        SCOPED_TRACE(point.text());
        ended = kill_at(w, point);
        if (HasFailure()) return;
        ASSERT_LT(at, kMaxCalls);
      }
      EXPECT_GT(at, 3u) << "hardly a call";
      if (after) RecordProperty(of_copy ? "calls_of_copy" : "calls", static_cast<int>(at) - 2);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Kill, ::testing::ValuesIn(all_scenarios()), [](const auto& made) { return made.param.name; });

}  // namespace
}  // namespace hf::vault
