#include "vault/pack/record_reader.h"

namespace hf::vault {
namespace {

constexpr std::size_t kProveBytes = 1u << 20;      // opened before they are hashed: what a core's cache holds
constexpr std::size_t kProveRecords = 1024;

}  // namespace

Status RecordReader::read(const PackKey& key, std::span<const PackEntry> entries, std::uint64_t begin, ByteView stored,
                          std::string_view object, const Each& each) {
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const PackEntry& entry = entries[i];
    const bool inside = entry.offset >= begin && entry.offset - begin + entry.stored_length <= stored.size();
    if (!inside || entry.plain_length > kMaxChunkBytes) {
      HF_TRY(each(i, make_error(ErrorKind::kCorrupt, std::string(object) + ": a record reaches past what is there")));
      continue;
    }
    if (memory_.size() < used_ + entry.plain_length) {
      HF_TRY(prove(entries, object, each));        // views into the memory end here
      if (memory_.size() < entry.plain_length) memory_.resize(std::max<std::size_t>(entry.plain_length, 2 * kProveBytes));
    }
    const Status done = decode_chunk(key, entry, stored.subspan(entry.offset - begin, entry.stored_length), decompressor_,
                                     scratch_, MutableByteView(memory_).subspan(used_, entry.plain_length), object);
    if (!done) {
      HF_TRY(each(i, Error(done.error()).with_object(std::string(object))));
      continue;
    }
    opened_.push_back({i, used_});
    used_ += entry.plain_length;
    if (used_ >= kProveBytes || opened_.size() >= kProveRecords) HF_TRY(prove(entries, object, each));
  }
  return prove(entries, object, each);
}

Status RecordReader::prove(std::span<const PackEntry> entries, std::string_view object, const Each& each) {
  views_.clear();
  for (const Opened& o : opened_) views_.push_back(ByteView(memory_).subspan(o.at, entries[o.entry].plain_length));
  ids_.resize(views_.size());
  hasher_.ids(views_, ids_);
  const std::vector<Opened> opened = std::exchange(opened_, {});
  used_ = 0;
  for (std::size_t i = 0; i < opened.size(); ++i) {
    const PackEntry& entry = entries[opened[i].entry];
    if (ids_[i] == entry.id) HF_TRY(each(opened[i].entry, views_[i]));
    else HF_TRY(each(opened[i].entry, wrong_id(entry, object)));
  }
  return ok();
}

}  // namespace hf::vault
