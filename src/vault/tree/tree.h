// The tree of a snapshot: one stream of entries in path order, cut into metadata chunks, with a sparse index
// of first paths.
//
// Order: paths are compared component by component, components as unsigned bytes, a parent before what it
// contains; the same as comparing whole paths as bytes with '/' below every other byte: "a" < "a/b" < "a/c" <
// "a!b" < "ab". Names are raw bytes, never normalised. A path is relative, its components are not empty, not
// "." and not "..", and hold no NUL; the empty path is the root itself. Invariant: a reader never returns a
// path that could leave the target folder.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vault/chunk/chunk.h"
#include "vault/chunk/chunker.h"
#include "vault/chunk/pages.h"

namespace hf::vault {

enum class EntryType : std::uint8_t {
  kFile = 1,
  kDirectory = 2,
  kSymlink = 3,
  kHardLink = 4,
  kCharDevice = 5,
  kBlockDevice = 6,
  kFifo = 7,
  kSocket = 8,
};

struct FileTime {
  std::int64_t seconds = 0;         // Unix, also before 1970
  std::uint32_t nanoseconds = 0;    // < 10^9
  friend auto operator<=>(const FileTime&, const FileTime&) = default;
};

struct Xattr {
  std::string name;
  Bytes value;
  friend bool operator==(const Xattr&, const Xattr&) = default;
};

struct Entry {
  std::string path;
  EntryType type = EntryType::kFile;
  std::uint32_t mode = 0;           // permission bits 07777
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string user;                 // names may be empty: not known
  std::string group;
  FileTime mtime;
  FileTime ctime;                   // with inode and device: to detect change, never restored
  std::uint64_t inode = 0;
  std::uint64_t device = 0;         // of the file system
  std::uint64_t size = 0;           // files: bytes; else 0
  std::uint64_t rdev = 0;           // devices
  std::uint64_t link_group = 0;     // what has several names: the same number for all of them, else 0
  std::string target;               // symbolic links: their text; hard links: path of the group's first entry
  std::uint32_t flags = 0;          // of the inode, files and folders: FS_*_FL of Linux (kInodeFlags)
  std::vector<Xattr> xattrs;
  std::vector<Extent> extents;      // files: cover [0, size) exactly
  Bytes page_digests;               // relations: 16 bytes a page, here if at most kInlineDigests bytes ...
  std::vector<ChunkRef> page_digest_chunks;   // ... else in metadata chunks of 64 KiB each
  friend bool operator==(const Entry&, const Entry&) = default;
};

// Where in a tree's stream a record stands.
struct TreePlace {
  crypto::Digest tree{};                      // tree_digest() of its root
  std::shared_ptr<const Bytes> chunk;         // of the stream, that holds it
  ChunkRef ref;                               // of that chunk
  std::size_t begin = 0;                      // in the chunk, with the record's length
  std::size_t end = 0;
  bool last_chunk = false;                    // of the tree: ended by the tree's end, not by the chunker
};

// An entry as it stands in the tree: views into the record, for a walk that compares and mostly finds the same.
struct EntryView {
  std::string_view path;
  EntryType type = EntryType::kFile;
  std::uint32_t mode = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::string_view user;
  std::string_view group;
  FileTime mtime;
  FileTime ctime;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  std::uint64_t size = 0;
  std::uint64_t link_group = 0;
  bool complete = false;            // all of it is in this one record, without page digests elsewhere
  const TreePlace* place = nullptr; // as long as the view; null if it is of no tree
  ByteView record;                  // its body
  ByteView extents;                 // of the body: from their count on
  Status each_chunk(const std::function<Status(const ChunkId&)>& each) const;   // REQUIRES: complete
};

// Flags that are kept: synchronous, immutable, append-only, nodump, noatime, synchronous folder (linux/fs.h). The others
// say how a file system stores the file, or cannot be set.
inline constexpr std::uint32_t kInodeFlags = 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x10000;
inline constexpr std::size_t kMaxPathBytes = 65535;
inline constexpr std::size_t kMaxNameBytes = 255;                    // user and group names, xattr names
inline constexpr std::size_t kMaxXattrBytes = 1024 * 1024;           // all of one entry
inline constexpr std::size_t kMaxRecordBytes = 4 * 1024 * 1024;
inline constexpr std::size_t kRecordExtents = 4096;  // a file with more has continuation records
inline constexpr std::size_t kMaxFileExtents = 4 * 1024 * 1024;       // about 4 TiB; 300 MiB of memory
inline constexpr std::size_t kInlineDigests = 1024;
inline constexpr std::size_t kDigestChunkBytes = 64 * 1024;
inline constexpr std::size_t kMaxTreeIndexBytes = 256 * 1024 * 1024;

// < 0, 0, > 0 in the order above.
int compare_paths(std::string_view a, std::string_view b);
Status check_path(std::string_view path);
Status check_entry(const Entry& entry);   // what the writer refuses (kInvalid)

// All that a snapshot's record must hold of its tree.
struct TreeRoot {
  std::uint64_t entries = 0;
  std::uint64_t stream_bytes = 0;
  std::uint64_t file_bytes = 0;                 // sum of the sizes of files
  std::vector<ChunkRef> index;                  // chunks of the sparse index, in order
  friend bool operator==(const TreeRoot&, const TreeRoot&) = default;
};
Bytes encode_root(const TreeRoot& root);
crypto::Digest tree_digest(const TreeRoot& root);   // of the root's bytes, and by the ids in it of all that the tree is
Result<TreeRoot> decode_root(ByteView data);

// Stores a metadata chunk (or finds it stored) and returns its id.
using StoreChunk = std::function<Result<ChunkId>(ByteView chunk)>;
// Returns the chunk of that id, proven; its length is checked again by the reader.
using FetchChunk = std::function<Result<Bytes>(const ChunkRef& chunk)>;

class TreeWriter {
 public:
  TreeWriter(const GearTable& tree_table, const ChunkerParameters& parameters, StoreChunk store);
  Status add(const Entry& entry);    // in order; kInvalid otherwise, and for what check_entry refuses
  // A whole entry by its record in another tree of this vault (EntryView), which its reader has proven. `place`: of the
  // record, where this tree may refer to every chunk of that one, else null. A chunk of that tree of which all records come
  // one after the other is referred to, and neither cut nor hashed nor stored again.
  Status add_unchanged(std::string_view path, ByteView record, std::uint64_t size, const TreePlace* place);
  Result<TreeRoot> finish();
  ByteView last_record() const { return record_; }   // of the last add() of an entry that is whole in it; else empty

 private:
  // A chunk of another tree, as far as its records are those of this one.
  struct Followed {
    std::shared_ptr<const Bytes> chunk;
    ChunkRef ref;
    std::size_t done = 0;
  };
  Status add_record(ByteView record, std::string_view path, bool continues);
  Result<bool> follow(const TreePlace* place, std::string_view path);
  Status stop_following();
  bool feed_chunker(ByteView bytes);
  Status close_chunk();
  Status chunk_closed(const ChunkRef& chunk);
  GearChunker chunker_;
  StoreChunk store_;
  Bytes chunk_;
  std::optional<Followed> followed_;          // while chunk_ is empty
  Bytes record_;
  std::string chunk_path_;
  bool chunk_continues_ = false;
  Bytes index_;                      // the sparse index so far: about 100 bytes per 128 KiB of tree
  Status in_order(std::string_view path) const;
  void added(std::string_view path, std::uint64_t size);
  std::string last_;
  TreeRoot root_;
};

class TreeReader {
 public:
  static Result<TreeReader> open(const TreeRoot& root, FetchChunk fetch);
  // The next entry, or nothing at the end.
  Result<std::optional<Entry>> next();
  // The same as views, valid until the next call; null at the end. Its entry() decodes and checks the rest.
  Result<const EntryView*> next_view();
  Result<Entry> entry_of_view();
  // The next call of next() or next_view() gives the first entry that is not before `path`. Reads one chunk of the stream,
  // or two where `path` lies at a chunk's end.
  Status seek(std::string_view path);
  Result<std::optional<Entry>> find(std::string_view path);   // exactly this path; moves the reader

 private:
  struct IndexRow {
    ChunkRef chunk;
    std::string path;
    bool continues = false;
  };
  TreeReader() = default;
  Status read_index(ByteView index, std::uint64_t stream_bytes);
  Status load(std::size_t row);
  Result<bool> more();               // a record is at hand
  Result<ByteView> record();
  Result<std::optional<Entry>> read_entry();
  Result<Entry> read_from(ByteView body);
  Status skip_rest_of_view();
  Status read_more_extents(Entry& entry, std::uint64_t total);
  Status skip_continued();
  FetchChunk fetch_;
  std::vector<IndexRow> rows_;
  std::size_t row_ = 0;              // of the loaded chunk
  TreePlace place_;                  // of view_; its chunk is the one that is loaded
  std::size_t position_ = 0;
  bool loaded_ = false;
  EntryView view_;                   // given out last
  std::uint64_t view_more_ = 0;      // its extents in records that follow
  std::optional<std::string> last_;
  std::uint64_t expected_ = 0;       // entries of the tree: an iteration from the start counts them
  std::uint64_t seen_ = 0;
  bool from_start_ = true;
};

// Page digests to and from an entry.
Status set_page_digests(Entry& entry, std::span<const PageDigest> digests, const StoreChunk& store);
Result<std::vector<PageDigest>> page_digests(const Entry& entry,
                                             const FetchChunk& fetch);  // empty if it has none

}  // namespace hf::vault
