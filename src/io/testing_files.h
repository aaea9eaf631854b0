// Files for tests. MemoryFiles knows what was synced and can lose the rest, as a power cut does.
// FaultyFiles fails the Nth call, so that a test can enumerate "every call fails once" around any other Files.
#pragma once

#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "io/files.h"

namespace hf {

// Any path is taken from the root, with or without a leading slash. Any thread may call.
class MemoryFiles final : public Files {
 public:
  struct Node;

  MemoryFiles();
  ~MemoryFiles() override;
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, unsigned permissions = 0600) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  Status make_dirs(const std::string& path, unsigned permissions = 0700) override;
  Status move(const std::string& from, const std::string& to, IfExists policy) override;
  Status remove(const std::string& path) override;
  Status sync_dir(const std::string& path) override;

  // Everything not synced is gone: bytes of files, names in folders. Open files fail from now on.
  void crash();
  // The same, but what was not synced survives in part, as the kernel may have written it back: each name by chance,
  // each file by chance with a piece of its unsynced bytes.
  void crash(Rng& rng);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with open files, which may outlive this object
};

struct Fault {
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();
  std::size_t at = kNever;   // the number of the call that fails, from 0
  ErrorKind kind = ErrorKind::kFailed;
  bool for_ever = false;     // every later call fails too: the disk is gone
  bool torn = false;         // a failing write_at writes the first half of its bytes
  bool after = false;        // the call is done, then reported as failed (effect `maybe`): a lost answer
};

// Counts every call of Files and of the files opened through it.
class FaultyFiles final : public Files {
 public:
  explicit FaultyFiles(Files& inner, Fault fault = {}) : inner_(inner), fault_(fault) {}
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode, unsigned permissions = 0600) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  Status make_dirs(const std::string& path, unsigned permissions = 0700) override;
  Status move(const std::string& from, const std::string& to, IfExists policy) override;
  Status remove(const std::string& path) override;
  Status sync_dir(const std::string& path) override;

  void set_fault(Fault fault);          // the count starts again
  std::size_t calls();                  // so far, also those that failed
  bool fired();                         // whether the fault has struck
  std::vector<std::string> trace();     // "sync /a/b", one for each call

 private:
  friend class FaultyFile;
  // The error that this call has to return, if it is its turn.
  std::optional<Error> turn(std::string_view call, const std::string& path);
  template <class R, class Call>
  R pass(std::string_view name, const std::string& path, Call call);

  Files& inner_;
  std::mutex mutex_;  // guards the rest
  Fault fault_;
  std::size_t calls_ = 0;
  bool fired_ = false;
  std::vector<std::string> trace_;
};

}  // namespace hf
