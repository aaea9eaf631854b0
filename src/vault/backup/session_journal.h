// What a backup that was cut short leaves on its own machine, so that the next one of the same things neither reads nor sends
// again what is durable: the packs that no index run names yet, the files that were done, and how far a large one was.
//
// An append-only file of frames, each with a keyed checksum over its place and bytes: a torn end is cut off, anything else that
// does not fit ends the reading there. Invariant: the journal is never believed about the store. A pack of it counts if the store
// lists it with its size and no epoch condemned it, a file if all of its chunks count and it is unchanged. So a journal that
// is old, lost or of another time costs work and nothing else; and failing to write it never fails a backup.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "io/files.h"
#include "io/lock.h"
#include "vault/backup/backup.h"
#include "vault/core.h"
#include "vault/pack/pack.h"

namespace hf::vault {

// One for each thing that is backed up, and for each store: what lies in a copy lies elsewhere.
std::string lineage_name(const Repository::Core& core, const SnapshotMeta& meta);

class SessionJournal {
 public:
  // That of this kind, host, component and paths in this store. Null where there is no place for it, or another process
  // holds it. What cannot be read is begun anew.
  static std::unique_ptr<SessionJournal> open(const Repository::Core& core, const SnapshotMeta& meta);

  struct Pack {
    PackName name;
    FinishedPack pack;
  };
  std::vector<Pack> take_packs() { return std::exchange(packs_, {}); }       // that no index run named yet
  std::vector<SessionId> ended_sessions() const;                             // that cannot have tried to commit
  // The newest that is known of this path. Paths are asked for in the tree's order. Valid until the next call.
  const BegunEntry* find(std::string_view path);
  std::vector<Extent> find_part(const std::string& path, const FileState& state, WallTime now);

  // Of this session. Any thread may call pack() and run().
  void begin(const SessionId& session);
  void pack(const PackName& name, const FinishedPack& pack);                 // before it is put
  void run(std::span<const PackName> packs);                                 // an index run names them now
  void entry(ByteView record, WallTime sure);
  void part(const std::string& path, const FileState& state, std::uint64_t first, std::span<const Extent> extents,
            WallTime sure);
  void deciding();                                                           // before the commit is tried
  void flush();
  void end();                                                                // committed: nothing of it is needed any more

 private:
  struct Frame {
    std::uint64_t offset = 0;
    std::uint32_t length = 0;            // of the body
  };
  struct Segment {                       // one session's
    SessionId session{};
    bool deciding = false;
    std::vector<Frame> entries;          // ascending paths
    std::size_t next = 0;                // of entries
    Bytes body;                          // of the one before `next`
    std::size_t at = 0;                  // in it
    BegunEntry current;
    bool has_current = false;
  };
  SessionJournal(const Repository::Core& core, std::string path, FileLock lock);
  Status load();
  Result<std::uint8_t> read_frame(std::uint64_t offset, Bytes& body);        // its type
  Status take_frame(const Frame& frame, std::uint8_t type, ByteView body);
  bool advance(Segment& segment);
  void append(std::uint8_t type, ByteView body);
  void write_frame(std::uint8_t type, ByteView body);
  crypto::Digest mac(std::uint64_t offset, std::uint8_t type, ByteView body) const;

  const Repository::Core& core_;
  const std::string path_;
  FileLock lock_;
  Secret key_;
  std::vector<Pack> packs_;
  std::vector<Segment> segments_;
  std::map<std::string, std::vector<Frame>, std::less<>> parts_;

  std::mutex mutex_;                     // of what follows
  std::unique_ptr<File> file_;           // null: given up
  std::uint64_t end_ = 0;
  ByteWriter waiting_;                   // entries
  MonoTime last_flush_{};
};

}  // namespace hf::vault
