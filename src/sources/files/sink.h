// Writes the files of a restore: each is created when its first bytes come, gets its metadata with its last, and is closed.
//
// A file in a folder that this restore made has its own name at once (the folder has not, see Folders); any other lies
// under a temporary name until publish(). Any thread may write.
#pragma once

#include <atomic>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "sources/files/files.h"
#include "sources/files/folders.h"
#include "vault/restore.h"

namespace hf::sources {

class FileSink final : public vault::RestoreSink {
 public:
  FileSink(Folders& folders, std::string tag, Progress progress);
  // The entries outlive the sink. The number of a file is the order of its adding.
  void add(const vault::Entry& entry);
  Status create_empty(std::uint64_t file);       // one to which no bytes will come
  bool concurrent() const override { return true; }
  Status write(std::uint64_t file, std::uint64_t offset, ByteView bytes) override;
  Status publish(std::uint64_t file);            // gives it its name. REQUIRES: all that was written is synced
  void discard();
  std::vector<FailedItem> take_failed() { return std::move(failed_); }

 private:
  struct Place {
    const vault::Entry* entry = nullptr;
    std::uint64_t missing = 0;                   // bytes; changed under the mutex
    bool temporary = false;
    bool created = false;
  };
  using Handle = std::shared_ptr<const Descriptor>;
  std::string name(std::uint64_t file) const;
  Result<Descriptor> create(std::uint64_t file, unsigned mode);
  Result<Handle> handle(std::uint64_t file);     // of a file that is written in pieces
  unsigned final_mode(std::uint64_t file) const;
  Status complete(std::uint64_t file, int fd, unsigned created);
  Status write_all(int fd, std::uint64_t file, std::uint64_t offset, ByteView bytes) const;

  Folders& folders_;
  const std::string tag_;
  const Progress progress_;
  const unsigned mask_;                          // of this process, for new files
  std::vector<Place> places_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Handle> open_;
  std::vector<FailedItem> failed_;
};

}  // namespace hf::sources
