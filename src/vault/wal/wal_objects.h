// Names and metadata of the objects under wal/ (docs/format/vault-protocol.md, "WAL").
#pragma once

#include <optional>
#include <string>

#include "vault/object/object.h"
#include "vault/wal/wal_archive.h"

namespace hf::vault {

inline constexpr std::uint64_t kMinSegmentBytes = 1u << 20;
inline constexpr std::uint64_t kMaxSegmentBytes = 1u << 30;

enum class WalPart : std::uint8_t { kFrame, kSealed, kHistory, kSeal };

// A name below a cluster's folder, taken apart.
struct WalName {
  WalPart part = WalPart::kFrame;
  std::string cluster;             // 32 hexadecimal digits
  Timeline timeline = 0;
  std::uint64_t segment = 0;       // frames and sealed
  Lsn start;                       // frames
  Lsn end;
  std::string receiver;            // seals: keyed
};
std::optional<WalName> parse_wal_name(std::string_view object);
ObjectKind kind_of_wal_part(WalPart part);
std::string timeline_prefix(const std::string& cluster_prefix, Timeline timeline);          // ends with '/'
std::string segment_prefix(const std::string& cluster_prefix, Timeline timeline, std::uint64_t segment);
std::string frame_name(const std::string& segment_prefix, Lsn start, Lsn end);

// What the box in the head of a frame or segment holds.
struct WalMeta {
  std::uint64_t system_id = 0;
  Timeline timeline = 0;
  std::uint64_t segment_size = 0;
  Lsn start;
  Lsn end;
  WalTimes times;
};
// kUnavailable for objects below `prefix` that are listed again and again and never found: that proves no absence.
Error listed_but_gone(const std::string& prefix, const Error& last);

Bytes encode_wal_meta(const WalMeta& meta);
Result<WalMeta> decode_wal_meta(ByteView bytes);
Status check_wal_meta(const WalMeta& meta);     // ranges within one segment, sizes allowed
WalTimes merge_times(const WalTimes& a, const WalTimes& b);

Bytes encode_seal(const TimelineSeal& seal);            // without the time: equal for equal promises
Result<TimelineSeal> decode_seal(ByteView bytes);

}  // namespace hf::vault
