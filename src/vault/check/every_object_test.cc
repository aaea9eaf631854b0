// A vault with objects of every kind, each damaged in every way a store can do it: cut, emptied, with a byte more, with a bit
// flipped, with the bytes of another object, with its own of an earlier time. Whatever is read then is an error or right, and a
// check finds it. The sizes that objects state are taken to their maximum, and nobody allocates by them.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "base/hex.h"
#include "io/testing_each.h"
#include "vault/attachments.h"
#include "vault/collect/collect.h"
#include "vault/collect/pins.h"
#include "vault/keys/slots.h"
#include "vault/object/names.h"
#include "vault/snapshot_record.h"
#include "vault/testing_repository.h"
#include "vault/wal/wal_archive.h"

// What anybody asked for at once. A sanitizer has an allocator of its own: there nothing is counted, and nothing is tried.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HF_COUNTS_ALLOCATIONS
std::atomic<std::size_t> largest_asked = 0;
void* operator new(std::size_t size) {
  std::size_t before = largest_asked;
  while (size > before && !largest_asked.compare_exchange_weak(before, size)) {
  }
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace hf::vault {
namespace {

using testing::backup_files;
using testing::TestVault;

constexpr std::uint64_t kWholeSystem = 77;
constexpr std::uint64_t kWholeSegment = 1u << 20;

// What is read of a vault: each thing by what it is called; its value, or "error" and the kind.
using Seen = std::map<std::string, std::string>;

struct FullVault {
  TestVault vault;
  std::unique_ptr<Lease> alive;
  std::map<std::string, Bytes> earlier;      // bytes that an object had before, where it is one that is replaced

  FullVault() {
    auto repository = vault.open();
    add_slot(*repository);
    repository = vault.open();
    back_up(*repository, "gone", 1);
    back_up(*repository, "kept", 2);
    back_up(*repository, "kept too", 3);
    PruneOptions options;
    options.policy.all.last = 2;
    EXPECT_TRUE(prune_vault(*repository, options));
    make_leases(*repository);
    back_up(*repository, "undecided", 4);
    finish_nothing(*repository);
    fill_wal(*repository);
    Attachments attachments(*repository);
    for (const char* text : {"plan: 1\n", "plan: 2\n"}) EXPECT_TRUE(attachments.put("plan", "holdfast.yaml", as_bytes(text)));
    const std::vector<SnapshotInfo> snapshots = *repository->snapshots();
    EXPECT_TRUE(set_pin(*repository, snapshots[0].id, Pin::kPinned, true, "audit"));
    EXPECT_TRUE(set_pin(*repository, snapshots[1].id, Pin::kHeld, true, "case 7"));
  }

  void add_slot(Repository& repository) {
    const crypto::BoxKey key = crypto::new_box_key(vault.entropy);
    EXPECT_TRUE(Slots(repository).add({key.public_key, Level::kRead, "somebody", true, {8, 1}}));
  }
  void back_up(Repository& repository, const std::string& text, std::uint8_t fill) {
    EXPECT_TRUE(backup_files(repository, {{"name", to_bytes(as_bytes(text))}, {"zeros", Bytes(5000, fill)}}));
  }
  // One that is at work, one that was fenced, and the marks of one whose snapshot somebody else finished and forgot.
  void make_leases(Repository& repository) {
    const Repository::Core& core = repository.core();
    alive = Lease::open(core).value();
    const std::string beat = lease_name(alive->session(), "beat");
    earlier[beat] = *vault.store.get(beat);
    vault.clock.advance(1min);
    EXPECT_TRUE(alive->beat_if_due());
    EXPECT_NE(earlier[beat], *vault.store.get(beat));
    EXPECT_TRUE(create_mark(core, Lease::open(core).value()->session(), Verdict::kFenced, {}));
    const std::unique_ptr<Lease> marked = Lease::open(core).value();
    EXPECT_TRUE(create_mark(core, marked->session(), Verdict::kTaken, SnapshotId{}));
    EXPECT_TRUE(create_mark(core, marked->session(), Verdict::kForgotten, SnapshotId{}));
  }
  // The newest commit is one by its lease's fate alone, as if its writer had died there, on another machine.
  void finish_nothing(Repository& repository) {
    const Repository::Core& core = repository.core();
    const std::vector<CommittedRecord> commits = *read_commits(core, nullptr);
    const auto record = open_record(commits.back().sealed, "it", core.keys, core.writers);
    LeaseFate fate;
    fate.verdict = Verdict::kCommitted;
    fate.sealed_record = commits.back().sealed;
    const std::string name = lease_name(record->session, "fate");
    EXPECT_TRUE(core.create_once(name, core.make_signed(name, ObjectKind::kLeaseFate, encode_fate(fate))));
    EXPECT_TRUE(vault.store.remove(commits.back().object));
  }
  void fill_wal(Repository& repository) {
    WalArchive wal(repository);
    EXPECT_TRUE(wal.put_segment({kWholeSystem, 1, kWholeSegment, Lsn{kWholeSegment}, Bytes(kWholeSegment, 6), {}}));
    EXPECT_TRUE(wal.put_segment({kWholeSystem, 1, kWholeSegment, Lsn{2 * kWholeSegment}, Bytes(kWholeSegment, 7), {}}));
    EXPECT_TRUE(wal.put_frame({kWholeSystem, 1, kWholeSegment, Lsn{3 * kWholeSegment}, Bytes(3000, 5), {}}));
    EXPECT_TRUE(wal.put_frame({kWholeSystem, 1, kWholeSegment, Lsn{3 * kWholeSegment + 3000}, Bytes(2000, 8), {}}));
    for (const Timeline timeline : {2u, 3u}) {
      EXPECT_TRUE(wal.put_history(kWholeSystem, timeline, as_bytes("1\t0/" + std::to_string(timeline) + "00000\tx\n")));
      EXPECT_TRUE(wal.put_seal({kWholeSystem, timeline, Lsn{timeline * kWholeSegment}, "receiver_west", {}, ""}));
    }
  }
};

std::string digest_of(ByteView bytes) {
  const crypto::Digest digest = crypto::sha256(bytes);
  return to_hex(ByteView(digest.data(), digest.size()));
}

template <class T>
std::string told(const Result<T>& result, const std::function<std::string(const T&)>& value) {
  return result ? value(*result) : "error " + result.error().text;
}

bool is_error(const std::string& value) { return value.starts_with("error "); }

void look_at_snapshots(Repository& repository, Seen& seen) {
  const auto snapshots = repository.snapshots();
  seen["snapshots"] = told<std::vector<SnapshotInfo>>(snapshots, [](const auto& all) {
    std::string out;
    for (const SnapshotInfo& s : all) out += to_hex(s.id) + " " + std::to_string(s.files) + "\n";
    return out;
  });
  if (!snapshots) return;
  for (const SnapshotInfo& s : *snapshots) {
    seen["restore " + to_hex(s.id)] =
        told<std::vector<testing::TestFile>>(testing::restore_files(repository, s.id), [](const auto& files) {
          std::string out;
          for (const testing::TestFile& f : files) out += f.path + " " + digest_of(f.bytes) + "\n";
          return out;
        });
  }
}

void look_at_wal(Repository& repository, Seen& seen) {
  WalArchive wal(repository);
  for (std::uint64_t segment = 1; segment <= 3; ++segment) {
    seen["segment " + std::to_string(segment)] = told<WalSegmentData>(
        wal.read_segment(kWholeSystem, 1, segment),
        [](const WalSegmentData& d) { return format_lsn(d.end) + digest_of(d.bytes) + (d.complete ? " whole" : ""); });
  }
  for (const Timeline timeline : {2u, 3u}) {
    seen["history " + std::to_string(timeline)] =
        told<Bytes>(wal.read_history(kWholeSystem, timeline), [](const Bytes& b) { return to_text(b); });
    seen["seals " + std::to_string(timeline)] =
        told<std::vector<TimelineSeal>>(wal.read_seals(kWholeSystem, timeline), [](const auto& seals) {
          std::string out;
          for (const TimelineSeal& s : seals) out += s.receiver + " " + format_lsn(s.lsn) + " " + std::to_string(s.timeline);
          return out;
        });
  }
}

void look_at_attachments(Repository& repository, Seen& seen) {
  Attachments attachments(repository);
  for (const std::uint64_t version : {1u, 2u}) {
    seen["plan " + std::to_string(version)] =
        told<Bytes>(attachments.get_version("plan", "holdfast.yaml", version), [](const Bytes& b) { return to_text(b); });
  }
  seen["plan"] = told<Bytes>(attachments.get("plan", "holdfast.yaml"), [](const Bytes& b) { return to_text(b); });
  seen["pins"] = told<std::map<SnapshotId, PinStates>>(read_pins(repository), [](const auto& pins) {
    std::string out;
    for (const auto& [id, states] : pins) out += to_hex(id) + " " + states.reason() + "\n";
    return out;
  });
}

void look_at_collection(Repository& repository, Seen& seen) {
  PruneOptions options;
  options.policy.all.last = 1;
  options.dry_run = true;
  seen["prune"] = told<PruneReport>(prune_vault(repository, options), [](const PruneReport& r) {
    std::string out;
    for (const RetentionVerdict& v : r.snapshots) out += to_hex(v.id) + (v.keep ? " stays\n" : " goes\n");
    return out;
  });
  seen["epoch"] = told<Epoch>(read_newest_epoch(repository.core()), [](const Epoch& e) {
    return std::to_string(e.number) + " " + std::to_string(e.highest_commit) + " " + std::to_string(e.condemned.size());
  });
}

struct Looked {
  Seen seen;
  bool noticed = false;      // by opening or checking it
};

Looked look(TestVault& vault) {
  Looked out;
  auto repository = Repository::open(vault.context(vault.store), vault.credentials);
  out.noticed = !repository;
  if (!repository) return out;
  look_at_snapshots(**repository, out.seen);
  look_at_wal(**repository, out.seen);
  look_at_attachments(**repository, out.seen);
  look_at_collection(**repository, out.seen);
  const auto checked = (*repository)->check({.read_data = true});
  out.noticed = !checked || !checked->damaged.empty();
  return out;
}

struct Damaged {
  std::string how;
  Bytes bytes;
};

// The folder, and of leases and WAL the part: the kind of object as its name says it.
std::string kind_by_name(const std::string& name) {
  const std::string folder = name.substr(0, name.find('/'));
  const std::string last = name.substr(name.rfind('/') + 1);
  if (folder == "leases") return folder + "/" + last;
  if (folder == "attach") return name.substr(0, name.find('/', 7));
  if (folder != "wal") return folder;
  if (name.find("/seals/") != std::string::npos) return "wal/seal";
  return last == "sealed" || last == "history" ? "wal/" + last : "wal/frame";
}

std::vector<Damaged> damages_of(const std::string& name, const Bytes& bytes, const std::map<std::string, Bytes>& all,
                                const std::map<std::string, Bytes>& earlier) {
  const auto beginning = [&](std::size_t size) { return to_bytes(ByteView(bytes).first(std::min(size, bytes.size() - 1))); };
  std::vector<Damaged> out = {{"emptied", {}},
                              {"cut by a byte", beginning(bytes.size() - 1)},
                              {"cut in half", beginning(bytes.size() / 2)},
                              {"cut to its header", beginning(32)}};
  Bytes longer = bytes;
  longer.push_back(0);
  out.push_back({"with a byte more", std::move(longer)});
  for (const std::size_t at : {std::size_t{0}, std::size_t{9}, bytes.size() / 3, bytes.size() / 2, bytes.size() - 1}) {
    Bytes flipped = bytes;
    flipped[at] ^= 0x10;
    out.push_back({"bit flipped in byte " + std::to_string(at), std::move(flipped)});
  }
  for (const auto& [other, theirs] : all) {
    const bool by_kind = kind_by_name(other) == kind_by_name(name);
    const bool mistaken = other != name && (by_kind || other == "store" || other == "config/1");
    if (mistaken && theirs != bytes) out.push_back({"with the bytes of " + other, theirs});
  }
  const auto before = earlier.find(name);
  if (before != earlier.end()) out.push_back({"put back to what it was", before->second});
  return out;
}

// A beat that is older than the newest one is a beat all the same: it costs a writer's lease at most, as if it had died.
bool is_harmless(const std::string& name, const Damaged& damage) {
  return kind_by_name(name) == "leases/beat" && damage.how == "put back to what it was";
}

TEST(EveryObject, HasAVaultOfEveryKind) {
  FullVault full;
  std::map<std::string, int> kinds;
  for (const auto& [name, bytes] : full.vault.store.snapshot()) ++kinds[kind_by_name(name)];
  for (const char* kind : {"store", "config", "packs", "index", "commits", "epoch", "leases/open", "leases/beat", "leases/fate",
                           "leases/taken", "leases/forgotten", "wal/sealed", "wal/frame", "wal/history", "wal/seal",
                           "attach/plan", "attach/pin", "attach/hold"}) {
    EXPECT_GE(kinds[kind], 1) << kind;
  }
  const Looked looked = look(full.vault);
  EXPECT_FALSE(looked.noticed);
  for (const auto& [what, value] : looked.seen) EXPECT_FALSE(is_error(value)) << what << ": " << value;
}

TEST(EveryObject, DamagedInAnyWayIsAnErrorOrNoticedAndNeverWrongData) {
  FullVault full;
  const Seen right = look(full.vault).seen;
  const std::map<std::string, Bytes> all = full.vault.store.snapshot();
  std::uint64_t tried = 0;
  for (const auto& [name, bytes] : all) {
    for (const Damaged& damage : damages_of(name, bytes, all, full.earlier)) {
      if (++tried % kEach != 0) continue;
      full.vault.store.set(name, damage.bytes);
      const Looked looked = look(full.vault);
      EXPECT_TRUE(looked.noticed || is_harmless(name, damage)) << name << " " << damage.how << " is not noticed";
      for (const auto& [what, value] : looked.seen) {
        const auto wanted = right.find(what);
        EXPECT_TRUE(is_error(value) || (wanted != right.end() && wanted->second == value))
            << name << " " << damage.how << ": " << what << " is " << value;
      }
    }
    full.vault.store.set(name, bytes);
  }
  EXPECT_GT(tried, 400u);
}

#ifdef HF_COUNTS_ALLOCATIONS
// --- sizes

// What reads the object's kind, and no more.
void look_shortly(TestVault& vault, const std::string& name) {
  Seen seen;
  auto repository = Repository::open(vault.context(vault.store), vault.credentials);
  if (!repository) return;
  if (name.starts_with("wal/")) return look_at_wal(**repository, seen);
  if (name.starts_with("attach/")) return look_at_attachments(**repository, seen);
  look_at_collection(**repository, seen);
  look_at_snapshots(**repository, seen);
  (void)(*repository)->check({});
}

// Every four bytes in turn of an object's beginning and end, taken for a size: the largest, and one that limits may let through.
std::vector<Bytes> with_sizes(const Bytes& bytes) {
  constexpr std::size_t kBegin = 140, kEnd = 40;
  const Bytes sizes[] = {{0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 0x04}};
  std::vector<Bytes> out;
  for (std::size_t at = 0; at + 4 <= bytes.size(); ++at) {
    if (at >= kBegin && at + kEnd < bytes.size()) continue;
    for (const Bytes& size : sizes) {
      out.push_back(bytes);
      std::ranges::copy(size, out.back().begin() + static_cast<std::ptrdiff_t>(at));
    }
  }
  return out;
}

std::size_t largest_allocation(const std::function<void()>& act) {
  largest_asked = 0;
  act();
  return largest_asked;
}

// Two of the largest objects at a time, and what the index keeps whatever it reads.
TEST(EveryObject, NobodyAllocatesByTheSizesThatItStates) {
  FullVault full;
  std::size_t largest = 0;
  std::set<std::string> done;
  const std::size_t usual = largest_allocation([&] { look(full.vault); });
  const std::map<std::string, Bytes> all = full.vault.store.snapshot();
  for (const auto& [name, bytes] : all) largest = std::max(largest, bytes.size());
  const std::size_t bound = std::max(usual, 2 * largest);
  for (const auto& [name, bytes] : all) {
    const bool data = name.starts_with("packs/") && bytes.size() > 4000;      // or of a tree
    if (!done.insert(kind_by_name(name) + (data ? " of data" : "")).second) continue;
    for (const Bytes& stated : with_sizes(bytes)) {
      full.vault.store.set(name, stated);
      const std::size_t asked = largest_allocation([&] { look_shortly(full.vault, name); });
      ASSERT_LE(asked, bound) << name << ": " << to_hex(stated);
    }
    full.vault.store.set(name, bytes);
  }
}

#endif

}  // namespace
}  // namespace hf::vault
