#include "sources/postgres/base_tar.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace hf::sources {
namespace {

class Collector : public TarSink {
 public:
  struct File {
    TarMember member;
    std::string data;
    bool ended = false;
  };
  Status begin(const TarMember& member) override {
    files.push_back({member, {}, false});
    return ok();
  }
  Status data(ByteView bytes) override {
    files.back().data += as_text(bytes);
    return ok();
  }
  Status end() override {
    files.back().ended = true;
    return ok();
  }
  std::vector<File> files;
};

std::string checksummed(std::string block) {
  block.replace(148, 8, 8, ' ');
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  char text[9];
  std::snprintf(text, sizeof text, "%06o", sum);
  block.replace(148, 6, text, 6);
  block[154] = '\0';
  return block;
}

std::string header(const std::string& name, char type, std::uint64_t size, const std::string& link = {}) {
  std::string block(512, '\0');
  block.replace(0, name.size(), name);
  block.replace(100, 7, "0000600");
  block.replace(108, 7, "0000145");
  block.replace(116, 7, "0000150");
  char text[13];
  std::snprintf(text, sizeof text, "%011llo", static_cast<unsigned long long>(size));
  block.replace(124, 11, text, 11);
  block.replace(136, 11, "14700000000");
  block[156] = type;
  block.replace(157, link.size(), link);
  block.replace(257, 8, std::string("ustar\00000", 8));
  block.replace(265, 8, "postgres");
  return checksummed(block);
}

std::string body(std::string data) {
  data.resize((data.size() + 511) / 512 * 512, '\0');
  return data;
}

std::string pax(const std::string& key, const std::string& value) {
  std::string record = " " + key + "=" + value + "\n";
  std::size_t length = record.size() + 1;
  while (std::to_string(length).size() + record.size() != length) ++length;
  return std::to_string(length) + record;
}

std::string sample_tar() {
  return header("base/", '5', 0) + header("base/1/112", '0', 700) + body(std::string(700, 'x')) +
         header("PG_VERSION", '0', 3) + body("15\n") + header("pg_tblspc/16384/", '2', 0, "/srv/fast") +
         header("empty", '0', 0) + std::string(1024, '\0');
}

Status parse(const std::string& tar, TarSink& sink, std::size_t piece) {
  TarParser parser(sink, "base.tar");
  for (std::size_t at = 0; at < tar.size(); at += piece) {
    HF_TRY(parser.push(as_bytes(std::string_view(tar).substr(at, piece))));
  }
  return parser.finish();
}

TEST(BaseTar, ReadsMembersWhateverThePieces) {
  for (const std::size_t piece : {1u, 7u, 511u, 512u, 513u, 100000u}) {
    Collector got;
    const Status status = parse(sample_tar(), got, piece);
    ASSERT_TRUE(status) << status.error().text;
    ASSERT_EQ(got.files.size(), 5u) << piece;
    EXPECT_EQ(got.files[0].member.path, "base");
    EXPECT_EQ(got.files[0].member.type, TarType::kDirectory);
    EXPECT_EQ(got.files[1].data, std::string(700, 'x'));
    EXPECT_EQ(got.files[1].member.mode, 0600u);
    EXPECT_EQ(got.files[1].member.uid, 0145u);
    EXPECT_EQ(got.files[1].member.user, "postgres");
    EXPECT_EQ(got.files[2].data, "15\n");
    EXPECT_EQ(got.files[3].member.target, "/srv/fast");
    EXPECT_EQ(got.files[3].member.path, "pg_tblspc/16384");
    for (const auto& file : got.files) EXPECT_TRUE(file.ended) << file.member.path;
  }
}

// Before version 15 the zero blocks are missing, so cuts at member boundaries are the format; all others are damage.
TEST(BaseTar, EveryTruncationIsAnErrorExceptAtMemberBoundaries) {
  const std::string tar = sample_tar();
  int accepted = 0;
  for (std::size_t cut = 0; cut <= tar.size(); ++cut) {
    Collector got;
    const Status status = parse(tar.substr(0, cut), got, 4096);
    if (status) {
      ++accepted;
      for (const auto& file : got.files) EXPECT_EQ(file.data.size(), file.member.size) << cut;
    } else {
      EXPECT_EQ(status.error().kind, ErrorKind::kCorrupt);
    }
  }
  EXPECT_EQ(accepted, 6 + 513) << "after 0 to 5 members, and anywhere after the first zero block";
}

TEST(BaseTar, EveryFlippedHeaderBitIsSeen) {
  const std::string tar = header("PG_VERSION", '0', 3) + body("15\n");
  for (std::size_t bit = 0; bit < 512 * 8; ++bit) {
    std::string bad = tar;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    Collector got;
    const Status status = parse(bad, got, 4096);
    if (bit / 8 < 148 || bit / 8 >= 156) {   // the sum's own padding may change
      EXPECT_FALSE(status) << bit;
    }
  }
}

TEST(BaseTar, SizesInBase256) {
  std::string block = header("big", '0', 0);
  const std::uint64_t size = (9ull << 30) + 5;
  block[124] = '\x80';
  for (int i = 0; i < 11; ++i) block[135 - i] = i < 8 ? static_cast<char>(size >> (8 * i)) : '\0';
  block = checksummed(block);
  Collector got;
  TarParser parser(got, "base.tar");
  ASSERT_TRUE(parser.push(as_bytes(block)));
  ASSERT_EQ(got.files.size(), 1u);
  EXPECT_EQ(got.files[0].member.size, size);
  EXPECT_FALSE(parser.finish());

  block[124] = '\xff';                                  // negative
  TarParser negative(got, "base.tar");
  EXPECT_EQ(negative.push(as_bytes(checksummed(block))).error().kind, ErrorKind::kCorrupt);
  block[124] = '\x80';
  block[125] = '\x7f';                                  // does not fit 64 bits
  TarParser huge(got, "base.tar");
  EXPECT_EQ(huge.push(as_bytes(checksummed(block))).error().kind, ErrorKind::kCorrupt);
}

TEST(BaseTar, PaxRecordsOverrideTheHeader) {
  const std::string name(300, 'n');
  const std::string records = pax("path", "base/" + name) + pax("size", "4") + pax("mtime", "1700000000.25") + pax("uname", "u") +
                              pax("comment", "kept out");
  const std::string tar = header("pax", 'x', records.size()) + body(records) + header("short", '0', 0) + body("abcd") +
                          header("next", '0', 1) + body("z");
  Collector got;
  const Status status = parse(tar, got, 100);
  ASSERT_TRUE(status) << status.error().text;
  ASSERT_EQ(got.files.size(), 2u);
  EXPECT_EQ(got.files[0].member.path, "base/" + name);
  EXPECT_EQ(got.files[0].data, "abcd");
  EXPECT_EQ(got.files[0].member.mtime, 1700000000);
  EXPECT_EQ(got.files[0].member.user, "u");
  EXPECT_EQ(got.files[1].member.path, "next");

  for (const std::string& bad : {std::string("5 a=b"), std::string("99 path=x\n"), std::string("9 pathxx\n"), std::string("0 \n"),
                                 std::string("10 size=z\n"), std::string("x path=a\n")}) {
    Collector none;
    EXPECT_FALSE(parse(header("pax", 'x', bad.size()) + body(bad) + header("f", '0', 0), none, 4096)) << bad;
  }
}

TEST(BaseTar, GnuLongNames) {
  const std::string name(200, 'g');
  const std::string tar = header("././@LongLink", 'L', name.size() + 1) + body(name + '\0') + header("cut", '0', 2) + body("ok");
  Collector got;
  ASSERT_TRUE(parse(tar, got, 64));
  ASSERT_EQ(got.files.size(), 1u);
  EXPECT_EQ(got.files[0].member.path, name);
  Collector none;
  EXPECT_FALSE(parse(header("././@LongLink", 'L', 4) + body("abc"), none, 64)) << "a long name without its member";
  EXPECT_FALSE(parse(header("././@LongLink", 'L', 2u << 20), none, 4096)) << "larger than any name";
}

TEST(BaseTar, PathsThatLeaveTheFolderAreRefused) {
  for (const char* path : {"/etc/passwd", "../x", "base/../../x", ".."}) {
    Collector got;
    const Status status = parse(header(path, '0', 0), got, 4096);
    ASSERT_FALSE(status) << path;
    EXPECT_EQ(status.error().kind, ErrorKind::kCorrupt);
    EXPECT_TRUE(got.files.empty());
  }
  Collector got;
  EXPECT_EQ(parse(header("device", '3', 0), got, 4096).error().kind, ErrorKind::kUnsupported);
  EXPECT_FALSE(parse(sample_tar() + "trailing", got, 4096));
}

}  // namespace
}  // namespace hf::sources
