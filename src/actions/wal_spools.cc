// A seal may stand in the middle of a record whose rest never came. No standby can replay that record, and no commit
// in it was ever acknowledged; so what a standby must reach is the end of the last complete record below the seal.
#include "actions/wal_spools.h"

#include <algorithm>

#include "base/hex.h"
#include "crypto/hash.h"
#include "sources/wal/record.h"
#include "sources/wal/seal.h"

namespace hf::actions {
namespace {

constexpr std::string_view kSuffix = ".wal";
constexpr std::size_t kSmallFile = 4096;
constexpr std::size_t kSegmentsRead =
    2;  // a record that spans more is longer than any that PostgreSQL writes by default

struct Segment {
  std::uint64_t number = 0;
  std::string path;
  std::uint64_t size = 0;
};

std::string folder_of(const std::string& spool, const sources::SpoolKey& key) {
  return join_path(join_path(spool, std::to_string(key.system_id)), std::to_string(key.timeline));
}

Result<std::vector<Segment>> segments_in(Files& files, const std::string& folder, std::uint64_t segment_size) {
  HF_ASSIGN(const std::vector<DirectoryEntry> entries, files.list(folder));
  std::vector<Segment> out;
  for (const DirectoryEntry& e : entries) {
    if (!e.name.ends_with(kSuffix)) continue;
    const auto name =
        parse_wal_file_name(std::string_view(e.name).substr(0, e.name.size() - kSuffix.size()), segment_size);
    if (!name) continue;
    HF_ASSIGN(const FileInfo info, files.stat(join_path(folder, e.name)));
    out.push_back({name->segment, join_path(folder, e.name), info.size});
  }
  std::ranges::sort(out, {}, &Segment::number);
  return out;
}

Error nothing_received(const std::string& spool) {
  return make_error(ErrorKind::kNotFound, "the spool " + spool + " holds no WAL")
      .with_hint("Is this the receiver's spool, and did it ever run?");
}

}  // namespace

Result<SpoolSeen> WalSpools::look(const std::string& spool) {
  HF_ASSIGN(const std::vector<sources::SpoolKey> keys, sources::list_spool(env_.files, spool));
  if (keys.empty()) return nothing_received(spool);
  const sources::SpoolKey& newest = keys.back();
  SpoolSeen seen;
  seen.system_id = newest.system_id;
  seen.timeline = newest.timeline;
  const std::string folder = folder_of(spool, newest);
  HF_ASSIGN(const std::vector<Segment> segments, segments_in(env_.files, folder, newest.segment_size));
  if (const auto text = read_file(env_.files, join_path(folder, "uploaded"), kSmallFile)) {
    HF_ASSIGN(seen.uploaded, parse_lsn(as_text(*text)));
  }
  seen.received = seen.uploaded;
  if (!segments.empty()) {
    const Segment& last = segments.back();
    seen.received = std::max(seen.received, Lsn{last.number * newest.segment_size + last.size});
  }
  return seen;
}

Result<Lsn> WalSpools::last_record_below(const std::string& spool, const sources::TimelineSeal& seal) {
  HF_ASSIGN(const std::vector<sources::SpoolKey> keys, sources::list_spool(env_.files, spool));
  const auto key = std::ranges::find_if(
      keys, [&](const sources::SpoolKey& k) { return k.system_id == seal.system_id && k.timeline == seal.timeline; });
  if (key == keys.end()) return nothing_received(spool);
  HF_ASSIGN(std::vector<Segment> segments, segments_in(env_.files, folder_of(spool, *key), key->segment_size));
  std::erase_if(segments, [&](const Segment& s) { return s.number * key->segment_size >= seal.lsn.value; });
  if (segments.empty()) return seal.lsn;
  if (segments.size() > kSegmentsRead) segments.erase(segments.begin(), segments.end() - kSegmentsRead);
  const Lsn start{segments.front().number * key->segment_size};
  sources::WalDecoder decoder(key->segment_size);
  decoder.reset(start);
  for (const Segment& s : segments) {
    HF_ASSIGN(Bytes bytes, read_file(env_.files, s.path, key->segment_size));
    bytes.resize(std::min<std::uint64_t>(bytes.size(), seal.lsn.value - s.number * key->segment_size));
    decoder.feed(bytes);
  }
  // What lies behind a damaged place may have been acknowledged: another source has to bring the standby past it.
  if (!decoder.broken().empty()) return seal.lsn;
  return decoder.valid_end() > start ? decoder.valid_end() : seal.lsn;
}

Result<Sealed> WalSpools::described(const std::string& spool, const sources::TimelineSeal& seal) {
  Sealed out;
  out.seal = {seal.receiver, seal.system_id, seal.timeline, seal.lsn};
  HF_ASSIGN(out.replay_to, last_record_below(spool, seal));
  out.digest = to_hex(crypto::sha256(as_bytes(dump_json(sources::seal_to_json(seal)))));
  return out;
}

Result<std::vector<Sealed>> WalSpools::seals(const std::string& spool) {
  HF_ASSIGN(const std::vector<sources::TimelineSeal> seals, sources::read_spool_seals(env_.files, spool));
  std::vector<Sealed> out;
  for (const sources::TimelineSeal& s : seals) {
    HF_ASSIGN(Sealed one, described(spool, s));
    out.push_back(std::move(one));
  }
  return out;
}

Result<Sealed> WalSpools::seal(const std::string& spool, const std::string& receiver, Micros timeout) {
  HF_ASSIGN(const sources::SealProof proof, sources::request_seal(env_, spool, receiver, timeout));
  return described(spool, proof.seal);
}

}  // namespace hf::actions
