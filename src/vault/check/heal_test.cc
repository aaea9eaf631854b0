// Healing: every kind of object, damaged in every way, comes back as it was from parity or from a copy; what nothing heals
// is told with what it hits, and its chunks are stored again by the next backup; cut short at any call, nothing is worse.
#include "vault/check/heal.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "io/testing_each.h"
#include "vault/attachments.h"
#include "vault/collect/collect.h"
#include "vault/object/names.h"
#include "vault/store/testing_faulty_store.h"
#include "vault/store/testing_wrapped_store.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

using testing::backup_files;
using testing::restore_files;
using testing::TestFile;
using testing::TestVault;

std::vector<TestFile> damaged_files() {
  Rng rng(7);
  return {{"a", to_bytes("hello")},
          {"b/large", testing::random_bytes(rng, 1'500'000)},
          {"b/text", testing::compressible_bytes(rng, 200'000)}};
}

// A vault with two snapshots and an attachment, and a copy of it.
struct Pair {
  TestVault vault;
  MemoryStore other{vault.clock};
  std::map<std::string, Bytes> whole;         // the vault's objects
  SnapshotId id{};

  Pair() {
    auto repository = vault.open();
    EXPECT_TRUE(backup_files(*repository, {{"first", to_bytes("one")}}, "small"));
    auto snapshot = backup_files(*repository, damaged_files(), "large");
    EXPECT_TRUE(snapshot);
    id = snapshot->id;
    EXPECT_TRUE(Attachments(*repository).put("plan", "main", to_bytes("text of a plan")));
    EXPECT_TRUE(repository->init_copy(other));
    auto copy = vault.open(&other);
    auto copied = repository->copy_to(*copy);
    EXPECT_TRUE(copied) << copied.error().text;
    whole = vault.store.snapshot();
  }
  void restore_store() {
    for (const auto& [name, bytes] : vault.store.snapshot()) {
      if (!whole.contains(name)) {
        EXPECT_TRUE(vault.store.remove(name));
      }
    }
    for (const auto& [name, bytes] : whole) vault.store.set(name, bytes);
  }
  Result<CheckReport> repair(Store* through = nullptr, bool with_copy = true) {
    auto copy = vault.open(&other);
    std::vector<Repository*> copies;
    if (with_copy) copies.push_back(copy.get());
    HF_TRY(heal_opening(vault.context(through != nullptr ? *through : vault.store), copies, opened));
    auto repository = Repository::open(vault.context(through != nullptr ? *through : vault.store), vault.credentials);
    if (!repository) return std::move(repository).error();
    CheckOptions options;
    options.read_data = true;
    options.repair = true;
    options.copies = copies;
    return (*repository)->check(options);
  }
  std::string check_text() {
    auto repository = Repository::open(vault.context(vault.store), vault.credentials);
    if (!repository) return repository.error().text;
    CheckOptions options;
    options.read_data = true;
    auto report = (*repository)->check(options);
    if (!report) return report.error().text;
    std::string out;
    for (const Damage& d : report->damaged) out += d.object + " (" + d.why + ") ";
    return out;
  }
  void expect_whole(const std::string& what) {
    EXPECT_EQ(check_text(), "") << what;
    auto files = restore_files(*vault.open(), id);
    ASSERT_TRUE(files) << what;
    const std::vector<TestFile> wanted = damaged_files();
    ASSERT_EQ(files->size(), wanted.size()) << what;
    for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_TRUE((*files)[i].bytes == wanted[i].bytes) << what;
  }
  std::string first(const std::string& prefix, std::size_t at_least = 0) const {
    for (const auto& [name, bytes] : whole) {
      if (name.starts_with(prefix) && bytes.size() >= at_least) return name;
    }
    ADD_FAILURE() << prefix;
    return "";
  }
  std::vector<Healed> opened;
};

Bytes flipped(Bytes bytes) {
  bytes[bytes.size() / 2] ^= 0x10;
  return bytes;
}

TEST(Heal, APackByItsParityAlone) {
  Pair p;
  const std::string pack = p.first("packs/", 1'000'000);
  p.vault.store.set(pack, flipped(p.whole[pack]));
  auto report = p.repair(nullptr, false);
  ASSERT_TRUE(report) << report.error().text;
  ASSERT_EQ(report->healed.size(), 1u);
  EXPECT_EQ(report->healed[0].object, pack);
  EXPECT_EQ(report->healed[0].how, "parity");
  EXPECT_NE(report->healed[0].why.find("not those that were written"), std::string::npos) << report->healed[0].why;
  EXPECT_TRUE(report->damaged.empty());
  EXPECT_TRUE(p.vault.store.snapshot() == p.whole);      // and nothing is left beside it
}

// Every object of the vault: a bit flipped, its last half gone, emptied, removed, the bytes of another object in its place.
TEST(Heal, EveryObjectInEveryWayFromACopy) {
  Pair p;
  for (const auto& [name, bytes] : p.whole) {
    std::string other = p.first(name == p.first("packs/") ? "index/" : "packs/");
    for (const auto& [candidate, content] : p.whole) {       // of the same kind, if there is one
      if (candidate != name && candidate.substr(0, candidate.find('/')) == name.substr(0, name.find('/'))) other = candidate;
    }
    const std::map<std::string, Bytes> ways = {{"flipped", flipped(bytes)},
                                               {"cut", to_bytes(ByteView(bytes).first(bytes.size() / 2))},
                                               {"emptied", {}},
                                               {"swapped", p.whole[other]}};
    for (const auto& [way, damaged] : ways) {
      p.restore_store();
      p.vault.store.set(name, damaged);
      const std::string what = name + " " + way;
      auto report = p.repair();
      ASSERT_TRUE(report) << what << ": " << report.error().text;
      EXPECT_TRUE(report->damaged.empty()) << what << ": " << report->damaged[0].object << " " << report->damaged[0].not_healed;
      EXPECT_EQ(report->healed.size() + p.opened.size(), 1u) << what;
      p.opened.clear();
      p.expect_whole(what);
      if (name != "store" && !name.starts_with("commits/")) {
        EXPECT_TRUE(p.vault.store.snapshot() == p.whole) << what;
      }
    }
  }
}

TEST(Heal, AMissingPackComesFromACopy) {
  Pair p;
  const std::string pack = p.first("packs/", 1'000'000);
  ASSERT_TRUE(p.vault.store.remove(pack));
  auto report = p.repair();
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_EQ(report->healed.size(), 1u);
  p.expect_whole("missing pack");
}

// A copy whose pack is damaged as well heals nothing, and is not taken for good because it is a copy.
TEST(Heal, ADamagedCopyIsNotBelieved) {
  Pair p;
  const std::string pack = p.first("packs/", 1'000'000);
  p.vault.store.set(pack, Bytes(p.whole[pack].begin(), p.whole[pack].begin() + 700'000));
  Bytes bad = p.whole[pack];
  for (std::size_t i = 100'000; i < 900'000; ++i) bad[i] ^= 1;
  p.other.set(pack, bad);
  auto report = p.repair();
  ASSERT_TRUE(report) << report.error().text;
  EXPECT_TRUE(report->healed.empty());
  ASSERT_EQ(report->damaged.size(), 1u);
  EXPECT_NE(report->damaged[0].not_healed.find("not the bytes that the index knows"), std::string::npos)
      << report->damaged[0].not_healed;
}

// Beyond its parity and without a copy: told with snapshot and file, condemned, and stored again from the live source.
TEST(Heal, WhatNothingHealsIsToldAndStoredAgainByTheNextBackup) {
  Pair p;
  const std::string pack = p.first("packs/", 1'000'000);
  Bytes bad = p.whole[pack];
  for (std::size_t i = 0; i < bad.size(); ++i) bad[i] ^= 0x55;
  p.vault.store.set(pack, bad);
  auto report = p.repair(nullptr, false);
  ASSERT_TRUE(report) << report.error().text;
  ASSERT_EQ(report->damaged.size(), 1u);
  const Damage& damage = report->damaged[0];
  EXPECT_EQ(damage.object, pack);
  EXPECT_EQ(damage.snapshots, std::vector<std::string>{to_hex(p.id)});
  ASSERT_EQ(damage.files_total, 3u);
  EXPECT_EQ(damage.files[1].path, "b/large");
  EXPECT_TRUE(damage.set_aside);
  EXPECT_TRUE(p.vault.store.snapshot()[pack] == bad);    // not removed: parts of it may still be wanted
  ASSERT_FALSE(restore_files(*p.vault.open(), p.id));
  auto again = backup_files(*p.vault.open(), damaged_files(), "large");
  ASSERT_TRUE(again);
  EXPECT_GT(again->new_bytes, 1'400'000u);
  auto files = restore_files(*p.vault.open(), p.id);    // the old snapshot, by the new chunks
  ASSERT_TRUE(files) << files.error().text;
  EXPECT_TRUE((*files)[1].bytes == damaged_files()[1].bytes);
  PruneOptions options;
  options.policy.all.last = 100;
  auto repository = p.vault.open();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(prune_vault(*repository, options));
  EXPECT_FALSE(p.vault.store.snapshot().contains(pack));
  EXPECT_EQ(p.check_text(), "");
}

// Ended at every call of the store, or its answer lost: the object is the damaged one or the whole one, what is damaged is
// still found, and the next try heals it.
TEST(Heal, CutShortAtEveryCall) {
  Pair p;
  const std::string pack = p.first("packs/", 1'000'000);
  const std::string commit = p.first("commits/");
  const Bytes damaged_pack = flipped(p.whole[pack]), damaged_commit = flipped(p.whole[commit]);
  std::uint64_t calls = 0;
  for (const bool lost : {false, true}) {
    for (std::uint64_t at = 1; calls == 0 || at <= calls; at += kEach) {
      p.restore_store();
      p.vault.store.set(pack, damaged_pack);
      p.vault.store.set(commit, damaged_commit);
      StoreFaults faults;
      (lost ? faults.lose_answer_at : faults.stop_at) = at;
      FaultyStore faulty(p.vault.store, faults);
      auto report = p.repair(&faulty);
      const auto now = p.vault.store.snapshot();
      const std::string what = (lost ? "answer lost at " : "stopped at ") + std::to_string(at);
      EXPECT_TRUE(now.at(pack) == p.whole[pack] || now.at(pack) == damaged_pack) << what;
      if (!report || !report->damaged.empty()) {
        auto second = p.repair();
        ASSERT_TRUE(second) << what << ": " << second.error().text;
        EXPECT_TRUE(second->damaged.empty()) << what;
      }
      p.expect_whole(what);
      if (HasFailure()) return;
      if (faulty.calls() < at) calls = at;
    }
    if (!lost) {
      EXPECT_GT(calls, 20u);
    }
  }
}

// A disk that cannot read some bytes of an object until it is written anew.
class BadSectors final : public WrappedStore {
 public:
  BadSectors(Store& inner, std::string object, std::uint64_t begin, std::uint64_t end, ErrorKind kind = ErrorKind::kCorrupt)
      : WrappedStore(inner), object_(std::move(object)), begin_(begin), end_(end), kind_(kind) {}
  using Store::get;
  Result<Bytes> get(const std::string& name, ByteRange range) override {
    HF_ASSIGN(Bytes bytes, inner_.get(name, range));
    if (name != object_ || written_anew_ || range.offset >= end_ || range.offset + bytes.size() <= begin_) return bytes;
    return make_error(kind_, "reading " + name + ": Input/output error").with_object(name);
  }
  Status put(const std::string& name, ByteView bytes, PutMode mode) override {
    HF_TRY(inner_.put(name, bytes, mode));
    written_anew_ = written_anew_ || name == object_;
    return ok();
  }

 private:
  const std::string object_;
  const std::uint64_t begin_, end_;
  const ErrorKind kind_;
  bool written_anew_ = false;
};

TEST(Heal, AMissingPackIsStoredAgainByTheNextBackup) {
  Pair p;
  const std::string pack = p.first("packs/", 1'000'000);
  ASSERT_TRUE(p.vault.store.remove(pack));
  auto report = p.repair(nullptr, false);
  ASSERT_TRUE(report) << report.error().text;
  ASSERT_EQ(report->damaged.size(), 1u);
  EXPECT_EQ(report->damaged[0].object, pack);
  EXPECT_TRUE(report->damaged[0].set_aside);
  ASSERT_TRUE(backup_files(*p.vault.open(), damaged_files(), "large"));
  const auto files = restore_files(*p.vault.open(), p.id);
  ASSERT_TRUE(files) << files.error().text;
  EXPECT_TRUE((*files)[1].bytes == damaged_files()[1].bytes);
}

// Who may not read a pack hears that, and not of damage; nothing is replaced.
TEST(Heal, AStoreThatRefusesIsNotDamaged) {
  Pair p;
  for (const char* prefix : {"packs/", "index/", "commits/", "attach/"}) {
    const std::string object = p.first(prefix);
    BadSectors refused(p.vault.store, object, 0, 1u << 20, ErrorKind::kDenied);
    const auto report = p.repair(&refused);
    ASSERT_FALSE(report) << prefix;
    EXPECT_EQ(report.error().kind, ErrorKind::kDenied) << prefix << report.error().text;
    EXPECT_TRUE(p.vault.store.snapshot() == p.whole) << prefix;
  }
}

TEST(Heal, BadSectorsByParityOrFromACopy) {
  Pair p;
  const std::string pack = p.first("packs/", 1'000'000);
  const std::uint64_t size = p.whole[pack].size();
  struct Case {
    std::uint64_t begin, end;
    std::string how;
  };
  // One byte, a sector, as much as parity brings back, the footer; half of it.
  for (const Case& c : {Case{5000, 5001, "parity"}, Case{409'600, 413'696, "parity"}, Case{600'000, 630'000, "parity"},
                        Case{size - 1, size, "parity"}, Case{100'000, 900'000, "copy"}}) {
    p.restore_store();
    BadSectors disk(p.vault.store, pack, c.begin, c.end);
    auto report = p.repair(&disk);
    ASSERT_TRUE(report) << c.begin << ": " << report.error().text;
    for (const Damage& d : report->damaged) ADD_FAILURE() << d.object << ": " << d.why << "; " << d.not_healed;
    ASSERT_EQ(report->healed.size(), 1u) << c.begin;
    EXPECT_EQ(report->healed[0].object, pack);
    EXPECT_EQ(report->healed[0].how, c.how) << c.begin;
    EXPECT_TRUE(report->damaged.empty());
    p.expect_whole("bad sectors from " + std::to_string(c.begin));
  }
  for (const char* prefix : {"index/", "commits/", "attach/", "config/"}) {
    p.restore_store();
    const std::string object = p.first(prefix);
    BadSectors disk(p.vault.store, object, 10, 11);
    p.opened.clear();
    auto report = p.repair(&disk);
    ASSERT_TRUE(report) << prefix << ": " << report.error().text;
    ASSERT_EQ(report->healed.size() + p.opened.size(), 1u) << prefix;
    EXPECT_TRUE(report->damaged.empty());
    p.expect_whole(prefix);
  }
}

// Only the files are named that have a piece in it.
TEST(Heal, ABadSectorHitsThePiecesThatLieThere) {
  TestVault vault;
  Rng rng(5);
  std::vector<TestFile> files;
  for (int i = 0; i < 30; ++i) files.push_back({"f" + std::to_string(100 + i), testing::random_bytes(rng, 20'000)});
  ASSERT_TRUE(backup_files(*vault.open(), files));
  std::string pack;
  for (const auto& [name, bytes] : vault.store.snapshot()) {
    if (name.starts_with("packs/") && bytes.size() > 100'000) pack = name;
  }
  BadSectors disk(vault.store, pack, 300'000, 304'096);
  const auto report = (*Repository::open(vault.context(disk), vault.credentials))->check({.read_data = true});
  ASSERT_TRUE(report) << report.error().text;
  ASSERT_EQ(report->damaged.size(), 1u);
  EXPECT_EQ(report->damaged[0].object, pack);
  EXPECT_GE(report->damaged[0].files_total, 1u);
  EXPECT_LE(report->damaged[0].files_total, 2u);
}

TEST(Heal, ACheckWithoutRepairChangesNothing) {
  Pair p;
  const std::string pack = p.first("packs/", 1'000'000);
  p.vault.store.set(pack, flipped(p.whole[pack]));
  const auto before = p.vault.store.snapshot();
  EXPECT_NE(p.check_text(), "");
  EXPECT_TRUE(p.vault.store.snapshot() == before);
}

}  // namespace
}  // namespace hf::vault
