#include "vault/check/indexed_packs.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace hf::vault {

void ChunkSum::add(const PackEntry& entry) {
  const auto mixed = [](std::uint64_t v) {          // the end of splitmix64
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9ULL;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebULL;
    return v ^ (v >> 31);
  };
  std::array<std::uint64_t, 4> id{};
  std::memcpy(id.data(), entry.id.bytes.data(), sizeof id);
  const std::uint64_t place = mixed(std::uint64_t{entry.offset} << 32 | entry.stored_length);
  const std::uint64_t form = mixed(std::uint64_t{entry.plain_length} << 8 | entry.flags);
  low += mixed(id[0] ^ mixed(id[1] + place));
  high += mixed(id[2] ^ mixed(id[3] + form + place));
  ++count;
}

ChunkSum ChunkSum::of(const std::vector<PackEntry>& entries) {
  ChunkSum sum;
  for (const PackEntry& entry : entries) sum.add(entry);
  return sum;
}

Status IndexedPacks::read() {
  packs_.clear();
  chunks_ = 0;
  HF_ASSIGN(source_, ChunkSource::open(core_));
  for (const BrokenObject& broken : source_->broken()) findings_.damage(broken.object, broken.error.text);
  const std::vector<IndexRun>& runs = source_->index().runs();
  for (std::size_t r = 0; r < runs.size(); ++r) {
    Status whole = read_run(runs[r], r);
    if (!whole) HF_TRY(findings_.note(runs[r].name(), std::move(whole).error()));
  }
  return core_.store.list("index/", [&](const ObjectInfo& info) {
    read_bytes_ += info.size;
    return ok();
  });
}

Status IndexedPacks::read_again() {
  const std::map<PackName, IndexedPack> before = std::exchange(packs_, {});
  HF_TRY(read());
  for (auto& [name, pack] : packs_) {
    const auto known = before.find(name);
    if (known == before.end()) continue;
    pack.unusable = known->second.unusable;
    pack.bad = known->second.bad;
  }
  return ok();
}

Status IndexedPacks::read_run(const IndexRun& run, std::size_t number) {
  std::vector<IndexedPack*> rows;
  for (std::uint32_t row = 0; row < run.packs(); ++row) {
    HF_ASSIGN(IndexPack pack, run.pack(row));
    const PackName name = pack.name;
    IndexedPack& indexed = packs_[name];
    indexed.row = std::move(pack);
    indexed.chunks = {};                    // told by the last run that names it
    indexed.run = number;
    indexed.number = row;
    rows.push_back(&indexed);
  }
  Status whole = run.for_each([&](const IndexEntry& entry) -> Status {
    if (entry.pack >= rows.size())
      return make_error(ErrorKind::kCorrupt, run.name() + ": a row names a pack that it does not list");
    rows[entry.pack]->chunks.add(entry.chunk);
    ++chunks_;
    return ok();
  });
  for (IndexedPack* pack : rows) pack->partly_known = !whole;
  return whole;
}

IndexedPack* IndexedPacks::find(const PackName& name) {
  const auto known = packs_.find(name);
  return known == packs_.end() ? nullptr : &known->second;
}

Result<std::vector<std::vector<const IndexedPack*>>> IndexedPacks::rows() const {
  std::vector<std::vector<const IndexedPack*>> rows;
  for (const IndexRun& run : source_->index().runs()) {
    rows.emplace_back();
    for (std::uint32_t row = 0; row < run.packs(); ++row) {
      HF_ASSIGN(const IndexPack pack, run.pack(row));
      const auto known = packs_.find(pack.name);
      rows.back().push_back(known == packs_.end() ? nullptr : &known->second);
    }
  }
  return rows;
}

Result<std::vector<PackEntry>> IndexedPacks::chunks_of(const IndexedPack& pack) const {
  std::vector<PackEntry> chunks;
  HF_TRY(source_->index().runs()[pack.run].for_each([&](const IndexEntry& entry) {
    if (entry.pack == pack.number) chunks.push_back(entry.chunk);
    return ok();
  }));
  std::ranges::sort(chunks, {}, &PackEntry::offset);
  return chunks;
}

std::vector<PackName> IndexedPacks::mark_missing(const std::set<PackName>& present) {
  std::vector<PackName> missing;
  for (auto& [name, pack] : packs_) {
    if (present.contains(name)) continue;
    pack.unusable = true;
    missing.push_back(name);
  }
  return missing;
}

void IndexedPacks::tell(CheckReport& report) const {
  report.chunks = chunks_;
  report.read_bytes += read_bytes_;
}

}  // namespace hf::vault
