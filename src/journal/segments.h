// The log on a file system: a folder of segments, each named after its first event, the last one open for
// appending. Knows bytes and hashes, nothing of keys, checkpoints or what events mean.
//
// Invariant: what append() acknowledged is synced. After a failed append the object is spent: it refuses the
// next one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/files.h"
#include "journal/format.h"
#include "journal/merkle.h"

namespace hf::journal {

// Where a log is not what was written.
struct Damage {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t seq = 0;       // of the first event that cannot be read
  std::string why;
};
Error damage_error(const Damage& damage);

// What a crash left behind the last acknowledged event.
struct Unfinished {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

// Return false to stop.
using LeafVisitor = std::function<bool(std::uint64_t seq, std::string_view leaf)>;

class Segments {
 public:
  // Reads and checks everything in `folder`. Damage is not an error here: see damage(). Without an expected
  // id, the one of the first segment holds for all.
  static Result<Segments> load(Files& files, std::string folder, std::optional<JournalId> expected);

  const std::optional<JournalId>& id() const { return id_; }
  std::uint64_t size() const { return tree_.size(); }
  const Tree& tree() const { return tree_; }
  const std::optional<Damage>& damage() const { return damage_; }
  const std::optional<Unfinished>& unfinished() const { return unfinished_; }
  bool spent() const { return spent_; }

  // Writing: REQUIRES no damage and an id. The first call of a process; removes what is unfinished, durably.
  Status open_for_append(std::uint64_t segment_bytes = kSegmentBytes);
  // Synced when it returns. An error says kMaybe where the event may be found after the next start.
  Status append(std::string_view leaf);

  // The leaves from `from` on; each is compared with the tree, so that bytes that rotted since the start are
  // kCorrupt.
  Status read(std::uint64_t from, std::uint64_t to, const LeafVisitor& visit) const;

 private:
  struct Segment {
    std::string path;
    std::uint64_t first_seq = 0;
    std::uint64_t bytes = 0;     // of intact frames and the header
  };

  Segments(Files& files, std::string folder, std::optional<JournalId> id)
      : files_(&files), folder_(std::move(folder)), id_(id) {}
  Status load_segment(const std::string& name, std::uint64_t first_seq, bool last);
  void found_damage(const Segment& segment, std::string why);
  Status start_segment();

  Files* files_;
  std::string folder_;
  std::optional<JournalId> id_;
  Tree tree_;
  std::vector<Segment> segments_;
  std::optional<Damage> damage_;
  std::optional<Unfinished> unfinished_;
  std::unique_ptr<File> tail_;   // the last segment, once open for appending
  std::uint64_t segment_bytes_ = kSegmentBytes;
  bool spent_ = false;
};

}  // namespace hf::journal
