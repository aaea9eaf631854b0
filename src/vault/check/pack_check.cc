#include "vault/check/pack_check.h"

#include <algorithm>

#include "vault/pack/parity.h"

namespace hf::vault {
namespace {

constexpr std::uint64_t kPieceBytes = 2u << 20;   // of a pack, read at once: stays in a core's cache

// Records that are read at once.
struct PackPiece {
  std::span<const PackEntry> entries;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// REQUIRES: there is an entry; they are in order of their place.
PackPiece first_piece(std::span<const PackEntry> entries) {
  PackPiece piece;
  piece.begin = piece.end = entries.front().offset;
  std::size_t next = 0;
  for (; next < entries.size(); ++next) {
    const std::uint64_t after = entries[next].offset + std::uint64_t{entries[next].stored_length};
    if (next > 0 && after > piece.begin + kPieceBytes) break;
    piece.end = std::max(piece.end, after);
  }
  piece.entries = entries.first(next);
  return piece;
}

}  // namespace

Status PackCheck::check(const ObjectInfo& object, IndexedPack* indexed, RecordReader& records) {
  if (indexed != nullptr && object.size != indexed->row.size) {
    indexed->unusable = object.size < indexed->row.size;
    return make_error(ErrorKind::kCorrupt, object.name + ": has " + std::to_string(object.size) + " bytes, " +
                                               std::to_string(indexed->row.size) + " were written");
  }
  const Pack pack{object.name, object.size, indexed, records};
  OpenedPack opened;
  Status directory = check_directory(pack, opened);
  if (!directory && directory.error().kind != ErrorKind::kCorrupt) return directory;
  if (!choice_.takes(object.name)) return directory;
  // Also where the directory is damaged: which chunks are hit?
  HF_TRY(choice_.read(object, [&] {
    Status whole = read(pack, directory ? &opened : nullptr);
    return whole ? directory : whole;                // who asks whether it was good hears of both
  }));
  return directory;
}

Result<Bytes> PackCheck::read_footer(const Pack& pack) const {
  return core_.store.get(pack.object, {pack.size - kPackFooterBytes, kPackFooterBytes});
}

// `opened`: what it found, for who can read.
Status PackCheck::check_directory(const Pack& pack, OpenedPack& opened) {
  if (pack.size < kPackFooterBytes) return make_error(ErrorKind::kCorrupt, pack.object + ": is too short");
  HF_ASSIGN(const Bytes footer, read_footer(pack));
  HF_TRY(parse_pack_footer(footer, pack.size, pack.object));
  read_bytes_ += kPackFooterBytes;
  if (!core_.keys.can_read()) return ok();
  HF_ASSIGN(opened, read_pack_directory(store_range(core_.store, pack.object), pack.size, core_.keys, pack.object));
  read_bytes_ += opened.header.size() + opened.footer.directory_length;
  std::ranges::sort(opened.entries, {}, &PackEntry::offset);
  if (pack.indexed == nullptr || pack.indexed->partly_known) return ok();
  if (opened.header != pack.indexed->row.header || ChunkSum::of(opened.entries) != pack.indexed->chunks) {
    return make_error(ErrorKind::kCorrupt, pack.object + ": its header or directory is not the one that the index knows");
  }
  return ok();
}

// Every byte. Who can read opens and proves every record: with header, directory and footer, which check_directory()
// proved, they are the whole pack.
Status PackCheck::read(const Pack& pack, OpenedPack* proven) {
  HF_ASSIGN(const bool whole, core_.keys.can_read() ? prove(pack, proven) : has_its_digest(pack));
  if (whole) return ok();
  return make_error(ErrorKind::kCorrupt, pack.object + ": its bytes are not those that were written");
}

Result<bool> PackCheck::has_its_digest(const Pack& pack) {
  HF_ASSIGN(const Bytes bytes, core_.store.get(pack.object));
  count(pack.size);
  return pack_digest(bytes) == pack.indexed->row.digest;
}

Result<bool> PackCheck::prove(const Pack& pack, OpenedPack* proven) {
  OpenedPack opened;
  if (proven != nullptr) {
    opened = std::move(*proven);
  } else {
    HF_ASSIGN(opened, open_for_reading(pack));
  }
  HF_ASSIGN(const bool whole, prove_records(pack, opened.key, opened.entries));
  HF_TRY(prove_parity(pack, opened.footer));
  return whole;
}

// Where the directory is not what it should be: by the index if it knows the pack, so that the good chunks are not hidden.
Result<OpenedPack> PackCheck::open_for_reading(const Pack& pack) const {
  if (pack.indexed == nullptr)
    return read_pack_directory(store_range(core_.store, pack.object), pack.size, core_.keys, pack.object);
  OpenedPack opened;
  HF_ASSIGN(opened.key, open_pack(pack.indexed->row.header, core_.keys, pack.object));
  HF_ASSIGN(opened.entries, packs_.chunks_of(*pack.indexed));
  HF_ASSIGN(const Bytes tail, read_footer(pack));
  if (auto footer = parse_pack_footer(tail, pack.size, pack.object)) opened.footer = *footer;
  return opened;
}

// Goes on after damage: which chunks are hit?
Result<bool> PackCheck::prove_records(const Pack& pack, const PackKey& key, std::span<const PackEntry> entries) {
  bool whole = true;
  while (!entries.empty()) {
    const PackPiece piece = first_piece(entries);
    HF_ASSIGN(const bool good, prove_piece(pack, key, piece.entries, piece.begin, piece.end));
    whole = whole && good;
    core_.progress.add(Counted::kBytes, piece.end - piece.begin);
    entries = entries.subspan(piece.entries.size());
  }
  return whole;
}

// What cannot be read at once is read record by record: a bad sector of the disk hits few of them.
Result<bool> PackCheck::prove_piece(const Pack& pack, const PackKey& key, std::span<const PackEntry> entries, std::uint64_t begin,
                                    std::uint64_t end) {
  const auto stored = core_.store.get(pack.object, {begin, end - begin});
  if (!stored && stored.error().kind != ErrorKind::kCorrupt) return stored.error();
  if (!stored && entries.size() > 1) {
    for (const PackEntry& entry : entries)
      HF_TRY(prove_piece(pack, key, std::span(&entry, 1), entry.offset, std::uint64_t{entry.offset} + entry.stored_length));
    return false;
  }
  if (stored) read_bytes_ += stored->size();
  bool whole = true;
  HF_TRY(pack.records.read(key, entries, begin, stored ? ByteView(*stored) : ByteView(), pack.object,
                           [&](std::size_t n, const Result<ByteView>& plain) {
                             if (plain) return ok();
                             whole = false;
                             if (pack.indexed != nullptr) pack.indexed->bad.insert(entries[n].id);
                             return ok();
                           }));
  return whole;
}

// Which no record proves.
Status PackCheck::prove_parity(const Pack& pack, const PackFooter& footer) {
  const auto parity = ParityLayout::of(footer);
  if (!parity) return ok();
  HF_ASSIGN(const Bytes end, core_.store.get(pack.object, {parity->covered, parity->length() + kPackFooterBytes}));
  count(end.size());
  return check_parity(*parity, ByteView(end).last(kPackFooterBytes), ByteView(end).first(parity->length()), pack.object);
}

void PackCheck::count(std::uint64_t bytes) {
  read_bytes_ += bytes;
  core_.progress.add(Counted::kBytes, bytes);
}

}  // namespace hf::vault
