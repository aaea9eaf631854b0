// Leases: how a writer announces itself to collectors, and the fate that decides between them.
//
// leases/<session>/open   created first; leases/<session>/beat   replaced now and then, with the epoch seen;
// leases/<session>/fate   created once, by the writer (committed, with the sealed record) or a collector (fenced).
// leases/<session>/taken  created before somebody else than the writer finishes its commit; stays for ever.
// leases/<session>/forgotten  created before the commit objects of such a snapshot go: whatever the writer, who may only
//                         be suspended, still writes about it, it stays forgotten.
// Invariant: a session has at most one fate, and its snapshot exists if and only if that fate is `committed`.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vault/index/index.h"
#include "vault/snapshot.h"
#include "vault/store/store.h"

namespace hf::vault {

using HostTag = std::array<std::uint8_t, 16>;     // keyed: HMAC of the host's name
using LeaseNonce = std::array<std::uint8_t, 16>;

struct LeaseOpen {
  LeaseNonce nonce{};
  HostTag host{};
  WallTime opened{};
};

struct LeaseBeat {
  std::uint64_t count = 0;
  std::uint64_t epoch = 0;        // the newest that the writer had read when it began
};

enum class Verdict : std::uint8_t { kCommitted = 1, kFenced = 2, kTaken = 3, kForgotten = 4 };

struct LeaseFate {
  LeaseNonce nonce{};
  HostTag host{};
  Verdict verdict = Verdict::kFenced;
  Bytes sealed_record;            // of a committed one; of one taken or forgotten the snapshot's id; else empty
};

Bytes encode_open(const LeaseOpen& open);
Bytes encode_beat(const LeaseBeat& beat);
Bytes encode_fate(const LeaseFate& fate);
Result<LeaseOpen> decode_open(ByteView body);
Result<LeaseBeat> decode_beat(ByteView body);
Result<LeaseFate> decode_fate(ByteView body);

// What a collector published: packs that no writer who reads this may refer to any more.
struct Condemned {
  PackName pack;
  std::uint64_t since = 0;        // the epoch that condemned it: leases that read this one or a later one know
};
struct Epoch {
  std::uint64_t number = 0;       // 0: none was ever published
  LeaseNonce nonce{};
  std::uint64_t highest_commit = 0;
  WallTime published{};           // by the collector's own clock
  std::vector<Condemned> condemned;  // ascending by pack
  std::vector<PackName> swept;       // ascending: gone from packs/, but not yet from every index run
  const Condemned* find_condemned(const PackName& pack) const;
  bool forbids(const PackName& pack) const;
};
Bytes encode_epoch(const Epoch& epoch);
Result<Epoch> decode_epoch(ByteView body);

}  // namespace hf::vault
