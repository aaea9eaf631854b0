// See testing_vault.h.
#include "sources/testing_vault.h"

#include <cstdio>
#include <cstdlib>

#include "sources/postgres/backup_wal.h"
#include "vault/wal/wal_archive.h"

namespace hf::sources::testing {
namespace {

std::unique_ptr<vault::Repository> must(Result<std::unique_ptr<vault::Repository>> result) {
  if (!result) {
    std::fprintf(stderr, "test environment: %s\n", result.error().text.c_str());
    std::abort();
  }
  return std::move(*result);
}

}  // namespace

TestVault::TestVault(World& world, const std::string& name) : world_(world), folder_(world.path(name)), key_(Bytes(32, 0x5a)) {
  auto store = vault::open_store(world.files, entropy_, folder_);
  if (!store) std::abort();
  store_ = std::move(*store);
  const vault::RepositoryContext context{*store_, entropy_, world.clock, world.log, "test-host"};
  repository_ = must(vault::Repository::init(context, vault::KeyFile{key_}, {}));
}

void TestVault::reopen() {
  repository_.reset();
  const vault::RepositoryContext context{*store_, entropy_, world_.clock, world_.log, "test-host"};
  repository_ = must(vault::Repository::open(context, vault::KeyFile{key_}));
}

Status archive_wal(World& world, vault::Repository& repository, const PostgresServer& server, Lsn from, Timeline timeline) {
  HF_ASSIGN(remote::PgReplication link, remote::PgReplication::connect(server.dsn(), world.clock));
  HF_ASSIGN(const remote::PgSystem system, link.identify_system());
  HF_ASSIGN(const std::uint64_t size, link.wal_segment_size());
  vault::WalArchive archive(repository);
  if (timeline > 1) {
    HF_ASSIGN(const auto history, link.timeline_history(timeline));
    HF_TRY(archive.put_history(system.system_id, timeline, history.content));
  }
  const BackupWalOptions options = {server.dsn(), {}, system.system_id, size, "test_archive", true};
  HF_ASSIGN(const auto wal, BackupWal::prepare(world.clock, options, archive_target(archive)));
  wal->begin(from, timeline);
  HF_TRY(wal->finish(system.flushed, world.soon(60s), {}));
  return ok();
}

}  // namespace hf::sources::testing
