// The tar streams of a base backup. The first byte chooses: 0 a stream as it comes; 1 one whose headers get right checksums
// here. The second byte says into what pieces it is cut: the pieces must not matter.
#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "sources/postgres/base_tar.h"

namespace hf::sources {
namespace {

// What was told, as text; and that it stays within what TarSink promises.
class Listener final : public TarSink {
 public:
  Status begin(const TarMember& m) override {
    HF_CHECK(!open_ && m.size <= kTarFileLimit && (m.type == TarType::kFile || m.size == 0));
    const std::string inside = "/" + m.path + "/";
    HF_CHECK(!m.path.starts_with('/') && inside.find("/../") == std::string::npos && inside.find("/./") == std::string::npos);
    HF_CHECK(m.path.find('\0') == std::string::npos);
    open_ = true;
    left_ = m.size;
    told += m.path + '\n' + m.target + '\n' + m.user + '\n' + m.group + '\n' + std::to_string(m.mode) + ' ' +
            std::to_string(m.uid) + ' ' + std::to_string(m.gid) + ' ' + std::to_string(m.size) + ' ' + std::to_string(m.mtime);
    return ok();
  }
  Status data(ByteView bytes) override {
    HF_CHECK(open_ && bytes.size() <= left_);
    left_ -= bytes.size();
    told += as_text(bytes);
    return ok();
  }
  Status end() override {
    HF_CHECK(open_ && left_ == 0);
    open_ = false;
    told += "\nend\n";
    return ok();
  }
  std::string told;

 private:
  bool open_ = false;
  std::uint64_t left_ = 0;
};

// What the parser tells, and then how it ends.
std::string parse_in_pieces(ByteView archive, std::size_t piece) {
  Listener listener;
  TarParser parser(listener, "base.tar");
  Status status = ok();
  for (std::size_t at = 0; at < archive.size() && status; at += piece) {
    status = parser.push(archive.subspan(at, std::min(piece, archive.size() - at)));
  }
  if (status) status = parser.finish();
  return listener.told + (status ? "whole" : "refused");
}

// Every block that says "ustar" is taken for a header.
Bytes with_checksums(ByteView archive) {
  constexpr std::size_t kMagicAt = 257, kSumAt = 148, kSumBytes = 8;
  Bytes out = to_bytes(archive);
  for (std::size_t at = 0; at + kTarBlock <= out.size(); at += kTarBlock) {
    const MutableByteView block = MutableByteView(out).subspan(at, kTarBlock);
    if (as_text(block.subspan(kMagicAt, 5)) != "ustar") continue;
    std::ranges::fill(block.subspan(kSumAt, kSumBytes), ' ');
    unsigned sum = 0;
    for (const std::uint8_t b : block) sum += b;
    char text[kSumBytes + 1];
    std::snprintf(text, sizeof text, "%06o", sum);
    std::copy_n(text, kSumBytes - 1, block.begin() + kSumAt);
  }
  return out;
}

void compare_pieces(ByteView archive, std::size_t piece) {
  const std::string whole = parse_in_pieces(archive, archive.size() + 1);
  const std::string cut = parse_in_pieces(archive, piece);
  // A refused stream may have been told a little further in larger pieces; a whole one may not differ.
  if (whole.ends_with("whole") || cut.ends_with("whole")) HF_CHECK(whole == cut);
}

}  // namespace
}  // namespace hf::sources

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf::sources;
  if (size < 2) return 0;
  const hf::ByteView rest(data + 2, size - 2);
  const std::size_t piece = std::size_t{data[1]} * 3 + 1;
  if (data[0] == 0) compare_pieces(rest, piece);
  if (data[0] == 1) compare_pieces(with_checksums(rest), piece);
  return 0;
}
