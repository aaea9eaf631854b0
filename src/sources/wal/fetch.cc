#include "sources/wal/fetch.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/text.h"
#include "sources/wal/record.h"

namespace hf::sources {
namespace {

constexpr std::size_t kMaxControlFile = 64 << 10;
constexpr std::size_t kMaxHistory = 1 << 20;
constexpr std::size_t kMaxFetched = 1 << 30;
constexpr int kFetchAttempts = 5;
constexpr Millis kFirstPause{200};

std::string place(const WalFetchOptions& o, const std::string& path) {
  return path.starts_with('/') ? path : join_path(o.data_directory, path);
}

// Beside, then renamed: PostgreSQL never sees a part. Not synced: it is a copy, and PostgreSQL syncs what it
// keeps.
Status deliver(Files& files, const WalFetchOptions& o, ByteView bytes, std::uint64_t padded_size) {
  std::string path = place(o, o.path);
  std::string part = path + ".part";
  {
    HF_ASSIGN(std::unique_ptr<File> file, files.open(part, OpenMode::kCreate));
    HF_TRY(file->truncate(0));
    HF_TRY(file->write_at(0, bytes));
    if (padded_size > bytes.size()) HF_TRY(file->truncate(padded_size));
  }
  return files.move(part, path, IfExists::kReplace);
}

Error gap(const std::string& name, const std::string& why) {
  return make_error(ErrorKind::kCorrupt, "segment " + name + ": " + why)
      .with_hint(
          "Run 'holdfast wal check'; do not let the recovery end here, it would lose what comes after.");
}

// True: the standby's own segment goes at least as far as the archive's tail.
Result<bool> own_reaches(Files& files, const WalFetchOptions& o, const vault::WalSegmentData& tail) {
  auto own = read_file(files, join_path(place(o, "pg_wal"), o.name), kMaxFetched);
  if (!own && own.error().kind == ErrorKind::kNotFound) return false;
  if (!own) return Error(std::move(own).error());
  std::size_t shorter = std::min(own->size(), tail.bytes.size());
  auto differ =
      std::mismatch(own->begin(), own->begin() + static_cast<std::ptrdiff_t>(shorter), tail.bytes.begin());
  auto same = static_cast<std::uint64_t>(differ.first - own->begin());
  if (same == tail.bytes.size()) return true;
  // Behind the common part our copy is what the file held before (segments are recycled), unless it is valid
  // WAL.
  Lsn own_end = end_of_valid_wal(*own, tail.start, tail.segment_size);
  if (own_end > tail.start + same) {
    return make_error(ErrorKind::kCorrupt, "segment " + o.name +
                                               ": this server's own WAL and the archive differ at " +
                                               format_lsn(tail.start + same) + ", and both are valid")
        .with_hint("They are of two histories: find out which one was acknowledged before going on.");
  }
  return false;
}

Result<WalFetchOutcome> fetch_tail(Files& files, WalReader& source, const WalFetchOptions& o,
                                   const WalFileName& name, vault::WalSegmentData tail) {
  Lsn segment_end = tail.start + tail.segment_size;
  if (o.tail == WalTail::kAny) {
    HF_ASSIGN(bool later, source.has_wal_from(name.timeline, segment_end));
    if (later) return gap(o.name, "the archive lacks its end, but has what comes after");
    if (tail.bytes.empty()) return gap(o.name, "the archive lacks its beginning");
    HF_TRY(deliver(files, o, tail.bytes, tail.segment_size));
    return WalFetchOutcome::kFetched;
  }
  HF_ASSIGN(std::vector<vault::TimelineSeal> seals, source.read_seals(name.timeline));
  if (seals.empty()) return WalFetchOutcome::kAbsent;
  Lsn sealed;
  for (const vault::TimelineSeal& s : seals) sealed = std::max(sealed, s.lsn);
  // The rest of the tail and its seal may have come after `tail` was read: a seal is put when its bytes are there.
  if (sealed > tail.end) { HF_ASSIGN(tail, source.read_segment(name.timeline, name.segment)); }
  if (sealed > tail.end || tail.bytes.empty()) {
    return gap(o.name, "the timeline is sealed at " + format_lsn(sealed) +
                           ", but the archive has only up to " + format_lsn(tail.end));
  }
  HF_ASSIGN(bool shadows, own_reaches(files, o, tail));
  if (shadows) return WalFetchOutcome::kAbsent;
  HF_TRY(deliver(files, o, tail.bytes, tail.segment_size));
  return WalFetchOutcome::kFetched;
}

Result<WalFetchOutcome> fetch_segment(Files& files, WalReader& source, const WalFetchOptions& o,
                                      const ClusterIdentity& cluster, const WalFileName& name) {
  auto data = source.read_segment(name.timeline, name.segment);
  if (!data && data.error().kind == ErrorKind::kNotFound) {
    if (o.tail == WalTail::kSealed) return WalFetchOutcome::kAbsent;
    HF_ASSIGN(bool later, source.has_wal_from(name.timeline, Lsn{(name.segment + 1) * cluster.segment_size}));
    if (later) return gap(o.name, "the archive lacks it, but has what comes after");
    return WalFetchOutcome::kAbsent;
  }
  if (!data) return Error(std::move(data).error());
  if (data->segment_size != cluster.segment_size)
    return gap(o.name, "the archive's segments have another size");
  if (!data->bytes.empty()) {
    auto head = read_segment_head(data->bytes);
    bool fits = data->bytes.size() < kWalPageBytes ||
                (head && head->system_id == cluster.system_id && head->start == data->start);
    if (!fits) return gap(o.name, "what the archive has is not this cluster's segment");
  }
  if (!data->complete) return fetch_tail(files, source, o, name, *data);
  HF_TRY(deliver(files, o, data->bytes, data->segment_size));
  return WalFetchOutcome::kFetched;
}

}  // namespace

std::optional<Timeline> history_name(std::string_view name) {
  constexpr std::string_view kSuffix = ".history";
  if (name.size() != 8 + kSuffix.size() || !name.ends_with(kSuffix)) return std::nullopt;
  return parse_whole<Timeline>(name.substr(0, 8), 16);
}

// system_identifier is the first field; the sizes follow the constant 1234567.0, whose place depends on the
// version.
Result<ClusterIdentity> read_cluster_identity(Files& files, const std::string& data_directory) {
  std::string path = join_path(data_directory, "global/pg_control");
  auto control = read_file(files, path, kMaxControlFile);
  if (!control && control.error().kind == ErrorKind::kNotFound)
    return Error(std::move(control).error()).with_hint("PostgreSQL runs this in its data directory: run it there.");
  if (!control) return Error(std::move(control).error());
  const Bytes& b = *control;
  const double constant = 1234567.0;
  std::uint8_t mark[sizeof constant];
  std::memcpy(mark, &constant, sizeof constant);
  auto at = std::search(b.begin(), b.end(), std::begin(mark), std::end(mark));
  std::size_t sizes = static_cast<std::size_t>(at - b.begin()) + sizeof constant;
  ClusterIdentity id;
  if (b.size() >= 8 && sizes + 16 <= b.size()) {
    std::uint32_t segment = 0;
    std::memcpy(&id.system_id, b.data(), 8);
    std::memcpy(&segment, b.data() + sizes + 12, 4);
    id.segment_size = segment;
  }
  bool fits = id.segment_size >= (1U << 20) && id.segment_size <= (1U << 30) &&
              (id.segment_size & (id.segment_size - 1)) == 0 && id.system_id != 0;
  if (!fits) return make_error(ErrorKind::kCorrupt, path + " is not a control file that this program knows");
  return id;
}

Result<WalFetchOutcome> fetch_wal(Files& files, WalReader& source, const WalFetchOptions& options) {
  if (auto timeline = history_name(options.name)) {
    auto text = source.read_history(*timeline);
    if (!text && text.error().kind == ErrorKind::kNotFound) return WalFetchOutcome::kAbsent;
    if (!text) return Error(std::move(text).error());
    HF_TRY(deliver(files, options, *text, text->size()));
    return WalFetchOutcome::kFetched;
  }
  HF_ASSIGN(ClusterIdentity cluster, read_cluster_identity(files, options.data_directory));
  auto name = parse_wal_file_name(options.name, cluster.segment_size);
  if (!name) return WalFetchOutcome::kAbsent;  // no other kind of file is in the archive
  return fetch_segment(files, source, options, cluster, *name);
}

Result<WalFetchOutcome> fetch_wal_patiently(Env& env, WalReader& source, const WalFetchOptions& options) {
  Millis pause = kFirstPause;
  for (int attempt = 1;; ++attempt, pause *= 2) {
    auto outcome = fetch_wal(env.files, source, options);
    bool again = !outcome && (outcome.error().kind == ErrorKind::kUnavailable ||
                              outcome.error().kind == ErrorKind::kTimeout);
    if (!again || attempt == kFetchAttempts) return outcome;
    env.clock.sleep_until(env.clock.mono() + pause, {});
  }
}

Result<WalFetchOutcome> fetch_staged_wal(Files& files, const std::string& folder,
                                         const WalFetchOptions& options) {
  // Only a folder that was staged to its end proves that a file is absent.
  HF_TRY(files.stat(join_path(folder, kStagedComplete)));
  bool history = history_name(options.name).has_value();
  auto bytes = read_file(files, join_path(folder, options.name), history ? kMaxHistory : kMaxFetched);
  if (!bytes && bytes.error().kind == ErrorKind::kNotFound) return WalFetchOutcome::kAbsent;
  if (!bytes) return Error(std::move(bytes).error());
  std::uint64_t size = bytes->size();
  if (!history) {
    HF_ASSIGN(WalSegmentHead head, read_segment_head(*bytes));
    size = head.segment_size;
    auto name = parse_wal_file_name(options.name, size);
    if (!name || head.start.value != name->segment * size || bytes->size() > size) {
      return gap(options.name, "the staged file is another segment");
    }
  }
  HF_TRY(deliver(files, options, *bytes, size));
  return WalFetchOutcome::kFetched;
}

int exit_code_of(const Result<WalFetchOutcome>& outcome) {
  if (!outcome) return kWalFetchError;
  return *outcome == WalFetchOutcome::kFetched ? kWalFetched : kWalAbsent;
}

}  // namespace hf::sources
