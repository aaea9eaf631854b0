// A vault in memory for tests: open it, fill it, break it.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "vault/repository.h"
#include "vault/store/testing_memory_store.h"
#include "vault/testing.h"

namespace hf::vault::testing {

class StillClock final : public Clock {        // moves only when told to, and by 1 us at each look
 public:
  MonoTime mono() override { return MonoTime(std::chrono::nanoseconds(++ticks_ * 1000)); }
  WallTime wall() override { return WallTime(Seconds(1'767'225'600)) + Micros(++ticks_); }
  bool sleep_until(MonoTime when, std::stop_token) override {     // time passes at once
    const auto until = static_cast<std::uint64_t>(when.time_since_epoch().count() / 1000);
    if (until > ticks_) ticks_ = until;
    return true;
  }
  void advance(Micros by) { ticks_ += static_cast<std::uint64_t>(by.count()); }

 private:
  std::atomic<std::uint64_t> ticks_ = 0;
};

struct TestVault {
  explicit TestVault(std::uint64_t seed = 1);
  RepositoryContext context(Store& through, const std::string& host = "alpha") { return {through, entropy, clock, log, host}; }
  // Opens it through `through`, or through the memory itself.
  std::unique_ptr<Repository> open(Store* through = nullptr, const std::string& host = "alpha");

  StillClock clock;
  MemoryLog log;
  SeededEntropy entropy;
  MemoryStore store{clock};
  Credentials credentials{Passphrase{Secret(std::string_view("correct horse"))}};
};

struct TestFile {
  std::string path;
  Bytes bytes;
};

// Backs up these files, in order of paths; the content of each goes through a stream writer.
Result<SnapshotInfo> backup_files(Repository& repository, const std::vector<TestFile>& files, const std::string& component = "");
// Every file of the snapshot, read through a planned restore.
Result<std::vector<TestFile>> restore_files(Repository& repository, const SnapshotId& id);

}  // namespace hf::vault::testing
