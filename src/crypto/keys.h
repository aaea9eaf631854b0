// Ed25519 signatures (RFC 8032), sealing to an X25519 recipient (RFC 7748, HKDF-SHA-256, AES-256-GCM),
// Argon2id (RFC 9106), and the entropy seam: keys, nonces and tokens come from nowhere else.
#pragma once

#include <array>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/hash.h"

namespace hf::crypto {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(MutableByteView out) = 0;
  Secret secret(std::size_t bytes);
  Bytes bytes(std::size_t n);
  std::string hex_id();  // 128 random bits, 32 hexadecimal digits
};

class SystemEntropy final : public Entropy {  // libsodium's randombytes_buf
 public:
  void fill(MutableByteView out) override;
};

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

struct SigningKey {
  Secret seed;          // 32 bytes
  PublicKey public_key{};
};
SigningKey new_signing_key(Entropy& entropy);
SigningKey signing_key_from_seed(const Secret& seed);
Signature sign(const SigningKey& key, ByteView message);
bool verify(const PublicKey& key, ByteView message, const Signature& signature);

struct BoxKey {
  Secret private_key;   // 32 bytes
  PublicKey public_key{};
};
BoxKey new_box_key(Entropy& entropy);
BoxKey box_key_from_private(const Secret& private_key);
// ephemeral public key (32) || AES-256-GCM(plain); key = HKDF(X25519 shared, salt = both public keys, info).
Result<Bytes> box_seal(Entropy& entropy, const PublicKey& recipient, std::string_view info, ByteView plain);
Result<Bytes> box_open(const BoxKey& recipient, std::string_view info, ByteView sealed);

struct Argon2Cost {
  std::uint32_t memory_kib = 64 * 1024;
  std::uint32_t passes = 3;     // p is 1: libsodium's only choice
};
Result<Secret> argon2id(const Secret& passphrase, ByteView salt16, Argon2Cost cost, std::size_t length);

}  // namespace hf::crypto
