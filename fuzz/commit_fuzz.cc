// What a commit, a lease, an epoch, a WAL object, a pin, an attachment and a note of a snapshot hold inside their seals. The first byte chooses the parser.
// What parses is written again and must parse to the same bytes.
#include "base/check.h"
#include "vault/attachments.h"
#include "vault/collect/lease.h"
#include "vault/collect/pins.h"
#include "vault/object/names.h"
#include "vault/snapshot_record.h"
#include "vault/wal/wal_objects.h"

namespace hf::vault {
namespace {

template <class Decode, class Encode>
void round_trip(ByteView input, Decode decode, Encode encode) {
  const auto first = decode(input);
  if (!first.has_value()) return;
  const Bytes written = encode(*first);
  const auto second = decode(ByteView(written));
  HF_CHECK(second.has_value());
  HF_CHECK(encode(*second) == written);
}

void parse_names(ByteView input) {
  const std::string name = to_text(input);
  if (auto wal = parse_wal_name(name); wal && wal->part == WalPart::kFrame) HF_CHECK(wal->start < wal->end);
  if (auto pack = parse_pack_name(name)) HF_CHECK(pack_object_name(*pack) == name);
  if (auto commit = parse_commit_name(name)) HF_CHECK(commit_name(*commit) == name);
  (void)parse_lease_name(name);
}

void snapshot_note(ByteView input) {
  const auto note = decode_snapshot_note(input);
  if (!note) return;
  const Bytes written = encode_snapshot_note(*note);
  const auto again = decode_snapshot_note(written);
  HF_CHECK(again.has_value() && encode_snapshot_note(*again) == written);
}

void parse(std::uint8_t which, ByteView input) {
  switch (which) {
    case 0: return round_trip(input, decode_record, encode_record);
    case 1: return round_trip(input, decode_open, encode_open);
    case 2: return round_trip(input, decode_beat, encode_beat);
    case 3: return round_trip(input, decode_fate, encode_fate);
    case 4: return round_trip(input, decode_epoch, encode_epoch);
    case 5: return round_trip(input, decode_wal_meta, encode_wal_meta);
    case 6: return round_trip(input, decode_seal, encode_seal);
    case 7: return parse_names(input);
    case 8: (void)decode_pin(input); return;
    case 9: (void)decode_attachment_meta(input, "attach/x"); return;
    case 10: return snapshot_note(input);
    default: return;
  }
}

}  // namespace
}  // namespace hf::vault

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) hf::vault::parse(data[0], hf::ByteView(data + 1, size - 1));
  return 0;
}
