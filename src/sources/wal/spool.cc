#include "sources/wal/spool.h"

#include <algorithm>

#include "base/check.h"
#include "base/text.h"

namespace hf::sources {
namespace {

constexpr std::size_t kMaxSmallFile = 1 << 20;
constexpr std::uint64_t kDecodeBytes = 1 << 20;  // read at once
constexpr std::string_view kSegmentSuffix = ".wal";
constexpr const char* kBeginningMark = "beginning";

Result<std::uint64_t> parse_number(std::string_view text, std::string_view what) {
  if (const auto whole = parse_whole<std::uint64_t>(text)) return *whole;
  return make_error(ErrorKind::kCorrupt, std::string(what) + " is not a number: '" + std::string(text) + "'");
}

std::string cluster_folder(const std::string& root, std::uint64_t system_id) {
  return join_path(root, std::to_string(system_id));
}

Result<std::optional<Bytes>> read_if_there(Files& files, const std::string& path) {
  auto bytes = read_file(files, path, kMaxSmallFile);
  if (bytes) return std::optional(std::move(*bytes));
  if (bytes.error().kind == ErrorKind::kNotFound) return std::optional<Bytes>();
  return Error(std::move(bytes).error());
}

}  // namespace

Json seal_to_json(const TimelineSeal& seal) {
  return Json::object()
      .set("system_id", std::to_string(seal.system_id))
      .set("timeline", seal.timeline)
      .set("lsn", format_lsn(seal.lsn))
      .set("receiver", seal.receiver)
      .set("at", format_time(seal.at));
}

Result<TimelineSeal> seal_from_json(const Json& json) {
  TimelineSeal seal;
  HF_ASSIGN(seal.system_id, parse_number(json["system_id"].as_string(), "system_id of a seal"));
  std::int64_t timeline = json["timeline"].as_int();
  if (timeline <= 0 || timeline > 0xffffffffLL)
    return make_error(ErrorKind::kCorrupt, "a seal without a timeline");
  seal.timeline = static_cast<Timeline>(timeline);
  HF_ASSIGN(seal.lsn, parse_lsn(json["lsn"].as_string()));
  seal.receiver = json["receiver"].as_string();
  HF_ASSIGN(seal.at, parse_time(json["at"].as_string()));
  return seal;
}

Result<std::unique_ptr<SpoolTimeline>> SpoolTimeline::open(Files& files, const std::string& root,
                                                           const SpoolKey& key) {
  std::string cluster = cluster_folder(root, key.system_id);
  std::string folder = join_path(cluster, std::to_string(key.timeline));
  HF_TRY(files.make_dirs(folder));
  HF_TRY(files.sync_dir(cluster));
  HF_TRY(files.sync_dir(root));
  std::string size_path = join_path(cluster, "segment-size");
  HF_ASSIGN(std::optional<Bytes> size, read_if_there(files, size_path));
  if (!size) {
    HF_TRY(write_file_atomic(files, size_path, as_bytes(std::to_string(key.segment_size))));
  } else if (as_text(*size) != std::to_string(key.segment_size)) {
    return make_error(ErrorKind::kBlocked, "the spool " + cluster + " holds segments of " + to_text(*size) +
                                               " bytes, the server writes " +
                                               std::to_string(key.segment_size))
        .with_hint("Use another spool folder for this cluster.");
  }
  std::unique_ptr<SpoolTimeline> spool(new SpoolTimeline(files, folder, key));
  HF_TRY(spool->load());
  return spool;
}

std::string SpoolTimeline::segment_path(std::uint64_t segment) const {
  return join_path(folder_,
                   wal_file_name(key_.timeline, segment, key_.segment_size) + std::string(kSegmentSuffix));
}

Status SpoolTimeline::load() {
  HF_ASSIGN(std::vector<DirectoryEntry> entries, files_.list(folder_));
  std::vector<std::uint64_t> segments;
  for (const DirectoryEntry& e : entries) {
    if (!e.name.ends_with(kSegmentSuffix)) continue;
    HF_ASSIGN(WalFileName name,
              parse_wal_file_name(std::string_view(e.name).substr(0, e.name.size() - 4), key_.segment_size));
    segments.push_back(name.segment);
  }
  HF_TRY(load_beginning(segments));
  std::uint64_t end = segments.empty() ? 0 : segments.front() * key_.segment_size;
  begin_ = end;
  for (std::uint64_t s : segments) {
    HF_ASSIGN(FileInfo info, files_.stat(segment_path(s)));
    if (end != s * key_.segment_size || info.size > key_.segment_size) {
      return make_error(ErrorKind::kCorrupt, "the spool " + folder_ + " lacks bytes before segment " +
                                                 wal_file_name(key_.timeline, s, key_.segment_size))
          .with_hint("Move this folder away and start the receiver again; what the vault has stays.");
    }
    end += info.size;
  }
  end_ = end;
  synced_ = end;
  HF_TRY(load_seal());
  if (seal_) return ok();  // its bytes were synced before the seal: nothing can be torn
  if (segments.empty()) return ok();
  new_name_ = true;  // of a process that was killed before it synced the folder
  first_record_.reset(begin());
  if (!beginning_) HF_TRY(cut_torn_end(segments.back()));
  // Such a process may have left bytes that only the kernel has: they count from now on.
  HF_TRY(open_segment(segments.back()));
  HF_TRY(sync());
  if (!empty()) return ok();
  file_.reset();  // nothing but a name: the next bytes may begin elsewhere
  return files_.remove(segment_path(segments.back()));
}

// The first segment may begin inside a record whose checksum lies before it, so that no checksum shows a hole there.
// Until a record that ends was synced, the mark says up to where bytes were; what is behind was never acknowledged.
Status SpoolTimeline::load_beginning(std::vector<std::uint64_t>& segments) {
  HF_ASSIGN(std::optional<Bytes> mark, read_if_there(files_, join_path(folder_, kBeginningMark)));
  if (!mark) return ok();
  beginning_ = to_text(*mark);
  Lsn synced;
  if (!beginning_->empty()) { HF_ASSIGN(synced, parse_lsn(*beginning_)); }
  const auto start_of = [&](std::uint64_t segment) { return segment * key_.segment_size; };
  for (; !segments.empty() && (beginning_->empty() || start_of(segments.back()) > synced.value); segments.pop_back())
    HF_TRY(files_.remove(segment_path(segments.back())));
  if (!segments.empty()) {
    HF_ASSIGN(std::unique_ptr<File> last, files_.open(segment_path(segments.back()), OpenMode::kReadWrite));
    HF_ASSIGN(const std::uint64_t size, last->size());
    HF_TRY(last->truncate(std::min(size, synced.value - start_of(segments.back()))));
    HF_TRY(last->sync());
  }
  return files_.sync_dir(folder_);
}

Status SpoolTimeline::mark_beginning(const std::string& synced) {
  if (beginning_ == synced) return ok();
  HF_TRY(write_file_atomic(files_, join_path(folder_, kBeginningMark), as_bytes(synced)));
  beginning_ = synced;
  return ok();
}

// With the bytes and their file's name on the disk, before anybody is told of them.
Status SpoolTimeline::vouch_for_beginning() {
  if (!beginning_ || empty()) return ok();
  HF_TRY(feed(first_record_, Lsn{synced_}));
  if (first_record_.valid_end() == begin() && first_record_.broken().empty())
    return mark_beginning(format_lsn(Lsn{synced_}));
  Status gone = files_.remove(join_path(folder_, kBeginningMark));
  if (!gone && gone.error().kind != ErrorKind::kNotFound) return gone;
  HF_TRY(files_.sync_dir(folder_));
  beginning_.reset();
  return ok();
}

Status SpoolTimeline::load_seal() {
  auto text = read_file(files_, join_path(folder_, "seal"), kMaxSmallFile);
  if (!text && text.error().kind == ErrorKind::kNotFound) return ok();
  if (!text) return Error(std::move(text).error());
  HF_ASSIGN(Json json, parse_json(as_text(*text)));
  HF_ASSIGN(TimelineSeal seal, seal_from_json(json));
  seal_ = std::move(seal);
  return ok();
}

// After a power cut the end of the last file may be anything that was never synced: zeros, holes, parts of
// pages. What an acknowledgement vouched for is whole records that were synced, so their checksums hold: up to
// the last of them everything stays. So does what the vault has, and every segment before the last one. The
// rest is streamed again.
Status SpoolTimeline::cut_torn_end(std::uint64_t last_segment) {
  const Lsn last_start{last_segment * key_.segment_size};
  if (end() <= last_start) return ok();
  HF_ASSIGN(const Lsn in_vault, uploaded());
  HF_ASSIGN(const Lsn proven, end_of_proven(last_start));
  const std::uint64_t keep = std::max({proven.value, last_start.value, in_vault.value});
  if (keep >= end_) return ok();
  synced_ = keep;
  file_segment_ = last_segment;
  return roll_back();
}

Status SpoolTimeline::feed(WalDecoder& decoder, Lsn stop) {
  for (Lsn at = decoder.position(); at < stop; at = decoder.position()) {
    const std::uint64_t in_segment = key_.segment_size - at.value % key_.segment_size;
    HF_ASSIGN(const Bytes bytes, read(at, std::min<std::uint64_t>({in_segment, stop - at, kDecodeBytes})));
    decoder.feed(bytes);
  }
  return ok();
}

// Where the valid records end. The decoder skips, unproven, the rest of a record that began before its first
// segment: so it begins at a segment before the last one in which a record ended, as far as there is one.
Result<Lsn> SpoolTimeline::end_of_proven(Lsn last_start) {
  WalDecoder decoder(key_.segment_size);
  Lsn from = last_start;
  do {
    if (from > begin()) from = Lsn{from.value - key_.segment_size};
    decoder.reset(from);
    HF_TRY(feed(decoder, last_start));
  } while (decoder.valid_end() == from && decoder.broken().empty() && from > begin());
  // What does not decode there was synced all the same, and says nothing about the last segment.
  if (!decoder.broken().empty()) decoder.reset(last_start);
  HF_TRY(feed(decoder, end()));
  return decoder.valid_end();
}

Status SpoolTimeline::roll_back() {
  if (seal_ || (end_ == synced_ && !doubtful_)) return ok();
  doubtful_ = true;
  file_.reset();
  HF_TRY(open_segment(file_segment_));
  const std::uint64_t segment_start = file_segment_ * key_.segment_size;
  HF_CHECK(synced_ >= segment_start);  // the segments before were synced when this one was begun
  HF_TRY(file_->truncate(synced_ - segment_start));
  HF_TRY(file_->sync());
  HF_TRY(sync_names());
  end_ = synced_;
  HF_TRY(vouch_for_beginning());  // the next session tells that end at once
  doubtful_ = false;
  return ok();
}

Status SpoolTimeline::open_segment(std::uint64_t segment) {
  if (file_ && file_segment_ == segment) return ok();
  const std::string path = segment_path(segment);
  if (!file_exists(files_, path)) new_name_ = true;
  HF_ASSIGN(file_, files_.open(path, OpenMode::kCreate));
  file_segment_ = segment;
  return ok();
}

Status SpoolTimeline::append(Lsn start, ByteView bytes) {
  if (seal_) {
    return make_error(ErrorKind::kBlocked, "timeline " + std::to_string(key_.timeline) + " is sealed at " +
                                               format_lsn(seal_->lsn));
  }
  if (seal_seen_) return not_usable("a seal of it was begun and may stand");
  if (doubtful_) return not_usable("its last bytes may not be on disk");
  if (empty() && start.value % key_.segment_size == 0) {
    HF_TRY(mark_beginning(""));
    synced_ = begin_ = end_ = start.value;
    first_record_.reset(start);
  }
  if (start != end()) {
    return make_error(ErrorKind::kInvalid, "WAL at " + format_lsn(start) +
                                               " does not follow the spool's end " + format_lsn(end()));
  }
  while (!bytes.empty()) {
    std::uint64_t offset = end_ % key_.segment_size;
    if (offset == 0 && file_) HF_TRY(sync());  // the segment before is whole
    HF_TRY(open_segment(end_ / key_.segment_size));
    std::size_t n = std::min<std::uint64_t>(bytes.size(), key_.segment_size - offset);
    // A failed write may have left a part: the end counts it, so that roll_back() cuts it off.
    Status written = file_->write_at(offset, bytes.first(n));
    end_ += n;
    doubtful_ = !written;
    HF_TRY(std::move(written));
    bytes = bytes.subspan(n);
  }
  return ok();
}

Status SpoolTimeline::sync() {
  if (doubtful_) return not_usable("its last bytes may not be on disk");
  if (!file_) return ok();
  Status done = sync_all();
  doubtful_ = !done;
  return done;
}

// A whole segment gets its successor's empty file before its end is told to anybody: that it is there says, after a
// power cut, that nothing before it is torn. (The server may drop a segment whose end it was told; what is cut off
// there could not be streamed again.)
Status SpoolTimeline::sync_all() {
  HF_TRY(file_->sync());
  synced_ = end_;
  if (end_ % key_.segment_size == 0) HF_TRY(open_segment(end_ / key_.segment_size));
  HF_TRY(sync_names());
  return vouch_for_beginning();
}

Status SpoolTimeline::sync_names() {
  if (new_name_) HF_TRY(files_.sync_dir(folder_));
  new_name_ = false;
  return ok();
}

Error SpoolTimeline::not_usable(const std::string& why) const {
  return make_error(ErrorKind::kBlocked,
                    "the spool of timeline " + std::to_string(key_.timeline) + " takes nothing more: " + why);
}

Result<Bytes> SpoolTimeline::read(Lsn from, std::size_t size) {
  std::uint64_t offset = from.value % key_.segment_size;
  HF_CHECK(offset + size <= key_.segment_size);
  std::string path = segment_path(from.value / key_.segment_size);
  HF_ASSIGN(std::unique_ptr<File> file, files_.open(path, OpenMode::kRead));
  Bytes out(size);
  HF_ASSIGN(std::size_t n, file->read_at(offset, out));
  if (n != size) return make_error(ErrorKind::kCorrupt, "the spool file " + path + " is shorter than it was");
  return out;
}

Status SpoolTimeline::remove_segments_below(std::uint64_t segment) {
  for (std::uint64_t s = begin_ / key_.segment_size; s < segment && (s + 1) * key_.segment_size <= end_;
       ++s) {
    HF_TRY(files_.remove(segment_path(s)));
    HF_TRY(files_.sync_dir(folder_));  // one by one: no power cut leaves a hole between those that are left
    begin_ = (s + 1) * key_.segment_size;
  }
  return ok();
}

Result<Lsn> SpoolTimeline::uploaded() {
  HF_ASSIGN(std::optional<Bytes> text, read_if_there(files_, join_path(folder_, "uploaded")));
  if (!text) return begin();
  HF_ASSIGN(Lsn lsn, parse_lsn(as_text(*text)));
  return std::max(begin(), lsn);
}

Status SpoolTimeline::set_uploaded(Lsn lsn) {
  return write_file_atomic(files_, join_path(folder_, "uploaded"), as_bytes(format_lsn(lsn)));
}

Status SpoolTimeline::put_history(ByteView text) {
  return write_file_atomic(files_, join_path(folder_, "history"), text);
}

Result<std::optional<Bytes>> SpoolTimeline::history() {
  return read_if_there(files_, join_path(folder_, "history"));
}

Status SpoolTimeline::put_seal(const TimelineSeal& seal) {
  HF_TRY(sync());
  const std::string path = join_path(folder_, "seal");
  if (Status put = write_file_atomic(files_, path, as_bytes(dump_json(seal_to_json(seal)))); !put) {
    // Whoever reads it believes it, durable or not.
    const auto there = files_.stat(path);
    seal_seen_ = there || there.error().kind != ErrorKind::kNotFound;
    return put;
  }
  seal_ = seal;
  return ok();
}

Result<std::vector<SpoolKey>> list_spool(Files& files, const std::string& root) {
  std::vector<SpoolKey> out;
  auto clusters = files.list(root);
  if (!clusters) {
    if (clusters.error().kind == ErrorKind::kNotFound) return out;
    return Error(std::move(clusters).error());
  }
  for (const DirectoryEntry& c : *clusters) {
    if (!c.is_directory) continue;
    auto system_id = parse_number(c.name, "system id");
    if (!system_id) continue;
    std::string cluster = join_path(root, c.name);
    HF_ASSIGN(std::optional<Bytes> text, read_if_there(files, join_path(cluster, "segment-size")));
    if (!text) continue;
    HF_ASSIGN(std::uint64_t size, parse_number(as_text(*text), "segment-size of the spool"));
    HF_ASSIGN(std::vector<DirectoryEntry> timelines, files.list(cluster));
    for (const DirectoryEntry& t : timelines) {
      if (!t.is_directory) continue;
      HF_ASSIGN(std::uint64_t timeline, parse_number(t.name, "timeline of the spool"));
      out.push_back({*system_id, static_cast<Timeline>(timeline), size});
    }
  }
  std::sort(out.begin(), out.end(), [](const SpoolKey& a, const SpoolKey& b) {
    return std::pair(a.system_id, a.timeline) < std::pair(b.system_id, b.timeline);
  });
  return out;
}

}  // namespace hf::sources
