// A backup in progress: contents are written chunk by chunk under a lease, entries name them, commit makes the snapshot.
//
// Invariant: nothing of it can be seen in the vault before commit() returned, and a session that is abandoned, dropped or
// killed leaves only unreferenced packs and an open lease. Several content writers may be open at once and interleave:
// no order among chunks of different contents exists. The session itself is used by one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "vault/chunk/pages.h"
#include "vault/snapshot.h"
#include "vault/tree/tree.h"

namespace hf::vault {

enum class ContentKind : std::uint8_t {
  kStream,   // content-defined chunks: files, dumps
  kPages,    // PostgreSQL relations: 256 KiB (32 pages) the first time, later only the changed 8 KiB pages
};

// A file's bytes as they stand in the vault.
struct Content {
  std::uint64_t size = 0;
  std::vector<Extent> extents;                   // cover [0, size) exactly
  std::vector<PageDigest> digests;               // kPages only, one a page
  PageMap page_map() const { return {extents, digests}; }
};

class ContentWriter {
 public:
  virtual ~ContentWriter() = default;            // without finish() or add(): the content is dropped
  // Memory for the next bytes, at least one of them and at most `want`, valid until the next call; then wrote() says how
  // many of it are the file's. So that a file is read to where it is hashed, without a copy.
  virtual Result<MutableByteView> space(std::size_t want) = 0;
  virtual Status wrote(std::size_t bytes) = 0;
  virtual Status write(ByteView bytes);          // appended: the two above, with a copy
  virtual Status hole(std::uint64_t length) = 0; // appended: reads as zeros, kept sparse; kPages writes zeros instead
  virtual Status end() = 0;                      // no more bytes will come; finish() and add() do it, too
  // Once; waits for what is still being hashed. The content may then stand in any entry of this session.
  virtual Result<Content> finish() = 0;
};

// By which a file is known to be unchanged.
struct FileState {
  std::uint64_t size = 0;
  FileTime mtime;
  FileTime ctime;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
};

// An entry that an earlier run of this backup, which was cut short, had done.
struct BegunEntry {
  EntryView view;
  WallTime sure{};                               // a time before it was read
};

struct BackupProgress {
  std::uint64_t entries = 0;
  std::uint64_t files = 0;
  std::uint64_t source_bytes = 0;
  std::uint64_t new_bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t resumed_bytes = 0;               // of files that an earlier run had done
};

class BackupSession {
 public:
  virtual ~BackupSession() = default;            // without commit(): abandoned, as far as the store still answers

  // `previous`: the same file in the previous snapshot (SnapshotReader::page_map), for kPages; not used where a chunk
  // of it may not be referred to. Not kept after finish(); may be null.
  virtual Result<std::unique_ptr<ContentWriter>> begin_content(ContentKind kind, const PageMap* previous) = 0;
  Result<std::unique_ptr<ContentWriter>> begin_content(ContentKind kind) { return begin_content(kind, nullptr); }
  // May these extents of the previous snapshot stand in an entry as they are? False if any chunk lies only in packs that
  // this session may not refer to (condemned, or of a writer whose packs are not trusted): then write the file anew.
  virtual Result<bool> may_reuse(std::span<const Extent> extents) = 0;
  // Adds the entry as it stands in the previous snapshot (a view of its reader) or in begun(), byte for byte. False, and
  // nothing is added, where may_reuse() would say no, or for a file of very many extents.
  virtual Result<bool> add_unchanged(const EntryView& entry) = 0;

  // What an earlier run that was cut short knew of this path; null if nothing. Asked for in the order of the entries; valid
  // until the next call. It may stand in this snapshot by add_unchanged() if the file is as it was.
  virtual const BegunEntry* begun(std::string_view) { return nullptr; }
  // The same for a large file in mid-reading: the content holds what that run had durable, and is read on from there. To be
  // called first; returns the offset.
  virtual Result<std::uint64_t> go_on(ContentWriter&, const std::string&, const FileState&) { return std::uint64_t{0}; }
  virtual void note(ContentWriter&, const std::string&, const FileState&) {}    // so far it is read: for a later run

  // Entries come in the tree's order of paths (compare_paths), each path once; kInvalid otherwise.
  virtual Status add(const Entry& entry) = 0;                       // its extents, if any, are of this session or reusable
  virtual Status add(Entry entry, const Content& content) = 0;      // fills in size, extents and page digests
  // The same with a content whose chunks need not be hashed yet: small files are hashed many at a time.
  virtual Status add(Entry entry, std::unique_ptr<ContentWriter> content) = 0;

  // Every pack and index run durable, then the lease's fate, then the commit object. kBlocked if a collector fenced
  // this session; Effect::kMaybe where the store did not say. `attributes` are added to those of the meta.
  // `partial`: some items of the source failed.
  virtual Result<SnapshotInfo> commit(const std::map<std::string, std::string>& attributes, bool partial) = 0;
  Result<SnapshotInfo> commit() { return commit({}, false); }
  virtual void abandon() = 0;
  virtual BackupProgress progress() const = 0;
};

}  // namespace hf::vault
