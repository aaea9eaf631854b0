// Copying to another store of the same vault: packs, then index runs, then commits, under leases there.
#include <algorithm>

#include "vault/blob.h"
#include "vault/chunk_source.h"
#include "vault/names.h"
#include "vault/parts.h"
#include "vault/wal_archive.h"
#include "vault/wal_objects.h"

namespace hf::vault {
namespace {

constexpr std::size_t kCommitsAtOnce = 64;     // leases held at one time

class Copier {
 public:
  Copier(Repository& from, Repository& to) : from_repository_(from), to_repository_(to), from_(from.core()), to_(to.core()) {}
  Result<CopyReport> run();

 private:
  Status copy_configs();
  static Result<std::set<std::uint64_t>> config_numbers(const Repository::Core& core);
  Status copy_commits(std::span<const CommittedRecord> commits);
  Status copy_index_and_packs(const Epoch& epoch);
  Status copy_packs(const IndexRun& run, const Epoch& epoch, std::set<std::string>& present);
  Status copy_run(const IndexRun& run);
  Status copy_wal();
  Status end_frames(const std::string& sealed, const std::set<std::string>& there);
  Status copy_attachments();
  Status copy_blob(const ObjectInfo& info, ObjectKind kind);
  Status report_lag();

  Repository& from_repository_;
  Repository& to_repository_;
  const Repository::Core& from_;
  const Repository::Core& to_;
  CopyReport report_;
};

Result<std::set<std::string>> names_in(const Repository::Core& core, const std::string& prefix) {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core.list(prefix));
  std::set<std::string> names;
  for (const ObjectInfo& info : objects) names.insert(info.name);
  return names;
}

Result<std::vector<CommittedRecord>> missing_commits(const Repository::Core& from, const Repository::Core& to) {
  HF_ASSIGN(std::vector<CommittedRecord> wanted, read_commits(from, nullptr));
  HF_ASSIGN(const std::vector<CommittedRecord> there, read_commits(to, nullptr));
  std::set<SnapshotId> ids;
  for (const CommittedRecord& c : there) ids.insert(c.id);
  std::erase_if(wanted, [&](const CommittedRecord& c) { return ids.contains(c.id); });
  return wanted;
}

Result<std::set<std::uint64_t>> Copier::config_numbers(const Repository::Core& core) {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core.list("config/"));
  std::set<std::uint64_t> out;
  for (const ObjectInfo& info : objects) {
    if (const auto number = parse_config_name(info.name)) out.insert(*number);
  }
  return out;
}

// A slot that was dropped here must not stay open there, nor come back from a copy that has not heard of it: only newer
// configs are copied, and older ones go where they went here.
Status Copier::copy_configs() {
  HF_ASSIGN(const std::set<std::uint64_t> there, config_numbers(to_));
  HF_ASSIGN(const std::set<std::uint64_t> here, config_numbers(from_));
  for (const std::uint64_t number : here) {
    if (!there.empty() && number <= *there.rbegin()) continue;
    const std::string name = config_name(number);
    HF_ASSIGN(const Bytes bytes, from_.store.get(name));
    HF_TRY(parse_config(bytes, name));
    HF_TRY(to_.create_once(name, bytes));
  }
  for (const std::uint64_t number : there) {
    if (here.contains(number) || here.empty() || number >= *here.rbegin()) continue;
    Status removed = to_.store.remove(config_name(number));
    if (!removed && removed.error().kind != ErrorKind::kNotFound) return removed;
  }
  return ok();
}

Status Copier::copy_packs(const IndexRun& run, const Epoch& epoch, std::set<std::string>& present) {
  for (std::uint32_t row = 0; row < run.packs(); ++row) {
    HF_ASSIGN(const IndexPack pack, run.pack(row));
    const std::string object = pack_object_name(pack.name);
    if (epoch.forbids(pack.name)) {
      return make_error(ErrorKind::kBlocked,
                        object + " is being collected in " + to_.store.properties().place)
          .with_object(object)
          .with_hint("Run `holdfast vault prune` there to its end, then copy again.");
    }
    if (present.contains(object)) continue;
    HF_ASSIGN(const Bytes bytes, from_.store.get(object));
    if (bytes.size() != pack.size || pack_digest(bytes) != pack.digest) {
      return make_error(ErrorKind::kCorrupt,
                        object + ": its bytes are not those that were written, and it is not copied")
          .with_object(object)
          .with_hint("Run `holdfast vault check --read-data` on " + from_.store.properties().place + ".");
    }
    HF_TRY(to_.create_once(object, bytes));
    present.insert(object);
    ++report_.packs;
    report_.copied_bytes += bytes.size();
  }
  return ok();
}

Status Copier::copy_run(const IndexRun& run) {
  HF_TRY(run.for_each([](const IndexEntry&) { return ok(); }));     // every block is proven before it is copied
  HF_ASSIGN(const Bytes bytes, from_.store.get(run.name()));
  HF_TRY(to_.create_once(run.name(), bytes));
  report_.copied_bytes += bytes.size();
  return ok();
}

Status Copier::copy_index_and_packs(const Epoch& epoch) {
  HF_ASSIGN(const std::unique_ptr<ChunkSource> source, ChunkSource::open(from_));
  if (!source->broken().empty()) return Error(source->broken().front().error);
  HF_ASSIGN(std::set<std::string> packs, names_in(to_, "packs/"));
  HF_ASSIGN(const std::set<std::string> runs, names_in(to_, "index/"));
  for (const IndexRun& run : source->index().runs()) {
    HF_TRY(copy_packs(run, epoch, packs));
    if (!runs.contains(run.name())) HF_TRY(copy_run(run));
  }
  return ok();
}

// A lease for each commit, opened before anything is copied for it.
Status Copier::copy_commits(std::span<const CommittedRecord> commits) {
  std::vector<std::unique_ptr<Lease>> leases;
  const auto give_up = [&](Error error) {
    for (auto& lease : leases) {
      if (lease) lease->give_up();
    }
    return error;
  };
  for (std::size_t i = 0; i < commits.size(); ++i) {
    auto lease = Lease::open(to_);
    if (!lease) return give_up(std::move(lease).error());
    leases.push_back(std::move(*lease));
  }
  Status copied = copy_index_and_packs(leases.back()->epoch());     // the newest of those that they read
  if (!copied) return give_up(std::move(copied).error());
  for (std::size_t i = 0; i < commits.size(); ++i) {
    const std::unique_ptr<Lease> lease = std::move(leases[i]);
    Status decided = verify_sealed_record(commits[i].sealed, commits[i].object, from_.writers);
    if (!decided) lease->give_up();
    if (decided) decided = lease->decide(commits[i].sealed);
    if (!decided) return give_up(std::move(decided).error());
    auto number = write_commit(to_, commits[i].sealed, lease->epoch().highest_commit);
    if (!number) return give_up(std::move(number).error());
    Status removed = lease->remove();
    if (!removed) return give_up(std::move(removed).error());
    ++report_.commits;
    report_.copied_bytes += commits[i].sealed.size();
  }
  return ok();
}

Status Copier::copy_blob(const ObjectInfo& info, ObjectKind kind) {
  auto bytes = from_.store.get(info.name);
  if (!bytes && bytes.error().kind == ErrorKind::kNotFound) return ok();    // a frame that was sealed meanwhile
  if (!bytes) return std::move(bytes).error();
  HF_ASSIGN(const BlobHead head, parse_blob_head(*bytes, bytes->size(), kind, info.name, from_.writers));
  HF_TRY(verify_blob_data(head, ByteView(*bytes).subspan(static_cast<std::size_t>(head.size)), info.name));
  HF_TRY(to_.create_once(info.name, *bytes));
  report_.copied_bytes += bytes->size();
  return ok();
}

// The copy may have frames of a segment that came sealed now.
Status Copier::end_frames(const std::string& sealed, const std::set<std::string>& there) {
  const std::string prefix = sealed.substr(0, sealed.rfind('/') + 1);
  const auto first = there.lower_bound(prefix);
  if (first == there.end() || !first->starts_with(prefix) || !to_.keys.can_read()) return ok();
  HF_ASSIGN(const Blob blob, read_blob(to_.store, sealed, ObjectKind::kWalSegment, to_.keys, to_.writers));
  HF_ASSIGN(const WalMeta meta, decode_wal_meta(blob.opened.metadata));
  return WalArchive(to_repository_)
      .seal_segment(meta.system_id, meta.timeline, meta.start.value / meta.segment_size, meta.segment_size);
}

Status Copier::copy_wal() {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, from_.list("wal/"));
  HF_ASSIGN(const std::set<std::string> there, names_in(to_, "wal/"));
  for (const ObjectInfo& info : objects) {
    const auto name = parse_wal_name(info.name);
    if (!name || there.contains(info.name)) continue;
    if (name->part == WalPart::kFrame && there.contains(info.name.substr(0, info.name.rfind('/')) + "/sealed")) continue;
    HF_TRY(copy_blob(info, kind_of_wal_part(name->part)));
    ++report_.wal_objects;
    if (name->part == WalPart::kSealed) HF_TRY(end_frames(info.name, there));
  }
  return ok();
}

Status Copier::copy_attachments() {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, from_.list("attach/"));
  HF_ASSIGN(const std::set<std::string> there, names_in(to_, "attach/"));
  for (const ObjectInfo& info : objects) {
    if (there.contains(info.name)) continue;
    HF_TRY(copy_blob(info, ObjectKind::kAttachment));
    ++report_.attachments;
  }
  return ok();
}

Status Copier::report_lag() {
  HF_ASSIGN(const std::vector<CommittedRecord> missing, missing_commits(from_, to_));
  report_.snapshots_behind = missing.size();
  if (!to_.keys.can_read()) return ok();
  HF_ASSIGN(const std::vector<SnapshotInfo> snapshots, to_repository_.snapshots());
  for (const SnapshotInfo& info : snapshots) {
    if (!report_.newest_snapshot || info.started > *report_.newest_snapshot) report_.newest_snapshot = info.started;
  }
  return ok();
}

Result<CopyReport> Copier::run() {
  if (from_.config.vault != to_.config.vault) {
    return make_error(ErrorKind::kInvalid, to_.store.properties().place +
                                               " is another vault, not a copy of " +
                                               from_.store.properties().place)
        .with_hint("Make the copy in an empty place: `holdfast vault init --copy-of URL --vault URL2`.");
  }
  if (from_.store_id == to_.store_id) return make_error(ErrorKind::kInvalid, "the vault cannot be copied to itself");
  HF_TRY(to_.check_writable());
  HF_TRY(copy_configs());
  HF_TRY(finish_committed_leases(to_, false));
  HF_ASSIGN(const std::vector<CommittedRecord> missing, missing_commits(from_, to_));
  for (std::size_t i = 0; i < missing.size(); i += kCommitsAtOnce) {
    HF_TRY(copy_commits(std::span(missing).subspan(i, std::min(kCommitsAtOnce, missing.size() - i))));
  }
  HF_TRY(copy_wal());
  HF_TRY(copy_attachments());
  HF_TRY(report_lag());
  return report_;
}

}  // namespace

Result<CopyReport> copy_vault(Repository& from, Repository& to) { return Copier(from, to).run(); }

}  // namespace hf::vault
