// Opens many records of a pack at once: decrypted, decompressed, and their ids proven through all hash lanes together.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "vault/pack/pack.h"

namespace hf::vault {

// One thread's; its memory is used again.
class RecordReader {
 public:
  explicit RecordReader(const ChunkHasher& hasher) : hasher_(hasher) {}
  // `stored` begins at offset `begin` of the pack and holds all of the entries' records. `each` gets every entry's plain
  // bytes, proven, or the error that names the object; what it returns, if an error, ends the call.
  using Each = std::function<Status(std::size_t entry, Result<ByteView> plain)>;
  Status read(const PackKey& key, std::span<const PackEntry> entries, std::uint64_t begin, ByteView stored,
              std::string_view object, const Each& each);

 private:
  struct Opened {
    std::size_t entry = 0;
    std::size_t at = 0;                  // in memory_
  };
  Status prove(std::span<const PackEntry> entries, std::string_view object, const Each& each);
  const ChunkHasher& hasher_;
  Decompressor decompressor_;
  Bytes scratch_;
  Bytes memory_;                         // only ever grows
  std::size_t used_ = 0;
  std::vector<Opened> opened_;
  std::vector<ByteView> views_;
  std::vector<ChunkId> ids_;
};

}  // namespace hf::vault
