// A secret prints as "***", compares in constant time, and is wiped when it goes.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"

namespace hf {

class Secret {
 public:
  Secret() = default;
  explicit Secret(Bytes bytes) : bytes_(std::move(bytes)) {}
  explicit Secret(std::string_view text) : bytes_(to_bytes(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(const Secret& other);
  Secret& operator=(Secret&& other) noexcept;
  ~Secret();

  ByteView reveal() const { return bytes_; }  // the only way to the bytes: grep for it
  std::string reveal_text() const { return to_text(bytes_); }
  bool empty() const { return bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  void wipe();
  Bytes bytes_;
};

inline std::string to_string(const Secret&) { return "***"; }

}  // namespace hf
