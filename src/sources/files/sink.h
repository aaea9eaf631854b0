// Writes the files of a restore: each is created when its first bytes come, gets its metadata with its last, and is closed.
//
// A file in a folder that this restore made has its own name at once (the folder has not, see Folders); any other lies
// under a temporary name until publish(). Any thread may write. Where pieces of a file are damaged, end() takes it away again.
#pragma once

#include <atomic>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "sources/files/files.h"
#include "sources/files/folders.h"
#include "sources/files/wanted.h"
#include "vault/restore.h"

namespace hf::sources {

class FileSink final : public vault::RestoreSink {
 public:
  FileSink(Folders& folders, std::string tag, bool skip_damaged, Progress progress);
  // Files that are written next, after those of the batch before; they outlive it. A file is known by its place among them.
  void begin(std::span<const NumberedFile> batch);
  Status create_empty(std::uint64_t file);       // one to which no bytes will come
  bool concurrent() const override { return true; }
  Status write(std::uint64_t file, std::uint64_t offset, ByteView bytes) override;
  bool skips_damage() const override { return skip_damaged_; }
  void damaged(std::uint64_t file, const Error& why) override;
  struct DamagedFile {
    std::uint64_t file = 0;                      // its place in the batch
    std::uint64_t bytes = 0;                     // all of its pieces
    std::string why;
  };
  // Those of the batch of which a piece is damaged: nothing of them is left.
  Result<std::vector<DamagedFile>> end();
  // Gives it its name; if it cannot, it is gone. REQUIRES: what was written is synced.
  Status publish(std::uint64_t number, const vault::Entry& entry);
  void discard();                                // of all batches: what has a temporary name
  std::vector<FailedItem> take_failed() { return std::move(failed_); }

 private:
  struct Place {
    const vault::Entry* entry = nullptr;
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;                     // but for holes
    std::uint64_t missing = 0;                   // of them; changed under the mutex
    bool temporary = false;
    bool created = false;
    std::string damage;                          // why it will not be whole; under the mutex
  };
  struct Temporaries {                           // of one folder, with those of numbers between that were never made
    std::string folder;
    std::uint64_t first = 0;
    std::uint64_t last = 0;
  };
  using Handle = std::shared_ptr<const Descriptor>;
  std::string temporary_name(std::uint64_t number) const;
  std::string name(const Place& place) const;
  Result<Descriptor> create(std::uint64_t file, unsigned mode);
  Result<Handle> handle(std::uint64_t file);     // of a file that is written in pieces; null if it is damaged
  unsigned final_mode(std::uint64_t file) const;
  Status complete(std::uint64_t file, int fd, unsigned created);
  Status write_all(int fd, std::uint64_t file, std::uint64_t offset, ByteView bytes) const;

  Folders& folders_;
  const std::string tag_;
  const bool skip_damaged_;
  const Progress progress_;
  const unsigned mask_;                          // of this process, for new files
  std::vector<Place> places_;                    // of the batch
  std::vector<Temporaries> temporaries_;
  std::mutex mutex_;
  std::unordered_map<std::uint64_t, Handle> open_;
  std::vector<FailedItem> failed_;
};

}  // namespace hf::sources
