#include "vault/compress.h"

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
  Bytes scratch;
  ~State() { ZSTD_freeCCtx(context); }
};

Compressor::Compressor(int level) : state_(std::make_unique<State>()) {
  HF_CHECK(state_->context != nullptr);
  state_->level = level;
}
Compressor::~Compressor() = default;

bool Compressor::looks_incompressible(ByteView plain) {
  Bytes sample;
  for (const std::size_t at : {std::size_t{0}, plain.size() / 2, plain.size() - kSample}) {
    const ByteView part = plain.subspan(at, kSample);
    sample.insert(sample.end(), part.begin(), part.end());
  }
  state_->scratch.resize(ZSTD_compressBound(sample.size()));
  const std::size_t n = ZSTD_compressCCtx(state_->context, state_->scratch.data(), state_->scratch.size(),
                                          sample.data(), sample.size(), state_->level);
  HF_CHECK(ZSTD_isError(n) == 0);
  return !worth_it(sample.size(), n);
}

std::optional<Bytes> Compressor::compress(ByteView plain) {
  if (plain.size() >= kProbeFrom && looks_incompressible(plain)) return std::nullopt;
  Bytes out(ZSTD_compressBound(plain.size()));
  const std::size_t n =
      ZSTD_compressCCtx(state_->context, out.data(), out.size(), plain.data(), plain.size(), state_->level);
  HF_CHECK(ZSTD_isError(n) == 0);
  if (!worth_it(plain.size(), n)) return std::nullopt;
  out.resize(n);
  return out;
}

Result<Bytes> decompress(ByteView frame, std::size_t length) {
  if (ZSTD_getFrameContentSize(frame.data(), frame.size()) != length ||
      ZSTD_findFrameCompressedSize(frame.data(), frame.size()) != frame.size()) {
    return make_error(ErrorKind::kCorrupt,
                      "compressed data is not one frame of " + std::to_string(length) + " bytes");
  }
  Bytes out(length);
  const std::size_t n = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(n) != 0 || n != length) {
    return make_error(ErrorKind::kCorrupt,
                      std::string("compressed data does not decompress: ") + ZSTD_getErrorName(n));
  }
  return out;
}

}  // namespace hf::vault
