#include "sources/wal_receiver_session.h"

#include <algorithm>

#include "remote/postgres_preflight.h"

namespace hf::sources {
namespace {

using remote::WalMessage;

constexpr Micros kConnectTimeout = 10s;
constexpr Micros kTick = 20ms;  // how long a seal or stop request may wait while nothing is streamed
constexpr std::size_t kReceiveBatchBytes = 1 << 20;
constexpr Micros kAskAfterSilence = 5s;

Lsn segment_floor(Lsn lsn, std::uint64_t size) { return Lsn{lsn.value / size * size}; }

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

// The history is durable in the spool, and so on its way to the vault, before a byte of its timeline is asked
// for.
Result<ReceiverSession::Start> ReceiverSession::begin_timeline(Timeline timeline, Lsn lsn) {
  Bytes text;
  HF_ASSIGN(TimelineHistory known, history(timeline, &text));
  HF_ASSIGN(SpoolTimeline * spool, spools_.open({system_.system_id, timeline, segment_size_}));
  if (known.timeline() != 1) HF_TRY(spool->put_history(text));
  return Start{spool, spool->empty() ? segment_floor(lsn, segment_size_) : spool->end()};
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
    return Start{&newest, newest.end()};
  }
  HF_ASSIGN(TimelineHistory known, history(system_.timeline));
  const TimelineSwitch* leaves = known.leaves(have);
  if (leaves == nullptr) {
    return make_error(ErrorKind::kBlocked, server + ", which does not descend from timeline " +
                                               std::to_string(have) + " in the spool")
        .with_hint("Use another spool folder, and take a new base backup of this server.");
  }
  if (!newest.seal() && newest.end() < leaves->at) return Start{&newest, newest.end()};
  return begin_timeline(leaves->to, leaves->at);
}

Result<std::optional<ReceiverSession::Start>> ReceiverSession::stream(const Start& start) {
  SpoolTimeline& timeline = *start.timeline;
  HF_ASSIGN(remote::WalStream stream,
            server_->start_streaming(options_.slot, start.lsn, timeline.key().timeline));
  {
    std::lock_guard lock(shared_.mutex);
    shared_.status.primary = "streaming";
    shared_.status.timeline = timeline.key().timeline;
    shared_.status.received = shared_.status.flushed = start.lsn;
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
      HF_ASSIGN(Start next, begin_timeline(end_of_timeline_->next_timeline, end_of_timeline_->switch_lsn));
      return std::optional(next);
    }
    bool due = env_.clock.mono() >= said_ + options_.status_interval;
    if (more || due || reply_requested_) HF_TRY(acknowledge(stream, timeline));
    HF_TRY(check_silence(stream, timeline));
  }
  return std::optional<Start>();
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
      if (Status done = timeline.append(message.start, message.data); !done) {
        (void)timeline.roll_back();
        return Error(std::move(done).error()).with_context("writing to the spool");
      }
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
  Lsn flushed = timeline.end();
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
  return stream.send_status(timeline.end(), timeline.end(), Lsn{}, true);
}

}  // namespace hf::sources
