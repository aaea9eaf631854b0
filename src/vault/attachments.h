// Attachments: small sealed blobs beside the snapshots, kept in every copy of the vault: the plan, journal segments,
// public keys. A name has versions, 1 and up, each created if absent and never changed; the newest is the one in force.
//
//   attach/<kind>/<keyed name>/<16-digit version>
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

namespace hf::vault {

class Repository;

inline constexpr std::size_t kMaxAttachmentBytes = 64u << 20;

struct AttachmentInfo {
  std::string kind;                 // [a-z0-9-], 1 to 32: shows in the object's name
  std::string name;                 // any bytes, 1 to 1024: does not show
  std::uint64_t version = 0;
  std::uint64_t size = 0;
  WallTime created{};
};

// What the head of an attachment keeps sealed.
struct AttachmentMeta {
  std::string name;
  WallTime created{};
};
Result<AttachmentMeta> decode_attachment_meta(ByteView bytes, std::string_view object);

class Attachments {
 public:
  explicit Attachments(Repository& repository) : repository_(repository) {}

  // Creates the next version and returns it. An equal newest version is returned instead of a new one.
  Result<AttachmentInfo> put(const std::string& kind, const std::string& name, ByteView bytes);
  // Exactly this version, or kExists: for writers who number what they write (journal segments).
  Status put_version(const std::string& kind, const std::string& name, std::uint64_t version, ByteView bytes);
  Result<Bytes> get(const std::string& kind, const std::string& name);   // the newest; kNotFound
  Result<Bytes> get_version(const std::string& kind, const std::string& name, std::uint64_t version);
  // Newest versions, sorted by kind and name; every version with `all`. Empty kind: every kind.
  Result<std::vector<AttachmentInfo>> list(const std::string& kind, bool all = false);

 private:
  Repository& repository_;
};

}  // namespace hf::vault
