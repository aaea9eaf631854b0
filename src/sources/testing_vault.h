// A vault in a folder for tests of sources, opened by a key file (no Argon2id to wait for).
#pragma once

#include <memory>

#include "base/lsn.h"
#include "sources/testing_postgres.h"
#include "vault/repository.h"

namespace hf::sources::testing {

class TestVault {
 public:
  explicit TestVault(World& world, const std::string& name = "vault");
  vault::Repository& operator*() { return *repository_; }
  vault::Repository* operator->() { return repository_.get(); }
  const std::string& folder() const { return folder_; }
  void reopen();

 private:
  World& world_;
  std::string folder_;
  crypto::SystemEntropy entropy_;
  Secret key_;
  std::unique_ptr<vault::Store> store_;
  std::unique_ptr<vault::Repository> repository_;
};

// Streams WAL from `from` to the server's present end into the vault, as a receiver would.
Status archive_wal(World& world, vault::Repository& repository, const PostgresServer& server, Lsn from, Timeline timeline = 1);

}  // namespace hf::sources::testing
