// What this machine knows of the newest snapshot that it committed itself of the same things: in which epoch all that the
// snapshot refers to lay in packs that may be referred to, and which of this writer's index runs there were.
//
// If the newest epoch is still that one, no collector condemned anything since, and so none of these packs has gone or will go
// while a lease of now is held. If the runs are still there, and each pack that they name, then what was true of the snapshot's
// chunks is true: a backup that finds nothing changed need not look each of them up. Kept in the local state, with a keyed
// checksum. Invariant: what it says of a snapshot stays true for ever; what is old, lost or damaged costs look-ups, no more.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vault/core.h"

namespace hf::vault {

struct Vouched {
  SnapshotId snapshot{};
  crypto::Digest tree{};                 // tree_digest()
  std::uint64_t entries = 0;
  crypto::PublicKey writer{};            // whose packs the snapshot refers to, and no others
  std::uint64_t epoch = 0;
  LeaseNonce epoch_nonce{};              // numbers may come again in a store that was put back
  std::vector<std::string> runs;         // of this writer, those of the snapshot's own session among them
};

std::optional<Vouched> read_vouched(const Repository::Core& core, const SnapshotMeta& meta);
void write_vouched(const Repository::Core& core, const SnapshotMeta& meta, const Vouched& vouched);    // best effort

}  // namespace hf::vault
