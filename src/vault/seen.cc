#include "vault/seen.h"

#include <algorithm>

#include "base/hex.h"
#include "vault/object/names.h"

namespace hf::vault {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMaxBytes = 64 * 1024;
constexpr std::size_t kMaxAccepted = 16;

std::string path_of(const Repository::Core& core) {
  ByteWriter what;
  what.raw(core.store_id).sized(as_bytes(core.store.properties().place));
  return join_path(join_path(core.local.folder, "seen"), to_hex(core.keyed_name("seen", what.take())));
}

crypto::Digest mac(const Repository::Core& core, ByteView body) {
  const Secret key = crypto::hkdf_sha256(core.keys.id_key.reveal(), core.store_id, "holdfast/v1 seen", 32);
  return crypto::hmac_sha256(key.reveal(), body);
}

void put_seen(ByteWriter& out, const Seen& seen) { out.u64(seen.config).u64(seen.epoch).u64(seen.commit); }

Status get_seen(ByteReader& in, Seen& seen) {
  HF_ASSIGN(seen.config, in.u64());
  HF_ASSIGN(seen.epoch, in.u64());
  HF_ASSIGN(seen.commit, in.u64());
  return ok();
}

Bytes encode(const Repository::Core& core, const SeenMemory& memory) {
  ByteWriter out;
  out.u8(kVersion);
  put_seen(out, memory.highest);
  out.varint(memory.accepted.size());
  for (const Accepted& a : memory.accepted) {
    out.i64(a.when.time_since_epoch().count());
    put_seen(out, a.before);
    put_seen(out, a.after);
  }
  const crypto::Digest sum = mac(core, out.bytes());
  return out.raw(sum).take();
}

template <class Parse>
Result<std::uint64_t> highest(const Repository::Core& core, const std::string& prefix, const Parse& parse) {
  std::uint64_t found = 0;
  HF_TRY(core.store.list(prefix, [&](const ObjectInfo& info) {
    found = std::max(found, parse(info.name).value_or(0));
    return ok();
  }));
  return found;
}

Result<Seen> look(const Repository::Core& core, const Seen& before) {
  Seen now;
  HF_ASSIGN(now.config, highest(core, "config/", parse_config_name));
  HF_ASSIGN(now.epoch, highest(core, "epoch/", parse_epoch_name));
  HF_ASSIGN(now.commit, highest(core, "commits/", parse_commit_name));
  if (now.commit >= before.commit || now.epoch == 0) return now;
  HF_ASSIGN(const Epoch epoch, read_newest_epoch(core));    // the commits that a prune removed are known to it
  now.commit = std::max(now.commit, epoch.highest_commit);
  return now;
}

std::string describe(const Seen& now, const Seen& before) {
  std::string out;
  const auto less = [&](const char* what, std::uint64_t a, std::uint64_t b) {
    if (a >= b) return;
    out += (out.empty() ? "" : ", ") + std::string(what) + " " + std::to_string(a) + " where " + std::to_string(b) + " was seen";
  };
  less("config", now.config, before.config);
  less("epoch", now.epoch, before.epoch);
  less("commit", now.commit, before.commit);
  return out;
}

Status remember(const Repository::Core& core, const SeenMemory& memory) {
  HF_TRY(core.local.files->make_dirs(join_path(core.local.folder, "seen")));
  return write_file_atomic(*core.local.files, path_of(core), encode(core, memory));
}

}  // namespace

Result<SeenMemory> read_seen(const Repository::Core& core) {
  const std::string path = path_of(core);
  HF_ASSIGN(const Bytes bytes, read_file(*core.local.files, path, kMaxBytes));
  ByteReader in(bytes, path);
  const std::size_t sum = sizeof(crypto::Digest);
  if (bytes.size() < sum) return in.corrupt("too short");
  const ByteView body = ByteView(bytes).first(bytes.size() - sum);
  if (!std::ranges::equal(mac(core, body), ByteView(bytes).last(sum))) return in.corrupt("its checksum is another");
  SeenMemory memory;
  HF_ASSIGN(const std::uint8_t version, in.u8());
  if (version != kVersion) return in.corrupt("unknown version");
  HF_TRY(get_seen(in, memory.highest));
  HF_ASSIGN(const std::uint64_t accepted, in.varint());
  if (accepted > kMaxAccepted) return in.corrupt("too many acceptances");
  for (std::uint64_t i = 0; i < accepted; ++i) {
    Accepted one;
    HF_ASSIGN(const std::int64_t when, in.i64());
    one.when = WallTime(Micros(when));
    HF_TRY(get_seen(in, one.before));
    HF_TRY(get_seen(in, one.after));
    memory.accepted.push_back(one);
  }
  return memory;
}

Status check_seen(const Repository::Core& core, bool accept_older) {
  if (core.local.files == nullptr) return ok();
  SeenMemory memory;
  auto read = read_seen(core);
  if (read) memory = std::move(*read);
  if (!read && read.error().kind == ErrorKind::kCorrupt) {
    core.log.warning("vault",
                     "what this machine remembers of the vault is damaged: an older state of it would not be noticed now",
                     {{"error", read.error().text}});
  } else if (!read && read.error().kind != ErrorKind::kNotFound) {
    core.log.info("vault", "nothing is remembered of the vault", {{"error", read.error().text}});
    return ok();
  }
  const Seen before = memory.highest;
  HF_ASSIGN(const Seen now, look(core, before));
  const std::string less = describe(now, before);
  if (!less.empty() && !accept_older) {
    const std::string place = core.store.properties().place;
    return make_error(ErrorKind::kBlocked, "the vault at " + place + " is older than this machine saw it: " + less)
        .with_hint("It was put back to an older state, or somebody hides what is newer. If you know why, run this once with "
                   "--accept-older, which is recorded.");
  }
  if (less.empty()) {
    memory.highest = {std::max(now.config, before.config), std::max(now.epoch, before.epoch),
                      std::max(now.commit, before.commit)};
  } else {
    memory.highest = now;
    memory.accepted.push_back({core.clock.wall(), before, now});
    if (memory.accepted.size() > kMaxAccepted) memory.accepted.erase(memory.accepted.begin());
    core.log.warning("vault", "an older state of the vault was accepted", {{"what", less}});
  }
  if (read && memory.highest == before && less.empty()) return ok();
  if (Status kept = remember(core, memory); !kept) {
    if (!less.empty()) return kept;                          // an acceptance must be recorded
    core.log.info("vault", "nothing is remembered of the vault", {{"error", kept.error().text}});
  }
  return ok();
}

}  // namespace hf::vault
