// Object Lock on MinIO and moto: set at put, renewed by later backups, copies and prunes, respected by prune.
#include <gtest/gtest.h>

#include "base/hex.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "vault/attachments.h"
#include "vault/collect/collect.h"
#include "vault/repository.h"
#include "vault/store/probe.h"
#include "vault/store/testing_bucket.h"
#include "vault/testing_repository.h"
#include "vault/wal/wal_archive.h"

namespace hf::vault {
namespace {

using remote::S3ServerKind;

constexpr Micros kLockDay = std::chrono::days(1);
const remote::HttpHeaders kLockingBucket = {{"x-amz-bucket-object-lock-enabled", "true"}};
const char* const kEightDays = "?retain=8d&retain_mode=governance";

// This machine some time later, as far as it knows: the client corrects its signatures by the server's clock.
struct LaterClock final : Clock {
  MonoTime mono() override { return inner.mono(); }
  WallTime wall() override { return inner.wall() + ahead; }
  bool sleep_until(MonoTime when, std::stop_token stop) override { return inner.sleep_until(when, stop); }
  SystemClock inner;
  Micros ahead{0};
};

struct LockingVault {
  explicit LockingVault(S3ServerKind kind, const std::string& options = kEightDays)
      : in(kind, remote::WireFault::kNone, options, kLockingBucket) {
    reopen();
    InitOptions init;
    init.cost = {8, 1};
    init.probe = true;
    auto made = Repository::init(context(), key, init);
    EXPECT_TRUE(made) << made.error().text;
  }
  void reopen() {
    S3Store::Parts parts;
    parts.http = std::make_unique<remote::CurlHttpPool>(clock, remote::HttpPoolOptions{});
    parts.credentials = std::make_unique<remote::FixedAwsCredentials>(in.server.credentials());
    store = std::make_unique<S3Store>(std::move(parts), in.address, in.client_options,
                                      StoreContext{in.files, in.entropy, clock, in.log, {}, {}});
  }
  RepositoryContext context() { return {*store, in.entropy, clock, in.log, "alpha"}; }
  std::unique_ptr<Repository> open() {
    auto repository = Repository::open(context(), key);
    EXPECT_TRUE(repository) << repository.error().text;
    return std::move(*repository);
  }
  SnapshotInfo back_up(const std::string& text) {
    auto made = testing::backup_files(*open(), {{"a", to_bytes(as_bytes(text))}});
    EXPECT_TRUE(made) << made.error().text;
    return *made;
  }
  std::vector<std::string> names(const std::string& prefix) {
    std::vector<std::string> out;
    EXPECT_TRUE(store->list(prefix, [&](const ObjectInfo& info) { return out.push_back(info.name), ok(); }));
    return out;
  }
  WallTime soonest_end(const std::string& prefix) {
    WallTime soonest = WallTime::max();
    for (const std::string& name : names(prefix)) {
      auto state = store->look(name);
      EXPECT_TRUE(state && state->locked_until) << name << " is not locked";
      if (state && state->locked_until) soonest = std::min(soonest, *state->locked_until);
    }
    return soonest;
  }
  PruneReport prune() {
    PruneOptions options;
    options.policy.all.last = 1;
    options.accept_clock = true;
    auto report = prune_vault(*open(), options);
    EXPECT_TRUE(report) << report.error().text;
    return report ? *report : PruneReport{};
  }
  // As a person with the right to end governance would.
  void unlock(const std::vector<std::string>& objects) {
    const std::string body = "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>GOVERNANCE</Mode>"
                             "<RetainUntilDate>" +
                             format_time(std::chrono::ceil<Seconds>(in.clock.wall() + 1s)) +
                             "</RetainUntilDate></Retention>";
    for (const std::string& name : objects) {
      (void)in.server.ask("PUT", "/" + in.bucket + "/a/prefix/" + name, {{"retention", ""}}, body,
                          {{"content-type", "application/octet-stream"},
                           {"x-amz-bypass-governance-retention", "true"},
                           {"x-amz-checksum-sha256", to_base64(crypto::sha256(as_bytes(body)))}});
    }
    in.clock.sleep_until(in.clock.mono() + Micros(2500ms), {});
  }
  void unlock_all() {
    std::vector<std::string> all;
    for (const char* prefix : {"packs/", "index/", "commits/"}) {
      for (std::string& name : names(prefix)) all.push_back(std::move(name));
    }
    unlock(all);
  }
  std::string versions(const std::string& prefix) {
    return to_text(in.server.ask("GET", "/" + in.bucket, {{"versions", ""}, {"prefix", "a/prefix/" + prefix}}, "").body);
  }

  InBucket in;
  LaterClock clock;
  KeyFile key{Secret(Bytes(32, 7))};
  std::unique_ptr<S3Store> store;
};

TEST(S3Lock, ALaterBackupRenewsTheLocksOfWhatItStillUses) {
  for (const S3ServerKind kind : {S3ServerKind::kMinio, S3ServerKind::kMoto}) {
    LockingVault v(kind);
    EXPECT_TRUE(v.open()->abilities().locks);
    const WallTime first = v.clock.wall();
    v.back_up("the same");
    EXPECT_GE(v.soonest_end("packs/"), first + 10 * kLockDay);
    EXPECT_GE(v.soonest_end("commits/"), first + 8 * kLockDay);
    EXPECT_LT(v.soonest_end("commits/"), first + 9 * kLockDay) << "a commit needs no more";
    // A day later the packs are locked for long enough: looked at, and left.
    v.clock.ahead = kLockDay;
    SnapshotInfo again = v.back_up("the same");
    EXPECT_GE(again.locks.objects, 3u) << "packs, their run, the config";
    EXPECT_EQ(again.locks.renewed, 0u);
    EXPECT_EQ(again.locks.requests, again.locks.objects);
    // Five days later they are not, and neither are the index and the config, without which they are noise.
    v.clock.ahead = 5 * kLockDay;
    again = v.back_up("the same");
    EXPECT_EQ(again.locks.renewed, again.locks.objects);
    EXPECT_EQ(again.locks.requests, 2 * again.locks.objects);
    for (const char* prefix : {"packs/", "index/", "config/", "store"}) {
      EXPECT_GE(v.soonest_end(prefix), first + 15 * kLockDay) << prefix;
    }
    EXPECT_TRUE(v.names("leases/").empty());
  }
}

TEST(S3Lock, PruneLeavesWhatIsLockedAndSaysUntilWhen) {
  for (const S3ServerKind kind : {S3ServerKind::kMinio, S3ServerKind::kMoto}) {
    LockingVault v(kind);
    v.back_up("old");
    v.back_up("new");
    const std::size_t packs = v.names("packs/").size();
    PruneReport report = v.prune();
    ASSERT_EQ(report.snapshots.size(), 2u);
    EXPECT_TRUE(report.snapshots[0].keep);
    EXPECT_TRUE(report.snapshots[0].rule.starts_with("locked until 2")) << report.snapshots[0].rule;
    EXPECT_EQ(report.swept_packs, 0u);
    EXPECT_EQ(v.names("packs/").size(), packs);
    // Only the commit is free: the packs are condemned, and stay.
    v.unlock(v.names("commits/"));
    report = v.prune();
    EXPECT_FALSE(report.snapshots[0].keep);
    EXPECT_GT(report.condemned_packs, 0u);
    EXPECT_EQ(report.swept_packs, 0u);
    ASSERT_FALSE(report.locked.empty());
    EXPECT_TRUE(describe(report.locked.front()).starts_with("locked until 2"));
    EXPECT_EQ(v.names("packs/").size(), packs);
    EXPECT_EQ(v.open()->check({.read_data = true})->damaged.size(), 0u);
    // Free, they go with all their versions: nothing is left to pay for.
    v.unlock_all();
    report = v.prune();
    EXPECT_GT(report.swept_packs, 0u);
    EXPECT_TRUE(report.locked.empty());
    EXPECT_LT(v.names("packs/").size(), packs);
    EXPECT_EQ(v.versions("packs/").find("DeleteMarker"), std::string::npos);
    EXPECT_EQ(v.open()->check({.read_data = true})->damaged.size(), 0u);
  }
}

TEST(S3Lock, PruneRenewsWhatASnapshotNeedsThatWasMadeWithoutLocks) {
  LockingVault v(S3ServerKind::kMinio);
  v.back_up("kept");
  v.unlock_all();
  const PruneReport report = v.prune();
  EXPECT_GT(report.locks.renewed, 0u);
  EXPECT_GT(report.locks.requests, report.locks.renewed);
  EXPECT_GE(v.soonest_end("packs/"), v.clock.wall() + 8 * kLockDay - Micros(1min));
  EXPECT_GE(v.soonest_end("index/"), v.clock.wall() + 8 * kLockDay - Micros(1min));
}

constexpr std::uint64_t kLockSystem = 77;
constexpr std::uint64_t kLockSegment = 1u << 20;

// A base backup from segment 2 on, the WAL of segments 1 to 3, the history of a timeline, and the plan.
void fill_with_wal(LockingVault& v) {
  auto repository = v.open();
  SnapshotMeta meta{.host = "alpha", .component = "orders", .kind = SnapshotKind::kPostgres};
  meta.attributes = {{"system_id", std::to_string(kLockSystem)},
                     {"start_lsn", format_lsn(Lsn{2 * kLockSegment})},
                     {"wal_segment_bytes", std::to_string(kLockSegment)}};
  auto session = repository->begin_backup(meta);
  ASSERT_TRUE(session) << session.error().text;
  ASSERT_TRUE((*session)->commit());
  WalArchive wal(*repository);
  for (std::uint64_t segment = 1; segment <= 3; ++segment) {
    ASSERT_TRUE(wal.put_segment({kLockSystem, 1, kLockSegment, Lsn{segment * kLockSegment}, Bytes(kLockSegment, 5), {}}));
  }
  ASSERT_TRUE(wal.put_history(kLockSystem, 2, as_bytes("1\t0/300000\tx\n")));
  ASSERT_TRUE(Attachments(*repository).put("plan", "plan.yaml", as_bytes("plan: 1")));
}

TEST(S3Lock, PruneRenewsTheWalThatABaseBackupReplaysAndAttachments) {
  for (const S3ServerKind kind : {S3ServerKind::kMinio, S3ServerKind::kMoto}) {
    LockingVault v(kind);
    fill_with_wal(v);
    const WallTime first = v.clock.wall();
    EXPECT_EQ(v.names("wal/").size(), 4u);
    for (const char* prefix : {"wal/", "attach/"}) {
      EXPECT_GE(v.soonest_end(prefix), first + 10 * kLockDay - Micros(1min)) << prefix;
    }
    PruneReport report = v.prune();
    EXPECT_EQ(report.removed_wal, 0u) << "what nothing needs is locked, too";
    EXPECT_EQ(report.locks.renewed, 0u) << "all are locked for long enough";
    // As if their locks were old: what the base backup replays is locked anew, what it does not goes.
    std::vector<std::string> ending = v.names("wal/");
    for (std::string& name : v.names("attach/")) ending.push_back(std::move(name));
    v.unlock(ending);
    for (const char* prefix : {"wal/", "attach/"}) ASSERT_LT(v.soonest_end(prefix), v.clock.wall()) << prefix;
    report = v.prune();
    EXPECT_EQ(report.removed_wal, 1u);
    EXPECT_EQ(report.locks.renewed, 4u) << "two segments, a history, an attachment";
    EXPECT_EQ(v.names("wal/").size(), 3u);
    EXPECT_GE(v.soonest_end("wal/"), first + 8 * kLockDay - Micros(1min));
    EXPECT_GE(v.soonest_end("attach/"), first + 8 * kLockDay);
  }
}

TEST(S3Lock, AnAttachmentIsLockedFromNowOnByEachPruneAndPut) {
  for (const S3ServerKind kind : {S3ServerKind::kMinio, S3ServerKind::kMoto}) {
    LockingVault v(kind);
    fill_with_wal(v);
    const WallTime first = v.clock.wall();
    v.clock.ahead = 5 * kLockDay;
    v.prune();
    EXPECT_GE(v.soonest_end("attach/"), first + 13 * kLockDay);
    v.clock.ahead = 10 * kLockDay;
    const auto put = Attachments(*v.open()).put("plan", "plan.yaml", as_bytes("plan: 1"));
    ASSERT_TRUE(put) << put.error().text;
    EXPECT_EQ(put->version, 1u) << "equal to the newest: not another one";
    EXPECT_GE(v.soonest_end("attach/"), first + 18 * kLockDay);
  }
}

TEST(S3Lock, AHeldObjectStays) {
  LockingVault v(S3ServerKind::kMinio);
  ASSERT_TRUE(v.store->put("packs/ab/x-0", as_bytes("x"), PutMode::kCreate));
  v.unlock_all();
  ASSERT_TRUE(v.store->hold("packs/ab/x-0", true));
  Status removed = v.store->remove("packs/ab/x-0");
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().kind, ErrorKind::kBlocked);
  EXPECT_NE(removed.error().text.find("legal hold"), std::string::npos) << removed.error().text;
  ASSERT_TRUE(v.store->hold("packs/ab/x-0", false));
  EXPECT_TRUE(v.store->remove("packs/ab/x-0"));
  EXPECT_EQ(v.versions("packs/ab/").find("<Version>"), std::string::npos);
}

TEST(S3Lock, ComplianceIsEndedByNobody) {
  LockingVault v(S3ServerKind::kMinio, "?retain=1d");
  v.back_up("x");
  const std::string pack = v.names("packs/").front();
  const auto object = v.store->client().head("a/prefix/" + pack);
  ASSERT_TRUE(object);
  Status removed = v.store->client().remove("a/prefix/" + pack, object->version);      // past our own look at the lock
  ASSERT_FALSE(removed);
  EXPECT_FALSE(v.store->lock(pack, v.clock.wall() + 1h)) << "a shorter lock";
  EXPECT_TRUE(v.store->lock(pack, v.clock.wall() + 3 * kLockDay));
}

TEST(S3Lock, InitRefusesABucketThatLocksEverythingOrNothing) {
  InBucket plain(S3ServerKind::kMinio, remote::WireFault::kNone, kEightDays);
  auto locks = check_locks(*plain.s3);
  ASSERT_FALSE(locks);
  EXPECT_EQ(locks.error().kind, ErrorKind::kBlocked);
  EXPECT_NE(locks.error().text.find("no Object Lock"), std::string::npos) << locks.error().text;
  for (const S3ServerKind kind : {S3ServerKind::kMinio, S3ServerKind::kMoto}) {
    InBucket all(kind, remote::WireFault::kNone, "", kLockingBucket);
    EXPECT_FALSE(*check_locks(*all.s3)) << "nothing was asked for";
    (void)all.server.ask("PUT", "/" + all.bucket, {{"object-lock", ""}},
                         "<ObjectLockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><ObjectLockEnabled>Enabled"
                         "</ObjectLockEnabled><Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>30</Days>"
                         "</DefaultRetention></Rule></ObjectLockConfiguration>",
                         {{"content-type", "application/octet-stream"}, {"content-md5", "Kr478VnRcOkuIl6e8I6oQQ=="}});
    locks = check_locks(*all.s3);
    ASSERT_FALSE(locks);
    EXPECT_EQ(locks.error().kind, ErrorKind::kBlocked);
    EXPECT_NE(locks.error().text.find("GOVERNANCE for 30 days"), std::string::npos) << locks.error().text;
  }
}

TEST(S3Lock, AnAddressThatForgetsTheLocksIsRefused) {
  LockingVault v(S3ServerKind::kMoto);
  v.back_up("x");
  v.in.address.retain.reset();
  v.in.address.governance = false;
  v.reopen();
  auto repository = v.open();
  EXPECT_EQ(prune_vault(*repository, {}).error().kind, ErrorKind::kBlocked);
  auto made = testing::backup_files(*repository, {{"a", to_bytes(as_bytes("y"))}});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().hint.find("retain="), std::string::npos);
  const auto put = Attachments(*repository).put("plan", "plan.yaml", as_bytes("plan: 1"));
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kBlocked);
  const Status segment = WalArchive(*repository).put_segment({kLockSystem, 1, kLockSegment, Lsn{}, Bytes(kLockSegment, 5), {}});
  ASSERT_FALSE(segment);
  EXPECT_EQ(segment.error().kind, ErrorKind::kBlocked);
  v.in.address.retain = Micros(0);                    // said, and so it is
  v.reopen();
  EXPECT_TRUE(testing::backup_files(*v.open(), {{"a", to_bytes(as_bytes("y"))}}));
}

}  // namespace
}  // namespace hf::vault
