// SHA-256 (FIPS 180-4), HMAC-SHA-256 (RFC 2104), HKDF-SHA-256 (RFC 5869), and the leaf-hashed chunk id.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "base/secret.h"

namespace hf::crypto {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(ByteView data);

class Sha256 {  // incremental
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256& update(ByteView data);
  Digest finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Digest hmac_sha256(ByteView key, ByteView data);

// A key for many short messages: the two key blocks are hashed once. Immutable, shared by threads, wiped at
// the end.
class HmacSha256Key {
 public:
  explicit HmacSha256Key(ByteView key);
  HmacSha256Key(const HmacSha256Key&) = default;
  HmacSha256Key& operator=(const HmacSha256Key&) = default;
  ~HmacSha256Key();
  Digest mac(ByteView data) const;

 private:
  std::array<std::uint32_t, 8> inner_{};   // chaining value after the inner key block
  std::array<std::uint32_t, 8> outer_{};
};

Secret hkdf_sha256(ByteView key, ByteView salt, std::string_view info, std::size_t length);

// SHA-256 of each piece; every piece at most 32 KiB (ipsec-mb's multi-buffer messages must be shorter than 64
// KiB). Filled 16 lanes at a time where the processor has AVX-512 and ipsec-mb is linked; the same digests
// from OpenSSL elsewhere.
void sha256_leaves(std::span<const ByteView> pieces, std::span<Digest> out);

}  // namespace hf::crypto
