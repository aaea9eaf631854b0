// Reads one file, in one state of it, into a content of a backup.
#pragma once

#include <memory>
#include <string>

#include <sys/stat.h>

#include "base/progress.h"
#include "sources/files/metadata.h"
#include "vault/backup/backup.h"

namespace hf::sources {

bool same_state(const struct ::stat& a, const struct ::stat& b);
// O_NOATIME where this user may ask for it.
int open_for_backup(int folder, const char* name, int flags);

class FileReader {
 public:
  FileReader(vault::BackupSession& session, NameCache& names, Progress progress = {})
      : session_(session), names_(names), progress_(progress) {}

  // What was wrong with the file, if anything; the content is dropped then.
  const std::optional<Error>& source_error() const { return source_error_; }
  // Reads it in one state, which `entry` then describes (with its extended attributes). `seen`: its state when it was
  // found. Null, with source_error(), if the file could not be had whole; the error of the result is the vault's.
  Result<std::unique_ptr<vault::ContentWriter>> read(int folder, const char* name, const struct ::stat& seen,
                                                     vault::Entry& entry);

 private:
  struct Part {                            // of a large file
    std::string path;
    vault::FileState state;
    std::uint64_t bytes = 0;               // read since it was noted last
  };
  Status attempt(int fd, const std::string& path, const struct ::stat& before, vault::ContentWriter& content);
  Status read_range(int fd, std::uint64_t from, std::uint64_t to, vault::ContentWriter& content);
  Status skip(std::uint64_t hole, vault::ContentWriter& content);
  std::unique_ptr<vault::ContentWriter> failed(Error error);

  vault::BackupSession& session_;
  NameCache& names_;
  const Progress progress_;
  std::optional<Error> source_error_;
  std::optional<Part> part_;
};

}  // namespace hf::sources
