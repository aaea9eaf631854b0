// See format.h.
#include "journal/format.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "journal/merkle.h"
#include "record/event.h"

namespace hf::journal {
namespace {

constexpr std::size_t kHeaderCheckAt = 80;   // digest of everything before it
constexpr std::size_t kHeaderCheckBytes = 16;
constexpr std::size_t kPayloadCheckBytes = 8;
constexpr std::size_t kHeadCheckBytes = 4;
constexpr std::size_t kHeadCheckAt = kFrameHeadBytes - kHeadCheckBytes;
constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kNameDigits = 16;

crypto::Digest head_digest(const JournalId& id, std::uint64_t seq, ByteView head) {
  ByteWriter number;
  number.u64(seq);
  return crypto::Sha256().update(id).update(number.bytes()).update(head.first(kHeadCheckAt)).finish();
}

bool same(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

Frame bad(FrameState state, std::string why) {
  Frame out;
  out.state = state;
  out.why = std::move(why);
  return out;
}

}  // namespace

Bytes encode_header(const SegmentHeader& header) {
  ByteWriter out;
  out.raw(as_bytes(kMagic)).u8(kKindSegment).u8(kMajor).u8(kMinor).u8(kSuite).u32(0);
  out.u32(kHeaderBytes).u32(0).raw(header.id).u64(header.first_seq).raw(header.root);
  HF_CHECK(out.size() == kHeaderCheckAt);
  crypto::Digest check = crypto::sha256(out.bytes());
  out.raw(ByteView(check).first(kHeaderCheckBytes));
  return out.take();
}

Result<SegmentHeader> decode_header(ByteView bytes) {
  ByteReader reader(bytes, "segment header");
  if (bytes.size() < kHeaderBytes) return reader.corrupt("shorter than 96 bytes");
  crypto::Digest check = crypto::sha256(bytes.first(kHeaderCheckAt));
  if (!same(ByteView(check).first(kHeaderCheckBytes), bytes.subspan(kHeaderCheckAt, kHeaderCheckBytes)))
    return reader.corrupt("its digest does not match");
  if (as_text(bytes.first(kMagic.size())) != kMagic || bytes[8] != kKindSegment)
    return reader.corrupt("not a log segment");
  if (bytes[9] != kMajor || bytes[11] != kSuite) {
    return make_error(ErrorKind::kUnsupported, "segment header: format " + std::to_string(bytes[9]) + "." +
                                                   std::to_string(bytes[10]) + ", suite " +
                                                   std::to_string(bytes[11]) + " is not known here")
        .with_hint("Use the newer holdfast that wrote this journal.");
  }
  SegmentHeader out;
  out.id = to_array<16>(bytes.subspan(24, 16));
  ByteReader fields(bytes.subspan(40), "segment header");
  HF_ASSIGN(out.first_seq, fields.u64());
  out.root = to_array<32>(bytes.subspan(48, 32));
  return out;
}

Bytes encode_frame(const JournalId& id, std::uint64_t seq, std::string_view leaf,
                   const crypto::Digest& hash) {
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(leaf.size())).raw(ByteView(hash).first(kPayloadCheckBytes));
  crypto::Digest check = head_digest(id, seq, out.bytes());
  out.raw(ByteView(check).first(kHeadCheckBytes)).raw(as_bytes(leaf));
  return out.take();
}

Frame decode_frame(const JournalId& id, std::uint64_t seq, ByteView rest) {
  if (rest.empty()) return bad(FrameState::kEnd, "");
  if (std::all_of(rest.begin(), rest.end(), [](std::uint8_t b) { return b == 0; }))
    return bad(FrameState::kUnfinished, "only zeros to the end");
  if (rest.size() < kFrameHeadBytes) return bad(FrameState::kUnfinished, "the frame's head is cut short");
  if (!same(ByteView(head_digest(id, seq, rest)).first(kHeadCheckBytes),
            rest.subspan(kHeadCheckAt, kHeadCheckBytes)))
    return bad(FrameState::kDamaged, "the frame's head does not match its check");
  const std::size_t length = *ByteReader(rest, "frame").u32();
  if (length == 0 || length > record::kMaxEventBytes)
    return bad(FrameState::kDamaged, "the frame's length is out of range");
  if (rest.size() - kFrameHeadBytes < length)
    return bad(FrameState::kUnfinished, "the frame's payload is cut short");
  Frame out;
  ByteView payload = rest.subspan(kFrameHeadBytes, length);
  out.hash = leaf_hash(payload);
  out.leaf = as_text(payload);
  out.size = kFrameHeadBytes + length;
  if (same(ByteView(out.hash).first(kPayloadCheckBytes), rest.subspan(4, kPayloadCheckBytes))) {
    out.state = FrameState::kWhole;
    return out;
  }
  // No event ends in a zero byte: the last block of the last write was never written.
  if (out.size == rest.size() && payload.back() == 0)
    return bad(FrameState::kUnfinished, "the frame's end was never written");
  return bad(FrameState::kDamaged, "the event does not match its check");
}

std::string segment_name(std::uint64_t first_seq) {
  std::string digits = std::to_string(first_seq);
  return std::string(kNameDigits - std::min(kNameDigits, digits.size()), '0') + digits + std::string(kSuffix);
}

std::optional<std::uint64_t> parse_segment_name(std::string_view name) {
  std::uint64_t out = 0;
  if (!name.ends_with(kSuffix)) return std::nullopt;
  std::string_view digits = name.substr(0, name.size() - kSuffix.size());
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (error != std::errc{} || end != digits.data() + digits.size() || segment_name(out) != name)
    return std::nullopt;
  return out;
}

}  // namespace hf::journal
