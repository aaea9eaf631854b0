// The WAL archive: gaps, overlaps, two receivers at once, bytes that disagree, and what coverage says of it.
#include "vault/wal/wal_archive.h"

#include <gtest/gtest.h>

#include <thread>

#include "vault/keys/config.h"
#include "vault/object/names.h"
#include "vault/store/testing_faulty_store.h"
#include "vault/testing_repository.h"
#include "vault/wal/wal_objects.h"

namespace hf::vault {
namespace {

using testing::TestVault;

constexpr std::uint64_t kSize = 1u << 20;
constexpr std::uint64_t kSystem = 7'000'000'000'000'000'001u;

Bytes log_bytes(Lsn start, std::size_t n) {      // what the log holds there: the same for everybody
  Bytes out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::uint8_t>(((start.value + i) * 2654435761u) >> 16);
  return out;
}

WalFrame frame(std::uint64_t start, std::size_t n, Timeline timeline = 1) {
  return {kSystem, timeline, kSize, Lsn{start}, log_bytes(Lsn{start}, n), {}};
}

WallTime at(int seconds) { return WallTime(Seconds(1'767'225'600 + seconds)); }

struct WalArchiveTest : ::testing::Test {
  TestVault vault;
  std::unique_ptr<Repository> repository = vault.open();
  WalArchive wal{*repository};
  std::size_t frames() {
    std::size_t n = 0;
    for (const auto& [name, bytes] : vault.store.snapshot())
      n += name.starts_with("wal/") && name.find('-') != std::string::npos ? 1 : 0;
    return n;
  }
};

TEST_F(WalArchiveTest, ReadsWhatIsContiguousFromTheSegmentsStart) {
  ASSERT_TRUE(wal.put_frame(frame(3 * kSize, 1000)));
  ASSERT_TRUE(wal.put_frame(frame(3 * kSize + 1000, 500)));
  ASSERT_TRUE(wal.put_frame(frame(3 * kSize + 2000, 500)));      // a gap of 500 bytes before it
  auto data = wal.read_segment(kSystem, 1, 3);
  ASSERT_TRUE(data) << data.error().text;
  EXPECT_EQ(data->start, Lsn{3 * kSize});
  EXPECT_EQ(data->end, Lsn{3 * kSize + 1500});
  EXPECT_TRUE(data->bytes == log_bytes(Lsn{3 * kSize}, 1500));
  EXPECT_FALSE(data->complete);
  ASSERT_TRUE(wal.put_frame(frame(3 * kSize + 1400, 700)));      // closes the gap and overlaps on both sides
  data = wal.read_segment(kSystem, 1, 3);
  ASSERT_TRUE(data) << data.error().text;
  EXPECT_EQ(data->end, Lsn{3 * kSize + 2500});
  EXPECT_TRUE(data->bytes == log_bytes(Lsn{3 * kSize}, 2500));
  EXPECT_EQ(wal.read_segment(kSystem, 1, 4).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(wal.read_segment(kSystem, 2, 3).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(wal.read_segment(kSystem + 1, 1, 3).error().kind, ErrorKind::kNotFound);
}

TEST_F(WalArchiveTest, ASegmentWithoutItsBeginningGivesNothing) {
  ASSERT_TRUE(wal.put_frame(frame(3 * kSize + 10, 1000)));
  auto data = wal.read_segment(kSystem, 1, 3);
  ASSERT_TRUE(data);
  EXPECT_TRUE(data->bytes.empty());
  EXPECT_EQ(data->end, Lsn{3 * kSize});
}

TEST_F(WalArchiveTest, SealsOnlyAWholeSegmentAndThenDropsItsFrames) {
  ASSERT_TRUE(wal.put_frame(frame(kSize, kSize / 2)));
  Status early = wal.seal_segment(kSystem, 1, 1, kSize);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().kind, ErrorKind::kBlocked);
  EXPECT_NE(early.error().text.find("0/180000"), std::string::npos) << early.error().text;
  ASSERT_TRUE(wal.put_frame(frame(kSize + kSize / 2 - 100, kSize / 2 + 100)));
  ASSERT_EQ(frames(), 2u);
  Status sealed = wal.seal_segment(kSystem, 1, 1, kSize);
  ASSERT_TRUE(sealed) << sealed.error().text;
  EXPECT_EQ(frames(), 0u);
  auto data = wal.read_segment(kSystem, 1, 1);
  ASSERT_TRUE(data) << data.error().text;
  EXPECT_TRUE(data->complete);
  EXPECT_TRUE(data->bytes == log_bytes(Lsn{kSize}, kSize));
  EXPECT_TRUE(wal.seal_segment(kSystem, 1, 1, kSize));
  ASSERT_TRUE(wal.put_frame(frame(kSize + 5000, 100)));          // a slower receiver comes late
  EXPECT_TRUE(wal.seal_segment(kSystem, 1, 1, kSize));
  EXPECT_EQ(frames(), 0u);
}

TEST_F(WalArchiveTest, BytesThatDisagreeAreNamedBothAndNothingIsRemoved) {
  ASSERT_TRUE(wal.put_frame(frame(kSize, 1000)));
  WalFrame other = frame(kSize + 900, 1000);
  other.bytes[50] ^= 1;
  ASSERT_TRUE(wal.put_frame(other));
  auto data = wal.read_segment(kSystem, 1, 1);
  ASSERT_FALSE(data);
  EXPECT_EQ(data.error().kind, ErrorKind::kCorrupt);
  EXPECT_NE(data.error().text.find(hex16(kSize) + "-"), std::string::npos) << data.error().text;
  EXPECT_NE(data.error().text.find(hex16(kSize + 900) + "-"), std::string::npos) << data.error().text;
  Status sealed = wal.put_segment(frame(kSize, kSize));          // somebody holds the whole, and it differs from that frame
  EXPECT_EQ(sealed.error().kind, ErrorKind::kCorrupt);
  EXPECT_GE(frames(), 1u);
  WalFrame same_place = frame(kSize, 1000);
  same_place.bytes[0] ^= 1;
  EXPECT_EQ(wal.put_frame(same_place).error().kind, ErrorKind::kCorrupt);
  WalFrame whole = frame(kSize, kSize);
  whole.bytes[7] ^= 1;
  EXPECT_EQ(wal.put_segment(whole).error().kind, ErrorKind::kCorrupt);
}

TEST_F(WalArchiveTest, TwoReceiversRaceAndNothingIsLost) {
  auto second = vault.open();
  const auto receive = [&](Repository& own, std::size_t step) {
    WalArchive archive(own);
    for (std::uint64_t segment = 1; segment <= 4; ++segment) {
      for (std::size_t done = 0; done < kSize; done += step) {
        Status put = archive.put_frame(frame(segment * kSize + done, std::min(step, kSize - done)));
        EXPECT_TRUE(put) << put.error().text;
      }
      Status sealed = archive.put_segment(frame(segment * kSize, kSize));
      EXPECT_TRUE(sealed) << sealed.error().text;
    }
  };
  {
    crypto::SystemEntropy entropy;               // the seeded one is for one thread
    auto a = Repository::open({vault.store, entropy, vault.clock, vault.log, "west"}, vault.credentials);
    auto b = Repository::open({vault.store, entropy, vault.clock, vault.log, "eu"}, vault.credentials);
    ASSERT_TRUE(a && b);
    std::jthread west([&] { receive(**a, 100'000); });
    std::jthread eu([&] { receive(**b, 77'777); });
  }
  for (std::uint64_t segment = 1; segment <= 4; ++segment) {
    ASSERT_TRUE(wal.seal_segment(kSystem, 1, segment, kSize));
    auto data = wal.read_segment(kSystem, 1, segment);
    ASSERT_TRUE(data) << data.error().text;
    EXPECT_TRUE(data->bytes == log_bytes(data->start, kSize));
  }
  EXPECT_EQ(frames(), 0u);
  EXPECT_TRUE(repository->check({.read_data = true})->damaged.empty());
}

// Another receiver, which seals the same segment: at the call that it is told, all frames are gone.
class SealedElsewhere final : public Store {
 public:
  SealedElsewhere(MemoryStore& inner, std::uint64_t at) : inner_(inner), at_(at) {}
  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override {
    act();
    return inner_.put(name, bytes, mode);
  }
  Result<Bytes> get(const std::string& name, ByteRange range) override {
    act();
    return inner_.get(name, range);
  }
  Result<ObjectInfo> stat(const std::string& name) override {
    act();
    return inner_.stat(name);
  }
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override {
    act();
    return inner_.list(prefix, each);
  }
  Status remove(const std::string& name) override { return inner_.remove(name); }
  StoreProperties properties() const override { return inner_.properties(); }
  std::uint64_t calls() const { return calls_; }

 private:
  void act() {
    if (++calls_ != at_) return;
    for (const auto& [name, bytes] : inner_.snapshot()) {
      if (name.starts_with("wal/") && name.find('-') != std::string::npos) (void)inner_.remove(name);
    }
  }
  MemoryStore& inner_;
  const std::uint64_t at_;
  std::uint64_t calls_ = 0;
};

TEST_F(WalArchiveTest, FramesMayGoAtAnyCallWhileASegmentIsStored) {
  for (std::uint64_t call = 1;; ++call) {
    TestVault fresh(call);
    auto plain = fresh.open();
    SealedElsewhere counting(fresh.store, 0);
    auto counted = fresh.open(&counting);
    SealedElsewhere store(fresh.store, counting.calls() + call);
    auto opened = fresh.open(&store);
    WalArchive archive(*opened);
    ASSERT_TRUE(WalArchive(*plain).put_frame(frame(kSize, 1000)));
    Status again = archive.put_frame(frame(kSize, 1000));
    EXPECT_TRUE(again) << "call " << call << ": " << again.error().text;
    ASSERT_TRUE(WalArchive(*plain).put_frame(frame(kSize + 1000, 1000)));
    Status sealed = archive.put_segment(frame(kSize, kSize));
    EXPECT_TRUE(sealed) << "call " << call << ": " << sealed.error().text;
    auto data = WalArchive(*plain).read_segment(kSystem, 1, 1);
    ASSERT_TRUE(data) << "call " << call << ": " << data.error().text;
    EXPECT_TRUE(data->bytes == log_bytes(Lsn{kSize}, kSize)) << "call " << call;
    if (store.calls() < counting.calls() + call) break;
    ASSERT_LT(call, 100u);
  }
}

TEST_F(WalArchiveTest, SealingSurvivesAnyFailingCall) {
  for (const bool lost : {false, true}) {
    for (std::uint64_t call = 1;; ++call) {
      TestVault fresh(call);
      auto plain = fresh.open();
      ASSERT_TRUE(WalArchive(*plain).put_frame(frame(kSize, kSize / 2)));
      ASSERT_TRUE(WalArchive(*plain).put_frame(frame(kSize + kSize / 2, kSize / 2)));
      FaultyStore faulty(fresh.store, {});
      auto opened = fresh.open(&faulty);
      const std::uint64_t before = faulty.calls();
      FaultyStore failing(fresh.store, lost ? StoreFaults{.lose_answer_at = before + call}
                                            : StoreFaults{.stop_at = before + call});
      auto broken = fresh.open(&failing);
      Status sealed = WalArchive(*broken).seal_segment(kSystem, 1, 1, kSize);
      auto data = WalArchive(*plain).read_segment(kSystem, 1, 1);
      ASSERT_TRUE(data) << "call " << call << ": " << data.error().text;
      EXPECT_TRUE(data->complete && data->bytes == log_bytes(Lsn{kSize}, kSize)) << "call " << call;
      EXPECT_TRUE(WalArchive(*plain).seal_segment(kSystem, 1, 1, kSize)) << "call " << call;
      if (failing.calls() < before + call) break;
      ASSERT_LT(call, 100u);
    }
  }
}

TEST_F(WalArchiveTest, CoverageKnowsRangesTimesPointsHistoriesAndSeals) {
  WalFrame a = frame(kSize, kSize);
  a.times = {at(1), at(5), Lsn{kSize + 900'000}, {{"before_delete", Lsn{kSize + 500'000}, at(3)}}};
  WalFrame b = frame(2 * kSize, 1000);
  b.times = {at(6), at(9), Lsn{2 * kSize + 900}, {}};
  WalFrame c = frame(2 * kSize + 2000, 1000);
  c.times = {at(20), at(21), Lsn{2 * kSize + 2900}, {{"beyond", Lsn{2 * kSize + 2500}, at(20)}}};
  ASSERT_TRUE(wal.put_segment(a));
  ASSERT_TRUE(wal.put_frame(b));
  ASSERT_TRUE(wal.put_frame(c));
  ASSERT_TRUE(wal.put_frame(frame(2 * kSize + 1000, 100, 2)));
  ASSERT_TRUE(wal.put_history(kSystem, 2, as_bytes("1\t0/2003E8\tno recovery target specified\n")));
  ASSERT_TRUE(wal.put_seal({kSystem, 1, Lsn{2 * kSize + 1000}, "receiver_west", at(30), ""}));
  ASSERT_TRUE(wal.put_seal({kSystem, 1, Lsn{2 * kSize + 900}, "receiver_eu", at(31), ""}));
  auto coverage = wal.coverage(kSystem);
  ASSERT_TRUE(coverage) << coverage.error().text;
  ASSERT_EQ(coverage->timelines.size(), 2u);
  const TimelineCoverage* one = coverage->find(1);
  ASSERT_NE(one, nullptr);
  ASSERT_EQ(one->ranges.size(), 2u);
  EXPECT_EQ(one->ranges[0].start, Lsn{kSize});
  EXPECT_EQ(one->ranges[0].end, Lsn{2 * kSize + 1000});
  EXPECT_EQ(one->last_commit_from(Lsn{kSize + 10}), at(9));      // not 21: that lies behind the gap
  EXPECT_EQ(one->last_commit_from(Lsn{2 * kSize + 2000}), at(21));
  EXPECT_EQ(one->last_commit_from(Lsn{2 * kSize + 950}), std::nullopt);
  EXPECT_EQ(one->restore_point_from(Lsn{kSize}, "before_delete")->lsn, Lsn{kSize + 500'000});
  EXPECT_EQ(one->restore_point_from(Lsn{kSize}, "beyond"), std::nullopt);
  EXPECT_EQ(one->restore_point_from(Lsn{kSize + 600'000}, "before_delete"), std::nullopt);
  EXPECT_EQ(one->nearest_commit_span(Lsn{kSize}, at(7))->start, Lsn{2 * kSize});
  EXPECT_EQ(one->nearest_commit_span(Lsn{kSize}, at(0)), std::nullopt);
  ASSERT_EQ(one->seals.size(), 2u);
  EXPECT_EQ(one->seals[1].receiver, "receiver_west");
  EXPECT_EQ(one->seals[1].lsn, Lsn{2 * kSize + 1000});
  EXPECT_EQ(one->seals[1].at, at(30));
  EXPECT_FALSE(one->seals[1].writer.empty());
  ASSERT_TRUE(coverage->find(2)->history.has_value());
  EXPECT_EQ(wal.coverage(5).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(*wal.clusters(), std::vector<std::uint64_t>{kSystem});
}

TEST_F(WalArchiveTest, AReceiverSealsATimelineOnce) {
  ASSERT_TRUE(wal.put_seal({kSystem, 1, Lsn{500}, "west", at(1), ""}));
  EXPECT_TRUE(wal.put_seal({kSystem, 1, Lsn{500}, "west", at(2), ""}));
  EXPECT_EQ(wal.put_seal({kSystem, 1, Lsn{501}, "west", at(2), ""}).error().kind, ErrorKind::kExists);
  EXPECT_TRUE(wal.put_history(kSystem, 2, as_bytes("x")));
  EXPECT_TRUE(wal.put_history(kSystem, 2, as_bytes("x")));
  EXPECT_EQ(wal.put_history(kSystem, 2, as_bytes("y")).error().kind, ErrorKind::kCorrupt);
}

TEST_F(WalArchiveTest, AWriteKeyPutsAndSealsButDoesNotRead) {
  auto config = parse_config(*vault.store.get("config/1"), "config/1");
  ASSERT_TRUE(config);
  auto admin = unlock(*config, vault.credentials);
  ASSERT_TRUE(admin);
  const Secret key = vault.entropy.secret(32);
  auto added = add_slot(vault.entropy, *config, *admin, {SlotLock(KeyFile{key}), Level::kWrite, "receiver", true, {}});
  ASSERT_TRUE(added) << added.error().text;
  vault.store.set("config/2", added->object);
  auto writer = Repository::open(vault.context(vault.store, "west"), Credentials(KeyFile{key}));
  ASSERT_TRUE(writer) << writer.error().text;
  EXPECT_FALSE((*writer)->can_read());
  WalArchive archive(**writer);
  ASSERT_TRUE(archive.put_frame(frame(kSize, 1000)));
  EXPECT_TRUE(archive.put_frame(frame(kSize, 1000)));
  WalFrame other = frame(kSize, 1000);
  other.bytes[1] ^= 1;
  EXPECT_EQ(archive.put_frame(other).error().kind, ErrorKind::kCorrupt);
  ASSERT_TRUE(archive.put_segment(frame(kSize, kSize)));
  EXPECT_EQ(frames(), 0u);
  EXPECT_TRUE(archive.put_seal({kSystem, 1, Lsn{2 * kSize}, "west", at(1), ""}));
  EXPECT_EQ(archive.read_segment(kSystem, 1, 1).error().kind, ErrorKind::kDenied);
  auto reader = vault.open();                     // sees the new writer in config/2
  auto data = WalArchive(*reader).read_segment(kSystem, 1, 1);
  ASSERT_TRUE(data) << data.error().text;
  EXPECT_TRUE(data->complete);
  EXPECT_TRUE(testing::backup_files(**writer, {{"a", to_bytes("from the host that may only write")}}));
  EXPECT_EQ((*writer)->snapshots().error().kind, ErrorKind::kDenied);
  EXPECT_EQ(reader->snapshots()->size(), 1u);
  EXPECT_TRUE((*writer)->check({.read_data = true})->damaged.empty());
}

TEST_F(WalArchiveTest, RefusesRangesThatAreNone) {
  EXPECT_EQ(wal.put_frame(frame(kSize + 10, kSize)).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(wal.put_frame(frame(kSize, 0)).error().kind, ErrorKind::kInvalid);
  WalFrame odd = frame(kSize, 10);
  odd.segment_size = 3u << 20;
  EXPECT_EQ(wal.put_frame(odd).error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(wal.put_segment(frame(kSize, 10)).error().kind, ErrorKind::kInvalid);
}

}  // namespace
}  // namespace hf::vault
