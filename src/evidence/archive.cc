// See archive.h. Header fields: POSIX.1-1988 ustar,
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
#include "evidence/archive.h"

#include <algorithm>
#include <cstdio>

#include "base/check.h"

namespace hf::evidence {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kSizeAt = 124;
constexpr std::size_t kChecksumAt = 148;
constexpr std::size_t kNameBytes = 100;

void put(std::array<std::uint8_t, kBlock>& block, std::size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(at));
}

std::string octal(std::size_t value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*zo", digits, value);
  return text;
}

std::array<std::uint8_t, kBlock> header_of(const ArchiveFile& file) {
  HF_CHECK(!file.name.empty() && file.name.size() < kNameBytes && file.content.size() <= kMaxArchiveBytes);
  std::array<std::uint8_t, kBlock> block{};
  put(block, 0, file.name);
  put(block, 100, "0000644");
  put(block, 108, "0000000");
  put(block, 116, "0000000");
  put(block, kSizeAt, octal(file.content.size(), 11));
  put(block, 136, "00000000000");
  put(block, kChecksumAt, "        ");
  block[156] = '0';
  put(block, 257, std::string_view("ustar\0" "00", 8));
  std::size_t sum = 0;
  for (std::uint8_t b : block) sum += b;
  put(block, kChecksumAt, octal(sum, 6) + std::string(1, '\0') + " ");
  return block;
}

std::size_t padded(std::size_t n) { return (n + kBlock - 1) / kBlock * kBlock; }

Error bad_archive(std::size_t at, std::string_view why) {
  return make_error(ErrorKind::kCorrupt,
                    "evidence archive at byte " + std::to_string(at) + ": " + std::string(why));
}

}  // namespace

Bytes pack(const std::vector<ArchiveFile>& files) {
  Bytes out;
  for (const ArchiveFile& file : files) {
    auto header = header_of(file);
    out.insert(out.end(), header.begin(), header.end());
    out.insert(out.end(), file.content.begin(), file.content.end());
    out.resize(padded(out.size()));
  }
  out.resize(out.size() + 2 * kBlock);
  return out;
}

Result<std::vector<ArchiveFile>> unpack(ByteView archive) {
  std::vector<ArchiveFile> out;
  std::size_t at = 0;
  while (archive.size() - at >= kBlock && archive[at] != 0) {
    ByteView head = archive.subspan(at, kBlock);
    ArchiveFile file;
    file.name = std::string(as_text(head.first(kNameBytes)));
    file.name.resize(std::min(file.name.find('\0'), kNameBytes - 1));
    std::size_t size = 0;
    for (std::uint8_t digit : head.subspan(kSizeAt, 11)) {
      if (digit < '0' || digit > '7') return bad_archive(at + kSizeAt, "a size is not octal");
      size = size * 8 + (digit - '0');
    }
    if (size > archive.size() - at - kBlock) return bad_archive(at, "'" + file.name + "' goes past the end");
    file.content = std::string(as_text(archive.subspan(at + kBlock, size)));
    out.push_back(std::move(file));
    at += kBlock + padded(size);
    if (at > archive.size()) return bad_archive(archive.size(), "cut short");
  }
  Bytes again = pack(out);
  auto [ours, theirs] = std::mismatch(again.begin(), again.end(), archive.begin(), archive.end());
  if (ours != again.end() || theirs != archive.end())
    return bad_archive(static_cast<std::size_t>(theirs - archive.begin()), "not as holdfast writes it");
  return out;
}

}  // namespace hf::evidence
