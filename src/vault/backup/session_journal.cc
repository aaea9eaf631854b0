#include "vault/backup/session_journal.h"

#include <algorithm>

#include "base/hex.h"
#include "vault/object/names.h"
#include "vault/tree/tree_record.h"

namespace hf::vault {
namespace {

constexpr std::uint8_t kSession = 1;     // session 16
constexpr std::uint8_t kPack = 2;        // name, row of the index, entries
constexpr std::uint8_t kRun = 3;         // names of packs
constexpr std::uint8_t kEntries = 4;     // (sure i64, record sized)...
constexpr std::uint8_t kPart = 5;        // of a large file
constexpr std::uint8_t kDeciding = 6;    // nothing

constexpr std::size_t kMacBytes = 16;
constexpr std::size_t kFrameHead = 4 + 1 + kMacBytes;
constexpr std::size_t kMaxFrame = 16u << 20;
constexpr std::size_t kFlushBytes = 64 * 1024;     // of entries
constexpr Micros kFlushEvery = 1s;
constexpr std::uint64_t kMaxJournal = std::uint64_t{8} << 30;
constexpr Micros kRacy = 1s;             // a file changed so short before it was looked at is read again

void put_name(ByteWriter& out, const PackName& name) { out.raw(name.session).u32(name.number); }

Status get_name(ByteReader& in, PackName& name) {
  HF_ASSIGN(const ByteView session, in.raw(name.session.size()));
  name.session = to_array<16>(session);
  HF_ASSIGN(name.number, in.u32());
  return ok();
}

void put_time(ByteWriter& out, const FileTime& t) { out.i64(t.seconds).u32(t.nanoseconds); }

void put_state(ByteWriter& out, const FileState& s) {
  out.u64(s.size).u64(s.inode).u64(s.device);
  put_time(out, s.mtime);
  put_time(out, s.ctime);
}

Result<SessionJournal::Pack> get_pack(ByteView body) {
  ByteReader in(body, "session journal");
  SessionJournal::Pack out;
  HF_TRY(get_name(in, out.name));
  HF_ASSIGN(const std::uint8_t kind, in.u8());
  out.pack.kind = static_cast<PackKind>(kind);
  HF_ASSIGN(out.pack.size, in.u64());
  HF_ASSIGN(const ByteView digest, in.raw(out.pack.digest.size()));
  out.pack.digest = to_array<32>(digest);
  HF_ASSIGN(const ByteView header, in.sized(kMaxPackHeaderBytes));
  out.pack.header = to_bytes(header);
  while (!in.at_end()) {
    PackEntry entry;
    HF_ASSIGN(const ByteView id, in.raw(sizeof(ChunkId)));
    entry.id = ChunkId{to_array<sizeof(ChunkId)>(id)};
    HF_ASSIGN(entry.offset, in.u32());
    HF_ASSIGN(entry.stored_length, in.u32());
    HF_ASSIGN(entry.plain_length, in.u32());
    HF_ASSIGN(entry.flags, in.u8());
    out.pack.entries.push_back(entry);
  }
  return out;
}

Bytes put_pack(const PackName& name, const FinishedPack& pack) {
  ByteWriter out;
  put_name(out, name);
  out.u8(static_cast<std::uint8_t>(pack.kind)).u64(pack.size).raw(pack.digest).sized(pack.header);
  for (const PackEntry& e : pack.entries) {
    out.raw(e.id.bytes).u32(e.offset).u32(e.stored_length).u32(e.plain_length).u8(e.flags);
  }
  return out.take();
}

}  // namespace

std::string lineage_name(const Repository::Core& core, const SnapshotMeta& meta) {
  ByteWriter what;
  what.raw(core.store_id).u8(static_cast<std::uint8_t>(meta.kind)).sized(as_bytes(meta.host)).sized(as_bytes(meta.component));
  for (const std::string& path : meta.paths) what.sized(as_bytes(path));
  return to_hex(core.keyed_name("session journal", what.take()));
}

SessionJournal::SessionJournal(const Repository::Core& core, std::string path, FileLock lock)
    : core_(core),
      path_(std::move(path)),
      lock_(std::move(lock)),
      key_(crypto::hkdf_sha256(core.keys.id_key.reveal(), core.store_id, "holdfast/v1 session journal", 32)) {}

std::unique_ptr<SessionJournal> SessionJournal::open(const Repository::Core& core, const SnapshotMeta& meta) {
  if (core.local.files == nullptr) return nullptr;
  const auto go_without = [&](const Error& error) {
    core.log.info("vault", "this backup keeps no journal", {{"error", error.text}});
    return nullptr;
  };
  const std::string folder = join_path(core.local.folder, "sessions");
  if (Status made = core.local.files->make_dirs(folder); !made) return go_without(made.error());
  const std::string path = join_path(folder, lineage_name(core, meta));
  auto lock = FileLock::acquire(path + ".lock");
  if (!lock) return go_without(lock.error());
  std::unique_ptr<SessionJournal> journal(new SessionJournal(core, path, std::move(*lock)));
  if (Status loaded = journal->load(); !loaded) return go_without(loaded.error());
  return journal;
}

crypto::Digest SessionJournal::mac(std::uint64_t offset, std::uint8_t type, ByteView body) const {
  ByteWriter in;
  in.u64(offset).u8(type).raw(body);
  return crypto::hmac_sha256(key_.reveal(), in.take());
}

Result<std::uint8_t> SessionJournal::read_frame(std::uint64_t offset, Bytes& body) {
  std::array<std::uint8_t, kFrameHead> head;
  HF_ASSIGN(const std::size_t got, file_->read_at(offset, head));
  const auto torn = [] { return make_error(ErrorKind::kCorrupt, "a frame of the session journal is not whole"); };
  if (got != head.size()) return torn();
  ByteReader in(head, "session journal");
  HF_ASSIGN(const std::uint32_t length, in.u32());
  HF_ASSIGN(const std::uint8_t type, in.u8());
  if (length > kMaxFrame) return torn();
  body.resize(length);
  HF_ASSIGN(const std::size_t bytes, file_->read_at(offset + head.size(), body));
  if (bytes != length) return torn();
  const crypto::Digest wanted = mac(offset, type, body);
  if (!std::ranges::equal(ByteView(wanted).first(kMacBytes), ByteView(head).subspan(5))) return torn();
  return type;
}

// Reads all of it once, and cuts off what a death in mid-append left.
Status SessionJournal::load() {
  HF_ASSIGN(file_, core_.local.files->open(path_, OpenMode::kCreate));
  HF_ASSIGN(const std::uint64_t size, file_->size());
  Bytes body;
  while (end_ < size && size <= kMaxJournal) {
    auto type = read_frame(end_, body);
    if (!type) break;
    const Frame frame{end_, static_cast<std::uint32_t>(body.size())};
    if (!take_frame(frame, *type, body)) break;
    end_ += kFrameHead + body.size();
  }
  return end_ < size ? file_->truncate(end_) : ok();
}

Status SessionJournal::take_frame(const Frame& frame, std::uint8_t type, ByteView body) {
  ByteReader in(body, "session journal");
  if (type == kSession) {
    Segment segment;
    HF_ASSIGN(const ByteView id, in.raw(segment.session.size()));
    segment.session = to_array<16>(id);
    segments_.push_back(std::move(segment));
    return ok();
  }
  if (segments_.empty()) return in.corrupt("no session");
  if (type == kPack) {
    HF_ASSIGN(Pack pack, get_pack(body));
    packs_.push_back(std::move(pack));
  } else if (type == kRun) {
    std::set<PackName> named;
    while (!in.at_end()) {
      PackName name;
      HF_TRY(get_name(in, name));
      named.insert(name);
    }
    std::erase_if(packs_, [&](const Pack& pack) { return named.contains(pack.name); });
  } else if (type == kEntries) {
    segments_.back().entries.push_back(frame);
  } else if (type == kPart) {
    HF_ASSIGN(const ByteView path, in.sized(kMaxPathBytes));
    parts_[std::string(as_text(path))].push_back(frame);
  } else if (type == kDeciding) {
    segments_.back().deciding = true;
  }
  return ok();
}

std::vector<SessionId> SessionJournal::ended_sessions() const {
  std::vector<SessionId> out;
  for (const Segment& segment : segments_) {
    if (!segment.deciding) out.push_back(segment.session);
  }
  return out;
}

// To the segment's next entry; false at its end.
bool SessionJournal::advance(Segment& segment) {
  while (segment.at == segment.body.size()) {
    if (segment.next == segment.entries.size()) return false;
    auto type = read_frame(segment.entries[segment.next++].offset, segment.body);
    segment.at = 0;
    if (!type) segment.body.clear();
  }
  ByteReader in(ByteView(segment.body).subspan(segment.at), "session journal");
  const auto sure = in.i64();
  const auto record = in.sized(kMaxRecordBytes);
  std::uint64_t total = 0;
  if (!sure || !record || !decode_entry_view(*record, segment.current.view, total)) {
    segment.at = segment.body.size();
    return advance(segment);
  }
  segment.current.sure = WallTime(Micros(*sure));
  segment.at = static_cast<std::size_t>(record->data() + record->size() - segment.body.data());
  return true;
}

const BegunEntry* SessionJournal::find(std::string_view path) {
  const BegunEntry* found = nullptr;
  for (Segment& segment : segments_) {
    if (!segment.has_current) segment.has_current = advance(segment);
    while (segment.has_current && compare_paths(segment.current.view.path, path) < 0) segment.has_current = advance(segment);
    if (segment.has_current && segment.current.view.path == path) found = &segment.current;
  }
  return found;
}

// The extents from the file's beginning that were hashed while it was in this state.
std::vector<Extent> SessionJournal::find_part(const std::string& path, const FileState& state, WallTime now) {
  std::vector<Extent> out;
  const auto frames = parts_.find(path);
  if (frames == parts_.end()) return out;
  ByteWriter wanted;
  put_state(wanted, state);
  std::uint64_t end = 0;
  Bytes body;
  for (const Frame& frame : frames->second) {
    if (!read_frame(frame.offset, body)) continue;
    ByteReader in(body, "session journal");
    const auto skipped = in.sized(kMaxPathBytes);
    const auto old = in.raw(wanted.bytes().size());
    const auto sure = in.i64();
    const auto first = in.u64();
    if (!skipped || !old || !sure || !first || !std::ranges::equal(*old, wanted.bytes())) continue;
    const Micros age = std::min(WallTime(Micros(*sure)), now) - WallTime(Seconds(state.ctime.seconds));
    if (age <= kRacy * 2) continue;                      // whole seconds of ctime: one more
    while (!out.empty() && out.back().offset >= *first) {  // a later run began there anew
      end = out.back().offset;
      out.pop_back();
    }
    if (*first != end) continue;
    std::vector<Extent> part;
    if (!decode_extents(in, part) || part.empty()) continue;
    for (Extent& extent : part) {
      extent.offset = end;
      end += extent.length;
      out.push_back(extent);
    }
  }
  return out;
}

void SessionJournal::write_frame(std::uint8_t type, ByteView body) {
  if (file_ == nullptr) return;
  ByteWriter out;
  out.u32(static_cast<std::uint32_t>(body.size())).u8(type).raw(ByteView(mac(end_, type, body)).first(kMacBytes)).raw(body);
  const Status written = body.size() > kMaxFrame || end_ > kMaxJournal
                             ? Status(make_error(ErrorKind::kExhausted, "the session journal is full"))
                             : file_->write_at(end_, out.bytes());
  if (written) {
    end_ += out.bytes().size();
    return;
  }
  core_.log.warning("vault", "the backup goes on without its journal", {{"error", written.error().text}});
  file_.reset();
}

// What waits goes first: a pack's entries stand before the pack.
void SessionJournal::append(std::uint8_t type, ByteView body) {
  const std::lock_guard lock(mutex_);
  if (!waiting_.bytes().empty()) write_frame(kEntries, waiting_.take());
  waiting_ = ByteWriter();
  last_flush_ = core_.clock.mono();
  if (type != 0) write_frame(type, body);
}

void SessionJournal::begin(const SessionId& session) { append(kSession, session); }
void SessionJournal::pack(const PackName& name, const FinishedPack& pack) { append(kPack, put_pack(name, pack)); }
void SessionJournal::deciding() { append(kDeciding, {}); }
void SessionJournal::flush() { append(0, {}); }

void SessionJournal::run(std::span<const PackName> packs) {
  ByteWriter out;
  for (const PackName& name : packs) put_name(out, name);
  append(kRun, out.take());
}

void SessionJournal::entry(ByteView record, WallTime sure) {
  bool full = false;
  {
    const std::lock_guard lock(mutex_);
    waiting_.i64(sure.time_since_epoch().count()).sized(record);
    full = waiting_.bytes().size() >= kFlushBytes || core_.clock.mono() - last_flush_ >= kFlushEvery;
  }
  if (full) flush();
}

void SessionJournal::part(const std::string& path, const FileState& state, std::uint64_t first,
                          std::span<const Extent> extents, WallTime sure) {
  for (std::size_t at = 0; at < extents.size(); at += kRecordExtents) {
    const auto some = extents.subspan(at, std::min(kRecordExtents, extents.size() - at));
    ByteWriter out;
    out.sized(as_bytes(path));
    put_state(out, state);
    const Bytes encoded = encode_extents_record(some);
    out.i64(sure.time_since_epoch().count()).u64(first).raw(ByteView(encoded).subspan(1));
    append(kPart, out.take());
    for (const Extent& extent : some) first += extent.length;
  }
}

void SessionJournal::end() {
  const std::lock_guard lock(mutex_);
  waiting_ = ByteWriter();
  file_.reset();
  Status removed = core_.local.files->remove(path_);
  if (!removed) core_.log.warning("vault", "the session journal stays", {{"error", removed.error().text}});
}

}  // namespace hf::vault
