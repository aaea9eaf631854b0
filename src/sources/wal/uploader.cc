#include "sources/wal/uploader.h"

#include <algorithm>

namespace hf::sources {
namespace {

constexpr Millis kFirstUploadBackoff{250};
constexpr Millis kLongestUploadBackoff{5000};

Millis backoff(std::uint64_t failures) {
  Millis d = kFirstUploadBackoff * (1LL << std::min<std::uint64_t>(failures - 1, 10));
  return std::min(d, kLongestUploadBackoff);
}

}  // namespace

void WalUploader::add(SpoolTimeline& timeline) {
  std::lock_guard lock(mutex_);
  Item& item = items_.emplace_back(timeline, target_, env_.log);
  item.sealed = timeline.seal().has_value();
  if (auto lsn = timeline.uploaded()) item.uploaded = *lsn;
}

void WalUploader::durable(SpoolTimeline& timeline, Lsn lsn) {
  std::lock_guard lock(mutex_);
  for (Item& i : items_) {
    if (&i.timeline == &timeline) i.durable = lsn;
  }
  if (urgent()) changed_.notify_all();
}

void WalUploader::sealed(SpoolTimeline& timeline) {
  std::lock_guard lock(mutex_);
  for (Item& i : items_) {
    if (&i.timeline != &timeline) continue;
    i.durable = timeline.end();
    i.sealed = true;
  }
  wake_ = true;
  changed_.notify_all();
}

bool WalUploader::urgent() const {
  if (state_.failures != 0) return wake_;
  return wake_ || std::any_of(items_.begin(), items_.end(), [](const Item& i) {
           return i.durable > i.uploaded && i.durable - i.uploaded >= kUploadAtOnceBytes;
         });
}

UploadState WalUploader::state() {
  std::lock_guard lock(mutex_);
  UploadState s = state_;
  s.backlog_bytes = 0;
  for (const Item& i : items_) {
    if (i.durable > i.uploaded) s.backlog_bytes += i.durable - i.uploaded;
    if (i.timeline.key().timeline < s.timeline) continue;
    s.timeline = i.timeline.key().timeline;
    s.uploaded = i.uploaded;
  }
  return s;
}

void WalUploader::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      Millis wait = state_.failures == 0 ? kUploadInterval : backoff(state_.failures);
      changed_.wait_for(lock, stop, wait, [this] { return urgent(); });
      wake_ = false;
    }
    round();
  }
  round();
}

void WalUploader::round() {
  std::vector<std::pair<Item*, std::pair<Lsn, bool>>> work;
  {
    std::lock_guard lock(mutex_);
    for (Item& i : items_) work.push_back({&i, {i.durable, i.sealed}});
  }
  Status outcome = ok();
  for (auto& [item, what] : work) {
    Status done = upload(*item, what.first, what.second);
    if (!done) outcome = std::move(done);
  }
  report(outcome);
}

Status WalUploader::upload(Item& item, Lsn durable, bool sealed) {
  if (item.seal_done) return ok();
  Status done = item.upload.run(durable);
  if (done && sealed) done = item.upload.put_seal();
  if (done) done = item.upload.trim(keep_segments_);
  auto uploaded = item.upload.uploaded();
  std::lock_guard lock(mutex_);
  if (uploaded) item.uploaded = *uploaded;
  if (sealed && item.upload.seal_put()) {
    item.seal_done = true;
    state_.seal_in_vault = *item.timeline.seal();
  }
  return done;
}

void WalUploader::report(const Status& outcome) {
  std::lock_guard lock(mutex_);
  if (outcome) {
    if (state_.failures != 0) env_.log.info("wal", "vault_reached_again");
    state_.failures = 0;
    state_.error.clear();
    return;
  }
  ++state_.failures;
  if (state_.error != outcome.error().text) {
    env_.log.warning("wal", "vault_not_reached", {{"why", outcome.error().text}, {"kept", "in the spool"}});
  }
  state_.error = outcome.error().text;
}

}  // namespace hf::sources
