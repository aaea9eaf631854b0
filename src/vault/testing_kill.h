// A vault, its copy and the local state of a machine, of which a command is killed at any call of either store.
//
// A kill is told as the store sees it: the call did not happen, or it happened and nobody saw the answer; nothing runs after
// it, no destructor that tidies up in a store, and no write to the local state.
#pragma once

#include <optional>
#include <set>

#include "io/testing_files.h"
#include "io/testing_folder.h"
#include "vault/store/testing_faulty_store.h"
#include "vault/testing_repository.h"

namespace hf::vault::testing {

struct KillPoint {
  bool of_copy = false;                      // of the copy's store, else of the vault's
  std::uint64_t at = 0;                      // 0: never
  bool after = false;                        // the call happened
  std::string text() const;
};

class KillWorld {
 public:
  KillWorld();

  // What a scenario begins with, kept to come back to.
  void keep();
  void come_back();
  // From now on everything goes through stores that die there.
  void arm(const KillPoint& point);
  // A new process, in a world without faults: the rest of the test.
  void disarm();
  std::uint64_t calls(bool of_copy) const;   // since arm()

  Result<std::unique_ptr<Repository>> open(const std::string& host = "alpha") { return open_through(store(), host); }
  Result<std::unique_ptr<Repository>> open_copy() { return open_through(copy_store(), "alpha"); }
  Store& store() { return faulty_ ? static_cast<Store&>(*faulty_) : vault.store; }
  Store& copy_store() { return faulty_copy_ ? static_cast<Store&>(*faulty_copy_) : copy; }
  RepositoryContext context(Store& through, const std::string& host = "alpha");
  std::map<std::string, Bytes> everything();  // of both stores

  TestVault vault{41};
  bool journals = false;                      // backups keep a journal in the local state
  MemoryStore copy{vault.clock};
  std::vector<Credentials> credentials{vault.credentials};        // the first that opens is used
  std::map<SnapshotId, std::vector<TestFile>> known;              // as they were backed up
  std::vector<std::vector<TestFile>> possible;                    // what a snapshot that is not known may hold
  std::set<SnapshotId> may_go;                                    // those that the command may forget

 private:
  Result<std::unique_ptr<Repository>> open_through(Store& through, const std::string& host);

  TestFolder folder_;
  PosixFiles disk_;
  FaultyFiles local_{disk_};
  std::unique_ptr<FaultyStore> faulty_, faulty_copy_;
  std::map<std::string, Bytes> kept_, kept_copy_;
  std::map<std::string, Bytes> kept_local_;
};

}  // namespace hf::vault::testing
