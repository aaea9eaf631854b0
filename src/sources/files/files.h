// File trees as a source of backups and a target of restores.
//
// One pass over the tree in the vault's order of paths, by directory descriptors (openat, fstatat), never following a
// symbolic link. A file whose size, times, inode and device are those of the previous snapshot is not read again.
// Invariant: what changed, shrank or vanished while it was read is listed as failed and not in the snapshot; nothing is
// silently mixed. Names and link targets are bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/result.h"
#include "vault/backup/backup.h"
#include "vault/repository.h"
#include "vault/restore.h"

namespace hf::sources {

struct FailedItem {
  std::string path;
  std::string why;
};

struct TreeBackupOptions {
  std::vector<std::string> paths;            // absolute, or made so against the working folder
  std::vector<std::string> includes;         // as in gitignore: "*.txt", "/abs/path/", "**/etc", "!secret"; empty: everything
  std::vector<std::string> excludes;         // of that, the same
  bool exclude_caches = false;               // of folders with a CACHEDIR.TAG, only that is kept (bford.info/cachedir)
  bool one_file_system = false;              // of each path; a folder on which another is mounted is kept empty
  std::optional<std::uint64_t> exclude_larger;   // files of more bytes
  bool reread = false;                       // do not trust size and times
  std::string component;
  std::string host;
  std::vector<std::string> tags;
  std::function<void(const std::string& path)> looking_at;   // each path, before it is looked at; without leading '/'
};

struct TreeBackupReport {
  vault::SnapshotInfo snapshot;
  std::vector<FailedItem> failed;            // not empty: partial (exit 3)
  std::uint64_t files_unchanged = 0;         // taken from the previous snapshot without being read
  std::uint64_t files_read = 0;
  std::uint64_t left_out = 0;                // files and whole folders, by the options above
  std::uint64_t files_resumed = 0;           // taken from an earlier run that was cut short
  std::uint64_t resumed_bytes = 0;           // ... and beginnings of large files
};

// The previous snapshot of the same host, component and paths is found by itself.
Result<TreeBackupReport> backup_tree(vault::Repository& repository, const TreeBackupOptions& options);

struct TreeRestoreOptions {
  std::string target;                        // files lie under it at their absolute path
  bool in_place = false;                     // at their own absolute path; `target` is ignored
  std::vector<std::string> includes;         // patterns as above; empty: everything
  std::vector<std::string> excludes;         // of that
  bool skip_damaged = false;                 // restore the rest where the vault cannot give all of a file
  std::size_t window = vault::kRestoreWindow;   // pieces of files that are planned and written at once
  Progress progress{};                       // of all but the bytes, which the reader counts where its vault says
};

struct TreeRestoreReport {
  std::uint64_t files = 0;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::vector<FailedItem> failed;            // metadata that could not be set (owner as a user, devices): partial
  std::vector<FailedItem> damaged;           // files that were left out: what stands in their places is as it was
};

// That the vault has all that is needed is proven first: kCorrupt, and nothing was written. Memory does not grow with the tree,
// but with what is listed as failed or damaged.
// Contents are written to temporary names beside their places, synced, then moved: a file under its own name is whole.
// kCorrupt if anything read does not match; then no file of that restore that was not whole has its name. With `skip_damaged`
// only where the tree itself cannot be read.
// kBlocked where a path of the target leads through a symbolic link.
Result<TreeRestoreReport> restore_tree(vault::SnapshotReader& reader, const TreeRestoreOptions& options);

// The lines of sha256sum(1) for the files that restore_tree() with these options wrote, their paths from the target on. Each
// was read back and held against the snapshot's own chunk ids; kCorrupt, naming a file, where one is not what it should be.
Result<std::string> checksum_lines(vault::SnapshotReader& reader, const TreeRestoreOptions& options);

}  // namespace hf::sources
