// Writing to the archive, and assembling segments. Coverage is in wal_coverage.cc.
#include "vault/wal/wal_archive.h"

#include <algorithm>
#include <set>

#include "base/hex.h"
#include "vault/core.h"
#include "vault/object/blob.h"
#include "vault/object/names.h"
#include "vault/tiers/locks.h"
#include "vault/wal/wal_objects.h"

namespace hf::vault {
namespace {

constexpr int kAssembleAttempts = 5;     // frames vanish under us when somebody else seals the segment
constexpr int kPutAttempts = 5;          // the same

Error corrupt_pair(const std::string& a, const std::string& b) {
  return make_error(ErrorKind::kCorrupt, a + " and " + b + " hold different bytes for the same place in the log")
      .with_object(a)
      .with_hint("Two servers wrote this timeline, or an object is damaged: run `holdfast vault check --read-data`.");
}

// Nothing where the object is gone: somebody else sealed its segment meanwhile.
Result<std::optional<BlobHead>> read_head_if_there(const Repository::Core& core, const std::string& name, ObjectKind kind) {
  auto info = core.store.stat(name);
  if (!info && info.error().kind == ErrorKind::kNotFound) return std::optional<BlobHead>();
  if (!info) return std::move(info).error();
  auto head = read_blob_head(core.store, *info, kind, core.writers);
  if (!head && head.error().kind == ErrorKind::kNotFound) return std::optional<BlobHead>();
  if (!head) return std::move(head).error();
  return std::optional(std::move(*head));
}

// Creates the blob once. An object of that name with the same plain bytes is success.
Result<bool> put_blob(const Repository::Core& core, ObjectKind kind, const std::string& name, ByteView metadata, ByteView plain) {
  HF_TRY(core.check_writable());
  HF_TRY(check_retain(core));
  HF_ASSIGN(const Bytes bytes, encode_blob(core.entropy, core.keys, kind, name, metadata, plain));
  for (int attempt = 1;; ++attempt) {
    Status created = core.create_once(name, bytes);
    if (created) return true;
    if (created.error().kind != ErrorKind::kExists) return Error(std::move(created).error());
    HF_ASSIGN(const std::optional<BlobHead> head, read_head_if_there(core, name, kind));
    if (head && head->plain_digest == blob_digest(core.keys, plain)) return false;
    if (head) return make_error(ErrorKind::kExists, name + " exists with other bytes").with_object(name);
    if (attempt == kPutAttempts) return listed_but_gone(name, created.error());
  }
}

struct Piece {
  std::string object;
  WalMeta meta;
  Bytes bytes;
};

Result<Piece> read_piece(const Repository::Core& core, const std::string& name, ObjectKind kind) {
  HF_ASSIGN(Blob blob, read_blob(core.store, name, kind, core.keys, core.writers));
  auto meta = decode_wal_meta(blob.opened.metadata);
  if (!meta) return Error(std::move(meta).error()).with_context(name).with_object(name);
  if (meta->end - meta->start != blob.plain.size()) {
    return make_error(ErrorKind::kCorrupt, name + ": its range and its bytes differ in length").with_object(name);
  }
  return Piece{name, std::move(*meta), std::move(blob.plain)};
}

// Appends what the piece adds at the end of `data`; equal bytes where they overlap. `owners`: who gave which range.
Status merge_piece(WalSegmentData& data, std::vector<WalSpan>& owners, Piece&& piece) {
  const std::size_t from = static_cast<std::size_t>(piece.meta.start - data.start);
  const std::size_t overlap = std::min(data.bytes.size() - from, piece.bytes.size());
  for (const WalSpan& owner : owners) {
    const Lsn begin = std::max(owner.start, piece.meta.start);
    const Lsn end = std::min({owner.end, piece.meta.end, piece.meta.start + overlap});
    if (begin >= end) continue;
    const auto mine = ByteView(piece.bytes).subspan(begin - piece.meta.start, end - begin);
    const auto theirs = ByteView(data.bytes).subspan(begin - data.start, end - begin);
    if (!std::ranges::equal(mine, theirs)) return corrupt_pair(owner.object, piece.object);
  }
  owners.push_back({piece.meta.start, piece.meta.end, false, {}, piece.object});
  data.bytes.insert(data.bytes.end(), piece.bytes.begin() + static_cast<std::ptrdiff_t>(overlap), piece.bytes.end());
  data.end = data.start + data.bytes.size();
  data.times = merge_times(data.times, piece.meta.times);
  return ok();
}

struct Listed {
  std::vector<WalName> frames;              // ascending by start
  std::vector<std::string> frame_objects;   // in the same order
  std::optional<std::string> sealed;
};

Result<Listed> list_segment(const Repository::Core& core, const std::string& prefix) {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core.list(prefix));
  std::vector<std::pair<WalName, std::string>> frames;
  Listed out;
  for (const ObjectInfo& info : objects) {
    auto name = parse_wal_name(info.name);
    if (!name) continue;
    if (name->part == WalPart::kSealed) out.sealed = info.name;
    if (name->part == WalPart::kFrame) frames.emplace_back(std::move(*name), info.name);
  }
  std::ranges::stable_sort(frames, {}, [](const auto& f) { return f.first.start; });
  for (auto& [name, object] : frames) {
    out.frames.push_back(std::move(name));
    out.frame_objects.push_back(std::move(object));
  }
  return out;
}

Status check_piece(const Piece& piece, std::uint64_t system_id, Timeline timeline, std::uint64_t segment) {
  const WalMeta& m = piece.meta;
  if (m.system_id == system_id && m.timeline == timeline && m.start.value / m.segment_size == segment) return ok();
  return make_error(ErrorKind::kCorrupt, piece.object + ": its metadata belong to another place in the log")
      .with_object(piece.object);
}

// One attempt; kNotFound where an object of the listing is gone.
Result<WalSegmentData> assemble(const Repository::Core& core, const Listed& listed, std::uint64_t system_id, Timeline timeline,
                                std::uint64_t segment) {
  WalSegmentData data;
  std::vector<WalSpan> owners;
  std::vector<std::pair<std::string, ObjectKind>> objects;
  if (listed.sealed) objects.emplace_back(*listed.sealed, ObjectKind::kWalSegment);
  if (!listed.sealed) {
    for (const std::string& object : listed.frame_objects) objects.emplace_back(object, ObjectKind::kWalFrame);
  }
  for (const auto& [object, kind] : objects) {
    HF_ASSIGN(Piece piece, read_piece(core, object, kind));
    HF_TRY(check_piece(piece, system_id, timeline, segment));
    if (data.segment_size == 0) {
      data.segment_size = piece.meta.segment_size;
      data.start = data.end = Lsn{segment * piece.meta.segment_size};
    }
    if (piece.meta.segment_size != data.segment_size) return corrupt_pair(objects.front().first, object);
    if (piece.meta.start > data.end) break;    // a gap: what lies behind it is no use yet
    HF_TRY(merge_piece(data, owners, std::move(piece)));
  }
  data.complete = data.segment_size != 0 && data.bytes.size() == data.segment_size;
  return data;
}

// Removes the frames of a sealed segment, after the bytes of all of them proved to be those of the segment.
Status drop_frames(const Repository::Core& core, const std::string& prefix, Lsn start, ByteView whole,
                   const std::string& sealed) {
  HF_ASSIGN(const Listed listed, list_segment(core, prefix));
  for (std::size_t i = 0; i < listed.frames.size(); ++i) {
    const WalName& frame = listed.frames[i];
    const std::string& object = listed.frame_objects[i];
    if (frame.start < start || frame.end > start + whole.size()) return corrupt_pair(sealed, object);
    HF_ASSIGN(const std::optional<BlobHead> head, read_head_if_there(core, object, ObjectKind::kWalFrame));
    if (!head) continue;
    const ByteView same = whole.subspan(frame.start - start, frame.end - frame.start);
    if (head->plain_digest != blob_digest(core.keys, same)) return corrupt_pair(sealed, object);
  }
  for (const std::string& object : listed.frame_objects) HF_TRY(core.store.remove(object));
  return ok();
}

}  // namespace

std::string WalArchive::cluster_prefix(std::uint64_t system_id) const {
  ByteWriter id;
  id.u64(system_id);
  return "wal/" + to_hex(repository_.core().keyed_name("cluster", id.take())) + "/";
}

Status WalArchive::put_frame(const WalFrame& frame) {
  const Repository::Core& core = repository_.core();
  const WalMeta meta{
      frame.system_id, frame.timeline, frame.segment_size, frame.start, frame.start + frame.bytes.size(),
      frame.times};
  HF_TRY(check_wal_meta(meta));
  const std::string prefix =
      segment_prefix(cluster_prefix(frame.system_id), frame.timeline, frame.start.value / frame.segment_size);
  const std::string name = frame_name(prefix, meta.start, meta.end);
  auto put = put_blob(core, ObjectKind::kWalFrame, name, encode_wal_meta(meta), frame.bytes);
  if (put) return ok();
  if (put.error().kind == ErrorKind::kExists) return corrupt_pair(name, "the new frame");
  return std::move(put).error();
}

Status WalArchive::put_segment(const WalFrame& whole) {
  const Repository::Core& core = repository_.core();
  const WalMeta meta{
      whole.system_id, whole.timeline, whole.segment_size, whole.start, whole.start + whole.bytes.size(),
      whole.times};
  HF_TRY(check_wal_meta(meta));
  if (whole.bytes.size() != whole.segment_size) {
    return make_error(ErrorKind::kInvalid, "the segment at " + format_lsn(whole.start) + " is not whole");
  }
  const std::string prefix =
      segment_prefix(cluster_prefix(whole.system_id), whole.timeline, whole.start.value / whole.segment_size);
  const std::string name = prefix + "sealed";
  auto put = put_blob(core, ObjectKind::kWalSegment, name, encode_wal_meta(meta), whole.bytes);
  if (!put && put.error().kind == ErrorKind::kExists) return corrupt_pair(name, "the new segment");
  if (!put) return std::move(put).error();
  // Read back before anything is removed: whole, of a known writer, and of the bytes that we hold.
  HF_ASSIGN(const Bytes stored, core.store.get(name));
  HF_ASSIGN(const BlobHead head, parse_blob_head(stored, stored.size(), ObjectKind::kWalSegment, name, core.writers));
  HF_TRY(verify_blob_data(head, ByteView(stored).subspan(static_cast<std::size_t>(head.size)), name));
  if (head.plain_digest != blob_digest(core.keys, whole.bytes)) return corrupt_pair(name, "the new segment");
  return drop_frames(core, prefix, whole.start, whole.bytes, name);
}

Status WalArchive::seal_segment(std::uint64_t system_id, Timeline timeline, std::uint64_t segment, std::uint64_t segment_size) {
  HF_ASSIGN(WalSegmentData data, read_segment(system_id, timeline, segment));
  if (data.segment_size != segment_size) {
    return make_error(ErrorKind::kInvalid, "the segments of this cluster have " +
                                               std::to_string(data.segment_size) + " bytes, not " +
                                               std::to_string(segment_size));
  }
  if (!data.complete) {
    return make_error(ErrorKind::kBlocked, "segment " + wal_file_name(timeline, segment, segment_size) +
                      " is not whole: bytes are missing from " + format_lsn(data.end) + " on");
  }
  WalFrame whole{system_id, timeline, segment_size, data.start, std::move(data.bytes), std::move(data.times)};
  return put_segment(whole);
}

Result<WalSegmentData> WalArchive::read_segment(std::uint64_t system_id, Timeline timeline, std::uint64_t segment) {
  const Repository::Core& core = repository_.core();
  const std::string prefix = segment_prefix(cluster_prefix(system_id), timeline, segment);
  for (int attempt = 1;; ++attempt) {
    HF_ASSIGN(const Listed listed, list_segment(core, prefix));
    if (!listed.sealed && listed.frames.empty()) {
      return make_error(ErrorKind::kNotFound, "the vault has no byte of segment " + hex16(segment) + " of timeline " +
                        std::to_string(timeline)).with_object(prefix);
    }
    auto data = assemble(core, listed, system_id, timeline, segment);
    if (data || data.error().kind != ErrorKind::kNotFound) return data;
    // Listed and not found, each time: that proves nothing, and "absent" would end a recovery.
    if (attempt == kAssembleAttempts) return listed_but_gone(prefix, data.error());
  }
}

Status WalArchive::put_history(std::uint64_t system_id, Timeline timeline, ByteView text) {
  const std::string name = timeline_prefix(cluster_prefix(system_id), timeline) + "history";
  ByteWriter meta;
  meta.u64(system_id).u32(timeline);
  auto put = put_blob(repository_.core(), ObjectKind::kWalHistory, name, meta.take(), text);
  if (put) return ok();
  if (put.error().kind == ErrorKind::kExists) return corrupt_pair(name, "the new history file");
  return std::move(put).error();
}

Result<Bytes> WalArchive::read_history(std::uint64_t system_id, Timeline timeline) {
  const Repository::Core& core = repository_.core();
  const std::string name = timeline_prefix(cluster_prefix(system_id), timeline) + "history";
  HF_ASSIGN(Blob blob, read_blob(core.store, name, ObjectKind::kWalHistory, core.keys, core.writers));
  return std::move(blob.plain);
}

Status WalArchive::put_seal(const TimelineSeal& seal) {
  if (seal.receiver.empty() || seal.timeline == 0)
    return make_error(ErrorKind::kInvalid, "a seal needs a receiver and a timeline");
  const Repository::Core& core = repository_.core();
  const std::string name = timeline_prefix(cluster_prefix(seal.system_id), seal.timeline) + "seals/" +
                           to_hex(core.keyed_name("receiver", as_bytes(seal.receiver)));
  ByteWriter meta;
  meta.i64(seal.at.time_since_epoch().count());
  auto put = put_blob(core, ObjectKind::kWalSeal, name, meta.take(), encode_seal(seal));
  if (put) return ok();
  if (put.error().kind != ErrorKind::kExists) return std::move(put).error();
  return make_error(ErrorKind::kExists, "receiver " + seal.receiver + " has sealed timeline " + std::to_string(seal.timeline) +
                    " at another place than " + format_lsn(seal.lsn)).with_object(name);
}

Result<std::vector<TimelineSeal>> WalArchive::read_seals(std::uint64_t system_id, Timeline timeline) {
  const Repository::Core& core = repository_.core();
  HF_ASSIGN(const auto objects, core.list(timeline_prefix(cluster_prefix(system_id), timeline) + "seals/"));
  std::vector<TimelineSeal> seals;
  for (const ObjectInfo& info : objects) {
    HF_ASSIGN(const Blob blob, read_blob(core.store, info.name, ObjectKind::kWalSeal, core.keys, core.writers));
    HF_ASSIGN(TimelineSeal seal, decode_seal(blob.plain));
    ByteReader in(blob.opened.metadata, info.name);
    HF_ASSIGN(const std::int64_t at, in.i64());
    seal.at = WallTime(Micros(at));
    seal.writer = to_hex(blob.head.writer);
    if (seal.system_id != system_id || seal.timeline != timeline) {
      return make_error(ErrorKind::kCorrupt, info.name + ": a seal of another timeline").with_object(info.name);
    }
    seals.push_back(std::move(seal));
  }
  std::ranges::sort(seals, {}, [](const TimelineSeal& s) { return s.receiver; });
  return seals;
}

}  // namespace hf::vault
