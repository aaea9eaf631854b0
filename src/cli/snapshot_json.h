// A snapshot in machine output: the same in every command that lists some.
#pragma once

#include "base/json.h"
#include "vault/snapshot.h"

namespace hf::cli {

// `snapshot`, `time`, `host`, ... as in docs/schemas/backup-list.json. Paths that are not UTF-8 are in `paths_base64`.
Json snapshot_json(const vault::SnapshotInfo& snapshot);

}  // namespace hf::cli
