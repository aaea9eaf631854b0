// AES-256-GCM (NIST SP 800-38D): 32-byte key, 12-byte nonce, 16-byte tag appended to the ciphertext.
#pragma once

#include <array>
#include <memory>

#include "base/bytes.h"
#include "base/secret.h"

namespace hf::crypto {

inline constexpr std::size_t kAeadKeyBytes = 32;
inline constexpr std::size_t kAeadTagBytes = 16;
using Nonce = std::array<std::uint8_t, 12>;

Nonce counter_nonce(std::uint64_t counter);  // 4 zero bytes, then the counter big-endian

void seal_append(const Secret& key, const Nonce& nonce, ByteView associated, ByteView plain, Bytes& out);
Bytes seal(const Secret& key, const Nonce& nonce, ByteView associated, ByteView plain);
// kCorrupt if the tag does not match; nothing of the plaintext is returned then.
Result<Bytes> open(const Secret& key, const Nonce& nonce, ByteView associated, ByteView sealed);
Status open_into(const Secret& key, const Nonce& nonce, ByteView associated, ByteView sealed,
                 MutableByteView plain);

// A key for many messages: expanded once, shared by any number of threads, wiped at the end. On ipsec-mb where the
// processor has AVX-512 and it is linked (twice as fast, and much cheaper for small messages), else on OpenSSL.
class AeadKey {
 public:
  explicit AeadKey(const Secret& key);
  AeadKey(AeadKey&&) noexcept;
  AeadKey& operator=(AeadKey&&) noexcept;
  ~AeadKey();
  // `out` has room for the plaintext and the tag, and may begin where `plain` does.
  void seal(const Nonce& nonce, ByteView associated, ByteView plain, MutableByteView out) const;
  // As open_into() above.
  Status open(const Nonce& nonce, ByteView associated, ByteView sealed, MutableByteView plain) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf::crypto
