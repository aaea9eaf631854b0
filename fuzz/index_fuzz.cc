// Index runs. The first byte chooses: 0 a whole object; 1 one row of the chunk table; 2 one row of the pack
// table.
#include <algorithm>

#include "base/check.h"
#include "vault/index/index.h"
#include "vault/index/index_layout.h"
#include "vault_keys.h"

namespace hf::vault {
namespace {

void whole_object(ByteView bytes) {
  static const Keys keys = fuzz::fixed_keys();
  const crypto::PublicKey writers[] = {keys.writer.public_key};
  BlockCache cache(100'000);
  const auto run = IndexRun::open("index/x-1", bytes.size(), memory_range(bytes), keys, writers, cache);
  if (!run.has_value()) return;
  std::vector<IndexEntry> entries;
  (void)run->for_each([&](const IndexEntry& e) {
    entries.push_back(e);
    return ok();
  });
  for (const IndexEntry& e : entries) {
    const auto found = run->lookup(e.chunk.id);
    HF_CHECK(!found.has_value() || std::ranges::find(*found, e) != found->end());
    (void)run->pack(e.pack);
  }
}

}  // namespace
}  // namespace hf::vault

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf::vault;
  if (size == 0) return 0;
  const hf::ByteView rest(data + 1, size - 1);
  if (data[0] == 0) whole_object(rest);
  if (data[0] == 1) (void)decode_index_entry(rest, "run");
  if (data[0] == 2) {
    const auto pack = decode_index_pack(rest, "run");
    HF_CHECK(!pack.has_value() || pack->header.size() <= kMaxPackHeaderBytes);
  }
  return 0;
}
