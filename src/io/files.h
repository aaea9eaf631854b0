// The file system as a seam: small control-plane files (journal, spool, state) and the directory store go through it,
// so that tests can fail the Nth call, drop what was not synced, and run without a disk (io/testing_files.h).
// Bulk reading of the trees being backed up does not: sources use the system calls directly.
//
// Durability: after File::sync the bytes survive a power cut; after Files::sync_dir the names in that folder do.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace hf {

// An open file. One thread at a time, except read_at, which any thread may call.
class File {
 public:
  virtual ~File() = default;
  // Short only at the end of the file. kCorrupt: the disk cannot read it (EIO); other parts of the file may be readable.
  virtual Result<std::size_t> read_at(std::uint64_t offset, MutableByteView out) = 0;
  virtual Status write_at(std::uint64_t offset, ByteView data) = 0;   // all of it, or an error
  virtual Status truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() = 0;
  virtual Status sync() = 0;                                          // an error is final: the bytes are lost
};

enum class OpenMode : std::uint8_t {
  kRead,
  kReadWrite,   // must exist
  kCreate,      // created if absent
  kCreateNew,   // kExists if present
};

struct FileInfo {
  std::uint64_t size = 0;
  bool is_directory = false;
  WallTime modified{};
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
};

enum class IfExists : std::uint8_t { kReplace, kFail };

class Files {
 public:
  virtual ~Files() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, unsigned permissions = 0600) = 0;
  virtual Result<FileInfo> stat(const std::string& path) = 0;
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;       // sorted by name
  // Present is fine. The names of the folders made here survive a power cut: their parents are synced.
  virtual Status make_dirs(const std::string& path, unsigned permissions = 0700) = 0;
  // kFail is atomic: link(2), then unlink. An error that says `maybe` may have moved it.
  virtual Status move(const std::string& from, const std::string& to, IfExists policy) = 0;
  virtual Status remove(const std::string& path) = 0;                                  // a file or an empty folder
  virtual Status sync_dir(const std::string& path) = 0;
};

// The real one.
class PosixFiles final : public Files {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, unsigned permissions = 0600) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  Status make_dirs(const std::string& path, unsigned permissions = 0700) override;
  Status move(const std::string& from, const std::string& to, IfExists policy) override;
  Status remove(const std::string& path) override;
  Status sync_dir(const std::string& path) override;
};

// The whole file; kExhausted if it is larger than `limit` bytes.
Result<Bytes> read_file(Files& files, const std::string& path, std::size_t limit);
// Written beside, synced, renamed over, folder synced: a reader sees the old bytes or the new ones, never a part.
Status write_file_atomic(Files& files, const std::string& path, ByteView data, unsigned permissions = 0600);
// The same, but kExists (and nothing changed) if `path` is there: exactly one of several callers wins.
Status create_file_atomic(Files& files, const std::string& path, ByteView data, unsigned permissions = 0600);
// What a crash in the middle of the two above may leave beside `path`; listings skip such names.
bool is_temporary_name(std::string_view name);
bool file_exists(Files& files, const std::string& path);
Status remove_tree(Files& files, const std::string& path);   // absent is fine
std::string parent_path(const std::string& path);
std::string join_path(std::string_view folder, std::string_view name);

}  // namespace hf
