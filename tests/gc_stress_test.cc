// Deletion under fire: 8 writers and 2 collectors as real processes on one vault in a folder, stopped, continued and killed
// at random, with clocks that jump and a store that fails and loses answers. After each round every committed snapshot is
// read back bit for bit; at the end the space of what was forgotten is free. Each snapshot names the seed of its files.
//
// HOLDFAST_STRESS_SECONDS: how long (30 by default).
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "io/files.h"
#include "io/testing_folder.h"
#include "vault/collect/collect.h"
#include "vault/store/directory_store.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

using testing::TestFile;

constexpr int kWriters = 8;
constexpr int kCollectors = 2;
constexpr Micros kRound = 5s;
constexpr std::uint64_t kContents = 60;      // different files in all: so chunks are shared, forgotten and wanted again

class JumpingClock final : public Clock {
 public:
  explicit JumpingClock(Micros offset) : offset_(offset) {}
  MonoTime mono() override { return real_.mono(); }
  WallTime wall() override { return real_.wall() + offset_; }
  bool sleep_until(MonoTime when, std::stop_token stop) override { return real_.sleep_until(when, stop); }

 private:
  SystemClock real_;
  Micros offset_;
};

// One call in `one_in` fails: half of them after they had their effect.
class FlakyStore final : public Store {
 public:
  FlakyStore(Store& inner, Rng& rng, std::uint64_t one_in) : inner_(inner), rng_(rng), one_in_(one_in) {}
  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override {
    return guarded([&] { return inner_.put(name, bytes, mode); });
  }
  Result<Bytes> get(const std::string& name, ByteRange range) override { return guarded([&] { return inner_.get(name, range); }); }
  Result<ObjectInfo> stat(const std::string& name) override { return guarded([&] { return inner_.stat(name); }); }
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override {
    return guarded([&] { return inner_.list(prefix, each); });
  }
  Status remove(const std::string& name) override { return guarded([&] { return inner_.remove(name); }); }
  StoreProperties properties() const override { return inner_.properties(); }

 private:
  template <class Call>
  auto guarded(Call&& call) -> decltype(call()) {
    const std::uint64_t dice = rng_.u64() % (2 * one_in_);
    Error error = make_error(ErrorKind::kUnavailable, "the store does not answer");
    if (dice == 0) return error;
    auto result = call();
    if (dice != 1) return result;
    error.effect = Effect::kMaybe;
    return error;
  }
  Store& inner_;
  Rng& rng_;
  std::uint64_t one_in_;
};

std::vector<TestFile> files_of(std::uint64_t seed) {
  Rng pick(seed);
  std::vector<TestFile> out;
  for (int i = 0; i < 12; ++i) {
    Rng content(pick.u64() % kContents);
    out.push_back({std::to_string(seed) + "." + std::to_string(10 + i), testing::random_bytes(content, 4000)});
  }
  return out;
}

struct World {
  explicit World(const std::string& root, std::uint64_t seed, Micros offset = Micros(0), std::uint64_t one_in = 0)
      : clock(offset), rng(seed), directory(files, entropy, root), flaky(directory, rng, one_in == 0 ? 1u << 30 : one_in) {}
  RepositoryContext context(const std::string& host) { return {flaky, entropy, clock, log, host}; }
  Result<std::unique_ptr<Repository>> open(const std::string& host) {
    return Repository::open(context(host), Passphrase{Secret(std::string_view("stress"))});
  }
  PosixFiles files;
  crypto::SystemEntropy entropy;
  JumpingClock clock;
  MemoryLog log;
  Rng rng;
  DirectoryStore directory;
  FlakyStore flaky;
};

[[noreturn]] void write_for_ever(const std::string& root, int number, std::uint64_t seed) {
  World world(root, seed, Micros(static_cast<std::int64_t>(seed % 7200) * 1'000'000 - 3600'000'000), 300);
  const std::string name = "w" + std::to_string(number);
  while (getppid() != 1) {
    auto repository = world.open(name);
    if (!repository) continue;
    for (int i = 0; i < 5; ++i) {
      (void)testing::backup_files(**repository, files_of(world.rng.u64() >> 1), name);
    }
  }
  _exit(0);
}

[[noreturn]] void prune_for_ever(const std::string& root, std::uint64_t seed) {
  const Micros jump = seed % 5 == 0 ? Micros(72h) : Micros(0);       // such a one is refused, every time
  World world(root, seed, jump, 300);
  PruneOptions options;
  options.policy.all.last = 2;
  options.dead_after = 300ms;
  while (getppid() != 1) {
    auto repository = world.open("collector");
    if (!repository) continue;
    auto report = prune_vault(**repository, options);
    if (jump != Micros(0) && report) _exit(9);
    if (!report && report.error().kind == ErrorKind::kCorrupt) {
      // Another collector may have replaced an index run in mid-listing; what is really lost is found after the round.
      std::cerr << "prune: " << report.error().text << "\n";
    }
  }
  _exit(0);
}

template <class Run>
pid_t spawn(Run&& run) {
  const pid_t pid = fork();
  if (pid == 0) run();
  return pid;
}

// Every snapshot restores to the files of the seed that it names.
std::size_t expect_all_whole(const std::string& root) {
  World world(root, 1);
  auto repository = world.open("judge");
  EXPECT_TRUE(repository) << repository.error().text;
  if (!repository) return 0;
  const auto snapshots = (*repository)->snapshots();
  EXPECT_TRUE(snapshots) << snapshots.error().text;
  if (!snapshots) return 0;
  for (const SnapshotInfo& info : *snapshots) {
    const auto files = testing::restore_files(**repository, info.id);
    EXPECT_TRUE(files) << files.error().text;
    if (!files || files->empty()) continue;
    const auto wanted = files_of(std::stoull(files->front().path));
    EXPECT_TRUE(std::ranges::equal(*files, wanted, [](const TestFile& a, const TestFile& b) {
      return a.path == b.path && a.bytes == b.bytes;
    }));
  }
  return snapshots->size();
}

void fight(const std::string& root, Rng& rng, Micros how_long) {
  SystemClock clock;
  std::vector<pid_t> pids(kWriters + kCollectors, 0);
  const auto start = [&](std::size_t i) {
    const std::uint64_t seed = rng.u64();
    const int number = static_cast<int>(i);
    pids[i] = spawn([&] {
      if (number < kWriters) write_for_ever(root, number, seed);
      prune_for_ever(root, seed);
    });
  };
  for (std::size_t i = 0; i < pids.size(); ++i) start(i);
  const MonoTime until = clock.mono() + how_long;
  while (clock.mono() < until) {
    usleep(20'000);
    const std::size_t i = rng.u64() % pids.size();
    switch (rng.u64() % 6) {
      case 0: case 1: kill(pids[i], SIGSTOP); break;
      case 2: case 3: case 4: kill(pids[i], SIGCONT); break;
      default: {
        int status = 0;
        kill(pids[i], SIGKILL);
        waitpid(pids[i], &status, 0);
        EXPECT_FALSE(WIFEXITED(status)) << "a process ended by itself with " << WEXITSTATUS(status);
        start(i);
      }
    }
  }
  for (const pid_t pid : pids) {
    int status = 0;
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
  }
}

std::uint64_t bytes_below(const std::string& folder) {
  std::uint64_t total = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) total += entry.file_size();
  }
  return total;
}

TEST(GcStress, NothingCommittedIsLostAndSpaceIsFreed) {
  TestFolder folder;
  const std::string root = folder.path() + "/vault";
  World world(root, 1);
  InitOptions init;
  init.cost = testing::kCheapCost;
  ASSERT_TRUE(Repository::init(world.context("judge"), SlotLock(Passphrase{Secret(std::string_view("stress"))}), init));
  const char* wanted = std::getenv("HOLDFAST_STRESS_SECONDS");
  const int rounds = std::max(1, (wanted != nullptr ? std::atoi(wanted) : 30) / 6);
  Rng rng(static_cast<std::uint64_t>(getpid()));
  for (int round = 0; round < rounds; ++round) {
    fight(root, rng, kRound);
    const std::size_t snapshots = expect_all_whole(root);
    std::cout << "round " << round + 1 << ": " << snapshots << " snapshots whole, " << bytes_below(root + "/packs") << " bytes\n";
    if (::testing::Test::HasFailure()) return;
  }
  // Quiet now: the leases of the killed do not hold it up, and what is forgotten is gone.
  auto repository = world.open("judge");
  ASSERT_TRUE(repository);
  ASSERT_TRUE((*repository)->unlock_leases());
  PruneOptions options;
  options.policy.all.last = 1;
  options.dead_after = 100ms;
  options.accept_clock = true;
  std::optional<PruneReport> report;
  for (int i = 0; i < 4 && (!report || report->pending); ++i) {
    auto pruned = prune_vault(**repository, options);
    ASSERT_TRUE(pruned) << pruned.error().text;
    report = std::move(*pruned);
  }
  EXPECT_FALSE(report->pending) << (report->why_pending.empty() ? "" : report->why_pending.front());
  const std::size_t left = expect_all_whole(root);
  EXPECT_EQ(left, static_cast<std::size_t>(kWriters));
  EXPECT_LT(bytes_below(root + "/packs"), 2 * kContents * 4000 + left * 20'000);
  const auto checked = (*repository)->check({.read_data = true});
  ASSERT_TRUE(checked);
  for (const Damage& d : checked->damaged) ADD_FAILURE() << d.object << ": " << d.why;
}

}  // namespace
}  // namespace hf::vault
