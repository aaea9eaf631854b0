#include "vault/check/rebuild.h"

#include <algorithm>

#include "base/hex.h"
#include "vault/check/heal.h"
#include "vault/chunk_source.h"
#include "vault/collect/collect.h"
#include "vault/object/names.h"
#include "vault/pack/record_reader.h"
#include "vault/parts.h"

namespace hf::vault {
namespace {

constexpr std::size_t kRebuiltRunChunks = 200'000;          // of one new index run

class Rebuilder {
 public:
  Rebuilder(Repository& repository, const RebuildOptions& options)
      : core_(repository.core()), options_(options), healer_(core_, {}) {}

  Result<RebuildReport> run() {
    HF_TRY(core_.check_writable());
    if (!core_.keys.can_read()) {
      return make_error(ErrorKind::kDenied, "packs are opened to rebuild their index, and this credential may only write")
          .with_hint("Use a passphrase or key of level 'read' or 'admin'.");
    }
    HF_ASSIGN(lease_, Lease::open(core_));
    Status done = rebuild_index();
    lease_->give_up();                               // it refers to nothing: its runs are found by their names
    HF_TRY(std::move(done));
    if (options_.snapshots) HF_TRY(rebuild_snapshots());
    return std::move(report_);
  }

 private:
  Status rebuild_index() {
    core_.progress.phase("reading the index");
    HF_ASSIGN(const std::unique_ptr<ChunkSource> source, ChunkSource::open(core_));
    std::set<PackName> named;
    for (const IndexRun& run : source->index().runs()) HF_TRY(add_named(run, named));
    HF_ASSIGN(const std::vector<SessionState> sessions, read_sessions(core_));
    std::set<SessionId> under_way;
    for (const SessionState& s : sessions) {
      if (s.open && !s.fate) under_way.insert(s.session);
    }
    HF_ASSIGN(const std::set<PackName> gone, gone_for_good(core_, lease_->epoch()));
    HF_ASSIGN(const std::vector<ObjectInfo> objects, core_.list("packs/"));
    std::vector<PackName> unnamed;
    Totals all;
    for (const ObjectInfo& info : objects) {
      const auto name = parse_pack_name(info.name);
      if (!name) continue;
      ++report_.packs;
      if (named.contains(*name) || gone.contains(*name) || under_way.contains(name->session)) continue;
      unnamed.push_back(*name);
      all.bytes += info.size;
    }
    all.packs = unnamed.size();
    core_.progress.phase("reading packs", all);
    for (const PackName& name : unnamed) {
      HF_TRY(index_pack(name));
      core_.progress.add(Counted::kPacks);
      HF_TRY(lease_->beat_if_due());
      if (run_.chunks() >= kRebuiltRunChunks) HF_TRY(write_run());
    }
    HF_TRY(write_run());
    // Every pack that exists is in a run that opens now.
    broken_.insert(broken_.end(), source->broken().begin(), source->broken().end());
    for (const BrokenObject& broken : broken_) {
      if (broken.error.kind != ErrorKind::kCorrupt) continue;
      HF_TRY(core_.store.remove(broken.object));
      ++report_.removed_runs;
    }
    return ok();
  }

  // A run that opens may still have damaged blocks: then none of its packs counts as named, and it goes too.
  Status add_named(const IndexRun& run, std::set<PackName>& named) {
    std::vector<PackName> packs;
    const auto read = [&]() -> Status {
      for (std::uint32_t row = 0; row < run.packs(); ++row) {
        HF_ASSIGN(const IndexPack pack, run.pack(row));
        packs.push_back(pack.name);
      }
      return run.for_each([](const IndexEntry&) { return ok(); });
    };
    Status whole = read();
    if (whole) named.insert(packs.begin(), packs.end());
    else if (whole.error().kind == ErrorKind::kCorrupt) broken_.push_back({run.name(), std::move(whole).error()});
    else return whole;
    return ok();
  }

  Status index_pack(const PackName& name) {
    const std::string object = pack_object_name(name);
    HF_ASSIGN(Bytes bytes, core_.store.get(object));
    report_.read_bytes += bytes.size();
    core_.progress.add(Counted::kBytes, bytes.size());
    std::string why;
    FinishedPack pack = prove(object, bytes, why);
    if (!why.empty()) {
      auto healed = healer_.heal_pack(object, nullptr, why);
      if (healed) {
        report_.healed.push_back(std::move(*healed));
        HF_ASSIGN(bytes, core_.store.get(object));
        why.clear();
        pack = prove(object, bytes, why);
      } else if (healed.error().kind != ErrorKind::kCorrupt) {
        return std::move(healed).error();
      }
    }
    if (!why.empty()) {
      Damage damage;
      damage.object = object;
      damage.why = why;
      report_.damaged.push_back(std::move(damage));
    }
    if (pack.entries.empty()) return ok();
    report_.indexed_chunks += pack.entries.size();
    ++report_.indexed_packs;
    if (why.empty()) {
      run_.add(name, pack);
      return ok();
    }
    // Alone in its run: who heals the pack replaces it (Healer::index_anew).
    HF_TRY(write_run());
    run_.add(name, pack);
    return write_run();
  }

  // The chunks that are what their ids say; `why` if those are not all.
  FinishedPack prove(const std::string& object, ByteView bytes, std::string& why) {
    FinishedPack out;
    auto opened = read_pack_directory(memory_range(bytes), bytes.size(), core_.keys, object);
    if (!opened) {
      why = opened.error().text;
      return out;
    }
    out.kind = opened->key.kind;
    out.size = bytes.size();
    out.digest = pack_digest(bytes);
    out.header = opened->header;
    const auto each = [&](std::size_t i, const Result<ByteView>& plain) {
      if (plain) out.entries.push_back(opened->entries[i]);
      else why = plain.error().text;
      return ok();
    };
    Status read = records_.read(opened->key, opened->entries, 0, bytes, object, each);
    if (!read) why = read.error().text;
    std::ranges::sort(out.entries, {}, &PackEntry::offset);
    return out;
  }

  Status write_run() {
    if (run_.empty()) return ok();
    const std::string name = index_name(lease_->session(), next_run_++);
    HF_ASSIGN(const Bytes bytes, std::exchange(run_, IndexRunWriter()).finish(core_.entropy, core_.keys, name));
    return core_.create_once(name, bytes);
  }

  // Notes lie in metadata packs, one for each snapshot that stored anything.
  Status rebuild_snapshots() {
    core_.progress.phase("looking for snapshots");
    HF_ASSIGN(source_, ChunkSource::open(core_));
    std::set<Bytes> there;                           // notes of snapshots that have a commit
    HF_ASSIGN(const std::vector<CommittedRecord> commits, read_commits(core_, nullptr));
    for (const CommittedRecord& commit : commits) {
      HF_ASSIGN(const SnapshotRecord record, open_record(commit.sealed, commit.object, core_.keys, core_.writers));
      there.insert(encode_snapshot_note(record));
    }
    HF_ASSIGN(std::vector<SnapshotRecord> found, find_notes(there));
    std::ranges::stable_sort(found, {}, [](const SnapshotRecord& r) { return r.info.started; });
    for (const SnapshotRecord& record : found) {
      if (!whole(record)) continue;                  // of one that was forgotten, and is partly gone
      HF_TRY(commit(record));
    }
    return ok();
  }

  Result<std::vector<SnapshotRecord>> find_notes(std::set<Bytes>& seen) {
    std::vector<SnapshotRecord> out;
    for (const IndexRun& run : source_->index().runs()) {
      std::map<std::uint32_t, std::vector<PackEntry>> entries;
      for (std::uint32_t row = 0; row < run.packs(); ++row) {
        HF_ASSIGN(const IndexPack pack, run.pack(row));
        if (pack.kind == PackKind::kMetadata) entries[row];
      }
      HF_TRY(run.for_each([&](const IndexEntry& entry) {
        const auto at = entries.find(entry.pack);
        if (at != entries.end() && entry.chunk.plain_length <= kMaxSnapshotNote) at->second.push_back(entry.chunk);
        return ok();
      }));
      for (const auto& [row, chunks] : entries) {
        for (const PackEntry& chunk : chunks) {
          auto bytes = source_->read(chunk.id);
          if (!bytes && bytes.error().kind != ErrorKind::kCorrupt && bytes.error().kind != ErrorKind::kNotFound)
            return std::move(bytes).error();
          auto record = bytes ? decode_snapshot_note(*bytes) : std::nullopt;
          if (record && seen.insert(*bytes).second) out.push_back(std::move(*record));
        }
      }
    }
    return out;
  }

  // Every chunk of it lies in a pack that exists.
  bool whole(const SnapshotRecord& record) {
    const auto there = [&](const ChunkId& id) { return source_->locate(id).has_value(); };
    auto tree = TreeReader::open(record.tree, source_->fetcher());
    if (!tree) return false;
    while (true) {
      auto entry = tree->next();
      if (!entry) return false;
      if (!*entry) return true;
      for (const Extent& extent : (*entry)->extents) {
        if (!extent.hole && !there(extent.chunk)) return false;
      }
      for (const ChunkRef& chunk : (*entry)->page_digest_chunks) {
        if (!there(chunk.id)) return false;
      }
    }
  }

  Status commit(const SnapshotRecord& record) {
    HF_ASSIGN(const Bytes sealed, seal_record(core_.entropy, core_.keys, record));
    HF_ASSIGN(const std::unique_ptr<Lease> lease, Lease::open(core_));
    HF_TRY(lease->decide(sealed));
    HF_TRY(write_commit(core_, sealed, lease->epoch().highest_commit));
    HF_TRY(lease->remove());
    report_.snapshots.push_back({to_hex(id_of_sealed(sealed)), record.info.meta.component, record.info.started});
    return ok();
  }

  const Repository::Core& core_;
  const RebuildOptions& options_;
  Healer healer_;
  RecordReader records_{core_.hasher};
  std::unique_ptr<Lease> lease_;
  std::unique_ptr<ChunkSource> source_;
  std::vector<BrokenObject> broken_;
  IndexRunWriter run_;
  std::uint32_t next_run_ = 0;
  RebuildReport report_;
};

}  // namespace

Result<RebuildReport> rebuild_vault(Repository& repository, const RebuildOptions& options) {
  return Rebuilder(repository, options).run();
}

}  // namespace hf::vault
