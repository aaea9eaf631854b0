#include "sources/wal/upload.h"

#include <algorithm>

namespace hf::sources {

TimelineUpload::TimelineUpload(SpoolTimeline& spool, WalTarget& target, Log& log)
    : spool_(spool),
      target_(target),
      log_(log),
      decoder_(spool.key().segment_size, [this](const WalEvent& e) {
        add_event(frame_times_, e);
        add_event(segment_times_, e);
      }) {}

// The decoder starts at the segment before, so that a record that runs into this one is not missed.
Status TimelineUpload::begin() {
  HF_ASSIGN(uploaded_, spool_.uploaded());
  std::uint64_t size = spool_.key().segment_size;
  Lsn segment{uploaded_.value / size * size};
  Lsn from = segment.value >= spool_.begin().value + size ? Lsn{segment.value - size}
                                                          : std::max(segment, spool_.begin());
  decoder_.reset(from);
  while (decoder_.position() < uploaded_) {
    Lsn at = decoder_.position();
    if (at == segment) segment_times_ = {};
    std::uint64_t n = std::min<std::uint64_t>({size - at.value % size, uploaded_ - at, kWalFrameBytes});
    HF_ASSIGN(Bytes bytes, spool_.read(at, n));
    decoder_.feed(bytes);
  }
  if (decoder_.position() == segment) segment_times_ = {};
  begun_ = true;
  return ok();
}

Result<Lsn> TimelineUpload::uploaded() {
  if (!begun_) HF_TRY(begin());
  return uploaded_;
}

Status TimelineUpload::put_history() {
  if (history_put_) return ok();
  HF_ASSIGN(std::optional<Bytes> text, spool_.history());
  if (text) HF_TRY(target_.put_history(spool_.key().system_id, spool_.key().timeline, *text));
  history_put_ = true;
  return ok();
}

Status TimelineUpload::run(Lsn durable) {
  HF_TRY(put_history());
  if (!begun_ || uploaded_ < spool_.begin()) HF_TRY(begin());
  while (uploaded_ < durable) HF_TRY(one_frame(durable));
  return ok();
}

Status TimelineUpload::one_frame(Lsn durable) {
  std::uint64_t size = spool_.key().segment_size;
  std::uint64_t n =
      std::min<std::uint64_t>({size - uploaded_.value % size, durable - uploaded_, kWalFrameBytes});
  vault::WalFrame frame;
  frame.system_id = spool_.key().system_id;
  frame.timeline = spool_.key().timeline;
  frame.segment_size = size;
  frame.start = uploaded_;
  HF_ASSIGN(frame.bytes, spool_.read(uploaded_, n));
  if (decoder_.position() == uploaded_) {  // else this frame is tried again after an error
    frame_times_ = {};
    if (uploaded_.value % size == 0) segment_times_ = {};
    decoder_.feed(frame.bytes);
  } else if (decoder_.position() != uploaded_ + n) {
    begun_ = false;  // the frame grew since the error: decode anew
    return begin();
  }
  if (!decoder_.broken().empty() && !told_broken_) {
    told_broken_ = true;
    log_.warning("wal", "not_decoded", {{"why", decoder_.broken()}});
  }
  frame.times = frame_times_;
  HF_TRY(target_.put_frame(frame));
  Lsn next = uploaded_ + n;
  if (next.value % size == 0) HF_TRY(finish_segment(next.value / size - 1));
  HF_TRY(spool_.set_uploaded(next));
  uploaded_ = next;
  return ok();
}

Status TimelineUpload::finish_segment(std::uint64_t segment) {
  vault::WalFrame whole;
  whole.system_id = spool_.key().system_id;
  whole.timeline = spool_.key().timeline;
  whole.segment_size = spool_.key().segment_size;
  whole.start = Lsn{segment * whole.segment_size};
  HF_ASSIGN(whole.bytes, spool_.read(whole.start, whole.segment_size));
  whole.times = segment_times_;
  return target_.put_segment(whole);
}

Status TimelineUpload::put_seal() {
  if (seal_put_) return ok();
  HF_TRY(run(spool_.end()));
  HF_TRY(target_.put_seal(*spool_.seal()));
  seal_put_ = true;
  return ok();
}

Status TimelineUpload::trim(std::uint64_t keep) {
  std::uint64_t size = spool_.key().segment_size;
  std::uint64_t whole = uploaded_.value / size;
  if (whole <= keep) return ok();
  std::uint64_t below = whole - keep;
  // A record that spans segments is proven from its beginning on.
  if (decoder_.broken().empty()) below = std::min(below, decoder_.valid_end().value / size);
  return spool_.remove_segments_below(below);
}

}  // namespace hf::sources
