// Many SHA-256 at once: ipsec-mb's multi-buffer scheduler fills 16 lanes (AVX-512) or 8 (AVX2); else OpenSSL,
// one by one.
#include "base/check.h"
#include "crypto/hash.h"
#include "crypto/leaves.h"

#ifdef HF_HAVE_IPSECMB
#include <intel-ipsec-mb.h>
#endif

namespace hf::crypto {

namespace {

constexpr std::size_t kMaxPiece = 32 * 1024;

void check_pieces(std::span<const ByteView> pieces, std::span<Digest> out) {
  HF_CHECK(pieces.size() == out.size());
  for (const ByteView piece : pieces) HF_CHECK(piece.size() <= kMaxPiece);
}

}  // namespace

void sha256_leaves_serial(std::span<const ByteView> pieces, std::span<Digest> out) {
  check_pieces(pieces, out);
  for (std::size_t i = 0; i < pieces.size(); ++i) out[i] = sha256(pieces[i]);
}

#ifdef HF_HAVE_IPSECMB

namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

Manager make_manager() {
  Manager manager(alloc_mb_mgr(0));
  if (manager == nullptr) return nullptr;
  IMB_ARCH arch = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager.get(), &arch);
  const bool wide = arch == IMB_ARCH_AVX2 || arch == IMB_ARCH_AVX512;
  if (!wide || imb_get_errno(manager.get()) != 0) return nullptr;
  return manager;
}

// The scheduler holds jobs between calls and serves one thread; making one costs more than hashing a small
// batch.
IMB_MGR* thread_manager() {
  thread_local const Manager manager = make_manager();
  return manager.get();
}

void check_done(const IMB_JOB* job) { HF_CHECK(job->status == IMB_STATUS_COMPLETED); }

void submit(IMB_MGR* manager, ByteView piece, Digest& out) {
  IMB_JOB* job = IMB_GET_NEXT_JOB(manager);
  job->cipher_mode = IMB_CIPHER_NULL;
  job->cipher_direction = IMB_DIR_ENCRYPT;
  job->chain_order = IMB_ORDER_HASH_CIPHER;
  job->hash_alg = IMB_AUTH_SHA_256;
  job->src = piece.data();
  job->hash_start_src_offset_in_bytes = 0;
  job->msg_len_to_hash_in_bytes = piece.size();
  job->auth_tag_output = out.data();
  job->auth_tag_output_len_in_bytes = out.size();
  if (const IMB_JOB* done = IMB_SUBMIT_JOB(manager)) check_done(done);
}

}  // namespace

bool sha256_lanes_available() { return thread_manager() != nullptr; }

void sha256_leaves(std::span<const ByteView> pieces, std::span<Digest> out) {
  constexpr std::size_t kWorthLanes = 8;   // fewer leave so many lanes empty that one stream after the other is faster
  IMB_MGR* manager = pieces.size() < kWorthLanes ? nullptr : thread_manager();
  if (manager == nullptr) return sha256_leaves_serial(pieces, out);
  check_pieces(pieces, out);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].empty()) {
      out[i] = sha256({});   // the scheduler refuses empty messages
    } else {
      submit(manager, pieces[i], out[i]);
    }
  }
  while (const IMB_JOB* done = IMB_FLUSH_JOB(manager)) check_done(done);
}

#else

bool sha256_lanes_available() { return false; }
void sha256_leaves(std::span<const ByteView> pieces, std::span<Digest> out) {
  sha256_leaves_serial(pieces, out);
}

#endif

}  // namespace hf::crypto
