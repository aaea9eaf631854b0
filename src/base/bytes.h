// Byte strings, and fixed little-endian fields read within bounds.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hf {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;
using MutableByteView = std::span<std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes to_bytes(ByteView view) { return Bytes(view.begin(), view.end()); }
inline Bytes to_bytes(std::string_view text) { return to_bytes(as_bytes(text)); }
inline std::string to_text(ByteView view) { return std::string(as_text(view)); }

template <std::size_t N>
std::array<std::uint8_t, N> to_array(ByteView view) {  // REQUIRES: view.size() == N
  std::array<std::uint8_t, N> out{};
  std::memcpy(out.data(), view.data(), N);
  return out;
}

// Appends fields to a byte string; integers little-endian.
class ByteWriter {
 public:
  ByteWriter& u8(std::uint8_t v) {
    out_.push_back(v);
    return *this;
  }
  ByteWriter& u16(std::uint16_t v) { return integer(v, 2); }
  ByteWriter& u32(std::uint32_t v) { return integer(v, 4); }
  ByteWriter& u64(std::uint64_t v) { return integer(v, 8); }
  ByteWriter& i64(std::int64_t v) { return integer(static_cast<std::uint64_t>(v), 8); }
  ByteWriter& varint(std::uint64_t v) {  // LEB128, at most 10 bytes
    while (v >= 0x80) {
      out_.push_back(static_cast<std::uint8_t>(v | 0x80));
      v >>= 7;
    }
    out_.push_back(static_cast<std::uint8_t>(v));
    return *this;
  }
  ByteWriter& raw(ByteView view) {
    out_.insert(out_.end(), view.begin(), view.end());
    return *this;
  }
  ByteWriter& sized(ByteView view) { return varint(view.size()).raw(view); }  // varint length, then the bytes
  ByteWriter& sized(std::string_view text) { return sized(as_bytes(text)); }
  std::size_t size() const { return out_.size(); }
  const Bytes& bytes() const& { return out_; }
  Bytes take() { return std::move(out_); }

 private:
  ByteWriter& integer(std::uint64_t v, int n) {
    for (int i = 0; i < n; ++i) out_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
    return *this;
  }
  Bytes out_;
};

// Reads what ByteWriter wrote. Every call checks the bounds; an error names the offset and `what_` (the format).
class ByteReader {
 public:
  ByteReader(ByteView data, std::string_view what) : data_(data), what_(what) {}

  Result<std::uint8_t> u8();
  Result<std::uint16_t> u16();
  Result<std::uint32_t> u32();
  Result<std::uint64_t> u64();
  Result<std::int64_t> i64();
  Result<std::uint64_t> varint();
  Result<ByteView> raw(std::size_t n);        // a view into the data given
  Result<ByteView> sized(std::size_t limit);  // varint length <= limit, then the bytes
  Result<std::string> sized_text(std::size_t limit);
  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return data_.size() - offset_; }
  bool at_end() const { return offset_ == data_.size(); }
  Status expect_end() const;
  Error corrupt(std::string_view why) const;  // "<what> at byte <offset>: <why>", kind kCorrupt

 private:
  Result<std::uint64_t> integer(int n);
  ByteView data_;
  std::string_view what_;
  std::size_t offset_ = 0;
};

}  // namespace hf
