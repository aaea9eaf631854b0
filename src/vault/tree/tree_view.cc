// Records of the tree read as views: what a walk that finds nothing changed does for every entry, so it allocates nothing.
#include "vault/tree/tree_record.h"

namespace hf::vault {
namespace {

// Bounds are checked by every call; once one fails, all do.
class Cursor {
 public:
  explicit Cursor(ByteView data) : at_(data.data()), end_(data.data() + data.size()) {}
  bool good() const { return good_; }
  bool at_end() const { return at_ == end_; }
  const std::uint8_t* at() const { return at_; }

  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) break;
      const std::uint8_t b = *at_++;
      if (shift == 63 && b > 1) break;
      v |= std::uint64_t{b & 0x7fu} << shift;
      if ((b & 0x80) == 0) return v;
    }
    good_ = false;
    return 0;
  }
  std::uint32_t u32() {
    const std::uint64_t v = varint();
    if (v > UINT32_MAX) good_ = false;
    return static_cast<std::uint32_t>(v);
  }
  std::uint8_t u8() {
    if (at_ == end_) good_ = false;
    return good_ ? *at_++ : std::uint8_t{0};
  }
  ByteView raw(std::uint64_t n) {
    if (n > static_cast<std::uint64_t>(end_ - at_)) good_ = false;
    if (!good_) return {};
    const ByteView out(at_, static_cast<std::size_t>(n));
    at_ += n;
    return out;
  }
  ByteView sized() { return raw(varint()); }
  std::string_view text() { return as_text(sized()); }
  FileTime time() {
    const std::uint64_t seconds = varint();
    return {static_cast<std::int64_t>(seconds >> 1) ^ -static_cast<std::int64_t>(seconds & 1), u32()};
  }

 private:
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool good_ = true;
};

constexpr std::uint64_t kFreshChunk = 1;
constexpr std::uint64_t kNoChunk = 0;

// Calls `each` with every chunk that a list of extents names.
template <class Each>
bool each_reference(Cursor& in, const Each& each) {
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.good(); ++i) {
    in.varint();                                   // length
    const std::uint64_t reference = in.varint();
    if (reference == kNoChunk) continue;
    if (reference == kFreshChunk) {
      const ByteView id = in.raw(sizeof(ChunkId));
      in.varint();                                 // the chunk's length
      if (!in.good() || !each(id)) return false;
    }
    in.varint();                                   // offset in the chunk
  }
  return in.good();
}

}  // namespace

bool decode_entry_view(ByteView body, EntryView& v, std::uint64_t& total) {
  Cursor in(body);
  if (in.u8() != static_cast<std::uint8_t>(RecordType::kEntry)) return false;
  v.record = body;
  v.type = static_cast<EntryType>(in.u8());
  if (v.type < EntryType::kFile || v.type > EntryType::kSocket) return false;
  v.path = in.text();
  v.mode = in.u32();
  v.uid = in.u32();
  v.gid = in.u32();
  v.user = in.text();
  v.group = in.text();
  v.mtime = in.time();
  v.ctime = in.time();
  v.inode = in.varint();
  v.device = in.varint();
  v.size = in.varint();
  in.varint();                                     // rdev
  v.link_group = in.varint();
  in.text();                                       // target
  for (std::uint64_t n = in.varint(); n > 0 && in.good(); --n) {
    in.sized();
    in.sized();
  }
  in.sized();                                      // page digests
  const std::uint64_t digest_chunks = in.varint();
  for (std::uint64_t n = digest_chunks; n > 0 && in.good(); --n) {
    in.raw(sizeof(ChunkId));
    in.varint();
  }
  bool known = true;                               // an odd extension must be known, and none is
  for (std::uint64_t n = in.varint(); n > 0 && in.good(); --n) {
    known = (in.varint() & 1) == 0 && known;
    in.sized();
  }
  total = in.varint();
  if (!in.good() || total > kMaxFileExtents) return false;
  v.complete = digest_chunks == 0 && known && total <= kRecordExtents;
  v.extents = {in.at(), static_cast<std::size_t>(body.data() + body.size() - in.at())};
  return true;
}

Status EntryView::each_chunk(const std::function<Status(const ChunkId&)>& each) const {
  Cursor in(extents);
  Status result;
  const bool good = each_reference(in, [&](ByteView bytes) {
    result = each(ChunkId{to_array<sizeof(ChunkId)>(bytes)});
    return result.has_value();
  });
  HF_TRY(std::move(result));
  if (good && in.at_end()) return ok();
  return make_error(ErrorKind::kCorrupt, "tree: extents of '" + std::string(path) + "' cannot be");
}

}  // namespace hf::vault
