// SHA-256 and what is built on it, on OpenSSL. The low-level calls are deprecated there but are the only ones
// whose state can be copied cheaply; they use the processor's SHA instructions like the rest.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/check.h"

namespace hf::crypto {

Digest sha256(ByteView data) {
  Digest out{};
  SHA256(data.data(), data.size(), out.data());
  return out;
}

struct Sha256::State {
  SHA256_CTX context;
  bool finished = false;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(ByteView data) {
  HF_CHECK(!state_->finished);
  SHA256_Update(&state_->context, data.data(), data.size());
  return *this;
}

Digest Sha256::finish() {
  HF_CHECK(!state_->finished);
  state_->finished = true;
  Digest out{};
  SHA256_Final(out.data(), &state_->context);
  return out;
}

namespace {

constexpr std::size_t kBlock = 64;

std::array<std::uint32_t, 8> key_block(const std::array<std::uint8_t, kBlock>& key, std::uint8_t pad) {
  std::array<std::uint8_t, kBlock> block{};
  for (std::size_t i = 0; i < kBlock; ++i) block[i] = key[i] ^ pad;
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, block.data(), block.size());
  std::array<std::uint32_t, 8> chain{};
  std::copy(std::begin(context.h), std::end(context.h), chain.begin());
  OPENSSL_cleanse(block.data(), block.size());
  OPENSSL_cleanse(&context, sizeof context);
  return chain;
}

Digest continue_from(const std::array<std::uint32_t, 8>& chain, ByteView data) {
  SHA256_CTX context;
  SHA256_Init(&context);
  std::copy(chain.begin(), chain.end(), std::begin(context.h));
  context.Nl = kBlock * 8;   // bits hashed so far: the key block
  SHA256_Update(&context, data.data(), data.size());
  Digest out{};
  SHA256_Final(out.data(), &context);
  return out;
}

}  // namespace

HmacSha256Key::HmacSha256Key(ByteView key) {
  std::array<std::uint8_t, kBlock> padded{};
  if (key.size() > kBlock) {
    const Digest shorter = sha256(key);
    std::copy(shorter.begin(), shorter.end(), padded.begin());
  } else {
    std::copy(key.begin(), key.end(), padded.begin());
  }
  inner_ = key_block(padded, 0x36);
  outer_ = key_block(padded, 0x5c);
  OPENSSL_cleanse(padded.data(), padded.size());
}

HmacSha256Key::~HmacSha256Key() {
  OPENSSL_cleanse(inner_.data(), sizeof inner_);
  OPENSSL_cleanse(outer_.data(), sizeof outer_);
}

Digest HmacSha256Key::mac(ByteView data) const { return continue_from(outer_, continue_from(inner_, data)); }

Digest hmac_sha256(ByteView key, ByteView data) { return HmacSha256Key(key).mac(data); }

Secret hkdf_sha256(ByteView key, ByteView salt, std::string_view info, std::size_t length) {
  constexpr std::size_t kMaxOutput = 255 * sizeof(Digest);   // RFC 5869, section 2.3
  HF_CHECK(length <= kMaxOutput);
  const Digest zero_salt{};
  Digest pseudo_random = hmac_sha256(salt.empty() ? ByteView(zero_salt) : salt, key);
  const HmacSha256Key expand(pseudo_random);
  Bytes out;
  out.reserve(length + sizeof(Digest));
  Bytes message;
  for (std::uint8_t counter = 1; out.size() < length; ++counter) {
    message.insert(message.end(), info.begin(), info.end());
    message.push_back(counter);
    const Digest block = expand.mac(message);
    out.insert(out.end(), block.begin(), block.end());
    message.assign(block.begin(), block.end());
  }
  OPENSSL_cleanse(pseudo_random.data(), pseudo_random.size());
  OPENSSL_cleanse(message.data(), message.size());
  OPENSSL_cleanse(out.data() + length, out.size() - length);
  out.resize(length);
  return Secret(std::move(out));
}

}  // namespace hf::crypto
