#include "vault/object/compress.h"

#include <zstd.h>

#include <string>

#include "base/check.h"

namespace hf::vault {

namespace {

constexpr std::size_t kProbeFrom = 64 * 1024;   // smaller chunks are simply tried
constexpr std::size_t kSample = 4 * 1024;       // three of them: beginning, middle, end
constexpr std::size_t kSaving = 32;             // at least 1/32 must be saved

bool worth_it(std::size_t plain, std::size_t compressed) { return compressed + plain / kSaving < plain; }

}  // namespace

struct Compressor::State {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  int level = 1;
  Bytes scratch;   // only ever grows: clearing it for each chunk would cost as much as hashing
  Bytes sample;
  std::size_t run(ByteView plain) {
    const std::size_t bound = ZSTD_compressBound(plain.size());
    if (scratch.size() < bound) scratch.resize(bound);
    const std::size_t n = ZSTD_compressCCtx(context, scratch.data(), scratch.size(), plain.data(), plain.size(), level);
    HF_CHECK(ZSTD_isError(n) == 0);
    return n;
  }
  ~State() { ZSTD_freeCCtx(context); }
};

Compressor::Compressor(int level) : state_(std::make_unique<State>()) {
  HF_CHECK(state_->context != nullptr);
  state_->level = level;
}
Compressor::~Compressor() = default;

bool Compressor::looks_incompressible(ByteView plain) {
  Bytes& sample = state_->sample;
  sample.clear();
  for (const std::size_t at : {std::size_t{0}, plain.size() / 2, plain.size() - kSample}) {
    const ByteView part = plain.subspan(at, kSample);
    sample.insert(sample.end(), part.begin(), part.end());
  }
  return !worth_it(sample.size(), state_->run(sample));
}

ByteView Compressor::try_compress(ByteView plain) {
  if (plain.size() >= kProbeFrom && looks_incompressible(plain)) return {};
  const std::size_t n = state_->run(plain);
  return worth_it(plain.size(), n) ? ByteView(state_->scratch).first(n) : ByteView();
}

std::optional<Bytes> Compressor::compress(ByteView plain) {
  const ByteView frame = try_compress(plain);
  return frame.empty() ? std::nullopt : std::optional(to_bytes(frame));
}

struct Decompressor::State {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  ~State() { ZSTD_freeDCtx(context); }
};

Decompressor::Decompressor() : state_(std::make_unique<State>()) { HF_CHECK(state_->context != nullptr); }
Decompressor::~Decompressor() = default;

Status Decompressor::decompress(ByteView frame, MutableByteView out) {
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != out.size() ||
      ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) {
    return make_error(ErrorKind::kCorrupt, "compressed data is not one frame of " + std::to_string(out.size()) + " bytes");
  }
  const std::size_t n = ZSTD_decompressDCtx(state_->context, out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(n) == 0 && n == out.size()) return ok();
  return make_error(ErrorKind::kCorrupt, std::string("compressed data does not decompress: ") + ZSTD_getErrorName(n));
}

Result<Bytes> decompress(ByteView frame, std::size_t length) {
  // The frame's own word first, so that no more is allocated than it claims.
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != length) {
    return make_error(ErrorKind::kCorrupt, "compressed data is not one frame of " + std::to_string(length) + " bytes");
  }
  Bytes out(length);
  HF_TRY(Decompressor().decompress(frame, out));
  return out;
}

}  // namespace hf::vault
