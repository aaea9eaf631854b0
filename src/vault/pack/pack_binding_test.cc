// What a sealed chunk and a sealed directory are bound to: their pack's header, and all that stands beside them.
#include <gtest/gtest.h>

#include "vault/pack/pack.h"
#include "vault/pack/pack_layout.h"
#include "vault/testing.h"

namespace hf::vault {
namespace {

TEST(PackBinding, ChunkAndDirectoryOpenOnlyUnderTheirOwnHeader) {
  const Created vault = testing::test_vault();
  const ChunkHasher hasher(vault.keys.id_key);
  testing::SeededEntropy entropy(1);
  PackWriter writer = PackWriter::start(entropy, vault.keys.vault, vault.keys.vault_public, PackKind::kData,
                                        PackBuffer::make(1 << 20)).value();
  const Bytes chunk(100, 7);
  Compressor compressor(1);
  ASSERT_TRUE(writer.add(hasher.id(chunk), chunk, compressor));
  writer.finish();
  const Bytes object = to_bytes(writer.bytes());
  OpenedPack pack = read_pack_directory(memory_range(object), object.size(), vault.keys, "packs/x").value();
  const PackEntry& entry = pack.entries[0];
  const ByteView stored = ByteView(object).subspan(entry.offset, entry.stored_length);
  const ByteView directory = ByteView(object).subspan(pack.footer.directory_offset, pack.footer.directory_length);
  EXPECT_TRUE(read_chunk(pack.key, entry, stored, hasher, "x"));
  EXPECT_TRUE(open_directory(pack.key, pack.footer, directory, "x"));
  PackFooter other = pack.footer;
  other.parity_kind ^= 1;
  EXPECT_FALSE(open_directory(pack.key, other, directory, "x"));
  pack.key.header_digest[0] ^= 1;
  EXPECT_FALSE(read_chunk(pack.key, entry, stored, hasher, "x"));
  EXPECT_FALSE(open_directory(pack.key, pack.footer, directory, "x"));
}

TEST(PackBinding, EveryFieldBesideAChunkIsBound) {
  const crypto::Digest header{};
  const PackEntry entry{};
  auto associated = [&](const PackEntry& e) { return to_bytes(ChunkAssociated(header, e).view()); };
  const Bytes bound = associated(entry);
  PackEntry changed = entry;
  changed.offset ^= 1;
  EXPECT_NE(associated(changed), bound);
  changed = entry;
  changed.plain_length ^= 1;
  EXPECT_NE(associated(changed), bound);
  changed = entry;
  changed.flags ^= 1;
  EXPECT_NE(associated(changed), bound);
  changed = entry;
  changed.id.bytes[0] ^= 1;
  EXPECT_NE(associated(changed), bound);
}

}  // namespace
}  // namespace hf::vault
