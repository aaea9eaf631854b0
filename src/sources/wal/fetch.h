// `wal fetch`, PostgreSQL's restore_command: one file of WAL out of the vault, or the proof that it is not
// there.
//
// PostgreSQL reads an exit code of 1 to 125 as "no such WAL" and quietly ends a recovery early, so "absent"
// is said only where the archive proved it; everything else is an error (255), which stops the server.
//
// The rule for tails (a segment of which the archive has only the beginning): to a standby it is served only
// when its timeline is sealed, and only when it reaches past the standby's own copy of that segment.
// PostgreSQL prefers what restore_command gives to what it has in pg_wal: a shorter tail would shadow the
// longer one and lose its rows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/env.h"
#include "vault/wal/wal_archive.h"

namespace hf::sources {

// Where WAL is read from: of one cluster.
class WalReader {
 public:
  virtual ~WalReader() = default;
  virtual Result<vault::WalSegmentData> read_segment(Timeline timeline,
                                                     std::uint64_t segment) = 0;  // kNotFound: proven
  virtual Result<Bytes> read_history(Timeline timeline) = 0;                      // kNotFound: proven
  virtual Result<std::vector<vault::TimelineSeal>> read_seals(Timeline timeline) = 0;
  // Whether it has any byte of this timeline at or past `lsn`.
  virtual Result<bool> has_wal_from(Timeline timeline, Lsn lsn) = 0;
};

enum class WalTail : std::uint8_t {
  kSealed,  // for standbys: as above
  kAny,     // for restores into a new place, which has nothing of its own: whatever the archive has
};

struct WalFetchOptions {
  std::string name;                  // %f
  std::string path;                  // %p; relative to the data directory
  std::string data_directory = ".";  // where PostgreSQL runs the command
  WalTail tail = WalTail::kSealed;
};

enum class WalFetchOutcome : std::uint8_t { kFetched, kAbsent };

Result<WalFetchOutcome> fetch_wal(Files& files, WalReader& source, const WalFetchOptions& options);
// Again, a bounded number of times, while the archive cannot be reached.
Result<WalFetchOutcome> fetch_wal_patiently(Env& env, WalReader& source, const WalFetchOptions& options);
// From a folder of plain files (whole segments, tails, histories), as a restore stages them; an error as long
// as the file kStagedComplete, which the restore writes last, is not there.
inline constexpr std::string_view kStagedComplete = "complete";
Result<WalFetchOutcome> fetch_staged_wal(Files& files, const std::string& folder,
                                         const WalFetchOptions& options);

inline constexpr int kWalFetched = 0;
inline constexpr int kWalAbsent = 1;
inline constexpr int kWalFetchError = 255;
int exit_code_of(const Result<WalFetchOutcome>& outcome);

// "00000002.history" -> 2
std::optional<Timeline> history_name(std::string_view name);

struct ClusterIdentity {
  std::uint64_t system_id = 0;
  std::uint64_t segment_size = 0;
};
// From global/pg_control of a data directory.
Result<ClusterIdentity> read_cluster_identity(Files& files, const std::string& data_directory);

}  // namespace hf::sources
