// Parts of a restore: writing many files in any order, staging WAL, the restore_command.
#pragma once

#include <list>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "sources/postgres/restore.h"
#include "vault/restore.h"

namespace hf::sources {

struct RestoredFile {
  std::string path;
  unsigned mode = 0600;
  std::uint64_t size = 0;
};

// Files are created at their full size (holes stay holes), then written through a bounded set of descriptors.
class FileSetSink final : public vault::RestoreSink {
 public:
  FileSetSink(const std::vector<RestoredFile>& files, std::stop_token stop, Progress progress)
      : files_(files), stop_(std::move(stop)), progress_(progress) {}
  ~FileSetSink() override;
  Status create_all();                     // kExists if one is there: the folder was empty a moment ago
  Status write(std::uint64_t file, std::uint64_t offset, ByteView bytes) override;
  Status close();                          // says what a close reports

 private:
  Result<int> descriptor(std::uint64_t file);
  const std::vector<RestoredFile>& files_;
  std::stop_token stop_;
  const Progress progress_;                // of the file in hand; the reader counts the bytes
  std::list<std::pair<std::uint64_t, int>> open_;                                     // newest use first
  std::unordered_map<std::uint64_t, std::list<std::pair<std::uint64_t, int>>::iterator> where_;
};

// The WAL and history files that the plan needs, under the names that PostgreSQL asks for, then a file `complete`.
Status stage_wal(Env& env, vault::Repository& repository, const RestorePlan& plan, const std::string& dir, std::stop_token stop);

// Copies program and key into the data directory's recovery folder where the owner could not reach them.
Status make_reachable(Env& env, const PostgresRestoreOptions& options, WalAccess& source);

Status sync_file_system(const std::string& path);

}  // namespace hf::sources
