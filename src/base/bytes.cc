#include "base/bytes.h"

namespace hf {

Error ByteReader::corrupt(std::string_view why) const {
  return make_error(ErrorKind::kCorrupt,
                    std::string(what_) + " at byte " + std::to_string(offset_) + ": " + std::string(why));
}

Result<std::uint64_t> ByteReader::integer(int n) {
  if (remaining() < static_cast<std::size_t>(n)) return corrupt("ends in the middle of a field");
  std::uint64_t v = 0;
  for (int i = 0; i < n; ++i) v |= static_cast<std::uint64_t>(data_[offset_ + static_cast<std::size_t>(i)]) << (8 * i);
  offset_ += static_cast<std::size_t>(n);
  return v;
}

Result<std::uint8_t> ByteReader::u8() {
  HF_ASSIGN(std::uint64_t v, integer(1));
  return static_cast<std::uint8_t>(v);
}
Result<std::uint16_t> ByteReader::u16() {
  HF_ASSIGN(std::uint64_t v, integer(2));
  return static_cast<std::uint16_t>(v);
}
Result<std::uint32_t> ByteReader::u32() {
  HF_ASSIGN(std::uint64_t v, integer(4));
  return static_cast<std::uint32_t>(v);
}
Result<std::uint64_t> ByteReader::u64() { return integer(8); }
Result<std::int64_t> ByteReader::i64() {
  HF_ASSIGN(std::uint64_t v, integer(8));
  return static_cast<std::int64_t>(v);
}

Result<std::uint64_t> ByteReader::varint() {
  std::uint64_t v = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    HF_ASSIGN(std::uint8_t b, u8());
    if (shift == 63 && b > 1) return corrupt("integer does not fit in 64 bits");
    v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
    if ((b & 0x80) == 0) return v;
  }
  return corrupt("integer does not fit in 64 bits");
}

Result<ByteView> ByteReader::raw(std::size_t n) {
  if (remaining() < n) return corrupt("ends in the middle of a field");
  ByteView view = data_.subspan(offset_, n);
  offset_ += n;
  return view;
}

Result<ByteView> ByteReader::sized(std::size_t limit) {
  HF_ASSIGN(std::uint64_t n, varint());
  if (n > limit) return corrupt("a length of " + std::to_string(n) + " is over the limit of " + std::to_string(limit));
  return raw(static_cast<std::size_t>(n));
}

Result<std::string> ByteReader::sized_text(std::size_t limit) {
  HF_ASSIGN(ByteView view, sized(limit));
  return to_text(view);
}

Status ByteReader::expect_end() const {
  if (!at_end()) return corrupt(std::to_string(remaining()) + " bytes too many");
  return ok();
}

}  // namespace hf
