// The container of a bundle: a POSIX ustar archive of regular files, readable with any `tar`, but with one
// form only: fixed owner, mode and time, no padding beyond the standard's. So reading can insist on every
// single byte.
//
// Invariant: unpack(bytes) succeeds only if pack(of what it returns) == bytes.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace hf::evidence {

// A run has some hundred events of some hundred bytes.
inline constexpr std::size_t kMaxArchiveBytes = 256 << 20;

struct ArchiveFile {
  std::string name;      // at most 99 bytes
  std::string content;
  friend bool operator==(const ArchiveFile&, const ArchiveFile&) = default;
};

Bytes pack(const std::vector<ArchiveFile>& files);
Result<std::vector<ArchiveFile>> unpack(ByteView archive);

}  // namespace hf::evidence
