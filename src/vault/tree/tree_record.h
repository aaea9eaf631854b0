// Records of the tree stream, as bytes. One record begins an entry; a file with many extents goes on in
// further records.
#pragma once

#include "vault/tree/tree.h"

namespace hf::vault {

enum class RecordType : std::uint8_t { kEntry = 1, kMoreExtents = 2 };

// A record's body, without its length in front. The entry's first kRecordExtents extents are in it.
Bytes encode_entry_record(const Entry& entry);
Bytes encode_extents_record(std::span<const Extent> extents);

struct EntryRecord {
  Entry entry;
  std::uint64_t extents_total = 0;   // in this record and those that go on
};
Result<EntryRecord> decode_entry_record(ByteReader& in);                  // after the type byte
Status decode_extents(ByteReader& in, std::vector<Extent>& extents);  // appends; offsets go on from the last
// The same as views; false where the record cannot be. `total`: of its extents, in this record and those that go on.
bool decode_entry_view(ByteView body, EntryView& view, std::uint64_t& total);
// kCorrupt where check_entry() says no: the reader believes no more than the writer allows.
Status check_decoded(const Entry& entry);

}  // namespace hf::vault
