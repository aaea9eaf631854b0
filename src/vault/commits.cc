// Commits and leases: the protocol of docs/format/vault-protocol.md, in the order that it gives.
#include <algorithm>

#include "base/hex.h"
#include "vault/core.h"
#include "vault/object/names.h"
#include "vault/snapshot_record.h"

namespace hf::vault {
namespace {

constexpr Micros kBeatEvery = 20s;
constexpr int kCommitAttempts = 10000;    // numbers taken by others between our listing and our turn

// Keeps the error for check, or gives it to the caller.
Status set_aside(std::vector<BrokenObject>* broken, const std::string& object, Error error) {
  if (error.kind == ErrorKind::kNotFound) return ok();        // removed since the listing
  const bool of_the_object = error.kind == ErrorKind::kCorrupt || error.kind == ErrorKind::kUnsupported;
  if (broken == nullptr || !of_the_object) return error;
  broken->push_back({object, std::move(error)});
  return ok();
}

Status collect_fates(const Repository::Core& core, std::vector<CommittedRecord>& out, std::set<SnapshotId>& forgotten,
                     std::vector<BrokenObject>* broken) {
  HF_ASSIGN(const std::vector<ObjectInfo> leases, core.list("leases/"));
  for (const ObjectInfo& info : leases) {
    const auto lease = parse_lease_name(info.name);
    if (!lease || (lease->part != "fate" && lease->part != "forgotten")) continue;
    auto fate = read_fate(core, info.name);
    if (!fate) {
      HF_TRY(set_aside(broken, info.name, std::move(fate).error()));
      continue;
    }
    if (fate->verdict == Verdict::kForgotten && fate->sealed_record.size() == sizeof(SnapshotId)) {
      forgotten.insert(to_array<sizeof(SnapshotId)>(fate->sealed_record));
    }
    if (fate->verdict != Verdict::kCommitted || lease->part != "fate") continue;
    const SnapshotId id = id_of_sealed(fate->sealed_record);
    out.push_back({0, info.name, std::move(fate->sealed_record), id, info.modified});
  }
  return ok();
}

Status collect_commits(const Repository::Core& core, std::vector<CommittedRecord>& out, std::vector<BrokenObject>* broken) {
  HF_ASSIGN(const std::vector<ObjectInfo> commits, core.list("commits/"));
  for (const ObjectInfo& info : commits) {
    const auto number = parse_commit_name(info.name);
    if (!number) continue;
    auto object = core.read_signed(info.name, ObjectKind::kCommit);
    if (!object) {
      HF_TRY(set_aside(broken, info.name, std::move(object).error()));
      continue;
    }
    const SnapshotId id = id_of_sealed(object->body);
    out.push_back({*number, info.name, std::move(object->body), id, info.modified});
  }
  return ok();
}

}  // namespace

Result<LeaseFate> read_fate(const Repository::Core& core, const std::string& name) {
  HF_ASSIGN(SignedObject object, core.read_signed(name, ObjectKind::kLeaseFate));
  auto fate = decode_fate(object.body);
  if (!fate) return Error(std::move(fate).error()).with_context(name).with_object(name);
  return fate;
}

Status create_mark(const Repository::Core& core, const SessionId& session, Verdict verdict, const SnapshotId& id) {
  LeaseFate mark;
  core.entropy.fill(mark.nonce);
  mark.host = core.host_tag;
  mark.verdict = verdict;
  mark.sealed_record = verdict == Verdict::kFenced ? Bytes() : to_bytes(ByteView(id));
  const char* part = verdict == Verdict::kTaken ? "taken" : verdict == Verdict::kForgotten ? "forgotten" : "fate";
  const std::string name = lease_name(session, part);
  Status created = core.create_once(name, core.make_signed(name, ObjectKind::kLeaseFate, encode_fate(mark)));
  if (!created && created.error().kind == ErrorKind::kExists) return ok();
  return created;
}

Result<std::vector<CommittedRecord>> read_commits(const Repository::Core& core, std::vector<BrokenObject>* broken) {
  std::vector<CommittedRecord> fates;
  std::set<SnapshotId> forgotten;
  HF_TRY(collect_fates(core, fates, forgotten, broken));
  std::vector<CommittedRecord> all;
  HF_TRY(collect_commits(core, all, broken));
  std::set<SnapshotId> seen;
  std::erase_if(all, [&](const CommittedRecord& c) { return forgotten.contains(c.id) || !seen.insert(c.id).second; });
  for (CommittedRecord& fate : fates) {
    if (seen.insert(fate.id).second) all.push_back(std::move(fate));
  }
  return all;
}

Result<Epoch> read_newest_epoch(const Repository::Core& core) {
  HF_ASSIGN(const std::vector<ObjectInfo> epochs, core.list("epoch/"));
  std::optional<std::uint64_t> newest;
  for (const ObjectInfo& info : epochs) {
    const auto number = parse_epoch_name(info.name);
    if (number && (!newest || *number > *newest)) newest = number;
  }
  if (!newest) return Epoch{};
  const std::string name = epoch_name(*newest);
  HF_ASSIGN(SignedObject object, core.read_signed(name, ObjectKind::kEpoch));
  auto epoch = decode_epoch(object.body);
  if (!epoch) return Error(std::move(epoch).error()).with_context(name).with_object(name);
  if (epoch->number != *newest) return make_error(ErrorKind::kCorrupt, name + ": says another number").with_object(name);
  return epoch;
}

Result<std::uint64_t> write_commit(const Repository::Core& core, ByteView sealed, std::uint64_t highest_in_epoch) {
  HF_ASSIGN(const std::vector<ObjectInfo> commits, core.list("commits/"));
  std::uint64_t number = highest_in_epoch;
  for (const ObjectInfo& info : commits) number = std::max(number, parse_commit_name(info.name).value_or(0));
  for (int attempt = 0; attempt < kCommitAttempts; ++attempt) {
    const std::string name = commit_name(++number);
    Status created = core.create_once(name, core.make_signed(name, ObjectKind::kCommit, sealed));
    if (created) return number;
    if (created.error().kind != ErrorKind::kExists) return Error(std::move(created).error());
    // Taken: by another session, or for this very record by who finished our lease for us.
    auto object = core.read_signed(name, ObjectKind::kCommit);
    if (object && std::ranges::equal(object->body, sealed)) return number;
  }
  return make_error(ErrorKind::kBusy, "no free commit number found");
}

Result<std::unique_ptr<Lease>> Lease::open(const Repository::Core& core) {
  std::unique_ptr<Lease> lease(new Lease(core));
  core.entropy.fill(lease->session_);
  LeaseOpen open;
  core.entropy.fill(open.nonce);
  open.host = core.host_tag;
  open.opened = core.clock.wall();
  const std::string name = lease_name(lease->session_, "open");
  HF_TRY(core.create_once(name, core.make_signed(name, ObjectKind::kLeaseOpen, encode_open(open))));
  auto epoch = read_newest_epoch(core);          // only now: a later epoch finds this lease
  if (!epoch) {
    lease->give_up();
    return std::move(epoch).error();
  }
  lease->epoch_ = std::move(*epoch);
  lease->beat_.epoch = lease->epoch_.number;
  Status beat = lease->write_beat();
  if (!beat) {
    lease->give_up();
    return std::move(beat).error();
  }
  return lease;
}

Status Lease::write_beat() {
  ++beat_.count;
  last_beat_ = core_.clock.mono();
  const std::string name = lease_name(session_, "beat");
  return core_.store.put(name, core_.make_signed(name, ObjectKind::kLeaseBeat, encode_beat(beat_)), PutMode::kReplace);
}

Status Lease::beat_if_due() {
  if (core_.clock.mono() - last_beat_ < kBeatEvery) return ok();
  Status beat = write_beat();
  if (!beat) core_.log.warning("vault", "lease beat failed", {{"error", beat.error().text}});
  return ok();
}

Status Lease::decide(ByteView sealed) const {
  LeaseFate fate;
  core_.entropy.fill(fate.nonce);
  fate.host = core_.host_tag;
  fate.verdict = Verdict::kCommitted;
  fate.sealed_record = to_bytes(sealed);
  const std::string name = lease_name(session_, "fate");
  Status created = core_.create_once(name, core_.make_signed(name, ObjectKind::kLeaseFate, encode_fate(fate)));
  if (created || created.error().kind != ErrorKind::kExists) return created;
  return make_error(ErrorKind::kBlocked, "a collector ended this session: it had not shown a beat for too long")
      .with_hint("Run the backup again: what it uploaded is used where it still may be.");
}

Status Lease::remove() const {
  for (const char* part : {"beat", "open", "fate"}) HF_TRY(core_.store.remove(lease_name(session_, part)));
  return ok();
}

void Lease::give_up() const {
  // Not the fate: a fence by a collector stays for ever.
  for (const char* part : {"beat", "open"}) (void)core_.store.remove(lease_name(session_, part));
}

Result<std::vector<std::string>> finish_committed_leases(const Repository::Core& core, bool every_host) {
  std::vector<std::string> finished;
  HF_ASSIGN(const std::vector<ObjectInfo> leases, core.list("leases/"));
  for (const ObjectInfo& info : leases) {
    const auto lease = parse_lease_name(info.name);
    if (!lease || lease->part != "fate") continue;
    auto fate = read_fate(core, info.name);
    if (!fate && fate.error().kind == ErrorKind::kNotFound) continue;
    if (!fate && fate.error().kind == ErrorKind::kCorrupt) {     // check names it; it must not stop the backups
      core.log.warning("vault", "damaged lease", {{"object", info.name}, {"error", fate.error().text}});
      continue;
    }
    if (!fate) return std::move(fate).error();
    if (fate->verdict != Verdict::kCommitted || (!every_host && fate->host != core.host_tag)) continue;
    // Its writer may only be suspended, and write the commit object after the snapshot was forgotten: `taken` makes who
    // forgets it leave a tombstone. If the fate is gone by now, the writer has finished, and nothing is left to do.
    const SnapshotId id = id_of_sealed(fate->sealed_record);
    HF_TRY(create_mark(core, lease->session, Verdict::kTaken, id));
    auto again = core.store.stat(info.name);
    if (!again && again.error().kind == ErrorKind::kNotFound) continue;
    if (!again) return std::move(again).error();
    std::vector<CommittedRecord> commits;
    HF_TRY(collect_commits(core, commits, nullptr));
    const bool there = std::ranges::any_of(commits, [&](const CommittedRecord& c) { return c.id == id; });
    if (!there) {
      HF_ASSIGN(const Epoch epoch, read_newest_epoch(core));
      HF_TRY(write_commit(core, fate->sealed_record, epoch.highest_commit));
    }
    for (const char* part : {"beat", "open", "fate"}) HF_TRY(core.store.remove(lease_name(lease->session, part)));
    finished.push_back(session_text(lease->session));
  }
  return finished;
}

}  // namespace hf::vault
