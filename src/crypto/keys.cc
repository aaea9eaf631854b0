// Signatures, boxes, passphrases and entropy on libsodium.
#include "crypto/keys.h"

#include <sodium.h>

#include <algorithm>

#include "base/check.h"
#include "base/hex.h"
#include "crypto/aead.h"

namespace hf::crypto {

namespace {

constexpr std::size_t kKeyBytes = 32;
static_assert(crypto_sign_SEEDBYTES == kKeyBytes && crypto_scalarmult_BYTES == kKeyBytes);

void sodium_ready() {
  static const int started = sodium_init();   // idempotent and thread-safe; < 0 means that nothing works
  HF_CHECK(started >= 0);
}

Secret box_secret(ByteView shared, const PublicKey& ephemeral, const PublicKey& recipient,
                  std::string_view info) {
  Bytes salt(ephemeral.begin(), ephemeral.end());
  salt.insert(salt.end(), recipient.begin(), recipient.end());
  return hkdf_sha256(shared, salt, info, kAeadKeyBytes);
}

Result<Secret> shared_point(const Secret& private_key, const PublicKey& public_key) {
  sodium_ready();
  HF_CHECK(private_key.size() == kKeyBytes);
  Bytes point(kKeyBytes);
  if (crypto_scalarmult(point.data(), private_key.reveal().data(), public_key.data()) != 0) {
    return make_error(ErrorKind::kCorrupt,
                      "public key is not a point that can be used");  // RFC 7748, section 6.1
  }
  return Secret(std::move(point));
}

}  // namespace

Secret Entropy::secret(std::size_t n) { return Secret(bytes(n)); }

Bytes Entropy::bytes(std::size_t n) {
  Bytes out(n);
  fill(out);
  return out;
}

std::string Entropy::hex_id() { return to_hex(bytes(16)); }

void SystemEntropy::fill(MutableByteView out) {
  sodium_ready();
  randombytes_buf(out.data(), out.size());
}

SigningKey new_signing_key(Entropy& entropy) { return signing_key_from_seed(entropy.secret(kKeyBytes)); }

SigningKey signing_key_from_seed(const Secret& seed) {
  sodium_ready();
  HF_CHECK(seed.size() == kKeyBytes);
  SigningKey key;
  key.seed = seed;
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> expanded{};
  HF_CHECK(crypto_sign_seed_keypair(key.public_key.data(), expanded.data(), seed.reveal().data()) == 0);
  sodium_memzero(expanded.data(), expanded.size());
  return key;
}

Signature sign(const SigningKey& key, ByteView message) {
  sodium_ready();
  HF_CHECK(key.seed.size() == kKeyBytes);
  std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> expanded{};  // libsodium's form: seed, then public key
  std::copy_n(key.seed.reveal().begin(), kKeyBytes, expanded.begin());
  std::copy(key.public_key.begin(), key.public_key.end(), expanded.begin() + kKeyBytes);
  Signature signature{};
  HF_CHECK(crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), expanded.data()) ==
           0);
  sodium_memzero(expanded.data(), expanded.size());
  return signature;
}

bool verify(const PublicKey& key, ByteView message, const Signature& signature) {
  sodium_ready();
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) == 0;
}

BoxKey new_box_key(Entropy& entropy) { return box_key_from_private(entropy.secret(kKeyBytes)); }

BoxKey box_key_from_private(const Secret& private_key) {
  sodium_ready();
  HF_CHECK(private_key.size() == kKeyBytes);
  BoxKey key;
  key.private_key = private_key;
  HF_CHECK(crypto_scalarmult_base(key.public_key.data(), private_key.reveal().data()) == 0);
  return key;
}

Result<Bytes> box_seal(Entropy& entropy, const PublicKey& recipient, std::string_view info, ByteView plain) {
  const BoxKey ephemeral = new_box_key(entropy);
  HF_ASSIGN(const Secret shared, shared_point(ephemeral.private_key, recipient));
  const Secret key = box_secret(shared.reveal(), ephemeral.public_key, recipient, info);
  Bytes out(ephemeral.public_key.begin(), ephemeral.public_key.end());
  seal_append(key, counter_nonce(0), {}, plain, out);   // the key is used once, so the nonce may be constant
  return out;
}

Result<Bytes> box_open(const BoxKey& recipient, std::string_view info, ByteView sealed) {
  if (sealed.size() < kKeyBytes + kAeadTagBytes)
    return make_error(ErrorKind::kCorrupt, "sealed box is too short");
  const PublicKey ephemeral = to_array<kKeyBytes>(sealed.first(kKeyBytes));
  HF_ASSIGN(const Secret shared, shared_point(recipient.private_key, ephemeral));
  const Secret key = box_secret(shared.reveal(), ephemeral, recipient.public_key, info);
  return open(key, counter_nonce(0), {}, sealed.subspan(kKeyBytes));
}

Result<Secret> argon2id(const Secret& passphrase, ByteView salt16, Argon2Cost cost, std::size_t length) {
  sodium_ready();
  HF_CHECK(salt16.size() == crypto_pwhash_argon2id_SALTBYTES);
  const std::size_t memory = static_cast<std::size_t>(cost.memory_kib) * 1024;
  if (cost.passes < crypto_pwhash_argon2id_OPSLIMIT_MIN || memory < crypto_pwhash_argon2id_MEMLIMIT_MIN) {
    return make_error(ErrorKind::kInvalid, "cost of the passphrase hash is below what Argon2id allows");
  }
  Bytes out(length);
  const std::string text = passphrase.reveal_text();
  const int failed = crypto_pwhash_argon2id(out.data(), out.size(), text.data(), text.size(), salt16.data(),
                                            cost.passes, memory, crypto_pwhash_argon2id_ALG_ARGON2ID13);
  sodium_memzero(const_cast<char*>(text.data()), text.size());
  if (failed != 0) {
    return make_error(ErrorKind::kExhausted, "hashing the passphrase needs " +
                                                 std::to_string(cost.memory_kib / 1024) + " MiB of memory");
  }
  return Secret(std::move(out));
}

}  // namespace hf::crypto
