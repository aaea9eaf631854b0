// AES-256-GCM on OpenSSL's EVP. A call that OpenSSL fails here (no memory, wrong lengths) is a bug and
// aborts; only the tag decides between kCorrupt and success.
#include "crypto/aead.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <memory>

#include "base/check.h"

namespace hf::crypto {

namespace {

constexpr std::size_t kMaxMessage = 1U << 30;   // EVP lengths are int; nothing of ours is near it

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

Context start(const Secret& key, const Nonce& nonce, ByteView associated, int encrypt) {
  HF_CHECK(key.size() == kAeadKeyBytes);
  HF_CHECK(associated.size() <= kMaxMessage);
  Context context(EVP_CIPHER_CTX_new());
  HF_CHECK(context != nullptr);
  HF_CHECK(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, key.reveal().data(), nonce.data(),
                             encrypt) == 1);
  int length = 0;
  if (!associated.empty()) {
    HF_CHECK(EVP_CipherUpdate(context.get(), nullptr, &length, associated.data(),
                              static_cast<int>(associated.size())) == 1);
  }
  return context;
}

void transform(const Context& context, ByteView from, std::uint8_t* to) {
  HF_CHECK(from.size() <= kMaxMessage);
  int length = 0;
  if (from.empty()) return;
  HF_CHECK(EVP_CipherUpdate(context.get(), to, &length, from.data(), static_cast<int>(from.size())) == 1);
  HF_CHECK(static_cast<std::size_t>(length) == from.size());
}

}  // namespace

Nonce counter_nonce(std::uint64_t counter) {
  Nonce nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<std::uint8_t>(counter >> (8 * (7 - i)));
  return nonce;
}

void seal_append(const Secret& key, const Nonce& nonce, ByteView associated, ByteView plain, Bytes& out) {
  const std::size_t begin = out.size();
  out.resize(begin + plain.size() + kAeadTagBytes);
  const Context context = start(key, nonce, associated, 1);
  std::uint8_t* sealed = out.data() + begin;
  transform(context, plain, sealed);
  int length = 0;
  HF_CHECK(EVP_CipherFinal_ex(context.get(), sealed + plain.size(), &length) == 1);
  HF_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, sealed + plain.size()) ==
           1);
}

Bytes seal(const Secret& key, const Nonce& nonce, ByteView associated, ByteView plain) {
  Bytes out;
  out.reserve(plain.size() + kAeadTagBytes);
  seal_append(key, nonce, associated, plain, out);
  return out;
}

Status open_into(const Secret& key, const Nonce& nonce, ByteView associated, ByteView sealed,
                 MutableByteView plain) {
  if (sealed.size() < kAeadTagBytes)
    return make_error(ErrorKind::kCorrupt, "sealed bytes are shorter than their tag");
  HF_CHECK(plain.size() == sealed.size() - kAeadTagBytes);
  const Context context = start(key, nonce, associated, 0);
  transform(context, sealed.first(plain.size()), plain.data());
  auto tag = to_array<kAeadTagBytes>(sealed.last(kAeadTagBytes));
  HF_CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag.data()) == 1);
  int length = 0;
  std::uint8_t none = 0;
  if (EVP_CipherFinal_ex(context.get(), &none, &length) != 1) {
    OPENSSL_cleanse(plain.data(), plain.size());
    return make_error(ErrorKind::kCorrupt, "sealed bytes do not match their tag");
  }
  return ok();
}

Result<Bytes> open(const Secret& key, const Nonce& nonce, ByteView associated, ByteView sealed) {
  if (sealed.size() < kAeadTagBytes)
    return make_error(ErrorKind::kCorrupt, "sealed bytes are shorter than their tag");
  Bytes plain(sealed.size() - kAeadTagBytes);
  HF_TRY(open_into(key, nonce, associated, sealed, plain));
  return plain;
}

}  // namespace hf::crypto
