// Trees. The first byte chooses: 0 the stream (its index is made here to fit); 1 the sparse index; 2 the
// root.
#include <algorithm>

#include "base/check.h"
#include "vault/tree/tree.h"
#include "vault/tree/tree_record.h"

namespace hf::vault {
namespace {

// Everything that is returned is what a writer may have added, in order, and is found again.
void read_all(const TreeRoot& root, const FetchChunk& fetch) {
  auto reader = TreeReader::open(root, fetch);
  if (!reader.has_value()) return;
  std::vector<std::string> paths;
  while (true) {
    const auto entry = reader->next();
    if (!entry.has_value() || !entry->has_value()) break;
    HF_CHECK(check_entry(**entry).has_value());
    HF_CHECK(paths.empty() || compare_paths(paths.back(), (*entry)->path) < 0);
    paths.push_back((*entry)->path);
  }
  for (std::size_t i = 0; i < std::min<std::size_t>(paths.size(), 8); ++i) (void)reader->find(paths[i]);
}

std::string first_path(ByteView stream) {
  ByteReader in(stream, "stream");
  const auto body = in.sized(kMaxRecordBytes);
  if (!body.has_value() || body->empty()) return "";
  ByteReader record(body->subspan(1), "record");
  const auto entry = decode_entry_record(record);
  return entry.has_value() ? entry->entry.path : "";
}

void stream_of(ByteView stream) {
  if (stream.empty()) return;
  ByteWriter row;
  row.raw(Bytes(32, 1)).varint(stream.size()).u8(0).sized(first_path(stream));
  const Bytes index = row.take();
  TreeRoot root;
  root.stream_bytes = stream.size();
  root.index = {{ChunkId{}, static_cast<std::uint32_t>(index.size())}};
  read_all(root, [&](const ChunkRef& ref) -> Result<Bytes> {
    return ref.id == ChunkId{} ? index : to_bytes(stream);
  });
}

void index_of(ByteView index) {
  TreeRoot root;
  root.index = {{ChunkId{}, static_cast<std::uint32_t>(index.size())}};
  root.stream_bytes = 100;
  read_all(root, [&](const ChunkRef& ref) -> Result<Bytes> {
    return ref.id == ChunkId{} ? to_bytes(index) : Bytes(std::min<std::size_t>(ref.length, 4096), 1);
  });
}

}  // namespace
}  // namespace hf::vault

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf::vault;
  if (size == 0 || size > (1U << 20)) return 0;
  const hf::ByteView rest(data + 1, size - 1);
  if (data[0] == 0) stream_of(rest);
  if (data[0] == 1) index_of(rest);
  if (data[0] == 2) {
    const auto root = decode_root(rest);
    if (root.has_value()) HF_CHECK(decode_root(encode_root(*root)).value() == *root);
  }
  return 0;
}
