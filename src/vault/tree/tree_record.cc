#include "vault/tree/tree_record.h"

#include <algorithm>
#include <unordered_map>

namespace hf::vault {

namespace {

constexpr std::size_t kMaxXattrs = 4096;
constexpr std::size_t kMaxDigestChunks = 1024;   // 16 GiB of pages need 512
constexpr std::size_t kMaxExtensions = 64;
constexpr std::uint64_t kFlagsExtension = 2;     // inode flags, varint
constexpr std::uint64_t kHole = 0;
constexpr std::uint64_t kNewChunk = 1;
constexpr std::uint64_t kFirstKnown = 2;
constexpr std::size_t kLeastExtent = 2;          // bytes: a hole

std::uint64_t zigzag(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
std::int64_t unzigzag(std::uint64_t v) { return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1) + 1)); }

void write_time(ByteWriter& out, const FileTime& t) { out.varint(zigzag(t.seconds)).varint(t.nanoseconds); }

Result<std::uint32_t> read_u32(ByteReader& in) {
  HF_ASSIGN(std::uint64_t v, in.varint());
  if (v > UINT32_MAX) return in.corrupt("number is over 32 bits");
  return static_cast<std::uint32_t>(v);
}

Result<FileTime> read_time(ByteReader& in) {
  FileTime t;
  HF_ASSIGN(std::uint64_t seconds, in.varint());
  t.seconds = unzigzag(seconds);
  HF_ASSIGN(t.nanoseconds, read_u32(in));
  return t;
}

void write_ref(ByteWriter& out, const ChunkRef& ref) { out.raw(ref.id.bytes).varint(ref.length); }

Result<ChunkRef> read_ref(ByteReader& in) {
  ChunkRef ref;
  HF_ASSIGN(ByteView id, in.raw(sizeof(ref.id.bytes)));
  ref.id.bytes = to_array<sizeof(ref.id.bytes)>(id);
  HF_ASSIGN(ref.length, read_u32(in));
  if (ref.length > kMaxChunkBytes) return in.corrupt("chunk is larger than 16 MiB");
  return ref;
}

// The chunks that a record has named, by number. Most files have one or a few: a list does for those.
class KnownInRecord {
 public:
  // Its number, and whether it is new.
  std::pair<std::uint64_t, bool> number(const ChunkId& id) {
    if (list_.size() < kListed) {
      const auto at = std::ranges::find_if(list_, [&](const ChunkId* known) { return *known == id; });
      if (at != list_.end()) return {static_cast<std::uint64_t>(at - list_.begin()), false};
      list_.push_back(&id);
      if (list_.size() == kListed) {
        for (std::size_t i = 0; i < list_.size(); ++i) map_.emplace(*list_[i], i);
      }
      return {list_.size() - 1, true};
    }
    const auto [at, fresh] = map_.try_emplace(id, map_.size());
    return {at->second, fresh};
  }

 private:
  static constexpr std::size_t kListed = 16;
  std::vector<const ChunkId*> list_;
  std::unordered_map<ChunkId, std::uint64_t, ChunkIdHash> map_;
};

// A chunk is named in full where the record first uses it, later by its number in the record.
void write_extents(ByteWriter& out, std::span<const Extent> extents) {
  KnownInRecord known;
  out.varint(extents.size());
  for (const Extent& e : extents) {
    out.varint(e.length);
    if (e.hole) {
      out.varint(kHole);
      continue;
    }
    const auto [number, fresh] = known.number(e.chunk);
    out.varint(fresh ? kNewChunk : kFirstKnown + number);
    if (fresh) write_ref(out, {e.chunk, e.chunk_length});
    out.varint(e.chunk_offset);
  }
}

Status read_xattrs(ByteReader& in, Entry& e) {
  HF_ASSIGN(std::uint64_t count, in.varint());
  if (count > kMaxXattrs) return in.corrupt("more than 4096 extended attributes");
  for (std::uint64_t i = 0; i < count; ++i) {
    Xattr x;
    HF_ASSIGN(x.name, in.sized_text(kMaxNameBytes));
    HF_ASSIGN(ByteView value, in.sized(kMaxXattrBytes));
    x.value = to_bytes(value);
    e.xattrs.push_back(std::move(x));
  }
  return ok();
}

Status read_digests(ByteReader& in, Entry& e) {
  HF_ASSIGN(ByteView digests, in.sized(kInlineDigests));
  e.page_digests = to_bytes(digests);
  HF_ASSIGN(std::uint64_t count, in.varint());
  if (count > kMaxDigestChunks) return in.corrupt("too many chunks of page digests");
  for (std::uint64_t i = 0; i < count; ++i) {
    HF_ASSIGN(ChunkRef ref, read_ref(in));
    e.page_digest_chunks.push_back(ref);
  }
  return ok();
}

void write_extensions(ByteWriter& out, const Entry& e) {
  if (e.flags == 0) {
    out.varint(0);
    return;
  }
  ByteWriter flags;
  flags.varint(e.flags);
  out.varint(1).varint(kFlagsExtension).sized(flags.take());
}

// Room for later minor versions: odd types are required, even ones may be passed over.
Status read_extensions(ByteReader& in, Entry& e) {
  HF_ASSIGN(std::uint64_t count, in.varint());
  if (count > kMaxExtensions) return in.corrupt("too many extensions");
  for (std::uint64_t i = 0; i < count; ++i) {
    HF_ASSIGN(std::uint64_t type, in.varint());
    HF_ASSIGN(const ByteView value, in.sized(kMaxXattrBytes));
    if (type == kFlagsExtension) {
      ByteReader flags(value, "inode flags");
      HF_ASSIGN(e.flags, read_u32(flags));
      HF_TRY(flags.expect_end());
    }
    if ((type & 1) != 0) {
      return make_error(ErrorKind::kUnsupported,
                        "an entry needs extension " + std::to_string(type) + ", which is not known")
          .with_hint("Use a newer Holdfast for this vault.");
    }
  }
  return ok();
}

}  // namespace

Bytes encode_entry_record(const Entry& e) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(RecordType::kEntry)).u8(static_cast<std::uint8_t>(e.type)).sized(e.path);
  out.varint(e.mode).varint(e.uid).varint(e.gid).sized(e.user).sized(e.group);
  write_time(out, e.mtime);
  write_time(out, e.ctime);
  out.varint(e.inode).varint(e.device).varint(e.size).varint(e.rdev).varint(e.link_group).sized(e.target);
  out.varint(e.xattrs.size());
  for (const Xattr& x : e.xattrs) out.sized(x.name).sized(x.value);
  out.sized(e.page_digests).varint(e.page_digest_chunks.size());
  for (const ChunkRef& ref : e.page_digest_chunks) write_ref(out, ref);
  write_extensions(out, e);
  out.varint(e.extents.size());
  write_extents(out, std::span(e.extents).first(std::min(e.extents.size(), kRecordExtents)));
  return out.take();
}

Bytes encode_extents_record(std::span<const Extent> extents) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(RecordType::kMoreExtents));
  write_extents(out, extents);
  return out.take();
}

Result<EntryRecord> decode_entry_record(ByteReader& in) {
  EntryRecord out;
  Entry& e = out.entry;
  HF_ASSIGN(std::uint8_t type, in.u8());
  e.type = static_cast<EntryType>(type);
  HF_ASSIGN(e.path, in.sized_text(kMaxPathBytes));
  HF_ASSIGN(e.mode, read_u32(in));
  HF_ASSIGN(e.uid, read_u32(in));
  HF_ASSIGN(e.gid, read_u32(in));
  HF_ASSIGN(e.user, in.sized_text(kMaxNameBytes));
  HF_ASSIGN(e.group, in.sized_text(kMaxNameBytes));
  HF_ASSIGN(e.mtime, read_time(in));
  HF_ASSIGN(e.ctime, read_time(in));
  HF_ASSIGN(e.inode, in.varint());
  HF_ASSIGN(e.device, in.varint());
  HF_ASSIGN(e.size, in.varint());
  HF_ASSIGN(e.rdev, in.varint());
  HF_ASSIGN(e.link_group, in.varint());
  HF_ASSIGN(e.target, in.sized_text(kMaxPathBytes));
  HF_TRY(read_xattrs(in, e));
  HF_TRY(read_digests(in, e));
  HF_TRY(read_extensions(in, e));
  HF_ASSIGN(out.extents_total, in.varint());
  if (out.extents_total > kMaxFileExtents) return in.corrupt("file has too many extents");
  HF_TRY(decode_extents(in, e.extents));
  HF_TRY(in.expect_end());
  return out;
}

Status decode_extents(ByteReader& in, std::vector<Extent>& extents) {
  HF_ASSIGN(std::uint64_t count, in.varint());
  if (count > kRecordExtents || count > in.remaining() / kLeastExtent)
    return in.corrupt("too many extents in one record");
  std::uint64_t offset = extents.empty() ? 0 : extents.back().offset + extents.back().length;
  std::vector<ChunkRef> known;
  for (std::uint64_t i = 0; i < count; ++i) {
    Extent e;
    e.offset = offset;
    HF_ASSIGN(e.length, in.varint());
    if (e.length == 0 || e.length > UINT64_MAX / 2 - offset)
      return in.corrupt("extent has a length that cannot be");
    HF_ASSIGN(std::uint64_t ref, in.varint());
    e.hole = ref == kHole;
    if (ref == kNewChunk) {
      HF_ASSIGN(ChunkRef fresh, read_ref(in));
      known.push_back(fresh);
    }
    if (!e.hole) {
      const std::uint64_t number = ref == kNewChunk ? known.size() - 1 : ref - kFirstKnown;
      if (number >= known.size()) return in.corrupt("extent names a chunk that is not in its record");
      e.chunk = known[number].id;
      e.chunk_length = known[number].length;
      HF_ASSIGN(e.chunk_offset, read_u32(in));
    }
    offset += e.length;
    extents.push_back(e);
  }
  return ok();
}

Status check_decoded(const Entry& entry) {
  const Status checked = check_entry(entry);
  if (checked.has_value()) return ok();
  return make_error(ErrorKind::kCorrupt, "an entry of the tree cannot be: " + checked.error().text);
}

}  // namespace hf::vault
