#include "sources/testing_wal.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "base/check.h"

namespace hf::sources {

RealWal make_real_wal(const std::string& statement, std::uint64_t size) {
  remote::TestCluster cluster;
  cluster.init();
  cluster.start();
  RealWal wal;
  wal.system_id = cluster.replicate().identify_system()->system_id;
  auto c = cluster.connect();
  const auto flushed = [&] { return parse_lsn(cluster.value("SELECT pg_current_wal_flush_lsn()")).value(); };
  HF_CHECK(c.query("SELECT pg_switch_wal()").has_value());
  HF_CHECK(c.query("CREATE TABLE t (a int, b text)").has_value());
  wal.start = Lsn{flushed().value / kTestSegment * kTestSegment};
  Lsn end = wal.start;
  while (end - wal.start < size) {
    HF_CHECK(c.query(statement).has_value());
    end = flushed();
  }
  cluster.stop(SIGQUIT);
  for (std::uint64_t s = wal.start.value / kTestSegment; Lsn{s * kTestSegment} < end; ++s) {
    std::ifstream in(cluster.data() + "/pg_wal/" + wal_file_name(1, s, kTestSegment), std::ios::binary);
    wal.bytes.insert(wal.bytes.end(), std::istreambuf_iterator<char>(in), {});
  }
  wal.bytes.resize(end - wal.start);
  return wal;
}

const RealWal& ordinary_wal() {
  static const RealWal wal =
      make_real_wal("INSERT INTO t SELECT g, repeat(md5(g::text), 90) FROM generate_series(1, 300) g",
                    3 * kTestSegment + kTestSegment / 3);
  return wal;
}

Bytes spooled_bytes(SpoolTimeline& spool) {
  Bytes out;
  for (Lsn at = spool.begin(); at < spool.end();) {
    const std::uint64_t size = std::min(kTestSegment - at.value % kTestSegment, spool.end() - at);
    const Bytes part = spool.read(at, size).value();
    out.insert(out.end(), part.begin(), part.end());
    at = at + size;
  }
  return out;
}

Status MemoryTarget::keep(const vault::WalFrame& frame) {
  if (failing_) return make_error(ErrorKind::kUnavailable, "the vault does not answer");
  Stream& all = bytes_[frame.timeline];
  if (all.bytes.empty()) all.start = frame.start;
  if (frame.start < all.start || frame.start > all.start + all.bytes.size()) {
    return make_error(ErrorKind::kInvalid, "a frame that does not follow");
  }
  std::size_t at = frame.start - all.start;
  std::size_t known = std::min(all.bytes.size() - at, frame.bytes.size());
  if (!std::equal(frame.bytes.begin(), frame.bytes.begin() + static_cast<long>(known),
                  all.bytes.begin() + static_cast<long>(at))) {
    ++conflicts_;
  }
  all.bytes.insert(all.bytes.end(), frame.bytes.begin() + static_cast<long>(known), frame.bytes.end());
  return ok();
}

Status MemoryTarget::put_frame(const vault::WalFrame& frame) {
  std::lock_guard lock(mutex_);
  return keep(frame);
}

Status MemoryTarget::put_segment(const vault::WalFrame& whole) {
  std::lock_guard lock(mutex_);
  HF_TRY(keep(whole));
  ++sealed_segments_;
  if (whole.times.first_commit &&
      (!times_.first_commit || *whole.times.first_commit < *times_.first_commit)) {
    times_.first_commit = whole.times.first_commit;
  }
  if (whole.times.last_commit && (!times_.last_commit || *whole.times.last_commit > *times_.last_commit)) {
    times_.last_commit = whole.times.last_commit;
  }
  for (const auto& p : whole.times.restore_points) times_.restore_points.push_back(p);
  return ok();
}

Status MemoryTarget::put_history(std::uint64_t, Timeline timeline, ByteView text) {
  std::lock_guard lock(mutex_);
  if (failing_) return make_error(ErrorKind::kUnavailable, "the vault does not answer");
  histories_[timeline] = to_bytes(text);
  return ok();
}

Status MemoryTarget::put_seal(const vault::TimelineSeal& seal) {
  std::lock_guard lock(mutex_);
  if (failing_) return make_error(ErrorKind::kUnavailable, "the vault does not answer");
  seals_.push_back(seal);
  return ok();
}

void MemoryTarget::fail(bool on) {
  std::lock_guard lock(mutex_);
  failing_ = on;
}

Bytes MemoryTarget::bytes(Timeline timeline, Lsn& start) {
  std::lock_guard lock(mutex_);
  start = bytes_[timeline].start;
  return bytes_[timeline].bytes;
}

Lsn MemoryTarget::end(Timeline timeline) {
  std::lock_guard lock(mutex_);
  return bytes_[timeline].start + bytes_[timeline].bytes.size();
}

Result<std::vector<vault::TimelineSeal>> MemoryTarget::read_seals(std::uint64_t system_id, Timeline timeline) {
  std::lock_guard lock(mutex_);
  if (failing_) return make_error(ErrorKind::kUnavailable, "the vault does not answer");
  std::vector<vault::TimelineSeal> out;
  for (const vault::TimelineSeal& s : seals_)
    if (s.system_id == system_id && s.timeline == timeline) out.push_back(s);
  return out;
}

std::vector<vault::TimelineSeal> MemoryTarget::seals() {
  std::lock_guard lock(mutex_);
  return seals_;
}

std::map<Timeline, Bytes> MemoryTarget::histories() {
  std::lock_guard lock(mutex_);
  return histories_;
}

std::uint64_t MemoryTarget::sealed_segments() {
  std::lock_guard lock(mutex_);
  return sealed_segments_;
}

std::uint64_t MemoryTarget::conflicts() {
  std::lock_guard lock(mutex_);
  return conflicts_;
}

vault::WalTimes MemoryTarget::times() {
  std::lock_guard lock(mutex_);
  return times_;
}

Result<vault::WalSegmentData> MemoryReader::read_segment(Timeline timeline, std::uint64_t segment) {
  Lsn start;
  Bytes all = target_.bytes(timeline, start);
  Lsn from{segment * segment_size_};
  Lsn end = start + all.size();
  if (all.empty() || from < start || from >= end)
    return make_error(ErrorKind::kNotFound, "not in the archive");
  vault::WalSegmentData data;
  data.start = from;
  data.segment_size = segment_size_;
  data.end = std::min(end, from + segment_size_);
  data.bytes.assign(all.begin() + static_cast<long>(from - start),
                    all.begin() + static_cast<long>(data.end - start));
  data.complete = data.bytes.size() == segment_size_;
  return data;
}

Result<Bytes> MemoryReader::read_history(Timeline timeline) {
  auto all = target_.histories();
  if (all.count(timeline) == 0) return make_error(ErrorKind::kNotFound, "not in the archive");
  return all[timeline];
}

Result<std::vector<vault::TimelineSeal>> MemoryReader::read_seals(Timeline timeline) {
  std::vector<vault::TimelineSeal> out;
  for (const auto& s : target_.seals()) {
    if (s.timeline == timeline) out.push_back(s);
  }
  return out;
}

FetchService::FetchService(WalReader& source, std::string data_directory)
    : source_(source), data_directory_(std::move(data_directory)) {
  folder_ = (std::filesystem::temp_directory_path() / "holdfast-fetch-XXXXXX").string();
  HF_CHECK(::mkdtemp(folder_.data()) != nullptr);
  std::ofstream(folder_ + "/fetch") << "#!/bin/sh\n"
                                       "id=$$\necho \"$1 $2\" > "
                                    << folder_
                                    << "/ask.$id.part\n"
                                       "mv "
                                    << folder_ << "/ask.$id.part " << folder_
                                    << "/ask.$id\n"
                                       "while [ ! -f "
                                    << folder_
                                    << "/answer.$id ]; do sleep 0.02; done\n"
                                       "code=$(cat "
                                    << folder_
                                    << "/answer.$id)\n"
                                       "rm "
                                    << folder_ << "/answer.$id\nexit $code\n";
  std::filesystem::permissions(folder_ + "/fetch", std::filesystem::perms(0755));
  remote::give_to_server_user(folder_);
  thread_ = std::jthread([this](std::stop_token s) { serve(s); });
}

FetchService::~FetchService() {
  thread_.request_stop();
  thread_.join();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string FetchService::command() const { return folder_ + "/fetch %f %p"; }

std::vector<std::string> FetchService::answers() {
  std::lock_guard lock(mutex_);
  return answers_;
}

void FetchService::serve(std::stop_token stop) {
  while (!stop.stop_requested()) {
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      std::string name = entry.path().filename();
      if (name.starts_with("ask.") && !name.ends_with(".part")) answer(name.substr(4));
    }
    ::usleep(10'000);
  }
}

void FetchService::answer(const std::string& id) {
  WalFetchOptions o;
  o.data_directory = data_directory_;
  std::ifstream(folder_ + "/ask." + id) >> o.name >> o.path;
  std::filesystem::remove(folder_ + "/ask." + id);
  PosixFiles files;
  auto outcome = fetch_wal(files, source_, o);
  if (outcome && *outcome == WalFetchOutcome::kFetched)
    remote::give_to_server_user(data_directory_ + "/" + o.path);
  {
    std::lock_guard lock(mutex_);
    answers_.push_back(o.name + " " + std::to_string(exit_code_of(outcome)));
  }
  std::ofstream(folder_ + "/answer." + id + ".part") << exit_code_of(outcome);
  std::filesystem::rename(folder_ + "/answer." + id + ".part", folder_ + "/answer." + id);
}

RunningReceiver::RunningReceiver(WalReceiverOptions options, WalTarget& target, Files* files)
    : env_{clock_, rng_, files != nullptr ? *files : files_, processes_, log_},
      receiver_(env_, std::move(options), target),
      thread_([this](std::stop_token s) { outcome_ = receiver_.run(s); }) {}

RunningReceiver::~RunningReceiver() { (void)stop(); }

Status RunningReceiver::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  return std::exchange(outcome_, ok());
}

Status RunningReceiver::finish() {
  if (thread_.joinable()) thread_.join();
  return std::exchange(outcome_, ok());
}

bool RunningReceiver::wait_for(const std::function<bool(const WalReceiverStatus&)>& condition,
                               Micros timeout) {
  MonoTime deadline = clock_.mono() + timeout;
  while (clock_.mono() < deadline) {
    if (condition(receiver_.status())) return true;
    clock_.sleep_until(clock_.mono() + 10ms, {});
  }
  return false;
}

}  // namespace hf::sources
