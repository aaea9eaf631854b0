// What the parts of an open repository share: the store, the keys, and what is derived from them once.
// Immutable after opening, so any thread may read it.
#pragma once

#include <map>
#include <set>

#include "vault/chunk/chunk.h"
#include "vault/chunk/chunker.h"
#include "vault/chunk/pages.h"
#include "vault/collect/lease.h"
#include "vault/keys/config.h"
#include "vault/repository.h"

namespace hf::vault {

using StoreId = std::array<std::uint8_t, 16>;
inline constexpr std::size_t kMaxSmallObject = 64u << 20;   // commits, leases, epochs

class Repository::Core {
 public:
  Core(const RepositoryContext& context, Config config_in, Keys keys_in, StoreId store_id_in);

  Store& store;
  crypto::Entropy& entropy;
  Clock& clock;
  Log& log;
  std::string host;
  std::stop_token stop;
  LocalState local;
  Progress progress;
  Config config;
  Keys keys;
  StoreId store_id;
  StoreAbilities abilities;                  // of this store, as found when the vault was made; set once, while opening
  std::vector<crypto::PublicKey> writers;
  GearTable data_table;
  GearTable tree_table;
  ChunkHasher hasher;
  PageHasher page_hasher;
  HostTag host_tag;

  // The first 16 bytes of HMAC(id key, "holdfast/v1 <what>" 00 <text>): names that say nothing.
  std::array<std::uint8_t, 16> keyed_name(std::string_view what, ByteView text) const;
  Status check_going() const;                // kCancelled once a stop was asked for
  Status check_writable() const;             // kUnsupported if the config is of a newer minor version

  // Creates an object once. After a lost answer it is read back: ours (equal bytes) is success.
  // kExists if another's is there; Effect::kMaybe stays on the error only where the store does not answer at all.
  Status create_once(const std::string& name, ByteView bytes) const;
  Result<SignedObject> read_signed(const std::string& name, ObjectKind kind) const;
  Bytes make_signed(const std::string& name, ObjectKind kind, ByteView body) const;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) const;
};

// commits.cc: the committed snapshots of a store, and how one becomes one.
struct CommittedRecord {
  std::uint64_t number = 0;                  // 0: only a lease's fate says so
  std::string object;                        // that carries it
  Bytes sealed;
  SnapshotId id{};
  WallTime written{};                        // by the store's own clock
};
// Leases first, then commits: a snapshot that moves from one to the other meanwhile is seen. Each id once, by number;
// those without a number last. Objects that do not decode go to `broken` if given, else they are an error.
struct BrokenObject {
  std::string object;
  Error error;
};
Result<std::vector<CommittedRecord>> read_commits(const Repository::Core& core, std::vector<BrokenObject>* broken);
// Creates a mark of a session once: `taken`, `forgotten`, or a fenced `fate`. Fine if there is one.
Status create_mark(const Repository::Core& core, const SessionId& session, Verdict verdict, const SnapshotId& id);
Result<LeaseFate> read_fate(const Repository::Core& core, const std::string& name);
Result<Epoch> read_newest_epoch(const Repository::Core& core);
// Creates commits/<n> for a sealed record whose fate is `committed`, under the next free number; finds it if it is there.
Result<std::uint64_t> write_commit(const Repository::Core& core, ByteView sealed, std::uint64_t highest_in_epoch);

// One writer's lease.
class Lease {
 public:
  // Creates `open`, then reads the newest epoch, then notes its number in the first beat.
  static Result<std::unique_ptr<Lease>> open(const Repository::Core& core);
  const SessionId& session() const { return session_; }
  const Epoch& epoch() const { return epoch_; }
  Status beat_if_due();                      // every 20 s by the monotonic clock; a failed beat is only logged
  // Creates the fate. kBlocked if a collector fenced this session.
  Status decide(ByteView sealed) const;
  Status remove() const;                     // beat, open, and last the fate
  // Removes the lease, as far as the store answers. REQUIRES: decide() was not tried: a fate that is still on its way
  // to the store must find its lease there.
  void give_up() const;

 private:
  explicit Lease(const Repository::Core& core) : core_(core) {}
  Status write_beat();
  const Repository::Core& core_;
  SessionId session_{};
  Epoch epoch_;
  LeaseBeat beat_;
  MonoTime last_beat_{};
};
// Committed leases get their commit object and go: those of this host, or of every host. Returns the sessions.
Result<std::vector<std::string>> finish_committed_leases(const Repository::Core& core, bool every_host);

}  // namespace hf::vault
