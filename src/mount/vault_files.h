// The snapshots of a vault as files: what the kernel asks for, answered from trees and chunks. Knows nothing of FUSE.
//
// Nodes are numbered as they are looked up and forgotten when nobody knows them any more; all names of a hard link are one
// node. Invariant: a node's answers never change, because snapshots do not. One thread at a time.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "mount/piece_cache.h"
#include "vault/repository.h"

namespace hf::mount {

using NodeId = std::uint64_t;
inline constexpr NodeId kTop = 1;                        // as FUSE numbers it

struct VaultFilesOptions {
  std::size_t cache_bytes = 64u << 20;                   // of contents
  std::size_t open_snapshots = 4;                        // each has an index cache of its own (vault/chunk_source.h)
};

struct Attributes {
  std::uint32_t mode = 0;                                // with the type, as in stat(2)
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t links = 1;
  std::uint64_t size = 0;
  std::uint64_t data_bytes = 0;                          // without holes
  std::uint64_t rdev = 0;
  vault::FileTime mtime;
  vault::FileTime ctime;
};

struct NameInFolder {
  std::string name;
  std::uint32_t mode = 0;                                // the type alone counts
};

class VaultFiles {
 public:
  // kDenied with a key that cannot read. The snapshots are those of now; the repository outlives this.
  static Result<std::unique_ptr<VaultFiles>> open(vault::Repository& repository, const VaultFilesOptions& options = {});
  std::size_t snapshots() const { return snapshots_.size(); }

  // kNotFound: no such name. Every success counts, until forget() takes it back.
  Result<NodeId> lookup(NodeId parent, const std::string& name);
  void forget(NodeId node, std::uint64_t count);
  Result<Attributes> attributes(NodeId node);
  Result<std::vector<NameInFolder>> list(NodeId folder);              // without "." and ".."
  Result<std::string> link_target(NodeId node);
  Result<std::vector<vault::Xattr>> xattrs(NodeId node);

  Result<std::uint64_t> open_file(NodeId node);
  // Fewer than `length` bytes only at the end. Fetches the chunks that this range touches, and no others.
  Result<Bytes> read(std::uint64_t handle, std::uint64_t offset, std::size_t length);
  void close_file(std::uint64_t handle) { files_.erase(handle); }

  std::size_t known_nodes() const { return nodes_.size(); }
  std::size_t cached_bytes() const { return cache_.bytes(); }

 private:
  static constexpr std::uint32_t kNoSnapshot = UINT32_MAX;
  struct Node {
    std::uint32_t snapshot = kNoSnapshot;                // of an entry, or of a snapshot's top, whose path is empty
    std::string path;                                    // in the snapshot; else in what is above the snapshots: "hosts/alpha"
    std::uint64_t known = 0;                             // look-ups that were not forgotten
  };
  struct OpenSnapshot {
    std::uint32_t number = 0;
    std::unique_ptr<vault::SnapshotReader> reader;
    std::optional<std::map<std::uint64_t, std::uint64_t>> link_counts;     // of link groups: one pass, when first asked for
  };
  struct OpenFile {
    std::uint32_t snapshot = 0;
    vault::Entry entry;
  };
  struct Above {                                         // a folder or a link above the snapshots
    std::optional<std::string> target;                   // of a link
    std::vector<std::string> names;                      // in a folder
    std::optional<std::uint32_t> snapshot;               // a snapshot's top
  };

  VaultFiles(vault::Repository& repository, const VaultFilesOptions& options)
      : repository_(repository), options_(options), cache_(options.cache_bytes) {}
  void name_snapshots();
  void add_above(const std::string& folder, const std::string& name, Above what);
  Result<const Node*> node(NodeId id) const;
  NodeId remember(std::uint32_t snapshot, const std::string& path);
  Result<OpenSnapshot*> open_snapshot(std::uint32_t number);
  Result<vault::Entry> entry(std::uint32_t snapshot, const std::string& path);
  Result<std::uint64_t> link_count(std::uint32_t snapshot, std::uint64_t group);
  Result<Attributes> attributes_of(std::uint32_t snapshot, const vault::Entry& entry);
  Result<PieceCache::Piece> piece(const OpenFile& file, const vault::Extent& extent);

  vault::Repository& repository_;
  const VaultFilesOptions options_;
  std::vector<vault::SnapshotInfo> snapshots_;
  std::map<std::string, Above> above_;                   // by path
  std::unordered_map<NodeId, Node> nodes_;
  std::unordered_map<std::string, NodeId> ids_;          // of nodes, by snapshot and path
  NodeId next_id_ = kTop;
  std::list<OpenSnapshot> opened_;                       // the most recently used first
  std::unordered_map<std::uint64_t, OpenFile> files_;
  std::uint64_t next_file_ = 1;
  PieceCache cache_;
};

}  // namespace hf::mount
