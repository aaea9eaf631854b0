// What a PostgreSQL server sends beside tar: WAL, its stream's messages, timeline histories. The first byte chooses: 0 WAL as
// it comes; 1 the body of one record, which gets its page, its length and its checksum here; 2 a message of the stream;
// 3 a history file; 4 the head of a segment; 5 the name of a WAL file; 6 the attributes of a base backup's snapshot.
#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "remote/postgres_replication.h"
#include "sources/postgres/backup_info.h"
#include "sources/postgres/timeline.h"
#include "sources/wal/record.h"
#include "sources/wal/timeline.h"

namespace hf::sources {
namespace {

constexpr std::uint64_t kFuzzSegment = 1u << 20;   // the smallest that there is
constexpr Lsn kFuzzStart{3 * kFuzzSegment};

std::string decode_in_pieces(ByteView bytes, std::size_t piece) {
  std::string told;
  WalDecoder decoder(kFuzzSegment, [&](const WalEvent& e) {
    HF_CHECK(e.start >= kFuzzStart && e.start < e.end);
    HF_CHECK(e.end.value <= kFuzzStart.value + bytes.size() + 8);
    told += format_lsn(e.start) + " " + std::to_string(e.xid) + " " + e.name + "\n";
  });
  decoder.reset(kFuzzStart);
  for (std::size_t at = 0; at < bytes.size(); at += piece) decoder.feed(bytes.subspan(at, std::min(piece, bytes.size() - at)));
  return told + format_lsn(decoder.valid_end()) + decoder.broken();
}

void wal(ByteView bytes, std::size_t piece) {
  HF_CHECK(decode_in_pieces(bytes, bytes.size() + 1) == decode_in_pieces(bytes, piece));
  const Lsn end = end_of_valid_wal(bytes, kFuzzStart, kFuzzSegment);
  HF_CHECK(end >= kFuzzStart && end.value <= kFuzzStart.value + bytes.size() + 8);
}

// A long page header, then one record: length, xid, previous, info, resource manager, padding, CRC, body.
void record(ByteView input, std::size_t piece) {
  constexpr std::uint16_t kMagicOf15 = 0xd110, kFirstOfSegment = 2;
  constexpr std::size_t kCrcAt = 20, kHeadBytes = 24;
  if (input.size() < 14 || input.size() > 7000) return;
  ByteWriter rec;
  rec.u32(static_cast<std::uint32_t>(kHeadBytes + input.size() - 14)).raw(input.first(14)).u16(0).u32(0).raw(input.subspan(14));
  Bytes bytes = rec.take();
  std::uint32_t crc = crc32c(0, ByteView(bytes).subspan(kHeadBytes));
  crc = crc32c(crc, ByteView(bytes).first(kCrcAt));
  for (std::size_t i = 0; i < 4; ++i) bytes[kCrcAt + i] = static_cast<std::uint8_t>(crc >> (8 * i));
  ByteWriter page;
  page.u16(kMagicOf15).u16(kFirstOfSegment).u32(1).u64(kFuzzStart.value).u32(0).u32(0);
  page.u64(7).u32(kFuzzSegment).u32(kWalPageBytes).raw(bytes);
  Bytes stream = page.take();
  stream.resize((stream.size() + 7) / 8 * 8);
  wal(stream, piece);
}

void message(ByteView bytes) {
  const auto read = remote::parse_wal_message(bytes);
  if (!read || !*read) return;
  HF_CHECK((*read)->data.size() <= bytes.size());
}

void history(ByteView bytes) {
  for (const Timeline timeline : {1u, 7u, 0xffffffffu}) {
    const auto steps = parse_history(bytes, timeline);
    if (steps) {
      HF_CHECK(!steps->empty() && steps->back().timeline == timeline);
      for (std::size_t i = 1; i < steps->size(); ++i) HF_CHECK((*steps)[i].begin == (*steps)[i - 1].end);
    }
    const auto other = TimelineHistory::parse(timeline, bytes);
    if (other) HF_CHECK(other->at(Lsn{~std::uint64_t{0}}) == timeline);
  }
}

void attributes(std::string_view text) {
  vault::SnapshotInfo snapshot;
  snapshot.meta.kind = vault::SnapshotKind::kPostgres;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    snapshot.meta.attributes[std::string(line.substr(0, equals))] = line.substr(equals + 1);
  }
  const auto info = backup_info(snapshot);
  if (!info) return;
  vault::SnapshotInfo again = snapshot;
  again.meta.attributes = to_attributes(*info);
  HF_CHECK(backup_info(again).value() == *info);
}

}  // namespace
}  // namespace hf::sources

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf::sources;
  if (size < 2) return 0;
  const hf::ByteView rest(data + 2, size - 2);
  const std::size_t piece = std::size_t{data[1]} * 7 + 1;
  switch (data[0]) {
    case 0: wal(rest, piece); break;
    case 1: record(rest, piece); break;
    case 2: message(rest); break;
    case 3: history(rest); break;
    case 4: (void)read_segment_head(rest); break;
    case 5: (void)hf::parse_wal_file_name(hf::as_text(rest), kFuzzSegment); break;
    case 6: attributes(hf::as_text(rest)); break;
    default: break;
  }
  return 0;
}
