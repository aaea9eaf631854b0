// The bytes of a log segment, shared by writer, reader and tests. docs/format/journal.md explains them.
//
// A segment is a header and frames. Every byte of both is covered by a check: a header by its digest, a
// frame's length by the frame's own head check (so that a damaged length can never pass for an unfinished
// write), its payload by its leaf hash.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "crypto/hash.h"

namespace hf::journal {

inline constexpr std::string_view kMagic = "HFJRNLOG";
inline constexpr std::uint8_t kKindSegment = 1;
inline constexpr std::uint8_t kMajor = 1;
inline constexpr std::uint8_t kMinor = 0;
inline constexpr std::uint8_t kSuite = 1;                 // SHA-256, Ed25519
inline constexpr std::size_t kHeaderBytes = 96;
inline constexpr std::size_t kFrameHeadBytes = 16;
inline constexpr std::uint64_t kSegmentBytes = 8 << 20;   // a segment is read in one piece
inline constexpr std::size_t kMaxSegmentBytes = 10 << 20; // kSegmentBytes and one largest frame, with room

using JournalId = std::array<std::uint8_t, 16>;

struct SegmentHeader {
  JournalId id{};
  std::uint64_t first_seq = 0;
  crypto::Digest root{};             // of the tree of the first_seq leaves before this segment
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

Bytes encode_header(const SegmentHeader& header);
// kCorrupt, or kUnsupported for a newer major version or another suite whose digest is intact.
Result<SegmentHeader> decode_header(ByteView bytes);

// length u32 | first 8 bytes of the leaf hash | first 4 bytes of SHA-256(id || seq u64 || the 12 bytes
// before) | payload
Bytes encode_frame(const JournalId& id, std::uint64_t seq, std::string_view leaf, const crypto::Digest& hash);

enum class FrameState : std::uint8_t {
  kWhole,
  kEnd,         // nothing left
  kUnfinished,  // only a write that never became durable looks like this; see docs/format/journal.md
  kDamaged,
};

struct Frame {
  FrameState state = FrameState::kDamaged;
  std::string_view leaf;    // a view into the bytes given
  crypto::Digest hash{};    // its leaf hash
  std::size_t size = 0;     // of the whole frame
  std::string why;          // kUnfinished, kDamaged
};

// The frame that begins at the beginning of `rest`, which goes to the end of the segment.
Frame decode_frame(const JournalId& id, std::uint64_t seq, ByteView rest);

std::string segment_name(std::uint64_t first_seq);                       // "0000000000000042.seg"
std::optional<std::uint64_t> parse_segment_name(std::string_view name);

}  // namespace hf::journal
