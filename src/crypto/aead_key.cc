// AES-256-GCM under one expanded key: ipsec-mb's direct calls, or OpenSSL.
#include <openssl/crypto.h>

#include <cstdlib>

#include "base/check.h"
#include "crypto/aead.h"

#ifdef HF_HAVE_IPSECMB
#include <intel-ipsec-mb.h>
#endif

namespace hf::crypto {

#ifdef HF_HAVE_IPSECMB

namespace {

// The manager is a table of functions here: the direct calls keep nothing in it, so that threads may share it.
IMB_MGR* fast_manager() {
  static IMB_MGR* const manager = []() -> IMB_MGR* {
    IMB_MGR* made = alloc_mb_mgr(0);
    if (made == nullptr) return nullptr;
    IMB_ARCH arch = IMB_ARCH_NONE;
    init_mb_mgr_auto(made, &arch);
    if (arch == IMB_ARCH_AVX512 && imb_get_errno(made) == 0) return made;
    free_mb_mgr(made);
    return nullptr;
  }();
  return manager;
}

struct WipeAndFree {
  void operator()(gcm_key_data* data) const {
    OPENSSL_cleanse(data, sizeof *data);
    std::free(data);
  }
};

}  // namespace

struct AeadKey::State {
  std::unique_ptr<gcm_key_data, WipeAndFree> fast;   // null: OpenSSL
  Secret key;
};

AeadKey::AeadKey(const Secret& key) : state_(std::make_unique<State>()) {
  HF_CHECK(key.size() == kAeadKeyBytes);
  if (IMB_MGR* manager = fast_manager()) {
    const std::size_t size = (sizeof(gcm_key_data) + 63) / 64 * 64;
    state_->fast.reset(static_cast<gcm_key_data*>(std::aligned_alloc(64, size)));
    HF_CHECK(state_->fast != nullptr);
    IMB_AES256_GCM_PRE(manager, key.reveal().data(), state_->fast.get());
  } else {
    state_->key = key;
  }
}

void AeadKey::seal(const Nonce& nonce, ByteView associated, ByteView plain, MutableByteView out) const {
  HF_CHECK(out.size() == plain.size() + kAeadTagBytes);
  if (state_->fast == nullptr) {
    Bytes sealed;
    seal_append(state_->key, nonce, associated, plain, sealed);
    std::copy(sealed.begin(), sealed.end(), out.begin());
    return;
  }
  gcm_context_data context;
  IMB_AES256_GCM_ENC(fast_manager(), state_->fast.get(), &context, out.data(), plain.empty() ? out.data() : plain.data(),
                     plain.size(), nonce.data(), associated.data(), associated.size(), out.data() + plain.size(),
                     kAeadTagBytes);
}

Status AeadKey::open(const Nonce& nonce, ByteView associated, ByteView sealed, MutableByteView plain) const {
  if (state_->fast == nullptr) return open_into(state_->key, nonce, associated, sealed, plain);
  if (sealed.size() < kAeadTagBytes) return make_error(ErrorKind::kCorrupt, "sealed bytes are shorter than their tag");
  HF_CHECK(plain.size() == sealed.size() - kAeadTagBytes);
  gcm_context_data context;
  std::array<std::uint8_t, kAeadTagBytes> tag{};
  std::uint8_t none = 0;
  IMB_AES256_GCM_DEC(fast_manager(), state_->fast.get(), &context, plain.empty() ? &none : plain.data(), sealed.data(),
                     plain.size(), nonce.data(), associated.data(), associated.size(), tag.data(), kAeadTagBytes);
  if (CRYPTO_memcmp(tag.data(), sealed.data() + plain.size(), kAeadTagBytes) == 0) return ok();
  OPENSSL_cleanse(plain.data(), plain.size());
  return make_error(ErrorKind::kCorrupt, "sealed bytes do not match their tag");
}

#else

struct AeadKey::State {
  Secret key;
};

AeadKey::AeadKey(const Secret& key) : state_(std::make_unique<State>(State{key})) {
  HF_CHECK(key.size() == kAeadKeyBytes);
}

void AeadKey::seal(const Nonce& nonce, ByteView associated, ByteView plain, MutableByteView out) const {
  HF_CHECK(out.size() == plain.size() + kAeadTagBytes);
  Bytes sealed;
  seal_append(state_->key, nonce, associated, plain, sealed);
  std::copy(sealed.begin(), sealed.end(), out.begin());
}

Status AeadKey::open(const Nonce& nonce, ByteView associated, ByteView sealed, MutableByteView plain) const {
  return open_into(state_->key, nonce, associated, sealed, plain);
}

#endif

AeadKey::AeadKey(AeadKey&&) noexcept = default;
AeadKey& AeadKey::operator=(AeadKey&&) noexcept = default;
AeadKey::~AeadKey() = default;

}  // namespace hf::crypto
