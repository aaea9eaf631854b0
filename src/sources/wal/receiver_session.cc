#include "sources/wal/receiver_session.h"

#include <algorithm>
#include <cctype>

#include "remote/postgres_preflight.h"

namespace hf::sources {
namespace {

using remote::WalMessage;

constexpr Micros kConnectTimeout = 10s;
constexpr Micros kTick = 20ms;  // how long a seal or stop request may wait while nothing is streamed
constexpr std::size_t kReceiveBatchBytes = 1 << 20;
constexpr Micros kAskAfterSilence = 5s;
// Streamed again and compared where a stream is taken up: two pages, so that at least a whole one is.
constexpr std::uint64_t kComparedBytes = 2 * kWalPageBytes;

Lsn segment_floor(Lsn lsn, std::uint64_t size) { return Lsn{lsn.value / size * size}; }

Error two_histories(const std::string& server, Lsn at) {
  return make_error(ErrorKind::kBlocked, "the server at " + server + " has other WAL at " + format_lsn(at) +
                                             " than was received before: two histories of one timeline")
      .with_hint("It was put back to an older state, or is a copy. Find out which history was acknowledged; to go on with "
                 "this server, promote it onto a timeline of its own, or give the receiver a new spool and take a base backup.");
}

}  // namespace

Status SpoolSet::load() {
  HF_ASSIGN(std::vector<SpoolKey> keys, list_spool(files_, root_));
  if (!keys.empty() && keys.front().system_id != keys.back().system_id) {
    return make_error(ErrorKind::kBlocked, "the spool " + root_ + " holds more than one cluster")
        .with_hint("Give each cluster a spool of its own.");
  }
  for (const SpoolKey& key : keys) HF_TRY(open(key));
  return ok();
}

Result<SpoolTimeline*> SpoolSet::open(const SpoolKey& key) {
  auto found = timelines_.find(key.timeline);
  if (found != timelines_.end()) return found->second.get();
  HF_ASSIGN(std::unique_ptr<SpoolTimeline> made, SpoolTimeline::open(files_, root_, key));
  SpoolTimeline* timeline = made.get();
  timelines_[key.timeline] = std::move(made);
  uploader_.add(*timeline);
  return timeline;
}

SpoolTimeline* SpoolSet::newest() { return timelines_.empty() ? nullptr : timelines_.rbegin()->second.get(); }

std::optional<std::uint64_t> SpoolSet::system_id() const {
  if (timelines_.empty()) return std::nullopt;
  return timelines_.begin()->second->key().system_id;
}

void ReceiverSession::note(const char* primary) {
  std::lock_guard lock(shared_.mutex);
  shared_.status.primary = primary;
}

Status ReceiverSession::run() {
  note("connecting");
  if (SpoolTimeline* newest = spools_.newest()) {  // where the session before could not take its doubtful bytes back
    if (Status clean = newest->roll_back(); !clean)
      return Error(std::move(clean).error()).with_context("taking back what was not synced");
  }
  remote::PgConnectOptions connect;
  connect.application_name = options_.name;
  connect.password = options_.password;
  connect.timeout = kConnectTimeout;
  connect.stop = stop_;
  HF_ASSIGN(server_, remote::PgReplication::connect(options_.dsn, env_.clock, connect));
  HF_TRY(identify());
  HF_TRY(ensure_slot());
  HF_ASSIGN(Start first, choose());
  std::optional<Start> next = first;
  while (next && !ended()) { HF_ASSIGN(next, stream(*next)); }
  return ok();
}

Status ReceiverSession::identify() {
  HF_ASSIGN(system_, server_->identify_system());
  std::optional<std::uint64_t> expected = spools_.system_id() ? spools_.system_id() : options_.system_id;
  if (expected && *expected != system_.system_id) {
    return make_error(ErrorKind::kBlocked, "the server at " + server_->server() + " is cluster " +
                                               std::to_string(system_.system_id) + ", but " +
                                               std::to_string(*expected) + " was expected")
        .with_hint("Point the DSN at the right cluster, or use another spool folder for this one.");
  }
  HF_ASSIGN(segment_size_, server_->wal_segment_size());
  std::lock_guard lock(shared_.mutex);
  shared_.status.system_id = system_.system_id;
  shared_.status.server_end = system_.flushed;
  return ok();
}

Status ReceiverSession::ensure_slot() {
  if (options_.slot.empty()) return ok();
  HF_ASSIGN(remote::PgSlot slot, server_->read_slot(options_.slot));
  if (slot.exists) {
    if (slot.physical) return ok();
    return make_error(ErrorKind::kBlocked,
                      "slot '" + options_.slot + "' on " + server_->server() + " is a logical one")
        .with_hint("Choose another slot name.");
  }
  if (!options_.create_slot) {
    return make_error(ErrorKind::kNotFound,
                      "slot '" + options_.slot + "' does not exist on " + server_->server())
        .with_hint("Create it with pg_create_physical_replication_slot(name, true).");
  }
  Status made = server_->create_physical_slot(options_.slot);
  if (!made && made.error().kind != ErrorKind::kExists) return made;
  return ok();
}

Result<TimelineHistory> ReceiverSession::history(Timeline timeline, Bytes* text) {
  if (timeline == 1) return TimelineHistory::parse(1, {});
  HF_ASSIGN(remote::PgTimelineHistory file, server_->timeline_history(timeline));
  if (text != nullptr) *text = file.content;
  return TimelineHistory::parse(timeline, file.content);
}

// What is asked for again stays within the segment: the server may have dropped the one before.
ReceiverSession::Start ReceiverSession::resume(SpoolTimeline& timeline) const {
  const Lsn end = timeline.end();
  const std::uint64_t again = std::min({kComparedBytes, end.value % segment_size_, end - timeline.begin()});
  return Start{&timeline, Lsn{end.value - again}};
}

// A seal binds this receiver also where the disk with the spool was lost; the vault has it. Only an empty spool asks:
// what is in a spool was received after it was asked for.
Status ReceiverSession::not_sealed_before(Timeline timeline) {
  const auto seals = uploader_.target().read_seals(system_.system_id, timeline);
  if (!seals && seals.error().kind == ErrorKind::kNotFound) return ok();
  if (!seals && seals.error().kind == ErrorKind::kDenied) {
    env_.log.warning("wal", "seals_not_read", {{"why", seals.error().text},
                     {"hint", "If the spool of this receiver was lost, make sure that it did not seal this timeline."}});
    return ok();
  }
  if (!seals)
    return Error(seals.error()).with_context("asking the vault whether " + options_.name + " sealed timeline " +
                                             std::to_string(timeline));
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  for (const vault::TimelineSeal& seal : *seals) {
    if (!std::ranges::equal(seal.receiver, options_.name, {}, lower, lower)) continue;
    return make_error(ErrorKind::kBlocked, "the vault holds the seal of " + seal.receiver + ": it takes nothing of timeline " +
                                               std::to_string(timeline) + " after " + format_lsn(seal.lsn) +
                                               ", and this spool is empty")
        .with_hint("Point the DSN at the server that was promoted. If the fence was given up and this primary stays, "
                   "start a receiver of another name.");
  }
  return ok();
}

// The history is durable in the spool, and so on its way to the vault, before a byte of its timeline is asked
// for.
Result<ReceiverSession::Start> ReceiverSession::begin_timeline(Timeline timeline, Lsn lsn) {
  Bytes text;
  HF_ASSIGN(TimelineHistory known, history(timeline, &text));
  HF_ASSIGN(SpoolTimeline * spool, spools_.open({system_.system_id, timeline, segment_size_}));
  if (known.timeline() != 1) HF_TRY(spool->put_history(text));
  if (!spool->empty()) return resume(*spool);
  HF_TRY(not_sealed_before(timeline));
  return Start{spool, segment_floor(lsn, segment_size_)};
}

Result<ReceiverSession::Start> ReceiverSession::choose() {
  SpoolTimeline* newest = spools_.newest();
  if (newest == nullptr || (newest->empty() && newest->key().timeline == system_.timeline))
    return choose_first();
  return choose_after(*newest);
}

// Nothing received yet: from where the slot keeps WAL, else from the server's present segment.
Result<ReceiverSession::Start> ReceiverSession::choose_first() {
  Lsn from = system_.flushed;
  if (!options_.slot.empty()) {
    HF_ASSIGN(remote::PgSlot slot, server_->read_slot(options_.slot));
    if (slot.restart_lsn) from = *slot.restart_lsn;
  }
  HF_ASSIGN(TimelineHistory known, history(system_.timeline));
  return begin_timeline(known.at(from), from);
}

Result<ReceiverSession::Start> ReceiverSession::choose_after(SpoolTimeline& newest) {
  Timeline have = newest.key().timeline;
  std::string server =
      "the server at " + server_->server() + " is on timeline " + std::to_string(system_.timeline);
  if (have > system_.timeline) {
    return make_error(ErrorKind::kBlocked, server + ", the spool is already on " + std::to_string(have))
        .with_hint("This is an old primary: point the DSN at the server that was promoted.");
  }
  if (have == system_.timeline) {
    if (newest.seal()) {
      return make_error(ErrorKind::kBlocked,
                        server + ", which this receiver sealed at " + format_lsn(newest.seal()->lsn))
          .with_hint(
              "Point the DSN at the server that was promoted; a sealed timeline is never taken up again.");
    }
    return resume(newest);
  }
  HF_ASSIGN(TimelineHistory known, history(system_.timeline));
  const TimelineSwitch* leaves = known.leaves(have);
  if (leaves == nullptr) {
    return make_error(ErrorKind::kBlocked, server + ", which does not descend from timeline " +
                                               std::to_string(have) + " in the spool")
        .with_hint("Use another spool folder, and take a new base backup of this server.");
  }
  if (!newest.seal() && newest.end() < leaves->at) return resume(newest);
  return begin_timeline(leaves->to, leaves->at);
}

Result<std::optional<ReceiverSession::Start>> ReceiverSession::stream(const Start& start) {
  SpoolTimeline& timeline = *start.timeline;
  proven_ = start.lsn;
  spooled_ = std::max(start.lsn, timeline.end());
  HF_ASSIGN(remote::WalStream stream,
            server_->start_streaming(options_.slot, start.lsn, timeline.key().timeline));
  {
    std::lock_guard lock(shared_.mutex);
    shared_.status.primary = "streaming";
    shared_.status.timeline = timeline.key().timeline;
    shared_.status.received = shared_.status.flushed = spooled_;
    shared_.status.error.clear();
  }
  env_.log.info("wal", "streaming",
                {{"from", format_lsn(start.lsn)},
                 {"timeline", std::to_string(timeline.key().timeline)},
                 {"server", server_->server()}});
  streamed_ = true;
  heard_ = env_.clock.mono();
  end_of_timeline_.reset();
  while (!ended()) {
    HF_ASSIGN(WalMessage first, stream.next(kTick));
    HF_ASSIGN(bool more, take_batch(stream, timeline, std::move(first)));
    if (more) {
      // The order is everything: durable, then told. A failed sync is never told.
      if (Status synced = timeline.sync(); !synced) {
        (void)timeline.roll_back();
        return Error(std::move(synced).error()).with_context("syncing the spool");
      }
      uploader_.durable(timeline, timeline.end());
    }
    if (end_of_timeline_) {
      if (proven_ < spooled_) return two_histories(server_->server(), end_of_timeline_->switch_lsn);
      HF_ASSIGN(Start next, begin_timeline(end_of_timeline_->next_timeline, end_of_timeline_->switch_lsn));
      return std::optional(next);
    }
    bool due = env_.clock.mono() >= said_ + options_.status_interval;
    if (more || due || reply_requested_) HF_TRY(acknowledge(stream, timeline));
    HF_TRY(check_silence(stream, timeline));
  }
  return std::optional<Start>();
}

// A server that was put back to an older state of its disk, or a copy of one, writes other WAL at the same places of
// the same timeline: none of it goes behind what was received, and none of it is acknowledged.
Status ReceiverSession::prove(SpoolTimeline& timeline, Lsn start, ByteView bytes) {
  if (start != proven_) return two_histories(server_->server(), start);
  HF_ASSIGN(const Bytes ours, timeline.read(start, bytes.size()));
  const auto differs = std::ranges::mismatch(ours, bytes);
  if (differs.in1 != ours.end()) return two_histories(server_->server(), start + (differs.in1 - ours.begin()));
  proven_ = start + bytes.size();
  return ok();
}

Status ReceiverSession::take(SpoolTimeline& timeline, const WalMessage& message) {
  const std::size_t known = std::min<std::uint64_t>(message.data.size(), spooled_ - proven_);
  const ByteView bytes(message.data);
  if (known != 0) HF_TRY(prove(timeline, message.start, bytes.first(known)));
  if (known == bytes.size()) return ok();
  if (Status done = timeline.append(message.start + known, bytes.subspan(known)); !done) {
    (void)timeline.roll_back();
    return Error(std::move(done).error()).with_context("writing to the spool");
  }
  return ok();
}

// A server that lacks what the spool has must not take its own new WAL at those places for acknowledged.
Lsn ReceiverSession::durable_here(const SpoolTimeline& timeline) const {
  return proven_ < spooled_ ? proven_ : timeline.end();
}

// Appends what is there, up to a batch; says whether there is something to sync.
Result<bool> ReceiverSession::take_batch(remote::WalStream& stream, SpoolTimeline& timeline,
                                         WalMessage message) {
  std::size_t taken = 0;
  for (;;) {
    if (message.kind != WalMessage::Kind::kTimeout) heard_ = env_.clock.mono();
    if (message.kind == WalMessage::Kind::kEndOfTimeline) {
      end_of_timeline_ = std::move(message);
      return taken != 0;
    }
    if (message.kind == WalMessage::Kind::kKeepalive)
      reply_requested_ = reply_requested_ || message.reply_requested;
    if (message.kind == WalMessage::Kind::kWal) {
      HF_TRY(take(timeline, message));
      taken += message.data.size();
    }
    if (message.kind != WalMessage::Kind::kTimeout) {
      std::lock_guard lock(shared_.mutex);
      shared_.status.server_end = message.end_of_wal;
      shared_.status.received = timeline.end();
    }
    if (message.kind == WalMessage::Kind::kTimeout || taken >= kReceiveBatchBytes || ended()) return taken != 0;
    HF_ASSIGN(message, stream.next(Micros(0)));
  }
}

Status ReceiverSession::acknowledge(remote::WalStream& stream, SpoolTimeline& timeline) {
  // The seal is taken by this very thread, so nothing can be acknowledged after it; and once one is wanted,
  // no more.
  if (ended()) return ok();
  const Lsn flushed = durable_here(timeline);
  HF_TRY(stream.send_status(flushed, flushed, Lsn{}));
  said_ = env_.clock.mono();
  reply_requested_ = false;
  std::lock_guard lock(shared_.mutex);
  shared_.status.flushed = flushed;
  return ok();
}

Status ReceiverSession::check_silence(remote::WalStream& stream, SpoolTimeline& timeline) {
  MonoTime now = env_.clock.mono();
  if (now >= heard_ + options_.silence_limit) {
    return make_error(ErrorKind::kUnavailable, "the server at " + server_->server() +
                                                   " has been silent for " +
                                                   format_duration(options_.silence_limit));
  }
  if (now < heard_ + kAskAfterSilence || now < said_ + kAskAfterSilence || ended()) return ok();
  said_ = now;
  const Lsn flushed = durable_here(timeline);
  return stream.send_status(flushed, flushed, Lsn{}, true);
}

}  // namespace hf::sources
