// A vault as its users see it: create, open, back up, list, read, restore, check, copy.
//
// Front header of the module. What lies where is in docs/format/vault-protocol.md (names, leases, commits, WAL) and
// docs/format/vault.md (objects, packs, trees). Invariant: whatever stops a writer at whatever call, every snapshot
// that snapshots() lists can be read in full, and nothing that was listed before is changed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "io/files.h"
#include "vault/backup/backup.h"
#include "vault/copy/copy_report.h"
#include "vault/keys/keys.h"
#include "vault/restore.h"
#include "vault/snapshot.h"
#include "vault/store/store.h"

namespace hf::vault {

// A folder of this machine alone, where vaults are remembered: what a backup that was cut short had done. None: nothing is.
struct LocalState {
  Files* files = nullptr;
  std::string folder;
};

// What a repository needs from outside; all of it outlives the repository.
struct RepositoryContext {
  Store& store;
  crypto::Entropy& entropy;
  Clock& clock;
  Log& log;
  std::string host;                          // this machine's name: whose committed leases may be finished here
  std::stop_token stop{};                    // ends backups, with kCancelled
  LocalState local{};
  Progress progress{};                       // of check, copy, prune, scrub, rebuild, and of what is restored and backed up
};

struct InitOptions {
  std::string label = "first";               // of the first slot
  crypto::Argon2Cost cost{};                 // tests need not pay the default; never above it
  unsigned parity_percent = 3;               // of its packs: 0 to 20
  bool probe = false;                        // try what the store can do, and keep that in it
};

struct SnapshotFilter {
  std::string component;                     // empty: any
  std::string host;
  std::optional<SnapshotKind> kind;
  std::string tag;
  std::optional<WallTime> until;             // finished then, or before
};

class Repository;

// Who reads the data chooses it, and is told of each object. Every call may come from any thread.
struct ReadHooks {
  std::function<std::optional<std::uint64_t>(const std::string& object)> rank;   // lowest first; nothing: not read
  std::function<Result<bool>(const ObjectInfo& object)> before;                  // false: not read after all
  std::function<void(const ObjectInfo& object, bool good)> after;
};

struct CheckOptions {
  bool read_data = false;
  std::uint32_t read_data_percent = 100;     // of the packs, chosen by name and `sample_seed`
  std::uint64_t sample_seed = 0;
  bool repair = false;                       // heal what is damaged: by parity, else from `copies`
  std::vector<Repository*> copies;           // opened, of the same vault; asked in this order
  const ReadHooks* hooks = nullptr;          // instead of the three at the top
};

struct DamagedFile {
  std::string snapshot;                      // hex id
  std::string path;                          // raw bytes
};
inline constexpr std::size_t kMaxDamagedFiles = 100;    // named for each damaged object

struct Damage {
  std::string object;                        // its name in the store
  std::string why;
  std::vector<std::string> snapshots;        // hex ids of the snapshots that lose something by it
  std::vector<DamagedFile> files;            // the first of them
  std::uint64_t files_total = 0;
  std::string not_healed;                    // why, if it was tried
  bool set_aside = false;                    // new backups no longer refer to it, and store its chunks again
};

struct Healed {
  std::string object;
  std::string why;                           // what was wrong with it
  std::string how;                           // "parity", "copy", "packs" (an index run), "anew" (the store's own object)
  std::string from;                          // of a copy: its place
};

struct CheckReport {
  std::uint64_t packs = 0;
  std::uint64_t chunks = 0;
  std::uint64_t snapshots = 0;
  std::uint64_t wal_objects = 0;
  std::uint64_t attachments = 0;
  std::uint64_t archived = 0;                // packs of which nothing but their size was looked at
  std::uint64_t read_bytes = 0;
  std::vector<Damage> damaged;               // sorted by object
  std::vector<Healed> healed;
};

class Repository {
 public:
  // Creates a vault in an empty store; `lock` closes its first slot, of admin level. kExists if there is one.
  // A store without conditional creation whose address does not accept a single writer: kUnsupported, here and in open.
  static Result<std::unique_ptr<Repository>> init(const RepositoryContext& context, const SlotLock& lock,
                                                  const InitOptions& options);
  // kNotFound: no vault there. kDenied: wrong passphrase or key, and nothing was written. kUnsupported: a newer format.
  // kCorrupt: the config is damaged. Opening writes nothing.
  static Result<std::unique_ptr<Repository>> open(const RepositoryContext& context, const Credentials& credentials);
  // A copy of this vault in an empty store: config objects copied verbatim, a store id of its own.
  Result<StoreAbilities> init_copy(Store& other, bool probe = false);
  ~Repository();

  // Committed leases count. Oldest first.
  Result<std::vector<SnapshotInfo>> snapshots();
  // `id` is "latest" or a prefix of a hex id. kNotFound; kUsage with the candidates if it could mean several:
  // a prefix that is not unique, or "latest" over more than one component or host.
  Result<SnapshotInfo> find(const std::string& id, const SnapshotFilter& filter);

  Result<std::unique_ptr<BackupSession>> begin_backup(SnapshotMeta meta);
  Result<std::unique_ptr<SnapshotReader>> open_snapshot(const SnapshotId& id);

  // Damage is a finding of the report, not an error.
  Result<CheckReport> check(const CheckOptions& options);
  // `other` is a copy of this vault (init_copy), opened. Copies what it lacks of what the filter takes; idempotent.
  Result<CopyReport> copy_to(Repository& other, const CopyFilter& filter = {});
  // Finishes committed leases of other hosts, too (their commit object was not written), and lists what it did.
  Result<std::vector<std::string>> unlock_leases();

  // Is the store as new as this machine saw it (seen.h)? kBlocked if not. Remembers what it shows; a command that wrote calls
  // it again.
  Status check_seen(bool accept_older);

  std::string vault_id() const;              // 32 hexadecimal digits, shared with the copies
  std::string store_id() const;              // this store's own
  const StoreAbilities& abilities() const;   // of this store, as found when it became part of the vault
  Progress progress() const;                 // as given with the context
  bool can_read() const;                     // false with the write bundle alone
  std::string place() const;                 // for messages

  class Core;                                // what the parts of this module share: core.h
  Core& core() { return *core_; }

 private:
  explicit Repository(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace hf::vault
