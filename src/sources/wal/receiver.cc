// The receiver's threads: this one streams, one uploads, one watches for seal requests and writes the status.
#include "sources/wal/receiver.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "io/lock.h"
#include "remote/postgres_preflight.h"
#include "sources/wal/receiver_session.h"

namespace hf::sources {
namespace {

constexpr Millis kWatchInterval{20};
constexpr Millis kStatusInterval{500};
constexpr Millis kFirstBackoff{100};
constexpr Millis kLongestBackoff{5000};
constexpr Millis kSealedBackoff{1000};

// What a person has to change: waiting does not help.
bool needs_a_person(const Error& e) {
  return e.kind == ErrorKind::kUsage || e.kind == ErrorKind::kBlocked || e.kind == ErrorKind::kDenied ||
         e.kind == ErrorKind::kUnsupported || e.kind == ErrorKind::kExhausted ||
         e.kind == ErrorKind::kCorrupt;
}

}  // namespace

class WalReceiver::State {
 public:
  State(Env& env, WalReceiverOptions options, WalTarget& target)
      : env_(env),
        options_(std::move(options)),
        uploader_(env_, target, std::max<std::uint64_t>(1, options_.keep_segments)),
        spools_(env_.files, options_.spool, uploader_) {
    shared_.status.name = options_.name;
  }

  Status run(std::stop_token stop) {
    HF_TRY(env_.files.make_dirs(options_.spool));
    HF_ASSIGN(FileLock lock, FileLock::acquire(join_path(options_.spool, "lock")));
    HF_TRY(spools_.load());
    note_newest();
    // A request that lies here was made to a process that is gone: it must not seal what we receive from now
    // on.
    if (auto old = read_seal_request(env_.files, options_.spool); old && *old) seal_request_ = (*old)->id;
    std::jthread uploads([this](std::stop_token s) { uploader_.run(s); });
    std::jthread watch([this](std::stop_token s) { watch_loop(s); });
    std::stop_callback end_session(stop, [this] { stop_session(); });
    Status outcome = sessions(stop);
    watch.request_stop();
    watch.join();
    uploads.request_stop();
    uploads.join();
    (void)write_status();
    return outcome;
  }

  WalReceiverStatus status() {
    WalReceiverStatus s;
    {
      std::lock_guard lock(shared_.mutex);
      s = shared_.status;
    }
    s.upload = uploader_.state();
    return s;
  }

 private:
  Status sessions(std::stop_token stop) {
    bool first = true;
    Millis wait = kFirstBackoff;
    while (!stop.stop_requested()) {
      if (shared_.seal_wanted) answer_seal();
      if (first) {
        Status ready = preflight();
        if (!ready) return fail(ready.error());
      }
      bool streamed = false;
      Status ended = one_session(stop, streamed);
      if (stop.stop_requested()) break;
      if (shared_.seal_wanted) continue;
      if (!ended && first && !streamed && needs_a_person(ended.error()) && !newest_seal())
        return fail(ended.error());
      if (streamed) {
        first = false;
        wait = kFirstBackoff;
      }
      if (!ended) log_error(ended.error());
      pause(newest_seal() ? kSealedBackoff : wait, stop);
      wait = std::min(wait * 2, kLongestBackoff);
    }
    return ok();
  }

  Status one_session(std::stop_token stop, bool& streamed) {
    std::stop_token mine;
    {
      std::lock_guard lock(shared_.mutex);
      shared_.session_stop = std::stop_source();
      mine = shared_.session_stop.get_token();
    }
    if (stop.stop_requested() || shared_.seal_wanted) return ok();
    ReceiverSession session(env_, options_, spools_, uploader_, shared_, mine);
    Status ended = session.run();
    streamed = session.streamed();
    std::lock_guard lock(shared_.mutex);
    shared_.status.primary = "not connected";
    return ended;
  }

  // What the settings of the server say, where an ordinary connection is possible; streaming itself finds out
  // the rest.
  Status preflight() {
    remote::PgConnectOptions connect;
    connect.application_name = options_.name + " preflight";
    connect.password = options_.password;
    connect.timeout = 3s;
    {
      std::lock_guard lock(shared_.mutex);
      shared_.session_stop = std::stop_source();
      connect.stop = shared_.session_stop.get_token();
    }
    if (shared_.seal_wanted) return ok();
    auto plain = remote::PgConnection::connect(options_.dsn, env_.clock, connect);
    if (!plain) return ok();
    remote::PgPreflightOptions what;
    what.slot = options_.slot;
    what.system_id = spools_.system_id() ? spools_.system_id() : options_.system_id;
    what.acknowledges = true;
    auto findings = remote::replication_preflight(*plain, what);
    if (!findings) return ok();
    for (const auto& f : *findings) {
      if (f.fatal && f.error.kind != ErrorKind::kBusy) return f.error;
      env_.log.warning("wal", "preflight", {{"finding", f.error.text}, {"hint", f.error.hint}});
    }
    return ok();
  }

  Status fail(Error error) {
    (void)note_error(error);
    return error;
  }

  // A session that is tried again is told of in the log, once for each reason.
  void log_error(const Error& error) {
    if (note_error(error)) env_.log.warning("wal", "session_ended", {{"why", error.text}, {"hint", error.hint}});
  }

  // True if it is another one than before.
  bool note_error(const Error& error) {
    std::lock_guard lock(shared_.mutex);
    const bool changed = shared_.status.error != error.text;
    shared_.status.error = error.text;
    if (shared_.status.seal) shared_.status.primary = "sealed";
    return changed;
  }

  std::optional<TimelineSeal> newest_seal() {
    SpoolTimeline* newest = spools_.newest();
    return newest != nullptr ? newest->seal() : std::nullopt;
  }

  void note_newest() {
    SpoolTimeline* newest = spools_.newest();
    if (newest == nullptr) return;
    std::lock_guard lock(shared_.mutex);
    shared_.status.system_id = newest->key().system_id;
    shared_.status.timeline = newest->key().timeline;
    shared_.status.received = shared_.status.flushed = newest->end();
    shared_.status.seal = newest->seal();
    if (newest->seal()) shared_.status.primary = "sealed";
  }

  // By the streaming thread, with no connection left: whatever was acknowledged lies below what is sealed
  // here.
  void answer_seal() {
    SealAnswer answer;
    {
      std::lock_guard lock(shared_.mutex);
      answer.id = seal_request_;
    }
    SpoolTimeline* newest = spools_.newest();
    Result<TimelineSeal> seal = make_error(ErrorKind::kBlocked, "nothing was received yet");
    if (newest != nullptr) seal = seal_timeline(*newest, options_.name, env_.clock);
    if (seal) {
      answer.seal = *seal;
      uploader_.sealed(*newest);
      env_.log.info("wal", "sealed",
                    {{"timeline", std::to_string(seal->timeline)}, {"lsn", format_lsn(seal->lsn)}});
    } else {
      answer.error = seal.error().text;
    }
    Status told = write_seal_answer(env_.files, options_.spool, answer);
    if (!told) env_.log.warning("wal", "seal_not_told", {{"why", told.error().text}});
    note_newest();
    std::lock_guard lock(shared_.mutex);
    if (seal) waiting_for_vault_ = answer;
    shared_.seal_wanted = false;
  }

  void pause(Millis d, std::stop_token stop) {
    MonoTime until = env_.clock.mono() + d;
    while (env_.clock.mono() < until && !stop.stop_requested() && !shared_.seal_wanted) {
      env_.clock.sleep_until(std::min<MonoTime>(until, env_.clock.mono() + kWatchInterval), stop);
    }
  }

  void stop_session() {
    std::lock_guard lock(shared_.mutex);
    shared_.session_stop.request_stop();
  }

  void watch_loop(std::stop_token stop) {
    MonoTime next_status{};
    while (!stop.stop_requested()) {
      look_for_request();
      tell_when_in_vault();
      if (env_.clock.mono() >= next_status) {
        Status written = write_status();
        if (!written) env_.log.warning("wal", "status_not_written", {{"why", written.error().text}});
        next_status = env_.clock.mono() + kStatusInterval;
      }
      env_.clock.sleep_until(env_.clock.mono() + kWatchInterval, stop);
    }
  }

  void look_for_request() {
    if (shared_.seal_wanted) return;
    auto request = read_seal_request(env_.files, options_.spool);
    if (!request || !*request) return;
    {
      std::lock_guard lock(shared_.mutex);
      if (seal_request_ == (*request)->id) return;  // answered
      seal_request_ = (*request)->id;
      shared_.seal_wanted = true;
    }
    stop_session();
  }

  void tell_when_in_vault() {
    std::optional<SealAnswer> answer;
    {
      std::lock_guard lock(shared_.mutex);
      answer = waiting_for_vault_;
    }
    if (!answer) return;
    UploadState upload = uploader_.state();
    bool there = upload.seal_in_vault && upload.seal_in_vault->timeline == answer->seal->timeline;
    if (!there && upload.error == answer->error) return;
    answer->in_vault = there;
    answer->error = there ? "" : upload.error;
    if (!write_seal_answer(env_.files, options_.spool, *answer)) return;
    std::lock_guard lock(shared_.mutex);
    if (!waiting_for_vault_ || waiting_for_vault_->id != answer->id) return;
    waiting_for_vault_ = there ? std::nullopt : answer;
  }

  Status write_status() {
    std::string text = dump_json(status_to_json(status(), env_.clock.wall())) + "\n";
    return write_file_atomic(env_.files, join_path(options_.spool, "status.json"), as_bytes(text), 0644);
  }

  Env& env_;
  const WalReceiverOptions options_;
  ReceiverShared shared_;
  std::string seal_request_;                     // the last one seen; guarded by shared_.mutex
  std::optional<SealAnswer> waiting_for_vault_;  // guarded by shared_.mutex
  WalUploader uploader_;
  SpoolSet spools_;
};

WalReceiver::WalReceiver(Env& env, WalReceiverOptions options, WalTarget& target)
    : state_(std::make_unique<State>(env, std::move(options), target)) {}
WalReceiver::~WalReceiver() = default;
Status WalReceiver::run(std::stop_token stop) { return state_->run(std::move(stop)); }
WalReceiverStatus WalReceiver::status() { return state_->status(); }

Json status_to_json(const WalReceiverStatus& s, WallTime now) {
  return Json::object()
      .set("name", s.name)
      .set("pid", std::int64_t{::getpid()})
      .set("updated_at", format_time(now))
      .set("primary", s.primary)
      .set("system_id", std::to_string(s.system_id))
      .set("timeline", s.timeline)
      .set("received", format_lsn(s.received))
      .set("flushed", format_lsn(s.flushed))
      .set("server_end", format_lsn(s.server_end))
      .set("uploaded", format_lsn(s.upload.uploaded))
      .set("backlog_bytes", s.upload.backlog_bytes)
      .set("seal", s.seal ? seal_to_json(*s.seal) : Json())
      .set("error", s.error)
      .set("vault_error", s.upload.error);
}

}  // namespace hf::sources
