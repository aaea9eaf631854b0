// zstd around one chunk or blob: compressed only where it pays, never decompressed beyond the length
// expected.
#pragma once

#include <memory>
#include <optional>

#include "base/bytes.h"

namespace hf::vault {

class Compressor {
 public:
  explicit Compressor(int level);
  ~Compressor();
  // One zstd frame with its content size, or nothing where it would save less than 1/32: samples of large
  // data are tried first, so that data which is compressed already costs a fiftieth of a full try.
  std::optional<Bytes> compress(ByteView plain);
  // The same without a copy: empty where it does not pay; valid until the next call.
  ByteView try_compress(ByteView plain);

 private:
  struct State;
  bool looks_incompressible(ByteView plain);
  std::unique_ptr<State> state_;
};

// kCorrupt unless it is one frame of exactly `length` bytes. Allocates `length`, which the caller has
// limited.
Result<Bytes> decompress(ByteView frame, std::size_t length);

// The same into memory that is there, with a context that is used again. One thread at a time.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Status decompress(ByteView frame, MutableByteView out);   // exactly out.size() bytes

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf::vault
