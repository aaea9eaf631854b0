#include "sources/wal/target.h"

namespace hf::sources {

void add_event(vault::WalTimes& times, const WalEvent& event) {
  switch (event.kind) {
    case WalEvent::Kind::kCommit:
      // Commit times are not in the order of the WAL: concurrent commits read the clock before they take
      // their place.
      if (!times.first_commit || event.time < *times.first_commit) times.first_commit = event.time;
      if (!times.last_commit || event.time >= *times.last_commit) {
        times.last_commit = event.time;
        times.last_commit_lsn = event.end;
      }
      break;
    case WalEvent::Kind::kRestorePoint:
      times.restore_points.push_back({event.name, event.end, event.time});
      break;
    case WalEvent::Kind::kAbort: break;  // nothing to recover to
  }
}

}  // namespace hf::sources
