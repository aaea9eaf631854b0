// A rehearsal of the worst day: with one credential and nothing else, the newest snapshot of each component and host is
// read whole. Every chunk is authenticated and its id recomputed; nothing is written to disk but the note in the vault
// (an attachment) that it was done, which `vault key list` shows.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "vault/repository.h"

namespace hf::vault {

struct RehearsedSnapshot {
  SnapshotId id{};
  std::string component;
  std::string host;
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

struct RehearsalReport {
  std::vector<RehearsedSnapshot> snapshots;
};

struct RehearsalProgress {
  std::uint64_t bytes = 0;
  std::uint64_t total_bytes = 0;
  std::string what;              // the component or host being read
};

// kNotFound if there is no snapshot to prove anything with; kDenied if the credential cannot read; kCorrupt, naming the
// object, for damage; kCancelled.
Result<RehearsalReport> rehearse(Repository& repository, const std::function<void(const RehearsalProgress&)>& progress,
                                 std::stop_token stop);

struct LastRehearsal {
  WallTime when{};
  std::string host;
};
Result<std::optional<LastRehearsal>> last_rehearsal(Repository& repository);

}  // namespace hf::vault
