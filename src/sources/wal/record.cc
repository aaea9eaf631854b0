#include "sources/wal/record.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hf::sources {
namespace {

constexpr std::size_t kShortHeader = 24;
constexpr std::size_t kLongHeader = 40;
constexpr std::size_t kRecordHeader = 24;
constexpr std::uint64_t kAlign = 8;
constexpr std::uint64_t kLargestRecord = 1ULL << 30;  // the server refuses records over 1020 MiB
constexpr std::uint16_t kOldestMagic = 0xD106;  // 13: D106, 14: D10D, 15: D110, 16: D113, 17: D116, 18: D118
constexpr std::uint16_t kNewestMagic = 0xD1FF;

constexpr std::uint16_t kFirstIsContinuation = 0x0001;
constexpr std::uint16_t kLongHeaderFlag = 0x0002;
// "A record was begun on the page before and will never be finished": bit 3 to version 18, bit 2 after that,
// which earlier versions set on nearly every page with another meaning.
constexpr std::uint16_t kOverwriteTo18 = 0x0008;
constexpr std::uint16_t kOverwriteAfter18 = 0x0004;
constexpr std::uint16_t kLastMagicOf18 = 0xD118;
constexpr std::uint16_t kAllFlags = 0x000F;

constexpr std::uint8_t kXlogManager = 0;
constexpr std::uint8_t kTransactionManager = 1;
constexpr std::uint8_t kXlogSwitch = 0x40;
constexpr std::uint8_t kXlogRestorePoint = 0x70;
constexpr std::size_t kRestorePointName = 64;

constexpr std::int64_t kPostgresEpochMicros = 946684800LL * 1000000;

template <class T>
T load(const std::uint8_t* p) {
  T v;
  std::memcpy(&v, p,
              sizeof v);  // the WAL is in the byte order of its machine; little-endian ones are supported
  return v;
}
static_assert(std::endian::native == std::endian::little);

using CrcTables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr CrcTables make_tables() {
  CrcTables t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? (c >> 1) ^ 0x82F63B78U : c >> 1;
    t[0][i] = c;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t i = 0; i < 256; ++i) t[k][i] = (t[k - 1][i] >> 8) ^ t[0][t[k - 1][i] & 0xff];
  }
  return t;
}
constexpr CrcTables kCrc = make_tables();

std::uint64_t align_up(std::uint64_t v) { return (v + kAlign - 1) / kAlign * kAlign; }

// The main data of a record that refers to no block: behind an optional origin and an optional top-level
// transaction.
ByteView main_data(ByteView record) {
  ByteView d = record.subspan(kRecordHeader);
  while (!d.empty()) {
    std::size_t header = 0;
    switch (d[0]) {
      case 253: header = 3; break;  // origin
      case 252: header = 5; break;  // top-level transaction
      case 255: return d.size() >= 2 ? d.subspan(2) : ByteView();
      case 254: return d.size() >= 5 ? d.subspan(5) : ByteView();
      default: return {};
    }
    if (d.size() < header) return {};
    d = d.subspan(header);
  }
  return {};
}

WallTime postgres_time(const std::uint8_t* p) {
  return WallTime(Micros(load<std::int64_t>(p) + kPostgresEpochMicros));
}

}  // namespace

// Slicing by 8 (Kounavis and Berry 2005).
std::uint32_t crc32c(std::uint32_t crc, ByteView data) {
  std::uint32_t c = ~crc;
  const std::uint8_t* p = data.data();
  std::size_t n = data.size();
  for (; n >= 8; n -= 8, p += 8) {
    std::uint32_t a = load<std::uint32_t>(p) ^ c;
    std::uint32_t b = load<std::uint32_t>(p + 4);
    c = kCrc[7][a & 0xff] ^ kCrc[6][(a >> 8) & 0xff] ^ kCrc[5][(a >> 16) & 0xff] ^ kCrc[4][a >> 24] ^
        kCrc[3][b & 0xff] ^ kCrc[2][(b >> 8) & 0xff] ^ kCrc[1][(b >> 16) & 0xff] ^ kCrc[0][b >> 24];
  }
  for (; n > 0; --n, ++p) c = (c >> 8) ^ kCrc[0][(c ^ *p) & 0xff];
  return ~c;
}

WalDecoder::WalDecoder(std::uint64_t segment_size, Take take)
    : segment_size_(segment_size), take_(std::move(take)) {}

void WalDecoder::reset(Lsn lsn) {
  at_ = lsn;
  valid_end_ = lsn;
  broken_.clear();
  header_.clear();
  synced_ = false;
  skip_ = 0;
  have_ = 0;
  total_ = 0;
  previous_ = Lsn{};
  state_ = lsn.value % kWalPageBytes == 0 ? State::kPageHeader : State::kSkipToPage;
}

void WalDecoder::feed(ByteView bytes) {
  while (!bytes.empty() && broken_.empty()) bytes = step(bytes);
  at_ = at_ + bytes.size();
}

void WalDecoder::fail(std::string why) { broken_ = "WAL at " + format_lsn(at_) + ": " + std::move(why); }

// Consumes some bytes of one page; returns the rest.
ByteView WalDecoder::step(ByteView bytes) {
  if (at_.value % kWalPageBytes == 0 && header_.empty() &&
      (state_ != State::kSkipSegment || at_.value % segment_size_ == 0)) {
    if (state_ == State::kSkipToPage || state_ == State::kSkipSegment) state_ = State::kBetween;
    return take_header(bytes);
  }
  if (!header_.empty()) return take_header(bytes);
  ByteView here = bytes.first(std::min<std::uint64_t>(bytes.size(), left_in_page()));
  switch (state_) {
    case State::kSkipToPage:
    case State::kSkipSegment: break;
    case State::kPageHeader: break;
    case State::kSkipRest: {
      here = here.first(std::min<std::uint64_t>(here.size(), skip_));
      skip_ -= here.size();
      if (skip_ == 0) state_ = State::kBetween;
      break;
    }
    case State::kBetween: {
      std::uint64_t pad = align_up(at_.value) - at_.value;
      if (pad == 0) {
        record_start_ = at_;
        have_ = 0;
        total_ = 0;
        crc_ = 0;
        state_ = State::kRecord;
        return bytes;
      }
      here = here.first(std::min<std::uint64_t>(here.size(), pad));
      break;
    }
    case State::kRecord: return take_record(bytes);
  }
  at_ = at_ + here.size();
  return bytes.subspan(here.size());
}

ByteView WalDecoder::take_header(ByteView bytes) {
  std::size_t want = kShortHeader;
  if (header_.size() >= kShortHeader && (load<std::uint16_t>(header_.data() + 2) & kLongHeaderFlag) != 0) {
    want = kLongHeader;
  }
  ByteView part = bytes.first(std::min(bytes.size(), want - header_.size()));
  header_.insert(header_.end(), part.begin(), part.end());
  at_ = at_ + part.size();
  bool is_long =
      header_.size() >= kShortHeader && (load<std::uint16_t>(header_.data() + 2) & kLongHeaderFlag) != 0;
  if (header_.size() == (is_long ? kLongHeader : kShortHeader)) page_header();
  return bytes.subspan(part.size());
}

void WalDecoder::page_header() {
  const std::uint8_t* h = header_.data();
  std::uint64_t page = at_.value - header_.size();
  auto magic = load<std::uint16_t>(h);
  auto info = load<std::uint16_t>(h + 2);
  if (magic < kOldestMagic || magic > kNewestMagic) return fail("not a page of WAL of version 13 or later");
  if (magic_ != 0 && magic_ != magic) return fail("the version of the WAL changes");
  if ((info & ~kAllFlags) != 0) return fail("unknown flags in a page header");
  if (load<std::uint64_t>(h + 8) != page) return fail("a page of another place (an older, recycled segment)");
  bool first_of_segment = page % segment_size_ == 0;
  if (first_of_segment != ((info & kLongHeaderFlag) != 0)) return fail("the segment size does not fit");
  if (first_of_segment) {
    if (load<std::uint32_t>(h + 32) != segment_size_) return fail("the segment size differs");
    if (load<std::uint32_t>(h + 36) != kWalPageBytes) return fail("the page size differs");
    system_id_ = load<std::uint64_t>(h + 24);
  }
  magic_ = magic;
  page_timeline_ = load<std::uint32_t>(h + 4);
  auto remaining = load<std::uint32_t>(h + 16);
  header_.clear();
  std::uint16_t overwrite = magic <= kLastMagicOf18 ? kOverwriteTo18 : kOverwriteAfter18;
  enter_page((info & kFirstIsContinuation) != 0, (info & overwrite) != 0, remaining);
}

void WalDecoder::enter_page(bool continued, bool overwritten, std::uint32_t remaining) {
  bool first = !synced_;
  synced_ = true;
  if (first || overwritten) {  // overwritten: the record that was begun will never be finished, another one
                               // stands here
    if (overwritten) previous_ = Lsn{};
    skip_ = continued ? remaining : 0;
    state_ = skip_ != 0 ? State::kSkipRest : State::kBetween;
    return;
  }
  std::uint64_t expected = 0;
  if (state_ == State::kSkipRest) expected = skip_;
  if (state_ == State::kRecord && have_ != 0) expected = total_ - have_;
  if (!continued && expected == 0) return;
  if (!continued || remaining != expected) return fail("the rest of a record is missing");
}

ByteView WalDecoder::take_record(ByteView bytes) {
  std::uint64_t want = total_ == 0 ? 4 - have_ : total_ - have_;
  if (total_ != 0 && have_ < kRecordHeader) want = std::min(want, kRecordHeader - have_);
  std::uint64_t n = std::min<std::uint64_t>({want, bytes.size(), left_in_page()});
  ByteView part = bytes.first(n);
  if (have_ < kHeadBytes)
    std::memcpy(head_.data() + have_, part.data(), std::min<std::uint64_t>(n, kHeadBytes - have_));
  if (have_ >= kRecordHeader) crc_ = crc32c(crc_, part);
  have_ += n;
  at_ = at_ + n;
  if (total_ == 0 && have_ == 4) begin_record();
  if (broken_.empty() && total_ != 0 && have_ == total_) finish_record();
  return bytes.subspan(n);
}

void WalDecoder::begin_record() {
  total_ = load<std::uint32_t>(head_.data());
  if (total_ == 0) return fail("no further record");
  if (total_ < kRecordHeader || total_ > kLargestRecord) {
    total_ = 0;
    return fail("a record of impossible length");
  }
}

void WalDecoder::finish_record() {
  std::uint32_t crc = crc32c(crc_, ByteView(head_).first(20));
  if (crc != load<std::uint32_t>(head_.data() + 20)) return fail("the checksum of a record is wrong");
  Lsn previous{load<std::uint64_t>(head_.data() + 8)};
  if (previous_.value != 0 ? previous != previous_ : previous >= record_start_) {
    return fail("a record does not follow the one before it");
  }
  previous_ = record_start_;
  ++records_;
  state_ = State::kBetween;
  if (head_[17] == kXlogManager && (head_[16] & 0xF0) == kXlogSwitch && at_.value % segment_size_ != 0) {
    state_ = State::kSkipSegment;  // the rest of the segment is empty
  }
  valid_end_ = Lsn{align_up(at_.value)};
  if (take_) tell();
}

void WalDecoder::tell() {
  std::uint8_t info = head_[16];
  std::uint8_t manager = head_[17];
  ByteView data = main_data(ByteView(head_).first(std::min<std::uint64_t>(total_, kHeadBytes)));
  WalEvent event;
  event.start = record_start_;
  event.end = valid_end_;
  event.xid = load<std::uint32_t>(head_.data() + 4);
  if (manager == kTransactionManager && data.size() >= 8) {
    std::uint8_t what = info & 0x70;
    if (what == 0x00 || what == 0x30)
      event.kind = WalEvent::Kind::kCommit;  // also of a prepared one
    else if (what == 0x20 || what == 0x40)
      event.kind = WalEvent::Kind::kAbort;
    else
      return;
    event.time = postgres_time(data.data());
    take_(event);
  } else if (manager == kXlogManager && (info & 0xF0) == kXlogRestorePoint &&
             data.size() >= 8 + kRestorePointName) {
    event.kind = WalEvent::Kind::kRestorePoint;
    event.time = postgres_time(data.data());
    std::string_view name = as_text(data.subspan(8, kRestorePointName));
    event.name = std::string(name.substr(0, name.find('\0')));
    take_(event);
  }
}

Lsn end_of_valid_wal(ByteView bytes, Lsn start, std::uint64_t segment_size) {
  WalDecoder decoder(segment_size);
  decoder.reset(start);
  decoder.feed(bytes);
  return std::min(decoder.valid_end(), start + bytes.size());
}

Result<WalSegmentHead> read_segment_head(ByteView first_bytes) {
  Error bad = make_error(ErrorKind::kCorrupt, "this is not the start of a WAL segment");
  if (first_bytes.size() < kLongHeader) return bad;
  const std::uint8_t* h = first_bytes.data();
  auto magic = load<std::uint16_t>(h);
  auto info = load<std::uint16_t>(h + 2);
  WalSegmentHead head;
  head.start = Lsn{load<std::uint64_t>(h + 8)};
  head.system_id = load<std::uint64_t>(h + 24);
  head.segment_size = load<std::uint32_t>(h + 32);
  bool size_fits = head.segment_size >= (1U << 20) && head.segment_size <= (1U << 30) &&
                   (head.segment_size & (head.segment_size - 1)) == 0;
  if (magic < kOldestMagic || magic > kNewestMagic || (info & kLongHeaderFlag) == 0 || !size_fits ||
      head.start.value % head.segment_size != 0) {
    return bad;
  }
  return head;
}

}  // namespace hf::sources
