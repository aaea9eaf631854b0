#include "sources/files/wanted.h"

#include <algorithm>

namespace hf::sources {
namespace {

using vault::Entry;
using vault::EntryType;

bool is_folder(EntryType type) { return type == EntryType::kDirectory; }
bool is_leaf(EntryType type) { return type != EntryType::kDirectory; }
bool is_other(EntryType type) { return type != EntryType::kDirectory && type != EntryType::kFile; }
bool may_be_file(EntryType type) { return type == EntryType::kFile || type == EntryType::kHardLink; }

}  // namespace

// A link whose first name was not chosen: the first such link is the file, others of that group then lead to it.
Result<Entry> WantedEntries::resolved(Entry link) {
  if (everything() || first_names_.contains(link.target)) return link;
  auto it = stand_ins_.find(link.target);
  if (it == stand_ins_.end()) {
    HF_ASSIGN(Entry first, reader_.find_entry(link.target));
    first.path = std::move(link.path);
    it = stand_ins_.emplace(std::move(link.target), std::move(first)).first;
    return it->second;
  }
  if (it->second.path == link.path) return it->second;
  link.target = it->second.path;
  return link;
}

Status WantedEntries::walk(const TreeSelection::OfType& of_type, const Take& take) {
  return selection_.each(reader_, of_type, [&](Entry entry) -> Status {
    if (entry.type == EntryType::kHardLink) {
      HF_ASSIGN(Entry found, resolved(std::move(entry)));
      return take(std::move(found));
    }
    if (entry.link_group != 0 && !everything()) first_names_.insert(entry.path);
    return take(std::move(entry));
  });
}

Status WantedEntries::each(const Take& take) { return walk(nullptr, take); }
Status WantedEntries::each_folder(const Take& take) { return walk(is_folder, take); }
Status WantedEntries::each_leaf(bool files, const Take& take) { return walk(files ? is_leaf : is_other, take); }

Status WantedEntries::each_batch(std::size_t pieces, const Leave& leave, FileBatches::Take take) {
  FileBatches batches(pieces, std::move(take));
  std::uint64_t next = 0;
  HF_TRY(walk(may_be_file, [&](Entry entry) -> Status {
    if (entry.type != EntryType::kFile) return ok();
    const std::uint64_t number = next++;
    return leave(number, entry) ? ok() : batches.add({number, std::move(entry)});
  }));
  return batches.finish();
}

Status FileBatches::add(NumberedFile file) {
  const std::size_t more = std::max<std::size_t>(file.entry.extents.size(), 1);
  if (held_ + more > pieces_) HF_TRY(finish());
  held_ += more;
  batch_.push_back(std::move(file));
  return ok();
}

Status FileBatches::finish() {
  if (!batch_.empty()) HF_TRY(take_(batch_));
  batch_.clear();
  held_ = 0;
  return ok();
}

Status Presence::add(const Entry& entry) {
  for (const vault::Extent& extent : entry.extents) {
    if (extent.hole) continue;
    chunks_.push_back(extent.chunk);
    if (chunks_.size() >= vault::kRequiredAtOnce) HF_TRY(prove());
  }
  return ok();
}

Status Presence::prove() {
  HF_TRY(reader_.require(chunks_));
  chunks_.clear();
  return ok();
}

}  // namespace hf::sources
