// Writes the seed corpora of the vault's fuzz targets: vault_corpus FOLDER makes
// FOLDER/{blob,config,index,keytext,pack,parity,tree}/*. The same bytes on every run: keys and entropy are fixed.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "vault/index/index.h"
#include "vault/keys/config.h"
#include "vault/keys/key_text.h"
#include "vault/object/blob.h"
#include "vault/object/compress.h"
#include "vault/pack/pack_layout.h"
#include "vault/tree/tree.h"
#include "vault_keys.h"

namespace hf::vault {
namespace {

std::string g_folder;

void write(const std::string& name, std::uint8_t mode, ByteView bytes) {
  const std::filesystem::path path = std::filesystem::path(g_folder) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.put(static_cast<char>(mode));
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

FinishedPack packs(const Keys& keys) {
  fuzz::FixedEntropy entropy;
  const ChunkHasher hasher(keys.id_key);
  PackWriter writer =
      PackWriter::start(entropy, keys.vault, keys.vault_public, PackKind::kData, PackBuffer::make(1u << 20)).value();
  Compressor compressor(1);
  for (const Bytes& chunk : {to_bytes("small"), Bytes(300, 'z'), Bytes{}}) {
    if (!writer.add(hasher.id(chunk), chunk, compressor).has_value()) std::abort();
  }
  FinishedPack pack = writer.finish();
  const Bytes object = to_bytes(writer.bytes());
  write("pack/object", 0, object);
  write("pack/footer", 1, ByteView(object).last(kPackFooterBytes));
  ByteWriter rows;
  for (const PackEntry& e : pack.entries) encode_pack_entry(rows, e);
  write("pack/rows", 2, rows.bytes());
  ByteWriter frame;
  frame.u32(300).raw(Compressor(1).compress(Bytes(300, 'z')).value());
  write("pack/frame", 3, frame.bytes());
  return pack;
}

void parity(const Keys& keys) {
  fuzz::FixedEntropy entropy;
  const ChunkHasher hasher(keys.id_key);
  PackWriter writer =
      PackWriter::start(entropy, keys.vault, keys.vault_public, PackKind::kData, PackBuffer::make(1u << 20), 5).value();
  Compressor compressor(1);
  Bytes chunk(1500);
  for (std::size_t i = 0; i < chunk.size(); ++i) chunk[i] = static_cast<std::uint8_t>(i * i >> 3 ^ i);
  if (!writer.add(hasher.id(chunk), chunk, compressor).has_value()) std::abort();
  (void)writer.finish();
  Bytes object = to_bytes(writer.bytes());
  write("parity/object", 0, object);
  object[400] ^= 1;
  object[object.size() - 3] ^= 1;
  write("parity/object_damaged", 0, object);
}

void blobs(const Keys& keys) {
  fuzz::FixedEntropy entropy;
  constexpr std::string_view kBlobName = "attach/fuzz/00/0000000000000001";
  const Bytes plain(500, 'p');
  const Bytes object = encode_blob(entropy, keys, ObjectKind::kAttachment, kBlobName, as_bytes("meta"), plain).value();
  write("blob/object", 0, object);
  const crypto::PublicKey writers[] = {keys.writer.public_key};
  const BlobHead head = parse_blob_head(object, object.size(), ObjectKind::kAttachment, kBlobName, writers).value();
  ByteWriter body;
  body.u64(head.data_length).raw(head.data_sha256).raw(head.plain_digest).sized(head.box);
  ByteWriter input;
  input.sized(body.bytes()).raw(ByteView(object).subspan(head.size));
  write("blob/body", 1, input.bytes());
  ByteWriter inner;
  inner.raw(Bytes(32, 8)).u64(plain.size()).u8(1).sized(std::string_view("meta"));
  write("blob/box", 2, inner.bytes());
  ByteWriter data;
  data.u32(static_cast<std::uint32_t>(plain.size())).u8(1).raw(Compressor(1).compress(plain).value());
  write("blob/data", 3, data.bytes());
}

void key_texts(const Keys& keys) {
  write("keytext/identity", 0, as_bytes(" " + identity_text(*keys.vault_private) + "\n"));
  write("keytext/recipient", 0, as_bytes(recipient_text(keys.vault_public)));
  write("keytext/kit", 0, as_bytes("a page\n" + kit_text({keys.vault, Secret(Bytes(32, 7))}) + "\n"));
}

void indexes(const Keys& keys, const FinishedPack& pack) {
  fuzz::FixedEntropy entropy;
  IndexRunWriter writer;
  writer.add({SessionId{1}, 1}, pack);
  const Bytes object = writer.finish(entropy, keys, "index/x-1").value();
  write("index/object", 0, object);
  ByteWriter row;
  row.raw(pack.entries[0].id.bytes).u32(0).u32(136).u32(21).u32(5).u32(0);
  write("index/chunk_row", 1, row.bytes());
  ByteWriter pack_row;
  pack_row.raw(SessionId{1})
      .u32(1)
      .u8(1)
      .u8(0)
      .u16(136)
      .u64(1000)
      .raw(pack.digest)
      .raw(pack.header)
      .raw(Bytes(56, 0));
  write("index/pack_row", 2, pack_row.bytes());
}

std::vector<Entry> entries() {
  std::vector<Entry> out(5);
  for (Entry& e : out) e.type = EntryType::kDirectory;
  out[1].path = "etc";
  out[1].xattrs = {{"user.note", to_bytes("x")}};
  out[2].path = "etc/link";
  out[2].type = EntryType::kSymlink;
  out[2].target = "../target";
  out[3].path = "etc/relation";
  out[3].type = EntryType::kFile;
  out[3].size = 3 * kPageBytes;
  out[3].extents = {{0, 8192, false, ChunkId{}, 0, 8192}, {8192, 16384, true, {}, 0, 0}};
  out[3].page_digests = Bytes(48, 5);
  out[3].link_group = 7;
  out[4].path = "z";
  out[4].type = EntryType::kHardLink;
  out[4].link_group = 7;
  out[4].target = "etc/relation";
  return out;
}

void trees(const Keys& keys) {
  std::vector<Bytes> chunks;
  const auto store = [&](ByteView chunk) -> Result<ChunkId> {
    chunks.push_back(to_bytes(chunk));
    return ChunkId{};
  };
  TreeWriter writer(gear_table(keys.chunker_key, kTreeGearInfo), kTreeChunker, store);
  for (const Entry& e : entries()) {
    if (!writer.add(e).has_value()) std::abort();
  }
  const TreeRoot root = writer.finish().value();
  write("tree/stream", 0, chunks.at(0));
  write("tree/index", 1, chunks.at(1));
  write("tree/root", 2, encode_root(root));
}

void configs(const Keys& keys) {
  fuzz::FixedEntropy entropy;
  Config config;
  config.vault = keys.vault;
  config.vault_public = keys.vault_public;
  config.admin_public = keys.admin_public;
  config.writers = {{keys.writer.public_key, "host"}};
  const SlotLock locks[] = {Passphrase{Secret("fuzz")}, KeyFile{Secret(Bytes(32, 7))}, keys.vault_public};
  for (const SlotLock& lock : locks) {
    config.slots.push_back(
        close_slot(entropy, keys, keys.writer, lock, config.next_slot++, Level::kAdmin, "slot", {8, 1})
            .value());
  }
  const Bytes object = encode_config(config, *keys.admin);
  write("config/object", 0, object);
  write("config/body", 1, ByteView(object).subspan(kHeaderBytes, object.size() - kHeaderBytes - 96));
}

}  // namespace
}  // namespace hf::vault

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: vault_corpus FOLDER\n");
    return 2;
  }
  hf::vault::g_folder = argv[1];
  const hf::vault::Keys keys = hf::vault::fuzz::fixed_keys();
  hf::vault::indexes(keys, hf::vault::packs(keys));
  hf::vault::trees(keys);
  hf::vault::parity(keys);
  hf::vault::blobs(keys);
  hf::vault::key_texts(keys);
  hf::vault::configs(keys);
  return 0;
}
