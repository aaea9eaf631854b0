#include "vault/wal/wal_objects.h"

#include <algorithm>
#include <bit>

#include "vault/object/names.h"

namespace hf::vault {
namespace {

constexpr std::size_t kMaxPoints = 4096;
constexpr std::size_t kMaxPointName = 256;
constexpr std::size_t kMaxReceiver = 256;
constexpr std::uint8_t kHasFirst = 1;
constexpr std::uint8_t kHasLast = 2;

std::int64_t wal_micros(WallTime t) { return t.time_since_epoch().count(); }

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool parse_segment_part(std::string_view text, WalName& name) {
  if (text == "sealed") {
    name.part = WalPart::kSealed;
    return true;
  }
  const auto range = split(text, '-');
  if (range.size() != 2) return false;
  const auto start = parse_hex_number(range[0]);
  const auto end = parse_hex_number(range[1]);
  if (!start || !end || *start >= *end) return false;
  name.start = Lsn{*start};
  name.end = Lsn{*end};
  return true;
}

Status get_points(ByteReader& in, std::vector<WalRestorePoint>& points) {
  HF_ASSIGN(const std::uint64_t count, in.varint());
  if (count > kMaxPoints) return in.corrupt("too many restore points");
  for (std::uint64_t i = 0; i < count; ++i) {
    WalRestorePoint point;
    HF_ASSIGN(point.name, in.sized_text(kMaxPointName));
    HF_ASSIGN(point.lsn.value, in.u64());
    HF_ASSIGN(const std::int64_t time, in.i64());
    point.time = WallTime(Micros(time));
    points.push_back(std::move(point));
  }
  return ok();
}

}  // namespace

std::optional<WalName> parse_wal_name(std::string_view object) {
  const auto parts = split(object, '/');
  if (parts.size() < 4 || parts[0] != "wal" || parts[1].size() != 32) return std::nullopt;
  WalName name;
  name.cluster = parts[1];
  const auto timeline = parts[2].size() == 8 ? parse_hex_number(parts[2]) : std::nullopt;
  if (!timeline || *timeline == 0) return std::nullopt;
  name.timeline = static_cast<Timeline>(*timeline);
  if (parts.size() == 4 && parts[3] == "history") {
    name.part = WalPart::kHistory;
    return name;
  }
  if (parts.size() != 5) return std::nullopt;
  if (parts[3] == "seals") {
    name.part = WalPart::kSeal;
    name.receiver = parts[4];
    return name;
  }
  const auto segment = parts[3].size() == 16 ? parse_hex_number(parts[3]) : std::nullopt;
  if (!segment || !parse_segment_part(parts[4], name)) return std::nullopt;
  name.segment = *segment;
  return name;
}

ObjectKind kind_of_wal_part(WalPart part) {
  switch (part) {
    case WalPart::kFrame: return ObjectKind::kWalFrame;
    case WalPart::kSealed: return ObjectKind::kWalSegment;
    case WalPart::kHistory: return ObjectKind::kWalHistory;
    case WalPart::kSeal: return ObjectKind::kWalSeal;
  }
  return ObjectKind::kWalFrame;
}

std::string timeline_prefix(const std::string& cluster_prefix, Timeline timeline) {
  return cluster_prefix + hex8(timeline) + "/";
}

std::string segment_prefix(const std::string& cluster_prefix, Timeline timeline, std::uint64_t segment) {
  return timeline_prefix(cluster_prefix, timeline) + hex16(segment) + "/";
}

std::string frame_name(const std::string& segment_prefix, Lsn start, Lsn end) {
  return segment_prefix + hex16(start.value) + "-" + hex16(end.value);
}

Error listed_but_gone(const std::string& prefix, const Error& last) {
  return make_error(ErrorKind::kUnavailable, "objects below " + prefix + " are listed, but cannot be read: " + last.text)
      .with_object(last.object);
}

Bytes encode_wal_meta(const WalMeta& meta) {
  ByteWriter out;
  out.u64(meta.system_id).u32(meta.timeline).u64(meta.segment_size).u64(meta.start.value).u64(meta.end.value);
  const WalTimes& t = meta.times;
  out.u8(static_cast<std::uint8_t>((t.first_commit ? kHasFirst : 0) | (t.last_commit ? kHasLast : 0)));
  out.i64(t.first_commit ? wal_micros(*t.first_commit) : 0).i64(t.last_commit ? wal_micros(*t.last_commit) : 0);
  out.u64(t.last_commit_lsn.value).varint(t.restore_points.size());
  for (const WalRestorePoint& point : t.restore_points) out.sized(point.name).u64(point.lsn.value).i64(wal_micros(point.time));
  return out.take();
}

Result<WalMeta> decode_wal_meta(ByteView bytes) {
  ByteReader in(bytes, "WAL metadata");
  WalMeta meta;
  HF_ASSIGN(meta.system_id, in.u64());
  HF_ASSIGN(meta.timeline, in.u32());
  HF_ASSIGN(meta.segment_size, in.u64());
  HF_ASSIGN(meta.start.value, in.u64());
  HF_ASSIGN(meta.end.value, in.u64());
  HF_ASSIGN(const std::uint8_t flags, in.u8());
  if (flags > (kHasFirst | kHasLast)) return in.corrupt("unknown flags");
  HF_ASSIGN(const std::int64_t first, in.i64());
  HF_ASSIGN(const std::int64_t last, in.i64());
  if ((flags & kHasFirst) != 0) meta.times.first_commit = WallTime(Micros(first));
  if ((flags & kHasLast) != 0) meta.times.last_commit = WallTime(Micros(last));
  HF_ASSIGN(meta.times.last_commit_lsn.value, in.u64());
  HF_TRY(get_points(in, meta.times.restore_points));
  HF_TRY(in.expect_end());
  if (!check_wal_meta(meta)) return in.corrupt("the range does not lie in one segment");
  return meta;
}

Status check_wal_meta(const WalMeta& meta) {
  const std::uint64_t size = meta.segment_size;
  const auto refuse = [](std::string why) { return make_error(ErrorKind::kInvalid, std::move(why)); };
  if (!std::has_single_bit(size) || size < kMinSegmentBytes || size > kMaxSegmentBytes) {
    return refuse("a WAL segment size of " + std::to_string(size) + " bytes is not possible");
  }
  if (meta.timeline == 0) return refuse("timeline 0 does not exist");
  if (meta.start >= meta.end) return refuse("a WAL range without a byte at " + format_lsn(meta.start));
  if (meta.start.value / size != (meta.end.value - 1) / size) {
    return refuse("the WAL range from " + format_lsn(meta.start) + " to " + format_lsn(meta.end) + " leaves its segment");
  }
  return ok();
}

WalTimes merge_times(const WalTimes& a, const WalTimes& b) {
  WalTimes out = a;
  if (b.first_commit && (!out.first_commit || *b.first_commit < *out.first_commit)) out.first_commit = b.first_commit;
  if (b.last_commit && (!out.last_commit || *b.last_commit >= *out.last_commit)) {
    out.last_commit = b.last_commit;
    out.last_commit_lsn = std::max(b.last_commit_lsn, a.last_commit_lsn);
  }
  for (const WalRestorePoint& point : b.restore_points) {
    if (std::ranges::find(out.restore_points, point) == out.restore_points.end()) out.restore_points.push_back(point);
  }
  std::ranges::sort(out.restore_points, {}, [](const WalRestorePoint& p) { return p.lsn; });
  return out;
}

Bytes encode_seal(const TimelineSeal& seal) {
  ByteWriter out;
  out.u64(seal.system_id).u32(seal.timeline).u64(seal.lsn.value).sized(seal.receiver);
  return out.take();
}

Result<TimelineSeal> decode_seal(ByteView bytes) {
  ByteReader in(bytes, "timeline seal");
  TimelineSeal seal;
  HF_ASSIGN(seal.system_id, in.u64());
  HF_ASSIGN(seal.timeline, in.u32());
  HF_ASSIGN(seal.lsn.value, in.u64());
  HF_ASSIGN(seal.receiver, in.sized_text(kMaxReceiver));
  HF_TRY(in.expect_end());
  return seal;
}

}  // namespace hf::vault
