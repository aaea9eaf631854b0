// Turns the archives of a base backup into contents and entries of a backup session, as they stream by.
//
// PostgreSQL sends files in the order of its folders; a vault's tree is sorted. So contents are written at once and the
// entries are kept (about 100 bytes and the extents of each) until finish() adds them in order.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/progress.h"
#include "remote/postgres_replication.h"
#include "sources/postgres/base_tar.h"
#include "vault/backup/backup.h"
#include "vault/restore.h"
#include "vault/tree/tree.h"

namespace hf::sources {

// "base/5/16384", "base/5/16384_vm.1", "global/1262", and the same below a tablespace's version folder: pages of 8 KiB.
// Free space maps are left out: they are rebuilt as they are used, and no WAL vouches for their bytes.
bool is_relation_file(std::string_view path);

class BaseBackupTree final : public TarSink {
 public:
  // `previous` may be null; it outlives this.
  BaseBackupTree(vault::BackupSession& session, vault::SnapshotReader* previous, std::stop_token stop, Progress progress = {})
      : session_(session), previous_(previous), stop_(std::move(stop)), progress_(progress) {}

  // The four callbacks of remote::BaseBackupSink, to be called in the order in which the server sends.
  Status start(const remote::BaseBackupStart& start);
  Status archive(const std::string& name, const std::string& tablespace_path);
  Status bytes(ByteView data);
  Status manifest(ByteView data);
  // Ends the last archive and adds everything to the session. kCorrupt if a file without which nothing starts is missing.
  Status finish();

  std::uint64_t files() const { return files_; }

  Status begin(const TarMember& member) override;
  Status data(ByteView bytes) override;
  Status end() override;

 private:
  struct Item {
    vault::Entry entry;
    std::unique_ptr<vault::ContentWriter> content;   // ended: its last chunks may still be on their way
  };
  Status end_archive();
  Status add_folder(const std::string& path);
  Status open_content(const std::string& path, bool pages);
  Status close_content();

  vault::BackupSession& session_;
  vault::SnapshotReader* previous_;
  std::stop_token stop_;
  const Progress progress_;
  std::unique_ptr<TarParser> parser_;
  std::string root_;                             // "data", "tablespaces/16384"
  std::vector<remote::PgTablespace> tablespaces_;
  std::size_t archives_ = 0;
  std::vector<Item> items_;
  Item current_;
  bool skipping_ = false;
  bool in_manifest_ = false;
  std::unique_ptr<vault::ContentWriter> writer_;
  std::uint64_t files_ = 0;
};

}  // namespace hf::sources
