// See segments.h.
#include "journal/segments.h"

#include <algorithm>

#include "base/check.h"

namespace hf::journal {

Error damage_error(const Damage& d) {
  return make_error(ErrorKind::kCorrupt, "journal " + d.file + " at byte " + std::to_string(d.offset) +
                                             " (event " + std::to_string(d.seq) + "): " + d.why)
      .with_object(d.file)
      .with_hint(
          "Nothing was changed. Bring the journal back from a copy, such as the attachment in a vault: "
          "a journal is never mended by leaving events out.");
}

Result<Segments> Segments::load(Files& files, std::string folder, std::optional<JournalId> expected) {
  Segments out(files, std::move(folder), expected);
  auto entries = files.list(out.folder_);
  if (!entries && entries.error().kind == ErrorKind::kNotFound) return out;
  if (!entries) return std::move(entries).error();
  std::vector<std::pair<std::uint64_t, std::string>> names;   // sorted by name is sorted by number
  for (const DirectoryEntry& entry : *entries)
    if (auto first = parse_segment_name(entry.name)) names.emplace_back(*first, entry.name);
  for (std::size_t i = 0; i < names.size() && !out.damage_; ++i)
    HF_TRY(out.load_segment(names[i].second, names[i].first, i + 1 == names.size()));
  return out;
}

void Segments::found_damage(const Segment& segment, std::string why) {
  damage_ = Damage{segment.path, segment.bytes, size(), std::move(why)};
}

Status Segments::load_segment(const std::string& name, std::uint64_t first_seq, bool last) {
  Segment segment{join_path(folder_, name), first_seq, 0};
  HF_ASSIGN(Bytes bytes, read_file(*files_, segment.path, kMaxSegmentBytes));
  auto header = decode_header(bytes);
  if (!header && header.error().kind != ErrorKind::kCorrupt)
    return std::move(header).error().with_context(segment.path);
  if (!header) return found_damage(segment, header.error().text), ok();
  if (!id_) id_ = header->id;
  if (header->id != *id_) return found_damage(segment, "belongs to another journal"), ok();
  if (first_seq != size() || header->first_seq != first_seq)
    return found_damage(segment, "does not continue the segment before it, which ends at event " +
                                     std::to_string(size())),
           ok();
  if (header->root != tree_.root())
    return found_damage(segment, "continues another log: the root before it differs"), ok();
  segment.bytes = kHeaderBytes;
  for (;;) {
    Frame frame = decode_frame(*id_, size(), ByteView(bytes).subspan(segment.bytes));
    if (frame.state == FrameState::kWhole) {
      tree_.append(frame.hash);
      segment.bytes += frame.size;
      continue;
    }
    if (frame.state == FrameState::kUnfinished && last) {
      unfinished_ = Unfinished{segment.path, segment.bytes, bytes.size() - segment.bytes};
    } else if (frame.state != FrameState::kEnd) {
      found_damage(segment, frame.why);
    }
    segments_.push_back(segment);
    return ok();
  }
}

Status Segments::open_for_append(std::uint64_t segment_bytes) {
  HF_CHECK(!damage_ && id_ && tail_ == nullptr && segment_bytes <= kSegmentBytes);
  segment_bytes_ = segment_bytes;
  HF_TRY(files_->make_dirs(folder_, 0700));
  if (segments_.empty()) return start_segment();
  const Segment& segment = segments_.back();
  HF_ASSIGN(tail_, files_->open(segment.path, OpenMode::kReadWrite, 0600));
  if (unfinished_) {
    HF_TRY(tail_->truncate(segment.bytes));
    HF_TRY(tail_->sync());
  }
  return ok();
}

// A segment becomes visible with its whole header: it is never found unfinished.
Status Segments::start_segment() {
  Segment segment{join_path(folder_, segment_name(size())), size(), kHeaderBytes};
  HF_TRY(create_file_atomic(*files_, segment.path, encode_header({*id_, size(), tree_.root()}), 0600));
  HF_ASSIGN(tail_, files_->open(segment.path, OpenMode::kReadWrite, 0600));
  segments_.push_back(std::move(segment));
  return ok();
}

Status Segments::append(std::string_view leaf) {
  HF_CHECK(tail_ != nullptr);
  if (spent_) {
    return make_error(ErrorKind::kBlocked,
                      "journal " + folder_ + ": a write failed before, nothing more is appended")
        .with_hint("Start holdfast again: it will find out whether that event is there.");
  }
  spent_ = true;   // until everything went well
  Digest hash = leaf_hash(as_bytes(leaf));
  Bytes frame = encode_frame(*id_, size(), leaf, hash);
  if (segments_.back().bytes + frame.size() > segment_bytes_ && segments_.back().first_seq < size())
    HF_TRY(start_segment());
  Segment& segment = segments_.back();
  if (Status s = tail_->write_at(segment.bytes, frame); !s) return std::move(s).error().maybe_happened();
  if (Status s = tail_->sync(); !s) return std::move(s).error().maybe_happened();
  segment.bytes += frame.size();
  tree_.append(hash);
  spent_ = false;
  return ok();
}

Status Segments::read(std::uint64_t from, std::uint64_t to, const LeafVisitor& visit) const {
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    const Segment& segment = segments_[i];
    if (segment.first_seq >= to) break;
    if (i + 1 < segments_.size() && segments_[i + 1].first_seq <= from) continue;
    HF_ASSIGN(Bytes bytes, read_file(*files_, segment.path, kMaxSegmentBytes));
    std::size_t offset = kHeaderBytes;
    const std::uint64_t end = i + 1 < segments_.size() ? segments_[i + 1].first_seq : size();
    for (std::uint64_t seq = segment.first_seq; seq < std::min(end, to); ++seq) {
      Frame frame = decode_frame(*id_, seq, ByteView(bytes).subspan(std::min(offset, bytes.size())));
      if (frame.state != FrameState::kWhole || frame.hash != tree_.leaf(seq))
        return damage_error({segment.path, offset, seq,
                             frame.why.empty() ? "the event changed since it was read before" : frame.why});
      offset += frame.size;
      if (seq >= from && !visit(seq, frame.leaf)) return ok();
    }
  }
  return ok();
}

}  // namespace hf::journal
