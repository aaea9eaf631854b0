// Checking a vault: every object is looked at, every snapshot's chunks are found, and damage is named with what it hits.
#include "vault/check/blob_check.h"
#include "vault/check/pack_pass.h"
#include "vault/check/repairs.h"
#include "vault/check/small_object_check.h"
#include "vault/check/snapshot_check.h"
#include "vault/parts.h"

namespace hf::vault {
namespace {

constexpr int kAttempts = 3;                      // while other writers move what is being checked

class Checker {
 public:
  Checker(Repository& repository, const CheckOptions& options) : core_(repository.core()), choice_(options), options_(options) {}
  Result<CheckReport> run();

 private:
  Status check_snapshots();
  Result<std::vector<CommittedRecord>> read_all_commits();
  CheckReport report();

  const Repository::Core& core_;
  const ReadChoice choice_;
  const CheckOptions& options_;
  Findings findings_;
  IndexedPacks packs_{core_, findings_};
  Repairs repairs_{core_, options_, packs_, findings_};
  SmallObjectCheck small_objects_{core_, findings_};
  BlobCheck blobs_{core_, choice_, findings_};
  PackPass pack_pass_{core_, choice_, packs_, blobs_, findings_};
  SnapshotCheck snapshots_{core_, packs_, findings_};
};

Result<CheckReport> Checker::run() {
  core_.progress.phase("checking leases and epochs");
  HF_TRY(small_objects_.check_all());
  HF_TRY(repairs_.heal(""));
  core_.progress.phase("reading the index");
  HF_TRY(packs_.read());
  HF_ASSIGN(const bool runs_healed, repairs_.heal("index/"));
  if (runs_healed) HF_TRY(packs_.read());
  HF_TRY(pack_pass_.run());
  HF_TRY(repairs_.heal("packs/"));
  if (repairs_.reindexed()) HF_TRY(packs_.read_again());
  HF_TRY(check_snapshots());
  if (!choice_.by_rank()) HF_TRY(blobs_.check_all());         // else among the packs
  core_.progress.phase("summing up");
  HF_TRY(repairs_.heal(""));
  HF_TRY(repairs_.set_aside());
  HF_TRY(repairs_.remove_leftovers());
  return report();
}

// Who reads by rank comes again and again: trees are walked only to tell what damage hits.
Status Checker::check_snapshots() {
  const bool walked = !choice_.by_rank() || !findings_.empty();
  HF_ASSIGN(const std::vector<CommittedRecord> commits, read_all_commits());
  return walked ? snapshots_.check(commits) : ok();
}

Result<std::vector<CommittedRecord>> Checker::read_all_commits() {
  std::vector<BrokenObject> broken;
  HF_ASSIGN(std::vector<CommittedRecord> commits, read_commits(core_, &broken));
  for (const BrokenObject& b : broken) findings_.damage(b.object, b.error.text);
  HF_ASSIGN(const bool healed, repairs_.heal("commits/"));
  if (!healed) return commits;
  return read_commits(core_, &broken);
}

CheckReport Checker::report() {
  CheckReport report;
  small_objects_.tell(report);
  packs_.tell(report);
  pack_pass_.tell(report);
  snapshots_.tell(report);
  blobs_.tell(report);
  repairs_.tell(report);
  findings_.tell(report);
  return report;
}

// What decides which objects have to be there.
struct Moment {
  std::vector<std::string> names;              // of epochs, commits, leases' fates and index runs
  friend bool operator==(const Moment&, const Moment&) = default;
};

Result<Moment> this_moment(const Repository::Core& core) {
  Moment now;
  for (const char* prefix : {"epoch/", "commits/", "index/"}) {
    HF_TRY(core.store.list(prefix, [&](const ObjectInfo& info) {
      now.names.push_back(info.name);
      return ok();
    }));
  }
  return now;
}

}  // namespace

// Damage that was found while snapshots came and went, or packs were repacked, may be no more than that: looked at again.
Result<CheckReport> check_vault(Repository& repository, const CheckOptions& options) {
  for (int attempt = 1;; ++attempt) {
    HF_ASSIGN(const Moment before, this_moment(repository.core()));
    auto report = Checker(repository, options).run();
    if (attempt == kAttempts || (report && (report->damaged.empty() || options.repair))) return report;
    if (!report && report.error().kind != ErrorKind::kNotFound && report.error().kind != ErrorKind::kCorrupt) return report;
    HF_ASSIGN(const Moment after, this_moment(repository.core()));
    if (before == after) return report;
  }
}

}  // namespace hf::vault
