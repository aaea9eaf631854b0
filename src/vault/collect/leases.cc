// The leases of a store as a collector sees them, and how those of dead writers are ended.
#include <algorithm>
#include <map>

#include "vault/collect/collect.h"
#include "vault/object/names.h"

namespace hf::vault {
namespace {

constexpr Micros kLook = 2s;             // between two looks at the beats

Result<std::optional<LeaseBeat>> read_beat(const Repository::Core& core, const SessionId& session) {
  auto object = core.read_signed(lease_name(session, "beat"), ObjectKind::kLeaseBeat);
  if (!object && object.error().kind == ErrorKind::kNotFound) return std::optional<LeaseBeat>();
  if (!object) return std::move(object).error();
  HF_ASSIGN(const LeaseBeat beat, decode_beat(object->body));
  return std::optional<LeaseBeat>(beat);
}

// Has the session its fate, or has it ended?
Result<bool> decided(const Repository::Core& core, const SessionId& session) {
  auto fate = core.store.stat(lease_name(session, "fate"));
  if (fate) return true;
  if (fate.error().kind != ErrorKind::kNotFound) return std::move(fate).error();
  auto open = core.store.stat(lease_name(session, "open"));
  if (open) return false;
  if (open.error().kind == ErrorKind::kNotFound) return true;
  return std::move(open).error();
}

bool same(const std::optional<LeaseBeat>& a, const std::optional<LeaseBeat>& b) {
  return a.has_value() == b.has_value() && (!a || a->count == b->count);
}

Status fence(const Repository::Core& core, const SessionId& session) {
  HF_TRY(create_mark(core, session, Verdict::kFenced, SnapshotId{}));
  // Whoever was first: only a fence lets the lease go here. The fate itself stays for ever.
  HF_ASSIGN(const LeaseFate fate, read_fate(core, lease_name(session, "fate")));
  if (fate.verdict != Verdict::kFenced) return ok();
  for (const char* part : {"beat", "open"}) HF_TRY(core.store.remove(lease_name(session, part)));
  return ok();
}

}  // namespace

Result<std::vector<SessionState>> read_sessions(const Repository::Core& core) {
  HF_ASSIGN(const std::vector<ObjectInfo> objects, core.list("leases/"));
  std::map<SessionId, SessionState> found;
  for (const ObjectInfo& info : objects) {
    const auto lease = parse_lease_name(info.name);
    if (!lease) continue;
    SessionState& state = found[lease->session];
    state.session = lease->session;
    if (lease->part == "open") state.open = true;
    if (lease->part == "taken") state.taken = true;
    if (lease->part == "forgotten") state.forgotten = true;
    if (lease->part == "beat") {
      HF_ASSIGN(state.beat, read_beat(core, lease->session));
    }
    if (lease->part != "fate") continue;
    auto fate = read_fate(core, info.name);
    if (!fate && fate.error().kind != ErrorKind::kNotFound) return std::move(fate).error();
    if (fate) state.fate = std::move(*fate);
  }
  std::vector<SessionState> out;
  for (auto& [session, state] : found) out.push_back(std::move(state));
  return out;
}

Result<Resolved> resolve_leases(const Repository::Core& core, std::vector<SessionState> blocking, Micros dead_after) {
  Resolved result;
  const MonoTime until = core.clock.mono() + dead_after;
  while (!blocking.empty()) {
    std::vector<SessionState> still;
    for (SessionState& lease : blocking) {
      HF_ASSIGN(const bool done, decided(core, lease.session));
      if (done) continue;
      HF_ASSIGN(const std::optional<LeaseBeat> beat, read_beat(core, lease.session));
      if (same(beat, lease.beat)) still.push_back(std::move(lease));
      else result.alive.push_back(std::move(lease));
    }
    blocking = std::move(still);
    if (blocking.empty()) break;
    if (!result.alive.empty()) {             // the rest waits with it: it was not watched for long enough
      for (SessionState& lease : blocking) result.alive.push_back(std::move(lease));
      break;
    }
    if (core.clock.mono() >= until) {
      for (const SessionState& lease : blocking) {
        HF_TRY(fence(core, lease.session));
        ++result.fenced;
      }
      break;
    }
    core.clock.sleep_until(std::min(until, core.clock.mono() + kLook), {});
  }
  return result;
}

}  // namespace hf::vault
